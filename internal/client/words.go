package client

import (
	"fmt"
	"strings"
)

// Bounds on what a stranger's words take in a report: an algorithm's name has at most
// 64 bytes (RFC 4251 section 6), and no release of any server has as many names.
const (
	maxName   = 64
	maxListed = 64
	maxWords  = 300 // bytes of an error or of the first line of an output, in a sentence
)

// some are the first names of a list, each cut where it is longer than any, and how
// many more there are.
func some(names []string, most int, separator string) string {
	var out []string
	for _, n := range names[:min(len(names), most)] {
		out = append(out, clip(n, maxName))
	}
	text := strings.Join(out, separator)
	if more := len(names) - most; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// clip cuts a text after so many bytes, and shows that it did.
func clip(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}

// FirstLine is the first line of a text that a stranger wrote, as long as it may be in a
// sentence.
func FirstLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	return Excerpt(strings.TrimSpace(line))
}

// Excerpt is as much of a stranger's words as may stand in a sentence.
func Excerpt(text string) string { return clip(text, maxWords) }
