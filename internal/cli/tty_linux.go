package cli

import (
	"os"

	"golang.org/x/sys/unix"
)

// flushInput throws away what was typed and not read yet (termios(3), tcflush).
func flushInput(f *os.File) {
	unix.IoctlSetInt(int(f.Fd()), unix.TCFLSH, unix.TCIFLUSH) //nolint:errcheck // no terminal, nothing typed
}

// withoutEcho has a terminal not show what is typed, until it is called.
// Ctrl-C goes on to be a signal.
func withoutEcho(f *os.File) (restore func()) {
	fd := int(f.Fd())
	was, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return func() {}
	}
	quiet := *was
	quiet.Lflag &^= unix.ECHO
	if unix.IoctlSetTermios(fd, unix.TCSETS, &quiet) != nil {
		return func() {}
	}
	return func() {
		flushInput(f)                              // nobody asked for it, and a shell would run it
		unix.IoctlSetTermios(fd, unix.TCSETS, was) //nolint:errcheck // there is nothing else to try
	}
}
