package explain

import (
	"encoding/json"
	"strings"
)

// A line is one line of the text, as pasted and as it was meant.
type line struct {
	no      int    // 1-based number in the text
	raw     string // as pasted, without its line end
	body    string // raw without what stands in front of every line
	text    string // without colours, quoting marks, time stamps and program prefixes
	prog    string // the program of a log prefix: sshd, sshd-session, systemd, …
	debug   int    // 1, 2, 3 for debug1: …
	command string // the command, where the line is a prompt with one
	stamped bool   // the line had a prefix of its own, so it continues no other
}

// Limits of a paste. What lies beyond is named in the report as not read.
const (
	maxPaste    = 8 << 20 // bytes
	maxLines    = 100_000
	maxLineSize = 16 << 10 // bytes of a line that are looked at
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
		if len(raw) > maxLineSize*4 {
			raw, cut = raw[:maxLineSize*4], true
		}
		for _, part := range unescape(raw) {
			if len(parts) >= maxLines {
				cut = true
				break
			}
			if len(part) > maxLineSize {
				part, cut = part[:maxLineSize], true
			}
			parts, nos = append(parts, part), append(nos, no)
		}
	}
	lines = make([]line, len(parts))
	for i, body := range undecorate(parts) {
		lines[i] = clean(nos[i], body)
		lines[i].raw, lines[i].body = parts[i], body
	}
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

// maxLevelAt is how far into a line "debug1: " still is its level, behind the
// prefix of some program that passes ssh's output on.
const maxLevelAt = 60

// clean reads one line.
func clean(no int, raw string) line {
	l := line{no: no, raw: raw}
	s := plain(raw)
	if t := strings.TrimLeft(s, "`~"); len(s)-len(t) >= 3 && !strings.Contains(t, " ") {
		return l // a fence of Markdown, perhaps with the name of a language
	}
	s = strings.Trim(s, "`")
	if msg, prog, ok := journalJSON(s); ok {
		s, l.prog, l.stamped = plain(msg), prog, true
	}
	if cmd, ok := promptCommand(s); ok {
		l.command = cmd
	}
	if prog, rest, ok := cutLogPrefix(s); ok {
		l.stamped = true
		if prog != "" {
			l.prog = prog
		}
		s = rest
	}
	if strings.HasPrefix(l.prog, "sshd") {
		s = strings.TrimPrefix(strings.TrimPrefix(s, "error: "), "fatal: ")
	}
	for i, p := range [...]string{"debug1: ", "debug2: ", "debug3: "} {
		if at := strings.Index(s, p); at >= 0 && at <= maxLevelAt {
			l.debug, s, l.stamped = i+1, s[at+len(p):], true
			break
		}
	}
	l.text = s
	return l
}

// typographic turns what chats and word processors make of quotes back, and
// hard spaces into spaces.
var typographic = strings.NewReplacer("‘", "'", "’", "'", "“", `"`, "”", `"`, "„", `"`, "«", `"`, "»", `"`, "‚", "'", "‹", "'", "›", "'", "\u00a0", " ", "\u200b", "", "\ufeff", "", "…", "...",
	"，", ", ", "：", ": ", "（", " (", "）", ") ", `\"`, `"`, "&quot;", `"`, "&#39;", "'", "&lt;", "<", "&gt;", ">", "&amp;", "&")

// plain removes colours and control characters, quoting marks in front, and
// runs of blanks.
func plain(s string) string {
	s = typographic.Replace(stripEscapes(s))
	s = strings.Join(strings.Fields(s), " ")
	for {
		t := strings.TrimPrefix(strings.TrimPrefix(strings.TrimPrefix(s, "> "), ">"), "| ")
		t = strings.TrimPrefix(strings.TrimLeft(t, " "), "│ ")
		if t == s {
			return s
		}
		s = t
	}
}

// stripEscapes removes terminal escape sequences (CSI and OSC, ECMA-48) and
// control characters; a backspace takes its predecessor with it.
func stripEscapes(s string) string {
	if strings.IndexFunc(s, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) < 0 {
		return s
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == 0x1b:
			i += escapeLen(s[i:]) - 1
		case c == '\b' && len(out) > 0:
			out = out[:len(out)-1]
		case c == '\t':
			out = append(out, ' ')
		case c < ' ' || c == 0x7f:
		default:
			out = append(out, c)
		}
	}
	return string(out)
}

// escapeLen is the length of the escape sequence that s begins with.
func escapeLen(s string) int {
	if len(s) < 2 {
		return 1
	}
	switch s[1] {
	case '[':
		for i := 2; i < len(s); i++ {
			if s[i] >= 0x40 && s[i] <= 0x7e {
				return i + 1
			}
		}
		return len(s)
	case ']':
		for i := 2; i < len(s); i++ {
			if s[i] == 0x07 {
				return i + 1
			}
			if s[i] == 0x1b {
				return min(i+2, len(s))
			}
		}
		return len(s)
	default:
		return 2
	}
}

// journalJSON reads a line of journalctl -o json.
func journalJSON(s string) (msg, prog string, ok bool) {
	if !strings.HasPrefix(s, "{") || !strings.Contains(s, `"MESSAGE"`) {
		return "", "", false
	}
	var entry struct {
		Message any    `json:"MESSAGE"`
		Ident   string `json:"SYSLOG_IDENTIFIER"`
	}
	if json.Unmarshal([]byte(s), &entry) != nil {
		return "", "", false
	}
	switch m := entry.Message.(type) {
	case string:
		return m, entry.Ident, true
	case []any: // bytes that are no UTF-8 are printed as numbers
		b := make([]byte, 0, len(m))
		for _, v := range m {
			if f, ok := v.(float64); ok {
				b = append(b, byte(int(f)))
			}
		}
		return string(b), entry.Ident, true
	}
	return "", "", false
}
