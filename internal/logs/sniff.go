package logs

import (
	"bytes"

	"sshwhy/internal/catalog"
	"sshwhy/internal/sshlog"
)

// Kind is what a text is: something pasted, or a log.
type Kind int

// The kinds of text.
const (
	Paste Kind = iota
	Log
)

// SniffLen is how much of a text Sniff wants to see.
const SniffLen = 256 << 10

// minLogLines: a shorter log is read as a paste, which says more about each line.
const minLogLines = 400

// Sniff says how a text is to be read, from its beginning; more says that there
// is more of it. A log is a text most of whose lines have a log's prefix, and which
// is too long to be read line by line; compressed text is always a log.
func Sniff(head []byte, more bool) Kind {
	if bytes.HasPrefix(head, []byte{0x1f, 0x8b}) || bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}) || bytes.HasPrefix(head, []byte("BZh")) && len(head) > 4 && head[4] == '1' || isXZ(head) ||
		bytes.HasPrefix(head, []byte("__CURSOR=")) {
		return Log
	}
	lines, stamped := 0, 0
	for len(head) > 0 {
		line, rest, ended := bytes.Cut(head, []byte("\n"))
		head = rest
		if !ended && more {
			break
		}
		lines++
		if hourOfLine(line) {
			stamped++
		}
	}
	if stamped*5 >= lines*4 && (more || lines >= minLogLines) {
		return Log
	}
	return Paste
}

// hourOfLine reports whether a line begins like a log's.
func hourOfLine(line []byte) bool {
	return len(line) > 20 && hourOf(line) != 0 || bytes.HasPrefix(line, []byte(`{"`)) && bytes.Contains(line, []byte(`"MESSAGE"`))
}

// An Event is what one line of a log says, for those who watch it grow.
type Event struct {
	Cause   string // "" where a login succeeded
	Summary string
	Addr    string
	User    string
	End     bool // only how a connection ended
}

// Line reads one line of a log. ok is false where it says nothing of a login
// or a connection.
func Line(line []byte) (e Event, ok bool) {
	cat, err := sshlog.Load()
	if err != nil {
		return e, false
	}
	_, _, msg := daemonMessage(line)
	if msg == nil {
		return e, false
	}
	s := &summer{cat: cat}
	w := &lineWorker{s: s, c: &counts{}}
	ev, known := fast(bytes.TrimRight(msg, " \r\n"))
	if !known {
		ev = w.slow(msg)
	}
	if ev.times == 0 {
		return e, false
	}
	e = Event{Addr: string(ev.addr), User: string(ev.user), End: ev.end}
	if ev.cause == logSuccess {
		e.Summary = "A login succeeded."
		return e, true
	}
	e.Cause = causeName(ev.cause)
	page, _ := catalog.Get(e.Cause)
	e.Summary = page.Sentence(map[string]string{"user": e.User, "addr": e.Addr})
	return e, true
}
