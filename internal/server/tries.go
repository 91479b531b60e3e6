package server

import (
	"net/netip"
	"slices"
	"strings"

	"sshwhy/internal/facts"
)

// How each of the visitor's connections ended, by the words of sshd. A name or an
// address counts only where sshd puts it: whoever connects chooses the name that
// he logs in as, and so what stands in the middle of many lines.

// ending is how a connection ended, as far as the log tells.
type ending int

const (
	untold     ending = iota // it left before it asked to be let in, or the log does not tell
	turnedAway               // none of the keys and passwords that it offered was taken
	refused                  // whatever it offered
	letIn
)

// try is one connection of the visitor.
type try struct {
	lines   []facts.Entry // oldest first, of one process
	end     ending
	word    facts.Entry // the line that tells how it ended; the last one where none does
	checked string      // the cause that the words name, where a check of this package looks for it by itself
}

// tries are the visitor's connections that the log tells of, oldest first.
func (v *view) tries() []try {
	var all []try
	at := map[int]int{}       // process → its place in all
	ports := map[string]int{} // the visitor's port → the place of the newest with it
	listener := v.listenerPIDs()
	for _, e := range v.attempts() {
		i, known := at[e.PID]
		port := portIn(e.Message)
		if o, is := ports[port]; is && port != "" && ends(e.Message) { // the session's process says goodbye, not the one that let in
			i, known = o, true
		}
		if !known || e.PID == 0 || slices.Contains(listener, e.PID) {
			i = len(all)
			all, at[e.PID] = append(all, try{}), i
		}
		all[i].lines = append(all[i].lines, e)
		if port != "" {
			ports[port] = i
		}
	}
	for i := range all {
		all[i].read(v.q)
	}
	slices.SortStableFunc(all, func(a, b try) int { return int(a.word.Time - b.word.Time) })
	return all
}

// portIn is the visitor's port that a line of sshd's names; "" where it names none.
func portIn(message string) string {
	_, rest, ok := strings.Cut(message, " port ")
	if !ok {
		return ""
	}
	return rest[:len(rest)-len(strings.TrimLeft(rest, "0123456789"))]
}

// ends reports whether a line tells of the end of a connection.
func ends(message string) bool {
	return slices.ContainsFunc([]string{"Received disconnect from ", "Disconnected from ", "Connection closed by ", "Connection reset by "},
		func(w string) bool { return strings.HasPrefix(message, w) })
}

// lastWord is the newest of the visitor's connections of which it is known how it
// ended. Where only the account was asked about, strangers who try its name from
// elsewhere do not count: to be turned away, or to be on a list, is their own story.
func (v *view) lastWord() (t try, ok bool) {
	for _, t := range slices.Backward(v.tries()) {
		strangers := !v.q.Client.IsValid() && (t.end == turnedAway || t.end == refused && t.checked != "")
		if t.end != untold && !strangers {
			return t, true
		}
	}
	return t, false
}

// leftEarly is the newest of the visitor's connections, where that came after the last of
// which it is known how it ended, and since the last change. Only what comes from an
// address is told apart from strangers.
func (v *view) leftEarly() (t try, ok bool) {
	all := v.tries()
	if !v.q.Client.IsValid() || len(all) == 0 {
		return t, false
	}
	t = all[len(all)-1]
	since, known := v.lastChange()
	word, is := v.lastWord()
	return t, t.end == untold && known && t.word.Time > since.At && (!is || t.word.Time > word.word.Time)
}

// How many seconds a session lasts of which the log tells that it ran: a command that ends
// at once, or what somebody worked in. Between the two, whoever waited for a session that
// hung gives up, and sshd's words for that are the same.
const (
	quickSession = 3
	longSession  = 60
)

// sessionRan reports whether the log shows that a login led to a session: sshd writes
// "Accepted" before PAM opens the session and start files run. The goodbye is written by
// the visitor's own process, whose word does not count, the end of PAM's session by root's.
func (v *view) sessionRan(t try) bool {
	end := v.taken
	ended := false
	for _, e := range t.lines {
		if e.Time >= t.word.Time && (ends(e.Message) || strings.HasPrefix(e.Message, "pam_unix(sshd:session): session closed")) {
			end, ended = e.Time, true
		}
	}
	took := end - t.word.Time
	return took >= longSession || ended && took <= quickSession
}

// read finds out how the connection ended.
func (t *try) read(q Query) {
	t.word = t.lines[len(t.lines)-1]
	for _, e := range t.lines {
		words := plainWords(e.Message)
		if strings.HasPrefix(words, "Invalid user ") {
			t.end, t.checked = untold, "" // sshd knows no such account: another's name, whatever it says
			return
		}
		user, from := whoIn(words)
		if user != "" && (q.User != "" && user != q.User || q.Client.IsValid() && from.IsValid() && from != q.Client.Unmap().WithZone("")) {
			continue
		}
		switch checked, end := meaning(words, user); {
		case strings.HasPrefix(words, "Accepted ") && user != "":
			t.end, t.word, t.checked = letIn, e, ""
		case end == refused && (t.end != refused || t.checked == "" && checked != ""):
			t.end, t.word, t.checked = refused, e, checked
		case end == turnedAway && t.end == untold:
			t.end, t.word = turnedAway, e
		case fatal(e.Message) && q.Client.IsValid() && t.end != refused: // strangers can provoke one in anybody's name
			t.end, t.word, t.checked = refused, e, ""
		}
	}
}

