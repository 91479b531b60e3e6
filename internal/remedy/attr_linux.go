package remedy

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// setID are the bits that lend a file's owner or group to whoever runs it.
const setID = unix.S_ISUID | unix.S_ISGID

// setAttr gives what was at a path the owner, mode, extended attributes and
// times of want.
func (s *System) setAttr(path string, want, was State) error {
	return held(path, was, func(o *object) error { return s.dress(o, want) })
}

// change gives what is at a path another mode or owner, where that is allowed.
func (s *System) change(path string, a attrs, was State) error {
	return held(path, was, func(o *object) error {
		if err := a.allowed(path, was, o.holds); err != nil {
			return err
		}
		want := a.of(was)
		if o.st.Uid != want.UID || o.st.Gid != want.GID {
			if err := s.chown(o, want.UID, want.GID); err != nil {
				return err
			}
		}
		if o.st.Mode&0o7777 != want.Mode {
			return s.chmod(o, want.Mode)
		}
		return nil
	})
}

// dress gives an object the owner, mode, extended attributes and times of
// want; each only where it differs, since an ordinary user may not even set an
// equal owner. The order matters: chown clears set-uid bits and capabilities,
// and an access control list sets the group bits of the mode.
func (s *System) dress(o *object, want State) error {
	if err := unix.Fstat(o.fd, &o.st); err != nil {
		return o.fail("stat", err)
	}
	if o.kind() != want.Kind {
		return fmt.Errorf("%s has %w", o.path, ErrChanged)
	}
	if o.st.Uid != want.UID || o.st.Gid != want.GID {
		if err := s.chown(o, want.UID, want.GID); err != nil {
			return err
		}
	}
	if want.Kind != kindSymlink {
		if err := s.setModeAndXattrs(o, want); err != nil {
			return err
		}
	}
	if want.Mtime == 0 {
		return nil // a new file: its times are its own
	}
	return s.setTimes(o, want)
}

// chown gives an object to a user and group. A file that would lend its new
// owner's rights loses that first.
func (s *System) chown(o *object, uid, gid uint32) error {
	if o.kind() == kindFile && o.st.Mode&setID != 0 {
		if err := s.chmod(o, o.st.Mode&0o7777&^setID); err != nil {
			return err
		}
	}
	s.announce("chown " + o.path)
	if err := unix.Fchownat(o.fd, "", int(uid), int(gid), unix.AT_EMPTY_PATH); err != nil {
		return o.fail("chown", err)
	}
	return o.fail("stat", unix.Fstat(o.fd, &o.st))
}

// chmod sets permission bits, as the object's owner.
func (s *System) chmod(o *object, mode uint32) error {
	s.announce("chmod " + o.path)
	err := as(o.st.Uid, o.st.Gid, func() error { return unix.Chmod(o.self(), mode) })
	if err != nil {
		return o.fail("chmod", err)
	}
	return o.fail("stat", unix.Fstat(o.fd, &o.st))
}

func (s *System) setModeAndXattrs(o *object, want State) error {
	mode := safeMode(want, o.way)
	chmod := o.st.Mode&0o7777 != mode
	if chmod {
		if err := s.chmod(o, mode); err != nil {
			return err
		}
	}
	have, err := o.xattrs()
	if err != nil {
		return err
	}
	for name := range have {
		if _, keep := want.Xattrs[name]; keep {
			continue
		}
		s.announce("removexattr " + o.path)
		err := o.asOwnerOf(name, func() error { return unix.Removexattr(o.self(), name) })
		if err != nil && !errors.Is(err, unix.ENODATA) {
			return o.fail("removexattr "+name, err)
		}
	}
	for name, value := range want.Xattrs {
		if now, ok := have[name]; ok && string(now) == string(value) && !chmod {
			continue
		}
		if name == capability && !lends(want.UID, o.way) {
			continue
		}
		s.announce("setxattr " + o.path)
		if err := o.asOwnerOf(name, func() error { return unix.Setxattr(o.self(), name, value, 0) }); err != nil {
			return o.fail("setxattr "+name, err)
		}
	}
	return nil
}

// capability is the attribute that lends root's powers to whoever runs the file (capabilities(7)).
const capability = "security.capability"

// asOwnerOf changes an extended attribute with the credentials of the object's
// owner; those of the kernel's security modules want root's (xattr(7)).
func (o *object) asOwnerOf(name string, change func() error) error {
	if strings.HasPrefix(name, "security.") || strings.HasPrefix(name, "trusted.") {
		return change()
	}
	return as(o.st.Uid, o.st.Gid, change)
}

func (s *System) setTimes(o *object, want State) error {
	s.announce("utimens " + o.path)
	times := []unix.Timespec{unix.NsecToTimespec(want.Atime), unix.NsecToTimespec(want.Mtime)}
	if o.kind() == kindSymlink { // which its own descriptor's path would lead through
		return o.fail("utimensat", unix.UtimesNanoAt(o.dir, o.name, times, unix.AT_SYMLINK_NOFOLLOW))
	}
	return o.fail("utimensat", unix.UtimesNanoAt(unix.AT_FDCWD, o.self(), times, 0))
}

// setTimesOf gives a directory the times of want.
func (s *System) setTimesOf(path string, want, was State) error {
	return held(path, was, func(o *object) error { return s.setTimes(o, want) })
}
