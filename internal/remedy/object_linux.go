package remedy

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"
)

// object is an opened file, directory or symbolic link: what is looked at
// through it is what is changed through it, whatever its name is given to
// meanwhile.
type object struct {
	place
	fd int // opened with O_PATH, which neither waits for a pipe nor wakes a device
	st unix.Stat_t
}

// object opens what is at a place, itself and not what it links to.
func (p place) object() (*object, error) {
	return answered(p.path, p.grasp, (*object).release)
}

func (p place) grasp() (*object, error) {
	o := &object{place: p}
	var err error
	if o.fd, err = unix.Openat(p.dir, p.name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0); err != nil {
		return nil, p.fail("open", err)
	}
	if err := ownMount(o.fd, p.path); err != nil {
		o.release()
		return nil, err
	}
	if err := unix.Fstat(o.fd, &o.st); err != nil {
		o.release()
		return nil, p.fail("stat", err)
	}
	return o, nil
}

// release closes the object, and leaves its place open.
func (o *object) release() { unix.Close(o.fd) }

// close closes the object and its place.
func (o *object) close() {
	o.release()
	o.place.close()
}

// open opens the object at a path that holds no symbolic link.
func open(path string) (*object, error) {
	p, err := at(path)
	if err != nil {
		return nil, err
	}
	o, err := p.object()
	if err != nil {
		p.close()
	}
	return o, err
}

func (o *object) kind() string {
	switch o.st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		return kindFile
	case unix.S_IFDIR:
		return kindDir
	case unix.S_IFLNK:
		return kindSymlink
	}
	return kindOther
}

// self is a path of the opened object itself (proc_pid_fd(5)).
func (o *object) self() string { return "/proc/self/fd/" + strconv.Itoa(o.fd) }

// reopen opens the object for reading or writing. Only files and directories
// can be: to open a pipe or a device does something.
func (o *object) reopen(flags int) (*os.File, error) {
	if k := o.kind(); k != kindFile && k != kindDir {
		return nil, fmt.Errorf("%s is neither a regular file nor a directory", o.path)
	}
	fd, err := unix.Open(o.self(), flags|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, o.fail("open", err)
	}
	return os.NewFile(uintptr(fd), o.path), nil
}

// look reads the state of a path itself, not of what it links to, and for a
// regular file its content's sum. A path that is not there is a state, not an
// error, and so is one with a symbolic link on the way: it names nothing that
// a fix touches.
func (s *System) look(path string) (State, []byte, error) {
	p, err := at(path)
	var link *linkError
	switch {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENOTDIR):
		return State{Kind: kindAbsent}, nil, nil
	case errors.As(err, &link):
		return State{Kind: kindOther}, nil, nil
	case err != nil:
		return State{}, nil, err
	}
	defer p.close()
	o, err := p.object()
	if errors.Is(err, unix.ENOENT) {
		return State{Kind: kindAbsent, way: p.way}, nil, nil
	}
	if err != nil {
		return State{}, nil, err
	}
	defer o.release()
	return o.look()
}

// holds is what is inside the object, whoever may read it: for trust.go alone,
// which shows nothing of it.
func (o *object) holds() (in inside, err error) {
	switch o.kind() {
	case kindFile:
		in.data, err = o.read()
	case kindDir:
		in.names, err = o.entries()
	}
	return in, err
}

// allowed says why the change is not made to what is at a path.
func (s *System) allowed(path string, st State, a attrs) error {
	return held(path, st, func(o *object) error { return a.allowed(path, st, o.holds) })
}

// look reads the object's state and, of a file, the content.
func (o *object) look() (State, []byte, error) {
	out := State{
		Kind: o.kind(), Mode: o.st.Mode & 0o7777, UID: o.st.Uid, GID: o.st.Gid, Links: uint64(o.st.Nlink),
		Mtime: o.st.Mtim.Nano(), Atime: o.st.Atim.Nano(), Dev: uint64(o.st.Dev), Ino: o.st.Ino, way: o.way,
	}
	var data []byte
	var err error
	switch out.Kind {
	case kindFile:
		out.Size = o.st.Size
		if out.unread = !o.mayShow(); out.unread && o.st.Uid != 0 {
			break
		}
		if data, err = o.read(); err != nil {
			return State{}, nil, err
		}
		out.Sum, out.Size = sum(data), int64(len(data)) // its owner may be writing to it
		if out.unread {
			data = nil
		}
	case kindSymlink:
		if out.Link, err = readlink(o.fd); err != nil {
			return State{}, nil, o.fail("readlink", err)
		}
		return out, nil, nil
	case kindOther:
		return out, nil, nil
	}
	if out.Xattrs, err = o.xattrs(); err != nil {
		return State{}, nil, err
	}
	out.Pinned = o.pinned()
	return out, data, nil
}

// mayShow says whether the content may be read: where somebody else chooses
// what the path names, only what that user can read anyway.
func (o *object) mayShow() bool {
	return o.way.Alone || o.st.Uid == o.way.Holder || o.st.Mode&0o004 != 0
}

