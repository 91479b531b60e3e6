package explain

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"unicode/utf16"

	"sshwhy/internal/evidence/redact"
	"sshwhy/internal/report"
	"sshwhy/internal/sshlog"
)

// Options is what the asker says beside the text.
type Options struct {
	Client  netip.Addr // --client: the visitor the question is about; zero: nobody in particular
	Version string     // of the tool, for the report
	Source  string     // what the evidence names as its source: a file name; "" means pasted text
}

// Explain reads a paste and says what it proves. It fails only where reading
// does; a text that says nothing gives a report that says so.
func Explain(r io.Reader, opt Options) (*report.Report, error) {
	rep, _, err := Judge(r, opt)
	return rep, err
}

// Judge is Explain, and says as well which rule added, changed or dropped which
// cause, in order.
func Judge(r io.Reader, opt Options) (*report.Report, []Judgement, error) {
	messages, err := sshlog.Load()
	if err != nil {
		return nil, nil, fmt.Errorf("the tables of messages: %w", err)
	}
	data, err := io.ReadAll(io.LimitReader(r, maxPaste+1))
	if err != nil {
		return nil, nil, err
	}
	cut := len(data) > maxPaste
	if cut {
		data = data[:maxPaste]
	}
	rd := read(messages, toUTF8(data), opt)
	rd.cut = rd.cut || cut
	return rd.answer(), rd.trail, nil
}

// toUTF8 turns UTF-16, which PowerShell's redirections write, into UTF-8. An odd
// byte at the end is left out.
func toUTF8(data []byte) string {
	var order binary.ByteOrder
	switch {
	case bytes.HasPrefix(data, []byte{0xff, 0xfe}):
		order = binary.LittleEndian
	case bytes.HasPrefix(data, []byte{0xfe, 0xff}):
		order = binary.BigEndian
	default:
		return string(data)
	}
	units := make([]uint16, len(data)/2)
	for i := range units {
		units[i] = order.Uint16(data[2*i:])
	}
	return string(utf16.Decode(units[1:])) // without the mark
}

// A reading is a text, read: its lines, the messages in them, the attempts
// they tell of, what tools said, and the causes that all this speaks for.
type reading struct {
	messages *sshlog.Messages
	opt      Options
	lines    []line
	cut      bool
	hits     []hit
	attempts []*attempt
	tools    tools
	cands    []*candidate
	trail    []Judgement        // what made and took away candidates, in order
	whole    *redact.Whole      // of the lines; nil until one is quoted
	system   map[string]*system // of either side, once it was asked for
	ssh      int                // whether the text speaks of SSH: 1 yes, -1 no, 0 not asked yet
}

// read does the reading: lines, messages, attempts, tools; then the rules.
func read(messages *sshlog.Messages, text string, opt Options) *reading {
	rd := &reading{messages: messages, opt: opt}
	rd.lines, rd.cut = split(text)
	rd.interpret()
	if alt := rd.again(); alt != nil {
		return alt
	}
	return rd
}

// interpret does the reading of the lines.
func (rd *reading) interpret() {
	rd.findMessages()
	rd.attempts = traces(rd.lines)
	rd.tools = readTools(rd.lines)
	rd.judge()
}

// A hit is a message found in the text.
type hit struct {
	sshlog.Hit
	line  int // index into the reading's lines
	lines int // how many lines it covers: 2 where the text was wrapped
}

// messagesIn returns the messages in a text that a program of that voice says.
func (rd *reading) messagesIn(text string, by sshlog.Voice) []hit {
	var out []hit
	for _, h := range rd.messages.FindSaid(text, by) {
		out = append(out, hit{Hit: h, lines: 1})
	}
	return out
}

// minJoin is the shortest fixed text by which a message that was wrapped over
// two lines is recognised: less would join what does not belong together.
const minJoin = 14

