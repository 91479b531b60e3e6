package logs

import "bytes"

// otherConnectionLine reads the rarer lines about a connection as such.
func otherConnectionLine(ev logEvent, msg []byte) (logEvent, bool) {
	switch {
	case hasPrefix(msg, "Received disconnect from "), hasPrefix(msg, "Connection from "), hasPrefix(msg, "Received signal "), hasPrefix(msg, "Close session: "):
		ev.times = 0
		return ev, true
	case hasPrefix(msg, "Did not receive identification string from "):
		ev.cause, ev.addr = logClosed, word(msg[len("Did not receive identification string from "):])
		return ev, true
	case hasPrefix(msg, "Disconnecting "):
		ev.end = true
		if bytes.Contains(msg, []byte("Too many authentication failures")) {
			ev.cause = logTooMany
			if _, r, ok := bytes.Cut(msg, []byte("user ")); ok {
				ev.user, ev.addr = userAddr(r)
			}
			return ev, true
		}
	case hasPrefix(msg, "ROOT LOGIN REFUSED FROM "):
		ev.cause, ev.addr, ev.user = logRoot, word(msg[len("ROOT LOGIN REFUSED FROM "):]), []byte("root")
		return ev, true
	}
	return ev, false
}

// userLine reads "User U from A not allowed because …" and failed negotiations.
func userLine(ev logEvent, msg []byte) (logEvent, bool) {
	if rest, ok := cutPrefix(msg, "Unable to negotiate with "); ok {
		ev.addr = word(rest)
		switch {
		case bytes.Contains(rest, []byte("no matching key exchange method")):
			ev.cause = logKex
		case bytes.Contains(rest, []byte("no matching host key type")):
			ev.cause = logHostKey
		case bytes.Contains(rest, []byte("no matching cipher")):
			ev.cause = logCipher
		case bytes.Contains(rest, []byte("no matching MAC")):
			ev.cause = logMAC
		default:
			return ev, false
		}
		return ev, true
	}
	rest, ok := cutPrefix(msg, "User ")
	if !ok {
		return ev, false
	}
	if hasPrefix(rest, "child is on pid") {
		ev.times = 0
		return ev, true
	}
	i := bytes.Index(rest, []byte(" not allowed because "))
	if i < 0 {
		return ev, false
	}
	if ev = userFrom(ev, rest[:i]); ev.addr == nil {
		return ev, false // a shell, a lock: the slow way tells which
	}
	ev.cause = logNotAllowed
	return ev, true
}

// fastError reads what follows "error: ".
func fastError(msg []byte) (ev logEvent, known bool) {
	ev.times = 1
	switch {
	case hasPrefix(msg, "maximum authentication attempts exceeded for "):
		ev.cause = logTooMany
		rest := msg[len("maximum authentication attempts exceeded for "):]
		if r, ok := cutPrefix(rest, "invalid user "); ok {
			rest, ev.cause, ev.end = r, logUnknown, true
		}
		return userFrom(ev, rest), true
	case hasPrefix(msg, "kex_exchange_identification: "), hasPrefix(msg, "Received disconnect from "), hasPrefix(msg, "PAM: Authentication failure for "),
		hasPrefix(msg, "kex_protocol_error: "):
		ev.times = 0 // the next line names the address
		return ev, true
	case hasPrefix(msg, "beginning MaxStartups throttling"):
		ev.cause = logMaxStartups
		return ev, true
	}
	return ev, false
}

// rareLine reads the other messages that can come in masses.
func rareLine(ev logEvent, msg []byte) (logEvent, bool) {
	switch {
	case hasPrefix(msg, "drop connection #"):
		ev.cause = logMaxStartups
		if bytes.Contains(msg, []byte("penalty:")) {
			ev.cause = logPenalty
		}
		if _, r, ok := bytes.Cut(msg, []byte("from [")); ok {
			ev.addr, _, _ = bytes.Cut(r, []byte("]"))
		}
		return ev, true
	case hasPrefix(msg, "banner exchange: Connection from "):
		ev.cause, ev.addr = logNotSSH, word(msg[len("banner exchange: Connection from "):])
		return ev, true
	case hasPrefix(msg, "Bad protocol version identification "):
		ev.cause = logNotSSH
		return userFromAddr(ev, msg), true
	case hasPrefix(msg, "Bad password attempt for "), hasPrefix(msg, "Bad PAM password attempt for "):
		ev.cause = logPassword
		_, rest, _ := bytes.Cut(msg, []byte(" for "))
		ev = userFrom(ev, rest)
		ev.user = bytes.Trim(ev.user, "'")
		ev.addr = withoutPort(ev.addr)
		return ev, true
	case hasPrefix(msg, "Login attempt for nonexistent user"):
		ev.cause = logUnknown
		ev = userFromAddr(ev, msg)
		ev.addr = withoutPort(ev.addr)
		return ev, true
	case hasPrefix(msg, "refused connect from "):
		ev.cause = logWrappers
		ev.addr = word(msg[len("refused connect from "):])
		return ev, true
	case hasPrefix(msg, "Timeout before authentication for "):
		ev.cause = logGrace
		rest := msg[len("Timeout before authentication for "):]
		if r, ok := cutPrefix(rest, "connection from "); ok {
			rest = r
		}
		ev.addr = word(rest)
		return ev, true
	case hasPrefix(msg, "message repeated "):
		return repeated(msg)
	}
	return ev, false
}

func userFromAddr(ev logEvent, msg []byte) logEvent {
	if i := lastFrom(msg); i >= 0 {
		ev.addr = word(msg[i+6:])
	}
	return ev
}

// withoutPort takes ":1234" off, as dropbear writes it.
func withoutPort(a []byte) []byte {
	if i := bytes.LastIndexByte(a, ':'); i > 0 {
		return a[:i]
	}
	return a
}

// repeated reads rsyslog's "message repeated 5 times: [ … ]".
func repeated(msg []byte) (ev logEvent, known bool) {
	rest := msg[len("message repeated "):]
	n := 0
	for len(rest) > 0 && rest[0] >= '0' && rest[0] <= '9' && n < 1_000_000 {
		n = n*10 + int(rest[0]-'0')
		rest = rest[1:]
	}
	rest, ok := cutPrefix(rest, " times: [ ")
	if !ok || hasPrefix(rest, "message repeated ") {
		return ev, false
	}
	ev, known = fast(bytes.TrimSuffix(rest, []byte("]")))
	if ev.times > 0 {
		ev.times = n
	}
	return ev, known
}
