package explain

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

// daemonMessage finds the message of an SSH server's line: what follows
// "sshd[12]: ", "sshd-session[12]: " or "dropbear[12]: ". stamp is the length
// of the time stamp. It looks at fixed places only, so that lines of other programs cost next to nothing.
func daemonMessage(line []byte) (stamp int, pid int, msg []byte) {
	begin := dateAt(line)
	i := begin
	switch {
	case len(line) < begin+24:
		return 0, 0, nil
	case line[begin+3] == ' ' && line[begin+9] == ':' && line[begin+12] == ':': // Nov 20 14:39:11
		i = begin + 16
	case line[begin+4] == '-' && line[begin+10] == 'T': // 2026-11-20T14:39:11…
		j := bytes.IndexByte(line[begin:], ' ')
		if j < 0 {
			return 0, 0, nil
		}
		i = begin + j + 1
	case line[begin+4] == '-' && line[begin+10] == ' ' && line[begin+13] == ':': // 2026-11-20 14:39:11 UTC
		i = begin + 20
	default:
		return 0, 0, nil
	}
	stamp = i
	rest := line[i:]
	for range 4 { // a fraction, a year, the host's name may stand between
		if len(rest) > 8 && (rest[0] == 's' && rest[1] == 's' && rest[2] == 'h' && rest[3] == 'd' || rest[0] == 'd' && bytes.HasPrefix(rest, dropbearIdent)) {
			if pid, msg = identPid(rest); msg != nil {
				return stamp, pid, msg
			}
		}
		j := bytes.IndexByte(rest, ' ')
		if j < 0 || j > 0 && rest[j-1] == ':' {
			break // the program was another one
		}
		rest = rest[j+1:]
	}
	return stamp, 0, nil
}

// dateAt is where the date begins: behind a priority (<38>) and a weekday.
func dateAt(line []byte) int {
	at := 0
	if len(line) > 6 && line[0] == '<' {
		if j := bytes.IndexByte(line[:6], '>'); j > 0 {
			at = j + 1
		}
	}
	if len(line) > at+20 && line[at+3] == ' ' && (line[at+8] == '-' || line[at+7] == ' ' && line[at+13] == ':') {
		at += 4 // Thu 2026-11-20 …, Thu Dec  5 17:43:57 2024
	}
	return at
}

var dropbearIdent = []byte("dropbear")

// identPid reads "sshd[12]: " and returns the pid and what follows.
func identPid(s []byte) (pid int, msg []byte) {
	i := 4
	for i < len(s) && i < 24 && s[i] != '[' && s[i] != ':' && s[i] != ' ' {
		i++
	}
	if i+2 >= len(s) {
		return 0, nil
	}
	if s[i] == '[' {
		for i++; i < len(s) && s[i] >= '0' && s[i] <= '9'; i++ {
			pid = pid*10 + int(s[i]-'0')
		}
		if i < len(s) && s[i] == ']' {
			i++
		}
	}
	if i+2 > len(s) || s[i] != ':' || s[i+1] != ' ' {
		return 0, nil
	}
	return pid, s[i+2:]
}

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
