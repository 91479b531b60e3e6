package remedy

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// supported says whether this machine can be changed at all by this build.
func supported() error { return nil }

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

// openFlags keep open(2) from waiting, should the file be a pipe, and from
// making a terminal ours.
const openFlags = unix.O_NONBLOCK | unix.O_NOCTTY
