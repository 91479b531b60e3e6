package redact

import (
	"bytes"
	"strings"
)

// Whole is a text that quotes are cut from. A line in the middle of a private key
// does not look like a secret: what tells is above it or below.
type Whole struct{ lines []string }

// NewWhole takes the lines of the text.
func NewWhole(lines []string) *Whole { return &Whole{lines} }

// around is how many lines above and below a quote are looked at: more than the
// longest private key has.
const around = 250

// hidden stands for a line that belongs to a secret which begins above it.
const hidden = "<redacted>"

// Quote is the quote as it may be shown, no longer than it was but for a mark. Line
// counts from 1; where it is not the line of the quote, the first that holds it counts.
func (w *Whole) Quote(line int, quote string) string {
	at := line - 1
	if at < 0 || at >= len(w.lines) || !strings.Contains(w.lines[at], quote) {
		at = -1
		for i := 0; i < len(w.lines) && at < 0; i++ {
			if strings.Contains(w.lines[i], quote) {
				at = i
			}
		}
	}
	if at < 0 {
		return string(Text([]byte(quote)))
	}
	now, long := w.clean(at), max(len(quote), len(markKey))
	switch {
	case now == w.lines[at]:
		return quote
	case strings.TrimSpace(now) == "":
		return hidden
	}
	now = strings.TrimSpace(now)
	return strings.ToValidUTF8(now[:min(len(now), long)], "")
}

// clean is a line without secrets, those included that go over several lines.
func (w *Whole) clean(at int) string {
	from := max(0, at-around)
	text := []byte(strings.Join(w.lines[from:min(len(w.lines), at+around+1)], "\n"))
	low := lower(text)
	for _, r := range wholeRules {
		if r.hinted(low) {
			if all := bytes.Split(Text(text), []byte("\n")); at-from < len(all) {
				return string(all[at-from])
			}
			return ""
		}
	}
	return string(Text([]byte(w.lines[at])))
}
