package remedy

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// supported says whether this machine can be changed at all by this build.
func supported() error { return nil }

func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}

// look reads the state of a path itself, not of what it links to, and for a
// regular file its content's sum. A path that is not there is a state, not an error.
func (s *System) look(path string) (State, []byte, error) {
	var st unix.Stat_t
	err := unix.Lstat(path, &st)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) {
		return State{Kind: kindAbsent}, nil, nil
	}
	if err != nil {
		return State{}, nil, &fs.PathError{Op: "lstat", Path: path, Err: err}
	}
	out := State{
		Mode: st.Mode & 0o7777, UID: st.Uid, GID: st.Gid, Links: uint64(st.Nlink),
		Mtime: st.Mtim.Nano(), Atime: st.Atim.Nano(),
	}
	var data []byte
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		out.Kind, out.Size = kindFile, st.Size
		if st.Size > maxFile {
			return State{}, nil, fmt.Errorf("%s: %w", path, errTooLarge)
		}
		if data, err = os.ReadFile(path); err != nil {
			return State{}, nil, err
		}
		out.Sum = sum(data)
	case unix.S_IFDIR:
		out.Kind = kindDir
	case unix.S_IFLNK:
		out.Kind = kindSymlink
		if out.Link, err = os.Readlink(path); err != nil {
			return State{}, nil, err
		}
		return out, nil, nil
	default:
		out.Kind = kindOther
		return out, nil, nil
	}
	if out.Xattrs, err = xattrs(path); err != nil {
		return State{}, nil, err
	}
	out.Pinned = pinned(path)
	return out, data, nil
}

// xattrs reads every extended attribute of a file or directory: user.*,
// security.selinux, security.capability, and system.posix_acl_* (acl(5)).
func xattrs(path string) (map[string][]byte, error) {
	size, err := unix.Llistxattr(path, nil)
	if errors.Is(err, unix.ENOTSUP) || (err == nil && size == 0) {
		return nil, nil
	}
	if err != nil {
		return nil, &fs.PathError{Op: "listxattr", Path: path, Err: err}
	}
	names := make([]byte, size+1024)
	if size, err = unix.Llistxattr(path, names); err != nil {
		return nil, &fs.PathError{Op: "listxattr", Path: path, Err: err}
	}
	out := map[string][]byte{}
	for _, name := range splitNUL(names[:size]) {
		value := make([]byte, 64<<10) // XATTR_SIZE_MAX of linux/limits.h
		n, err := unix.Lgetxattr(path, name, value)
		if errors.Is(err, unix.ENODATA) {
			continue
		}
		if err != nil {
			return nil, &fs.PathError{Op: "getxattr " + name, Path: path, Err: err}
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
func pinned(path string) string {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return ""
	}
	defer unix.Close(fd)
	flags, err := unix.IoctlGetInt(fd, unix.FS_IOC_GETFLAGS)
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
	var fsinfo unix.Statfs_t
	if err := unix.Statfs(dir, &fsinfo); err != nil {
		return &fs.PathError{Op: "statfs", Path: dir, Err: err}
	}
	if fsinfo.Flags&unix.ST_RDONLY != 0 {
		return fmt.Errorf("%s is on a read-only file system", dir)
	}
	if err := unix.Faccessat(unix.AT_FDCWD, dir, unix.W_OK, unix.AT_EACCESS); err != nil {
		return fmt.Errorf("cannot write to %s: %w", dir, err)
	}
	if fsinfo.Blocks > 0 && fsinfo.Bavail*uint64(fsinfo.Bsize) < minFree {
		return fmt.Errorf("the file system of %s is full (%d kB free)", dir, fsinfo.Bavail*uint64(fsinfo.Bsize)/1024)
	}
	if why := pinned(dir); why != "" {
		return fmt.Errorf("%s is %s", dir, why)
	}
	return nil
}

// changeable says why the attributes of a path cannot be changed: its file
// system is read-only.
func (s *System) changeable(path string) error {
	var fsinfo unix.Statfs_t
	if err := unix.Statfs(path, &fsinfo); err != nil {
		return &fs.PathError{Op: "statfs", Path: path, Err: err}
	}
	if fsinfo.Flags&unix.ST_RDONLY != 0 {
		return fmt.Errorf("%s is on a read-only file system", path)
	}
	return nil
}

// lock takes an exclusive lock that ends with the process; false means that
// another process holds it.
func (s *System) lock(path string) (*os.File, bool, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, false, err
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return f, false, nil
	}
	if err != nil {
		f.Close()
		return nil, false, err
	}
	return f, true, nil
}

// detach makes a command a session of its own, which outlives this one.
func detach(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
}
