package local

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"sshwhy/internal/evidence"
)

// place is something that was found, held by a descriptor that cannot be read
// (O_PATH of open(2)): to find it has no effect and waits for nothing.
type place struct {
	fd   int
	path string
	meta evidence.Meta
	link *evidence.Meta // of the path itself, where it is a symbolic link
	// shared says that others could have put it there, so that a second name of it
	// may be one that they could not read.
	shared bool
	names  uint64 // hard links
}

func (p *place) close() { unix.Close(p.fd) }

// open opens what was found for reading: the very file, whatever stands at its
// path by now. It does not wait and makes no terminal ours.
func (p *place) open() (*os.File, error) {
	if p.shared && p.meta.Type == "file" && p.names > 1 {
		return nil, refusal("not read: it has a second name (a hard link) and lies in a directory that is not root's alone")
	}
	const flags = unix.O_RDONLY | unix.O_NONBLOCK | unix.O_NOCTTY | unix.O_CLOEXEC
	fd, err := retry(func() (int, error) { return unix.Open("/proc/self/fd/"+strconv.Itoa(p.fd), flags, 0) })
	if err == unix.ENOENT { // no /proc here
		fd, err = p.openByPath(flags)
	}
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), p.path), nil
}

// openByPath opens the path and makes sure that it is still the same file.
func (p *place) openByPath(flags int) (int, error) {
	fd, err := retry(func() (int, error) { return unix.Open(p.path, flags, 0) })
	if err != nil {
		return -1, err
	}
	var found, now unix.Stat_t
	if unix.Fstat(p.fd, &found) != nil || unix.Fstat(fd, &now) != nil || found.Dev != now.Dev || found.Ino != now.Ino {
		unix.Close(fd)
		return -1, refusal("it was replaced while it was looked at")
	}
	return fd, nil
}

// plainEyes look as the system does: every link is followed. They are for one who
// has no more rights than those whose paths these are.
type plainEyes struct{}

func (plainEyes) find(path string) (*place, *evidence.Meta, error) {
	p, err := grab(unix.AT_FDCWD, path)
	if err != nil || p.meta.Type != "link" {
		return p, nil, err
	}
	p.close()
	link := p.meta
	fd, err := retry(func() (int, error) { return unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0) })
	if err != nil {
		return nil, &link, err
	}
	p, err = placeOf(fd, path)
	return p, &link, err
}

// grab holds what stands at a name, a link being a link. The metadata of a link
// has its target.
func grab(dir int, name string) (*place, error) {
	fd, err := retry(func() (int, error) {
		return unix.Openat(dir, name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	})
	if err != nil {
		return nil, err
	}
	p, err := placeOf(fd, name)
	if err != nil {
		return nil, err
	}
	if p.meta.Type == "link" {
		buf := make([]byte, unix.PathMax)
		n, err := unix.Readlinkat(fd, "", buf)
		if err != nil {
			p.close()
			return nil, err
		}
		p.meta.Link = string(buf[:n])
	}
	return p, nil
}

// placeOf describes a descriptor, which it closes where it cannot.
func placeOf(fd int, path string) (*place, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		unix.Close(fd)
		return nil, err
	}
	return &place{fd: fd, path: path, names: uint64(st.Nlink), meta: evidence.Meta{
		Type: typeOf(st.Mode), Mode: st.Mode & 0o7777, UID: int(st.Uid), GID: int(st.Gid), Size: st.Size, MTime: int64(st.Mtim.Sec),
	}}, nil
}

func typeOf(mode uint32) string {
	switch mode & unix.S_IFMT {
	case unix.S_IFREG:
		return "file"
	case unix.S_IFDIR:
		return "dir"
	case unix.S_IFLNK:
		return "link"
	case unix.S_IFSOCK:
		return "socket"
	case unix.S_IFIFO:
		return "fifo"
	}
	return "device"
}

func retry(call func() (int, error)) (int, error) {
	for {
		fd, err := call()
		if err != unix.EINTR {
			return fd, err
		}
	}
}

// rootsEyes look with the rights of root at paths that a configuration names.
// In directories that are root's alone, links are followed. Below the first that
// is not, whoever may write there could lead root anywhere: there no link is.
type rootsEyes struct {
	alone sync.Map // real path of a directory that is root's alone, all the way up → true
}