// findMessages looks for messages in every line, and in every two that a
// terminal or a chat may have wrapped.
func (rd *reading) findMessages() {
	var prev []hit
	for i := range rd.lines {
		l := &rd.lines[i]
		if l.voice = rd.messages.Speaker(l.prog, l.text); l.voice == sshlog.Unknown {
			l.voice = rd.messages.Speaker("", strings.TrimSpace(l.raw)) // what stands in front of all lines was cut
		}
		var here []hit
		if l.piece == config || l.piece == manual {
			// what may happen, and did not
		} else if l.text != "" && l.command == "" {
			here = rd.messagesIn(l.text, l.voice)
			if l.piece == asking {
				here = slices.DeleteFunc(here, func(h hit) bool { return h.Row.Table == sshlog.Generic })
			}
		} else if l.command != "" {
			here = slices.DeleteFunc(rd.messagesIn(l.text, l.voice), tooShort) // output that ran into the prompt's line
		}
		for k := range here {
			here[k].line = i
		}
		if i > 0 && rd.mayContinue(i) && !beginsMessage(here) {
			prev, here = rd.join(i, prev, here)
		}
		rd.hits = append(rd.hits, prev...)
		prev = here
	}
	rd.hits = append(rd.hits, prev...)
}

// tooShort drops what is not surely a message's own words.
func tooShort(h hit) bool {
	return h.Row.Pattern.Weight() < minJoin || h.Row.Kind != sshlog.Root && h.Row.Kind != sshlog.End || h.Row.Table == sshlog.Generic
}

// beginsMessage reports whether a line begins with a message of its own, so that
// it continues no other.
func beginsMessage(hs []hit) bool {
	return slices.ContainsFunc(hs, func(h hit) bool { return h.From <= len("ssh: ") && h.Row.Pattern.Weight() >= minJoin })
}

// mayContinue reports whether line i may be the rest of line i-1.
func (rd *reading) mayContinue(i int) bool {
	a, b := &rd.lines[i-1], &rd.lines[i]
	return a.text != "" && b.text != "" && !b.stamped && a.command == "" && b.command == "" && a.piece == said && b.piece == said
}

// join looks for a message across the end of line i-1, and puts it in the place
// of the weaker ones that were found in either.
func (rd *reading) join(i int, prev, here []hit) (before, after []hit) {
	a, b := rd.lines[i-1].text, rd.lines[i].text
	for _, glue := range [...]string{" ", ""} {
		for _, h := range rd.messagesIn(a+glue+b, rd.lines[i-1].voice) {
			end := len(a) + len(glue)
			crosses := h.From < len(a) && h.To > end && h.Row.Pattern.Weight() >= minJoin
			if !crosses && h.Row.Stage == report.StageConnect && h.From < len(a) {
				words := h.Get("reason")
				crosses = words != "" && len(words) > len(b) && rd.messages.Errno(words) != "" && rd.messages.Errno(a[min(h.To, len(a)):]) == ""
			}
			if !crosses || h.Row.Kind == sshlog.Benign || h.Row.Kind == sshlog.Mark || h.Row.Kind == sshlog.Hint || looseJoin(&h) {
				continue
			}
			if weaker(prev, h, 0) && weaker(here, h, end) {
				h.line, h.lines = i-1, 2
				before = append(keep(prev, h, 0), h)
				return before, keep(here, h, end)
			}
		}
	}
	return prev, here
}

// looseJoin reports whether a message was put together by a capture that takes
// anything: what stands between its words may be two messages.
func looseJoin(h *hit) bool {
	for i, c := range h.Captures {
		last := i == len(h.Captures)-1 && h.Row.Pattern.Open()
		if !last && sshlog.Free(c.Name) && (strings.Contains(c.Value, ": ") || len(c.Value) > 80) {
			return true
		}
	}
	return false
}

// weaker reports whether h says more than each of the messages it would
// replace. offset is where their line begins in the joined one.
func weaker(hs []hit, h hit, offset int) bool {
	for _, o := range hs {
		if overlap(o, h, offset) && o.Row.Pattern.Weight() > h.Row.Pattern.Weight() {
			return false
		}
	}
	return true
}

// keep returns those of hs that h does not replace.
func keep(hs []hit, h hit, offset int) []hit {
	return slices.DeleteFunc(hs, func(o hit) bool { return overlap(o, h, offset) })
}

func overlap(o, h hit, offset int) bool { return o.From+offset < h.To && h.From < o.To+offset }
