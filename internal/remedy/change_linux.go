package remedy

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// place is a file's name in an opened directory. All changes go through it:
// the way there is walked once, without symbolic links (plans hold resolved
// paths), so that the owner of a home cannot lead root elsewhere by swapping
// a directory for a link at the right moment.
type place struct {
	dir  int
	name string
	path string
}

func at(path string) (place, error) {
	p := place{name: filepath.Base(path), path: path}
	var err error
	p.dir, err = openNoLinks(filepath.Dir(path), unix.O_PATH|unix.O_DIRECTORY)
	return p, err
}

func openNoLinks(path string, flags int) (int, error) {
	flags |= unix.O_CLOEXEC
	fd, err := unix.Openat2(unix.AT_FDCWD, path, &unix.OpenHow{Flags: uint64(flags), Resolve: unix.RESOLVE_NO_SYMLINKS})
	if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM) { // before Linux 5.6, or filtered away
		fd, err = unix.Open(path, flags|unix.O_NOFOLLOW, 0)
	}
	if err != nil {
		return -1, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return fd, nil
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

// open opens the file itself, not what it may link to.
func (p place) open(flags int, mode uint32) (*os.File, error) {
	fd, err := unix.Openat(p.dir, p.name, flags|unix.O_NOFOLLOW|unix.O_CLOEXEC, mode)
	if err != nil {
		return nil, p.fail("open", err)
	}
	return os.NewFile(uintptr(fd), p.path), nil
}

// writeNew makes a file that must not exist yet, whole and on the disk.
func (s *System) writeNew(path string, data []byte) error {
	p, err := at(path)
	if err != nil {
		return err
	}
	defer p.close()
	s.announce("create " + path)
	f, err := p.open(unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	s.announce("write " + path)
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		unix.Unlinkat(p.dir, p.name, 0) //nolint:errcheck // the write's own error matters more
	}
	return err
}

// writeOver changes a file's content in place, for files with several names
// and for full disks. One write, then the length: a crash leaves a head of the
// new content on a tail of the old, which undo recognises.
func (s *System) writeOver(path string, data []byte) error {
	p, err := at(path)
	if err != nil {
		return err
	}
	defer p.close()
	f, err := p.open(unix.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	s.announce("overwrite " + path)
	if s.tap != nil && len(data) > 1 { // a crash may come in the middle of a write
		if _, err := f.WriteAt(data[:len(data)/2], 0); err != nil {
			return err
		}
		s.announce("overwrite the rest of " + path)
	}
	if _, err := f.WriteAt(data, 0); err != nil {
		return err
	}
	s.announce("truncate " + path)
	if err := f.Truncate(int64(len(data))); err != nil {
		return err
	}
	return f.Sync()
}

// appendSync adds to a file and waits until it is on the disk.
func (s *System) appendSync(path string, data []byte) error {
	s.announce("append " + path)
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if s.tap != nil && len(data) > 1 { // a crash may come in the middle of a write
		if _, err := f.Write(data[:len(data)/2]); err != nil {
			return err
		}
		s.announce("append the rest to " + path)
		data = data[len(data)/2:]
	}
	if _, err := f.Write(data); err != nil {
		return err
	}
	return f.Sync()
}

// rename moves a file within its directory.
func (s *System) rename(from, to string) error {
	p, err := at(to)
	if err != nil {
		return err
	}
	defer p.close()
	s.announce("rename " + to)
	if err := unix.Renameat(p.dir, filepath.Base(from), p.dir, p.name); err != nil {
		return p.fail("rename", err)
	}
	return p.sync()
}

// remove takes a file, link or empty directory away; one that is not there is no error.
func (s *System) remove(path string) error {
	p, err := at(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer p.close()
	var st unix.Stat_t
	err = unix.Fstatat(p.dir, p.name, &st, unix.AT_SYMLINK_NOFOLLOW)
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	if err != nil {
		return p.fail("stat", err)
	}
	flags := 0
	if st.Mode&unix.S_IFMT == unix.S_IFDIR {
		flags = unix.AT_REMOVEDIR
	}
	s.announce("remove " + path)
	if err := unix.Unlinkat(p.dir, p.name, flags); err != nil {
		return p.fail("remove", err)
	}
	return p.sync()
}

func (s *System) mkdir(path string, mode uint32) error {
	p, err := at(path)
	if err != nil {
		return err
	}
	defer p.close()
	s.announce("mkdir " + path)
	if err := unix.Mkdirat(p.dir, p.name, mode); err != nil {
		return p.fail("mkdir", err)
	}
	return p.sync()
}

func (s *System) symlink(target, path string) error {
	p, err := at(path)
	if err != nil {
		return err
	}
	defer p.close()
	s.announce("symlink " + path)
	if err := unix.Symlinkat(target, p.dir, p.name); err != nil {
		return p.fail("symlink", err)
	}
	return p.sync()
}

// syncDir waits until a directory's entries are on the disk.
func (s *System) syncDir(dir string) error {
	p, err := at(filepath.Join(dir, "x"))
	if err != nil {
		return err
	}
	defer p.close()
	return p.sync()
}

// setAttr gives a path the owner, mode, extended attributes and times of want;
// each only where it differs, since an ordinary user may not even set an equal
// owner. The order matters: chown clears set-uid bits and capabilities, and an
// access control list sets the group bits of the mode.
func (s *System) setAttr(path string, want State) error {
	p, err := at(path)
	if err != nil {
		return err
	}
	defer p.close()
	now, _, err := s.look(path)
	if err != nil {
		return err
	}
	if now.Kind != want.Kind {
		return fmt.Errorf("%s has %w", path, ErrChanged)
	}
	if now.UID != want.UID || now.GID != want.GID {
		s.announce("chown " + path)
		err := unix.Fchownat(p.dir, p.name, int(want.UID), int(want.GID), unix.AT_SYMLINK_NOFOLLOW)
		if err != nil {
			return p.fail("chown", err)
		}
	}
	if want.Kind != kindSymlink {
		if err := s.setModeAndXattrs(p, want); err != nil {
			return err
		}
	}
	if want.Mtime == 0 {
		return nil // a new file: its times are its own
	}
	return s.setTimes(p, want)
}

// setModeAndXattrs works through an opened descriptor of the very file.
func (s *System) setModeAndXattrs(p place, want State) error {
	fd, err := unix.Openat(p.dir, p.name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return p.fail("open", err)
	}
	defer unix.Close(fd)
	self := fmt.Sprintf("/proc/self/fd/%d", fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return p.fail("stat", err)
	}
	if st.Mode&unix.S_IFMT == unix.S_IFLNK {
		return fmt.Errorf("%s has %w", p.path, ErrChanged)
	}
	chmod := st.Mode&0o7777 != want.Mode
	if chmod {
		s.announce("chmod " + p.path)
		if err := unix.Chmod(self, want.Mode); err != nil {
			return p.fail("chmod", err)
		}
	}
	have, err := xattrs(p.path)
	if err != nil {
		return err
	}
	for name := range have {
		if _, keep := want.Xattrs[name]; keep {
			continue
		}
		s.announce("removexattr " + p.path)
		if err := unix.Removexattr(self, name); err != nil && !errors.Is(err, unix.ENODATA) {
			return p.fail("removexattr "+name, err)
		}
	}
	for name, value := range want.Xattrs {
		if now, ok := have[name]; ok && string(now) == string(value) && !chmod {
			continue
		}
		s.announce("setxattr " + p.path)
		if err := unix.Setxattr(self, name, value, 0); err != nil {
			return p.fail("setxattr "+name, err)
		}
	}
	return nil
}

func (s *System) setTimes(p place, want State) error {
	s.announce("utimens " + p.path)
	times := []unix.Timespec{unix.NsecToTimespec(want.Atime), unix.NsecToTimespec(want.Mtime)}
	return p.fail("utimensat", unix.UtimesNanoAt(p.dir, p.name, times, unix.AT_SYMLINK_NOFOLLOW))
}

// setTimesOf gives a path the times of want.
func (s *System) setTimesOf(path string, want State) error {
	p, err := at(path)
	if err != nil {
		return err
	}
	defer p.close()
	return s.setTimes(p, want)
}
