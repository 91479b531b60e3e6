package client

import (
	"errors"
	"os"
	"strconv"
	"syscall"
)

// errnoNames are the error numbers that the diagnosis knows, by the names that
// are the same on every system.
var errnoNames = map[syscall.Errno]string{
	syscall.ECONNREFUSED:  "ECONNREFUSED",
	syscall.ECONNRESET:    "ECONNRESET",
	syscall.ECONNABORTED:  "ECONNABORTED",
	syscall.ETIMEDOUT:     "ETIMEDOUT",
	syscall.EHOSTUNREACH:  "EHOSTUNREACH",
	syscall.ENETUNREACH:   "ENETUNREACH",
	syscall.ENETDOWN:      "ENETDOWN",
	syscall.EHOSTDOWN:     "EHOSTDOWN",
	syscall.ENOPROTOOPT:   "ENOPROTOOPT",
	syscall.EADDRNOTAVAIL: "EADDRNOTAVAIL",
	syscall.EAFNOSUPPORT:  "EAFNOSUPPORT",
	syscall.EACCES:        "EACCES",
	syscall.EPERM:         "EPERM",
	syscall.EINVAL:        "EINVAL",
	syscall.ENODEV:        "ENODEV",
	syscall.EMFILE:        "EMFILE",
	syscall.ENFILE:        "ENFILE",
}

// errnoOf names the system error in err and gives the system's words for it.
func errnoOf(err error) (name, text string) {
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
		return "errno " + strconv.Itoa(int(errno)), errno.Error()
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "ETIMEDOUT", err.Error()
	default:
		return "error", err.Error()
	}
}