// maxLinks is how many links are followed, as by the system (path_resolution(7)).
const maxLinks = 40

func (e *rootsEyes) find(path string) (*place, *evidence.Meta, error) {
	if strings.HasPrefix(path, "/proc/") || strings.HasPrefix(path, "/sys/") {
		return plainEyes{}.find(path) // the kernel's own
	}
	w := way{eyes: e, parts: split(path)}
	p, err := w.walk("/")
	return p, w.link, err
}

// way is one path that is walked, part by part.
type way struct {
	eyes  *rootsEyes
	parts []string       // that are still to go
	link  *evidence.Meta // of the path itself, where it is a link
	links int            // followed so far
}

func (w *way) next() string {
	name := w.parts[0]
	w.parts = w.parts[1:]
	return name
}

// walk goes on from a directory that is root's alone. dir is its real path, which
// nobody else can change.
func (w *way) walk(dir string) (*place, error) {
	for len(w.parts) > 0 {
		name := w.next()
		if name == ".." {
			dir = filepath.Dir(dir)
			continue
		}
		here := filepath.Join(dir, name)
		if _, known := w.eyes.alone.Load(here); known && len(w.parts) > 0 {
			dir = here
			continue
		}
		p, err := grab(unix.AT_FDCWD, here)
		if err != nil {
			return nil, err
		}
		switch {
		case p.meta.Type == "link":
			p.close()
			w.note(p)
			if w.links++; w.links > maxLinks {
				return nil, syscall.ELOOP
			}
			if filepath.IsAbs(p.meta.Link) {
				dir = "/"
			}
			w.parts = append(split(p.meta.Link), w.parts...)
		case len(w.parts) == 0:
			return p, nil
		case p.meta.Type != "dir":
			p.close()
			return nil, syscall.ENOTDIR
		case rootsAlone(p.meta):
			p.close()
			w.eyes.alone.Store(here, true)
			dir = here
		default:
			return w.below(p, here)
		}
	}
	return grab(unix.AT_FDCWD, dir) // "/", or what ended in ".."
}

// below goes on from the first directory that is not root's alone, which it closes.
func (w *way) below(dir *place, here string) (*place, error) {
	sticky := dir.meta.UID == 0 && dir.meta.Mode&0o1000 != 0 // others cannot move what is root's there
	for {
		name := w.next()
		if name == ".." {
			dir.close()
			return nil, refusal("not looked at: its path goes up again from " + here + ", which is not root's alone")
		}
		p, err := grab(dir.fd, name)
		dir.close()
		if err != nil {
			return nil, err
		}
		here = filepath.Join(here, name)
		p.path, p.shared = here, true
		switch {
		case p.meta.Type == "link":
			p.close()
			w.note(p)
			return nil, refusal(fmt.Sprintf("not followed: %s is a symbolic link (to %s) in a directory that is not root's alone", here, p.meta.Link))
		case len(w.parts) == 0:
			return p, nil
		case p.meta.Type != "dir":
			p.close()
			return nil, syscall.ENOTDIR
		case sticky && rootsAlone(p.meta):
			p.close()
			return w.walk(here)
		}
		dir, sticky = p, false
	}
}

// note remembers a link that is the path itself, not one of its directories.
func (w *way) note(p *place) {
	if w.link == nil && len(w.parts) == 0 {
		m := p.meta
		w.link = &m
	}
}

// rootsAlone: nobody but root may add, remove or rename what is in the directory.
// An access control list for others shows in the group's bits (acl(5)).
func rootsAlone(m evidence.Meta) bool {
	return m.UID == 0 && m.Mode&0o002 == 0 && (m.Mode&0o020 == 0 || m.GID == 0)
}

// split gives the parts of a path, without those that mean nothing.
func split(path string) []string {
	parts := strings.FieldsFunc(path, func(r rune) bool { return r == '/' })
	return slices.DeleteFunc(parts, func(name string) bool { return name == "." })
}

// list lists a directory.
func (p *place) list() ([]fs.DirEntry, error) {
	f, err := p.open()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.ReadDir(-1)
}

// ownEyes are those of this process for paths that are not said to be a user's.
func ownEyes() eyes {
	if os.Geteuid() == 0 {
		return &rootsEyes{}
	}
	return plainEyes{}
}
