package walk

import (
	"syscall"

	"golang.org/x/sys/windows"

	"sshwhy/internal/client"
)

// systemErrno translates the numbers of Winsock.
func systemErrno(e syscall.Errno) (client.Errno, bool) {
	switch e {
	case windows.WSAECONNREFUSED:
		return client.ECONNREFUSED, true
	case windows.WSAECONNRESET:
		return client.ECONNRESET, true
	case windows.WSAECONNABORTED:
		return client.ECONNABORTED, true
	case windows.WSAETIMEDOUT:
		return client.ETIMEDOUT, true
	case windows.WSAEHOSTUNREACH:
		return client.EHOSTUNREACH, true
	case windows.WSAENETUNREACH:
		return client.ENETUNREACH, true
	case windows.WSAEADDRNOTAVAIL:
		return client.EADDRNOTAVAIL, true
	case windows.WSAEACCES:
		return client.EACCES, true
	}
	return "", false
}
