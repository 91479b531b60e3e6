package client

// Errno is a system error by its name, which is the same on every system, where its
// number is not: ECONNREFUSED. One without a name is "errno 123", and what is no
// system error is "error".
type Errno string

// The errors that the diagnosis knows (errno(3); connect(2), bind(2)).
const (
	EACCES        Errno = "EACCES"
	EADDRNOTAVAIL Errno = "EADDRNOTAVAIL"
	EAFNOSUPPORT  Errno = "EAFNOSUPPORT"
	ECONNABORTED  Errno = "ECONNABORTED"
	ECONNREFUSED  Errno = "ECONNREFUSED"
	ECONNRESET    Errno = "ECONNRESET"
	EHOSTUNREACH  Errno = "EHOSTUNREACH"
	EINVAL        Errno = "EINVAL"
	ENETDOWN      Errno = "ENETDOWN"
	ENETUNREACH   Errno = "ENETUNREACH"
	ENOPROTOOPT   Errno = "ENOPROTOOPT"
	EPERM         Errno = "EPERM"
	ETIMEDOUT     Errno = "ETIMEDOUT"
)
