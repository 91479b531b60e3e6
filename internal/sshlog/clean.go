package sshlog

import (
	"encoding/json"
	"strings"

	"sshwhy/internal/evidence"
)

// Limits of a line.
const (
	MaxLine  = 16 << 10 // bytes that are looked at
	maxQuote = 400      // bytes that are quoted
)

// Quote cuts a line to what is quoted of it. Secrets must be out of it by then.
func Quote(s string) string { return evidence.Excerpt(s, maxQuote) }

// maxLevelAt is how far into a line "debug1: " still is its level, behind the
// prefix of some program that passes ssh's output on.
const maxLevelAt = 60

// Cleaned is a line without what terminals, chats and logs put around a message.
type Cleaned struct {
	Text    string // the message
	Whole   string // with its time stamp and program, and whatever else a log has in front
	Prog    string // the program of a log prefix: sshd, sshd-session, systemd, …
	Debug   int    // 1, 2, 3 for debug1: …
	Stamped bool   // it had a prefix of its own, so it continues no other
}

// Clean reads one line. Nothing is left of a fence of Markdown.
func Clean(raw string) (c Cleaned) {
	s := Plain(raw)
	if t := strings.TrimLeft(s, "`~"); len(s)-len(t) >= 3 && !strings.Contains(t, " ") {
		return c // a fence of Markdown, perhaps with the name of a language
	}
	s = strings.Trim(s, "`")
	if msg, prog, ok := journalJSON(s); ok {
		s, c.Prog, c.Stamped = Plain(msg), prog, true
	}
	c.Whole = s
	if prog, rest, ok := CutPrefix(s); ok {
		c.Stamped = true
		if prog != "" {
			c.Prog = prog
		}
		s = rest
	}
	if strings.HasPrefix(c.Prog, "sshd") {
		s = strings.TrimPrefix(strings.TrimPrefix(s, "error: "), "fatal: ")
	}
	for i, p := range [...]string{"debug1: ", "debug2: ", "debug3: "} {
		if at := strings.Index(s, p); at >= 0 && at <= maxLevelAt {
			c.Debug, s, c.Stamped = i+1, s[at+len(p):], true
			break
		}
	}
	c.Text = s
	return c
}

// typographic turns what chats and word processors make of quotes back, and
// hard spaces into spaces.
var typographic = strings.NewReplacer("‘", "'", "’", "'", "“", `"`, "”", `"`, "„", `"`, "«", `"`, "»", `"`, "‚", "'", "‹", "'", "›", "'", "\u00a0", " ", "\u200b", "", "\ufeff", "", "…", "...",
	"，", ", ", "：", ": ", "（", " (", "）", ") ", `\"`, `"`, "&quot;", `"`, "&#39;", "'", "&lt;", "<", "&gt;", ">", "&amp;", "&")

// Plain removes colours and control characters, quoting marks in front, and
// runs of blanks.
func Plain(s string) string {
	s = typographic.Replace(StripEscapes(s))
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

// StripEscapes removes terminal escape sequences (CSI and OSC, ECMA-48) and
// control characters; a backspace takes its predecessor with it.
func StripEscapes(s string) string {
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
