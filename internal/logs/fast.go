package logs

import (
	"bytes"
)

// A logEvent is what one line of a log says. Its slices point into the line.
type logEvent struct {
	cause int // index into logCauses; -1: a success
	addr  []byte
	user  []byte
	pid   int
	times int  // "message repeated N times"
	end   bool // only how a connection ended: counts where its pid gave no reason before
}

// logCauses are the causes that lines of a log are counted under. The first
// ones have a place in the fast path; others are added by the slow one.
var logCauses = []string{
	"password-rejected", "user-unknown", "publickey-rejected", "user-not-allowed", "root-login-disabled", "too-many-keys",
	"no-common-kex", "no-common-host-key", "no-common-cipher", "no-common-mac", "not-ssh", "closed-before-banner",
	"auth-timeout", "max-startups", "source-penalized", "authorized-keys-permissions", "tcp-wrappers-deny", "pam-denied", "no-auth-method",
}

const (
	logSuccess  = -1
	logPassword = iota - 1
	logUnknown
	logPublickey
	logNotAllowed
	logRoot
	logTooMany
	logKex
	logHostKey
	logCipher
	logMAC
	logNotSSH
	logClosed
	logGrace
	logMaxStartups
	logPenalty
	logModes
	logWrappers
	logPAM
	logNoMethod
)

// fast reads the messages that logs consist of. known is false where the
// message is none of these; ev.times is 0 where it is known and says nothing.
func fast(msg []byte) (ev logEvent, known bool) {
	if len(msg) < 8 {
		return ev, false
	}
	ev.times = 1
	switch msg[0] {
	case 'F':
		return failed(ev, msg)
	case 'I':
		if rest, ok := cutPrefix(msg, "Invalid user "); ok {
			ev.cause = logUnknown
			return userFrom(ev, rest), true
		}
	case 'C', 'D', 'R':
		return connectionLine(ev, msg)
	case 'A':
		if rest, ok := cutPrefix(msg, "Accepted "); ok {
			ev.cause = logSuccess
			if _, rest, ok := bytes.Cut(rest, []byte(" for ")); ok {
				return userFrom(ev, rest), true
			}
			return ev, true
		}
		if _, ok := cutPrefix(msg, "Authentication refused: bad ownership"); ok {
			ev.cause = logModes
			return ev, true
		}
	case 'U':
		return userLine(ev, msg)
	case 'p':
		for _, module := range [...]string{"pam_unix(sshd:", "pam_systemd(sshd:", "pam_env(sshd:"} {
			if rest, ok := cutPrefix(msg, module); ok {
				ev.times = 0 // sshd says the same in its own words
				return ev, hasPrefix(rest, "auth)") || hasPrefix(rest, "session)")
			}
		}
	case 'e':
		if rest, ok := cutPrefix(msg, "error: "); ok {
			return fastError(rest)
		}
	case 'd', 'b', 'B', 'm', 'r', 'T', 'L':
		return rareLine(ev, msg)
	case 'S':
		ev.times = 0
		return ev, bytes.HasPrefix(msg, []byte("Starting session: ")) || bytes.HasPrefix(msg, []byte("Server listening on "))
	}
	return ev, false
}

func cutPrefix(b []byte, p string) ([]byte, bool) {
	if len(b) >= len(p) && string(b[:len(p)]) == p {
		return b[len(p):], true
	}
	return b, false
}

// failed reads "Failed password for [invalid user ]U from A port N ssh2".
func failed(ev logEvent, msg []byte) (logEvent, bool) {
	rest, ok := cutPrefix(msg, "Failed ")
	if !ok {
		return ev, false
	}
	i := bytes.IndexByte(rest, ' ')
	if i < 0 {
		return ev, false
	}
	method := rest[:i]
	rest, ok = cutPrefix(rest[i:], " for ")
	if !ok {
		return ev, false
	}
	switch {
	case string(method) == "none":
		ev.times = 0
		return ev, true
	case string(method) == "publickey":
		ev.cause = logPublickey
	default:
		ev.cause = logPassword
	}
	if r, ok := cutPrefix(rest, "invalid user "); ok {
		rest, ev.cause, ev.end = r, logUnknown, true // "Invalid user" came before it
	}
	return userFrom(ev, rest), true
}

// userFrom reads "U from A port N…". A name may hold blanks, even " from ": the
// last one counts, as sshd writes the address last.
func userFrom(ev logEvent, s []byte) logEvent {
	i := lastFrom(s)
	if i < 0 {
		if r, ok := cutPrefix(s, "from "); ok { // an empty name
			ev.addr = word(r)
		}
		return ev
	}
	ev.user, ev.addr = s[:i], word(s[i+6:])
	return ev
}

// lastFrom is the place of the last " from ", -1 where there is none. A plain
// loop: these strings are short, and what is sought stands near their end.
func lastFrom(s []byte) int {
	for i := len(s) - 6; i >= 0; i-- {
		if s[i] == ' ' && s[i+5] == ' ' && s[i+1] == 'f' && s[i+2] == 'r' && s[i+3] == 'o' && s[i+4] == 'm' {
			return i
		}
	}
	return -1
}

// lastPort is the place of the last " port ".
func lastPort(s []byte) int {
	for i := len(s) - 6; i >= 0; i-- {
		if s[i] == ' ' && s[i+5] == ' ' && s[i+1] == 'p' && s[i+2] == 'o' && s[i+3] == 'r' && s[i+4] == 't' {
			return i
		}
	}
	return -1
}

// word is the beginning of s up to a blank.
func word(s []byte) []byte {
	if i := bytes.IndexByte(s, ' '); i >= 0 {
		return s[:i]
	}
	return s
}

// connectionLine reads how connections end.
func connectionLine(ev logEvent, msg []byte) (logEvent, bool) {
	var rest []byte
	var ok bool
	if rest, ok = cutPrefix(msg, "Connection closed by "); !ok {
		if rest, ok = cutPrefix(msg, "Connection reset by "); !ok {
			if rest, ok = cutPrefix(msg, "Disconnected from "); !ok {
				return otherConnectionLine(ev, msg)
			}
		}
	}
	ev.end = true
	switch {
	case hasPrefix(rest, "authenticating"):
		ev.cause = logPublickey
		if _, r, found := bytes.Cut(rest, []byte("user ")); found {
			ev.user, ev.addr = userAddr(r)
		}
	case hasPrefix(rest, "invalid user "):
		ev.cause = logUnknown
		ev.user, ev.addr = userAddr(rest[len("invalid user "):])
	case hasPrefix(rest, "user "), msg[0] == 'D':
		ev.times = 0
	default:
		if !bytes.HasSuffix(msg, []byte("[preauth]")) {
			ev.times = 0
			return ev, true
		}
		ev.cause, ev.addr = logClosed, word(rest)
	}
	return ev, true
}

func hasPrefix(b []byte, p string) bool { return len(b) >= len(p) && string(b[:len(p)]) == p }

// userAddr reads "U A port N…".
func userAddr(s []byte) (user, addr []byte) {
	i := lastPort(s)
	if i < 0 {
		return nil, word(s)
	}
	j := bytes.LastIndexByte(s[:i], ' ')
	if j < 0 {
		return nil, s[:i]
	}
	return s[:j], s[j+1 : i]
}
