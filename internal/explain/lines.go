package explain

import (
	"strings"

	"sshwhy/internal/sshlog"
)

// A line is one line of the text, as pasted and as it was meant.
type line struct {
	no      int          // 1-based number in the text
	raw     string       // as pasted, without its line end
	body    string       // raw without what stands in front of every line
	text    string       // without colours, quoting marks, time stamps and program prefixes
	prog    string       // the program of a log prefix: sshd, sshd-session, systemd, …
	voice   sshlog.Voice // of whoever says it
	debug   int          // 1, 2, 3 for debug1: …
	piece   piece        // what kind of text it is
	command string       // the command, where the line is a prompt with one
	stamped bool         // the line had a prefix of its own, so it continues no other
}

// Limits of a paste. What lies beyond is named in the report as not read.
const (
	maxPaste = 8 << 20 // bytes
	maxLines = 100_000
)

// split cuts a text into lines and cleans each. Line ends that a program
// printed as \r\n inside a string (ansible -vvvv) count as line ends too.
func split(text string) (lines []line, cut bool) {
	var parts []string // as pasted
	var nos []int
	no := 0
	for raw := range strings.Lines(text) {
		no++
		raw = strings.TrimRight(raw, "\r\n")
		if len(raw) > sshlog.MaxLine*4 {
			raw, cut = raw[:sshlog.MaxLine*4], true
		}
		for _, part := range unescape(raw) {
			if len(parts) >= maxLines {
				cut = true
				break
			}
			if len(part) > sshlog.MaxLine {
				part, cut = part[:sshlog.MaxLine], true
			}
			parts, nos = append(parts, part), append(nos, no)
		}
	}
	lines = make([]line, len(parts))
	for i, body := range undecorate(parts) {
		lines[i] = clean(nos[i], body)
		lines[i].raw, lines[i].body = parts[i], body
	}
	pieces(lines)
	return lines, cut
}

// unescape splits a line at line ends that stand in it as escapes. A single \n
// counts only in a line that is evidently a quoted string, because Windows paths hold \n too.
func unescape(raw string) []string {
	switch {
	case strings.Contains(raw, `\r\n`):
		raw = strings.ReplaceAll(raw, `\r\n`, "\n")
	case strings.Contains(raw, `\n`) && (strings.Contains(raw, `"msg":`) || strings.Contains(raw, `"stderr":`) ||
		strings.Contains(raw, `b'`) || strings.Contains(raw, `\ndebug1:`) || strings.Contains(raw, `":"`) || strings.Contains(raw, `": "`)):
	default:
		return []string{raw}
	}
	return strings.Split(strings.ReplaceAll(raw, `\n`, "\n"), "\n")
}

// clean reads one line.
func clean(no int, raw string) line {
	c := sshlog.Clean(raw)
	l := line{no: no, raw: raw, text: c.Text, prog: c.Prog, debug: c.Debug, stamped: c.Stamped}
	if cmd, ok := promptCommand(c.Whole); ok {
		l.command = cmd
	}
	return l
}