// plainWords is a message without what sshd puts around it.
func plainWords(message string) string {
	s := strings.TrimSuffix(message, " [preauth]")
	return strings.TrimPrefix(strings.TrimPrefix(s, "fatal: "), "error: ")
}

// visitorsOwn begin the fatal errors that a client brings about by leaving, by
// being slow, or by having nothing in common with the server.
var visitorsOwn = [...]string{"Timeout before ", "Connection ", "Read from ", "Write ", "Unable to negotiate ", "ssh_packet_", "ssh_dispatch_run_fatal: Connection ", "packet_write_wait: "}

// fatal reports whether sshd gave up a connection by itself.
func fatal(message string) bool {
	words, ok := strings.CutPrefix(message, "fatal: ")
	return ok && !slices.ContainsFunc(visitorsOwn[:], func(w string) bool { return strings.HasPrefix(words, w) })
}

// meanings are what sshd and PAM's modules say where they turn somebody away
// (auth.c, auth-pam.c, auth2.c, session.c; refused(3) of libwrap; the modules' own
// sources). checked is the cause of a check that reads for itself what that goes
// by, so that the line is out of date where the check finds nothing any more.
var meanings = [...]struct {
	begins  string
	names   bool // the account, so that it must be the one asked about
	end     ending
	checked string
}{
	{"refused connect from ", false, refused, "tcp-wrappers-deny"},
	{"ROOT LOGIN REFUSED FROM ", false, refused, "root-login-disabled"},
	{"Authentication refused: bad ownership or modes for ", false, turnedAway, "authorized-keys-permissions"},
	{"pam_nologin(sshd:account): ", false, refused, "nologin-file"},
	{"pam_access(sshd:account): ", false, refused, "pam-denied"},
	{"pam_listfile(sshd:", false, refused, "pam-denied"},
	{"pam_unix(sshd:account): account ", false, refused, "account-locked"},
	{"pam_unix(sshd:account): expired password ", false, refused, "password-expired"},
	{"PAM: Authentication failure for ", false, turnedAway, ""},
	{"PAM: ", false, refused, ""},
	{"Access denied for user ", true, refused, ""},
	{"Error checking authentication key ", false, refused, ""},
	{"Authentication key ", false, refused, ""}, // "… revoked by file …"
	{"safely_chroot: ", false, refused, "chroot-permissions"},
	{"bad ownership or modes for chroot directory ", false, refused, "chroot-permissions"},
	{"Connection closed by authenticating user ", true, turnedAway, ""},
	{"Connection reset by authenticating user ", true, turnedAway, ""},
	{"Disconnected from authenticating user ", true, turnedAway, ""},
	{"maximum authentication attempts exceeded for ", true, turnedAway, ""},
	{"Failed ", true, turnedAway, ""},
}

// meaning is what a line says of how its connection ended; user is whom it names.
func meaning(words, user string) (checked string, end ending) {
	if strings.HasPrefix(words, "User ") && user != "" { // "User bob from 192.0.2.9 not allowed because …"
		return "user-not-allowed", refused
	}
	for _, m := range meanings {
		if strings.HasPrefix(words, m.begins) && (user != "" || !m.names) {
			return m.checked, m.end
		}
	}
	return "", untold
}

// whoIn is whom a line names where sshd itself puts the account and the address;
// none where it does not, or where the name is none that an account could have.
func whoIn(words string) (user string, from netip.Addr) {
	f := strings.Fields(words)
	at := func(user, from int, marks map[int]string) (string, netip.Addr) {
		for i, m := range marks {
			if i >= len(f) || f[i] != m {
				return "", netip.Addr{}
			}
		}
		if from == 0 {
			return f[user], netip.Addr{}
		}
		a, err := netip.ParseAddr(f[from])
		if err != nil {
			return "", netip.Addr{}
		}
		return f[user], a.Unmap().WithZone("")
	}
	switch {
	case len(f) < 5:
	case f[0] == "Accepted" || f[0] == "Failed" || f[0] == "Partial":
		return at(3, 5, map[int]string{2: "for", 4: "from", 6: "port"})
	case f[0] == "User":
		return at(1, 3, map[int]string{2: "from", 4: "not", 5: "allowed", 6: "because"})
	case f[0] == "Connection" || f[0] == "Disconnected":
		n := len(f) - 6 // "Connection closed by", "Disconnected from"
		if n < 2 || n > 3 {
			break
		}
		return at(n+2, n+3, map[int]string{n: "authenticating", n + 1: "user", n + 4: "port"})
	case f[0] == "maximum":
		return at(5, 7, map[int]string{1: "authentication", 2: "attempts", 3: "exceeded", 4: "for", 6: "from", 8: "port"})
	case f[0] == "Access":
		return at(4, 0, map[int]string{1: "denied", 2: "for", 3: "user", 5: "by", 6: "PAM"})
	case f[0] == "ROOT":
		_, from := at(0, 4, map[int]string{1: "LOGIN", 2: "REFUSED", 3: "FROM"})
		return "root", from
	}
	return "", netip.Addr{}
}
