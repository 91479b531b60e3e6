package walk

import (
	"errors"
	"os"
	"strconv"
	"syscall"

	"sshwhy/internal/client"
)

// errnoNames are the error numbers that the diagnosis knows, by the names that
// are the same on every system.
var errnoNames = map[syscall.Errno]client.Errno{
	syscall.ECONNREFUSED:  client.ECONNREFUSED,
	syscall.ECONNRESET:    client.ECONNRESET,
	syscall.ECONNABORTED:  client.ECONNABORTED,
	syscall.ETIMEDOUT:     client.ETIMEDOUT,
	syscall.EHOSTUNREACH:  client.EHOSTUNREACH,
	syscall.ENETUNREACH:   client.ENETUNREACH,
	syscall.ENETDOWN:      client.ENETDOWN,
	syscall.EHOSTDOWN:     "EHOSTDOWN",
	syscall.ENOPROTOOPT:   client.ENOPROTOOPT,
	syscall.EADDRNOTAVAIL: client.EADDRNOTAVAIL,
	syscall.EAFNOSUPPORT:  client.EAFNOSUPPORT,
	syscall.EACCES:        client.EACCES,
	syscall.EPERM:         client.EPERM,
	syscall.EINVAL:        client.EINVAL,
	syscall.ENODEV:        "ENODEV",
	syscall.EMFILE:        "EMFILE",
	syscall.ENFILE:        "ENFILE",
}

// errnoOf names the system error in err and gives the system's words for it.
func errnoOf(err error) (name client.Errno, text string) {
	var errno syscall.Errno
	switch {
	case err == nil:
		return "", ""
	case errors.As(err, &errno):
		if name, ok := errnoNames[errno]; ok {
			return name, errno.Error()
		}
		if name, ok := systemErrno(errno); ok {
			return name, errno.Error()
		}
		return client.Errno("errno " + strconv.Itoa(int(errno))), errno.Error()
	case errors.Is(err, os.ErrDeadlineExceeded):
		return client.ETIMEDOUT, err.Error()
	default:
		return "error", err.Error()
	}
}