// read reads a file's content.
func (o *object) read() ([]byte, error) {
	if o.st.Size > maxFile {
		return nil, fmt.Errorf("%s: %w", o.path, errTooLarge)
	}
	f, err := o.reopen(unix.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(data) > maxFile {
		err = fmt.Errorf("%s: %w", o.path, errTooLarge)
	}
	return data, err
}

// entries are the names in a directory; nil for all else.
func (s *System) entries(path string) ([]string, error) {
	o, err := open(path)
	if err != nil {
		return nil, err
	}
	defer o.close()
	if o.kind() != kindDir {
		return nil, nil
	}
	return o.entries()
}

func (o *object) entries() ([]string, error) {
	f, err := o.reopen(unix.O_RDONLY | unix.O_DIRECTORY)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	names, err := f.Readdirnames(maxEntries)
	if errors.Is(err, io.EOF) { // so it says of an empty one
		err = nil
	}
	slices.Sort(names)
	return names, err
}

// xattrs reads every extended attribute of a file or directory: user.*,
// security.selinux, security.capability, and system.posix_acl_* (acl(5)).
func (o *object) xattrs() (map[string][]byte, error) {
	size, err := unix.Listxattr(o.self(), nil)
	if errors.Is(err, unix.ENOTSUP) || (err == nil && size == 0) {
		return nil, nil
	}
	if err != nil {
		return nil, o.fail("listxattr", err)
	}
	names := make([]byte, size+1024)
	if size, err = unix.Listxattr(o.self(), names); err != nil {
		return nil, o.fail("listxattr", err)
	}
	out := map[string][]byte{}
	for _, name := range splitNUL(names[:size]) {
		value := make([]byte, 64<<10) // XATTR_SIZE_MAX of linux/limits.h
		n, err := unix.Getxattr(o.self(), name, value)
		if errors.Is(err, unix.ENODATA) {
			continue
		}
		if err != nil {
			return nil, o.fail("getxattr "+name, err)
		}
		out[name] = append([]byte(nil), value[:n]...)
	}
	if len(out) == 0 {
		return nil, nil
	}
	return out, nil
}

func splitNUL(b []byte) []string {
	var out []string
	for start, i := 0, 0; i < len(b); i++ {
		if b[i] == 0 {
			out = append(out, string(b[start:i]))
			start = i + 1
		}
	}
	return out
}

// FS_IMMUTABLE_FL and FS_APPEND_FL of linux/fs.h.
const (
	flagImmutable = 0x10
	flagAppend    = 0x20
)

// pinned reads the inode flags of chattr(1); file systems without them answer "".
func (o *object) pinned() string {
	f, err := o.reopen(unix.O_RDONLY)
	if err != nil {
		return ""
	}
	defer f.Close()
	flags, err := unix.IoctlGetInt(int(f.Fd()), unix.FS_IOC_GETFLAGS)
	switch {
	case err != nil:
		return ""
	case flags&flagImmutable != 0:
		return "immutable (chattr +i)"
	case flags&flagAppend != 0:
		return "append-only (chattr +a)"
	}
	return ""
}

// minFree is the room a file system must have before a fix begins: more than
// the temporary files and the journal of any fix need.
const minFree = 1 << 20

// writable says why nothing can be put into a directory: read-only file
// system, no room, no permission, immutable. It changes nothing.
func (s *System) writable(dir string) error {
	o, err := open(dir)
	if err != nil {
		return err
	}
	defer o.close()
	fsinfo, err := o.fileSystem()
	if err != nil {
		return err
	}
	if err := unix.Faccessat(unix.AT_FDCWD, o.self(), unix.W_OK, unix.AT_EACCESS); err != nil {
		return fmt.Errorf("cannot write to %s: %w", dir, err)
	}
	if fsinfo.Blocks > 0 && fsinfo.Bavail*uint64(fsinfo.Bsize) < minFree {
		return fmt.Errorf("the file system of %s is full (%d kB free)", dir, fsinfo.Bavail*uint64(fsinfo.Bsize)/1024)
	}
	if why := o.pinned(); why != "" {
		return fmt.Errorf("%s is %s", dir, why)
	}
	return nil
}

// changeable says why the attributes of a path cannot be changed: its file
// system is read-only.
func (s *System) changeable(path string) error {
	o, err := open(path)
	if err != nil {
		return err
	}
	defer o.close()
	_, err = o.fileSystem()
	return err
}

// fileSystem describes where the object lies; it must not be read-only.
func (o *object) fileSystem() (unix.Statfs_t, error) {
	var fsinfo unix.Statfs_t
	if err := unix.Fstatfs(o.fd, &fsinfo); err != nil {
		return fsinfo, &fs.PathError{Op: "statfs", Path: o.path, Err: err}
	}
	if fsinfo.Flags&unix.ST_RDONLY != 0 {
		return fsinfo, fmt.Errorf("%s is on a read-only file system", o.path)
	}
	return fsinfo, nil
}
