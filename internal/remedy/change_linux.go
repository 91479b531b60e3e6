package remedy

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// openNew makes a file that must not exist yet.
func (p place) openNew() (*os.File, error) {
	fd, err := unix.Openat(p.dir, p.name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, p.fail("open", err)
	}
	return os.NewFile(uintptr(fd), p.path), nil
}

// fill writes a new file's content, whole and on the disk.
func (s *System) fill(f *os.File, data []byte) error {
	s.announce("write " + f.Name())
	if _, err := f.Write(data); err != nil {
		return err
	}
	return f.Sync()
}

// writeNew makes a file that must not exist yet, whole and on the disk.
func (s *System) writeNew(path string, data []byte) error {
	p, err := at(path)
	if err != nil {
		return err
	}
	defer p.close()
	s.announce("create " + path)
	f, err := p.openNew()
	if err != nil {
		return err
	}
	err = s.fill(f, data)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		unix.Unlinkat(p.dir, p.name, 0) //nolint:errcheck // the write's own error matters more
	}
	return err
}

// put makes path, where was is, a file with this content and these attributes,
// at once: a reader sees the old file or the new one. The new one is prepared
// under the name temp in the same directory.
func (s *System) put(path, temp string, data []byte, want, was State) error {
	p, err := at(path)
	if err != nil {
		return err
	}
	defer p.close()
	t := p
	t.name, t.path = filepath.Base(temp), temp
	if err := s.unlink(t); err != nil { // of an earlier crash
		return err
	}
	s.announce("create " + temp)
	f, err := t.openNew()
	if err != nil {
		return err
	}
	defer f.Close()
	o := &object{place: t, fd: int(f.Fd())}
	if err = s.fill(f, data); err == nil {
		err = s.dress(o, want)
	}
	if err == nil {
		err = s.swap(o, p, was)
	}
	if err != nil {
		s.unlink(t) //nolint:errcheck // the change's own error matters more
		return err
	}
	return p.sync()
}

// swap puts an object that was prepared in the same directory in the place of
// what was there. Where others may write to the directory, the two change
// places first, and back again if it was not what was there.
func (s *System) swap(o *object, p place, was State) error {
	old, err := p.still(was)
	if err != nil {
		return err
	}
	if old != nil {
		defer old.release()
	}
	s.announce("rename " + p.path)
	var flags uint
	switch {
	case old == nil:
		flags = unix.RENAME_NOREPLACE
	case !p.way.Alone:
		flags = unix.RENAME_EXCHANGE
	}
	err = unix.Renameat2(p.dir, o.name, p.dir, p.name, flags)
	if flags != 0 && (errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS)) { // a file system without
		flags = 0
		err = unix.Renameat(p.dir, o.name, p.dir, p.name)
	}
	if err != nil {
		return p.fail("rename", err)
	}
	if err := o.isAt(p); err != nil || flags != unix.RENAME_EXCHANGE {
		return err
	}
	if err := old.isAt(o.place); err != nil {
		unix.Renameat2(p.dir, o.name, p.dir, p.name, flags) //nolint:errcheck // what it was is the answer
		return err
	}
	return s.unlink(o.place)
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

// isAt says that a place holds this very object.
func (o *object) isAt(p place) error {
	var st unix.Stat_t
	if err := unix.Fstatat(p.dir, p.name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return p.fail("stat", err)
	}
	if st.Dev != o.st.Dev || st.Ino != o.st.Ino {
		return fmt.Errorf("%s has %w", p.path, ErrChanged)
	}
	return nil
}

// still opens what is at a place, which must be what was there: the same
// object in the same state. Where nothing was there, it is nil.
func (p place) still(was State) (*object, error) {
	o, err := p.object()
	if errors.Is(err, unix.ENOENT) && was.Kind == kindAbsent {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	now, _, err := o.look()
	if err == nil && !now.itself(was) {
		err = fmt.Errorf("%s has %w", p.path, ErrChanged)
	}
	if err != nil {
		o.release()
		return nil, err
	}
	return o, nil
}

// held calls change with the object at a path, which must still be what was
// there.
func held(path string, was State, change func(o *object) error) error {
	p, err := at(path)
	if err != nil {
		return err
	}
	defer p.close()
	o, err := p.still(was)
	if err != nil {
		return err
	}
	if o == nil {
		return p.fail("open", unix.ENOENT)
	}
	defer o.release()
	return change(o)
}

// writeOver changes a file's content in place, for files with several names
// and for full disks. One write, then the length: a crash leaves a head of the
// new content on a tail of the old, which undo recognises.
func (s *System) writeOver(path string, data []byte, was State) error {
	return held(path, was, func(o *object) error {
		if !o.way.Alone && o.st.Nlink > 1 {
			return errLinked(path, uint64(o.st.Nlink))
		}
		f, err := o.reopen(unix.O_WRONLY)
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
	})
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
	return s.unlink(p)
}

// removeThis is remove for what was there, and nothing else.
func (s *System) removeThis(path string, was State) error {
	return held(path, was, func(o *object) error { return s.unlink(o.place) })
}

func (s *System) unlink(p place) error {
	var st unix.Stat_t
	err := unix.Fstatat(p.dir, p.name, &st, unix.AT_SYMLINK_NOFOLLOW)
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
	s.announce("remove " + p.path)
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
