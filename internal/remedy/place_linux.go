package remedy

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// place is a file's name in an opened directory. Every look and every change
// goes through one: the way there is walked once, and where somebody else may
// write to a directory on it, no symbolic link is followed from there on, so
// that the owner of a home cannot lead root elsewhere by swapping a directory
// for a link at the right moment.
type place struct {
	dir  int // opened with O_PATH
	name string
	path string
	way  way
}

// maxLinks is how many symbolic links the kernel follows in one path (path_resolution(7)).
const maxLinks = 40

// linkError says that there is a symbolic link where none is followed.
type linkError struct{ path, target string }

func (e *linkError) Error() string {
	return fmt.Sprintf("%s is a symbolic link (to %s), and no link is followed where others may put one", e.path, e.target)
}

// Unwrap makes it the error that the kernel would give.
func (e *linkError) Unwrap() error { return unix.ELOOP }

// at opens the directory of a path that holds no symbolic link: plans hold
// resolved paths, and a link that has come since is not followed.
func at(path string) (place, error) {
	w := walker{}
	return w.place(path)
}

// othersDecide says whether others than the operator choose what a path names:
// whoever has to answer for it, too, where it lies in a file system that does not.
func othersDecide(path string) bool {
	for ; ; path = filepath.Dir(path) {
		p, err := at(path)
		if err == nil {
			p.close()
		}
		if isSilent(err) {
			return true
		}
		if err == nil || path == "/" || path == "." {
			return err == nil && !p.way.Alone
		}
	}
}

// resolve follows symbolic links to what they name, as far as they lie in
// directories that are the operator's alone; a path that is not there is
// itself, below its resolved directory.
func resolve(path string) (string, error) {
	w := walker{follow: true, behindLast: true}
	return w.resolved(path)
}

// resolveDir is resolve for a path whose last name is meant itself, link or not.
func resolveDir(path string) (string, error) {
	w := walker{follow: true}
	return w.resolved(path)
}

// walker goes down a path from the root directory, one name at a time.
type walker struct {
	follow     bool // links in directories that are the operator's alone
	behindLast bool // the last name, too

	rest  []string // names still to go
	dir   int      // where it stands
	real  string   // the path of dir, without links
	way   way
	links int
	seen  bool   // the last name was looked at, and is no link
	from  string // the link that led to the last name; "" where none did
	// shared says that others may write to dir, but not rename or remove what
	// is the operator's in it: the sticky bit, as of /tmp.
	shared bool
}

func (w *walker) resolved(path string) (string, error) {
	p, err := w.place(path)
	if err != nil {
		return "", err
	}
	p.close()
	return p.path, nil
}

// place walks down to the directory of the last name.
func (w *walker) place(path string) (place, error) {
	if !filepath.IsAbs(path) {
		return place{}, fmt.Errorf("%s is not an absolute path", path)
	}
	return answered(path, func() (place, error) { return w.walk(path) }, place.close)
}

func (w *walker) walk(path string) (place, error) {
	w.dir = -1
	err := w.start(names(filepath.Clean(path)))
	for err == nil && !w.arrived() {
		err = w.step()
	}
	if err != nil {
		w.leave()
		return place{}, err
	}
	if len(w.rest) == 0 {
		return place{dir: w.dir, name: ".", path: w.real, way: w.way}, nil
	}
	return place{dir: w.dir, name: w.rest[0], path: filepath.Join(w.real, w.rest[0]), way: w.way}, nil
}

func names(path string) []string {
	return strings.FieldsFunc(path, func(r rune) bool { return r == '/' })
}

func (w *walker) arrived() bool {
	return len(w.rest) == 0 || len(w.rest) == 1 && (!w.behindLast || w.seen)
}

// start begins at the root directory.
func (w *walker) start(rest []string) error {
	w.leave()
	fd, err := unix.Open("/", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return &fs.PathError{Op: "open", Path: "/", Err: err}
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		unix.Close(fd)
		return &fs.PathError{Op: "stat", Path: "/", Err: err}
	}
	w.rest, w.real, w.way, w.shared = rest, "/", way{Alone: true}, false
	w.enter(fd, "", &st)
	return nil
}

func (w *walker) leave() {
	if w.dir >= 0 {
		unix.Close(w.dir)
	}
	w.dir = -1
}

// enter makes a directory the one where the walker stands.
func (w *walker) enter(fd int, name string, st *unix.Stat_t) {
	w.leave()
	w.dir, w.real = fd, filepath.Join(w.real, name)
	bound := w.way.Alone || w.shared // its name cannot be given to another directory
	w.way.Alone = bound && isOwn(st.Uid) && st.Mode&others(st) == 0
	w.shared = bound && !w.way.Alone && isOwn(st.Uid) && st.Mode&unix.S_ISVTX != 0
	w.way.Dir = st.Uid
	if bound && !w.way.Alone {
		w.way.Holder = st.Uid
	}
}

// isOwn says whether what belongs to a user is the operator's: root's, or for an
// ordinary user also the user's own.
func isOwn(uid uint32) bool { return uid == 0 || uid == uint32(os.Geteuid()) }

// others are the permission bits by which others than the owner write to a
// directory. Whoever shares a group with an ordinary user that may write to
// the user's own directories can do there what this program could be led to.
func others(st *unix.Stat_t) uint32 {
	if st.Uid != 0 && st.Gid == uint32(os.Getegid()) {
		return unix.S_IWOTH
	}
	return unix.S_IWGRP | unix.S_IWOTH
}

