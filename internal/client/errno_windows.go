package client

import (
	"syscall"

	"golang.org/x/sys/windows"
)

// systemErrno translates the numbers of Winsock.
func systemErrno(e syscall.Errno) (string, bool) {
	switch e {
	case windows.WSAECONNREFUSED:
		return "ECONNREFUSED", true
	case windows.WSAECONNRESET:
		return "ECONNRESET", true
	case windows.WSAECONNABORTED:
		return "ECONNABORTED", true
	case windows.WSAETIMEDOUT:
		return "ETIMEDOUT", true
	case windows.WSAEHOSTUNREACH:
		return "EHOSTUNREACH", true
	case windows.WSAENETUNREACH:
		return "ENETUNREACH", true
	case windows.WSAEADDRNOTAVAIL:
		return "EADDRNOTAVAIL", true
	case windows.WSAEACCES:
		return "EACCES", true
	}
	return "", false
}