// step takes the next name, or all but the last from where others may write.
func (w *walker) step() error {
	name, last := w.rest[0], len(w.rest) == 1
	switch {
	case name == ".":
		w.rest = w.rest[1:]
		return nil
	case name == "..": // of a link's target
		return w.start(append(names(filepath.Dir(w.real)), w.rest[1:]...))
	case !last && !w.way.Alone && !w.shared:
		return w.beneath()
	}
	path := filepath.Join(w.real, name)
	fd, err := unix.Openat(w.dir, name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ENOENT) && last {
		w.seen = true
		if w.from != "" {
			return fmt.Errorf("%s is a symbolic link to nothing", w.from)
		}
		return nil
	}
	if err != nil {
		return &fs.PathError{Op: "open", Path: path, Err: err}
	}
	if err := ownMount(fd, path); err != nil {
		unix.Close(fd)
		return err
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		unix.Close(fd)
		return &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	switch kind := st.Mode & unix.S_IFMT; {
	case kind == unix.S_IFLNK:
		err = w.link(fd, path)
	case last:
		w.seen = true
	case kind != unix.S_IFDIR:
		err = &fs.PathError{Op: "open", Path: path, Err: unix.ENOTDIR}
	default:
		w.rest = w.rest[1:]
		w.enter(fd, name, &st)
		return nil
	}
	unix.Close(fd)
	return err
}

// link goes where an opened symbolic link leads, if it is one to be followed.
func (w *walker) link(fd int, path string) error {
	target, err := readlink(fd)
	if err != nil {
		return &fs.PathError{Op: "readlink", Path: path, Err: err}
	}
	if !w.follow || !w.way.Alone {
		return &linkError{path, target}
	}
	if w.links++; w.links > maxLinks {
		return &fs.PathError{Op: "open", Path: path, Err: unix.ELOOP}
	}
	if len(w.rest) == 1 {
		w.from = path
	}
	rest := append(names(target), w.rest[1:]...)
	if filepath.IsAbs(target) {
		return w.start(rest)
	}
	w.rest = rest
	return nil
}

// readlink reads the target of an opened link.
func readlink(fd int) (string, error) {
	buf := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(fd, "", buf)
	if err != nil {
		return "", err
	}
	return string(buf[:n]), nil
}

// beneath goes on to the directory of the last name where links are not followed.
func (w *walker) beneath() error {
	n := len(w.rest) - 1
	fd, err := openBeneath(w.dir, w.real, w.rest[:n])
	if err != nil {
		return err
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		unix.Close(fd)
		return &fs.PathError{Op: "stat", Path: w.real, Err: err}
	}
	w.enter(fd, filepath.Join(w.rest[:n]...), &st)
	w.rest = w.rest[n:]
	return nil
}

// openBeneath opens a directory below another, of the path real, without
// following any symbolic link. Before Linux 5.6, where openat2(2) is filtered
// away, and where something is mounted on the way, it goes name by name; so it
// does to say which name is a link.
func openBeneath(dir int, real string, rest []string) (int, error) {
	fd, err := openat2Beneath(dir, rest)
	switch {
	case err == nil:
		return fd, nil
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.EACCES):
		return -1, &fs.PathError{Op: "open", Path: filepath.Join(real, filepath.Join(rest...)), Err: err}
	}
	return openatBeneath(dir, real, rest)
}

const openDir = unix.O_PATH | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC

func openat2Beneath(dir int, rest []string) (int, error) {
	return unix.Openat2(dir, filepath.Join(rest...), &unix.OpenHow{Flags: openDir,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS | unix.RESOLVE_NO_XDEV})
}

func openatBeneath(dir int, real string, rest []string) (int, error) {
	fd, err := unix.Openat(dir, ".", openDir, 0)
	if err != nil {
		return -1, &fs.PathError{Op: "open", Path: real, Err: err}
	}
	for _, name := range rest {
		real = filepath.Join(real, name)
		next, err := unix.Openat(fd, name, openDir, 0)
		if errors.Is(err, unix.ENOTDIR) { // so the kernel calls a link, too, with O_DIRECTORY
			err = whatIs(fd, name, real)
		} else if err != nil {
			err = &fs.PathError{Op: "open", Path: real, Err: err}
		} else if err = ownMount(next, real); err != nil {
			unix.Close(next)
		}
		unix.Close(fd)
		if err != nil {
			return -1, err
		}
		fd = next
	}
	return fd, nil
}

// whatIs is the error for a name that is no directory.
func whatIs(dir int, name, path string) error {
	fd, err := unix.Openat(dir, name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err == nil {
		defer unix.Close(fd)
		if target, lerr := readlink(fd); lerr == nil {
			return &linkError{path, target}
		}
		err = unix.ENOTDIR
	}
	return &fs.PathError{Op: "open", Path: path, Err: err}
}

func (p place) close() { unix.Close(p.dir) }

// sync waits until the directory's entries are on the disk.
func (p place) sync() error {
	fd, err := unix.Openat(p.dir, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return &fs.PathError{Op: "open", Path: filepath.Dir(p.path), Err: err}
	}
	defer unix.Close(fd)
	if err := unix.Fsync(fd); err != nil && !errors.Is(err, unix.EINVAL) {
		return &fs.PathError{Op: "fsync", Path: filepath.Dir(p.path), Err: err}
	}
	return nil
}

func (p place) fail(op string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: op, Path: p.path, Err: err}
}
