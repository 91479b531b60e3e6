package evidence

import (
	"fmt"
	"strings"
)

// Excerpt is the beginning of a text that is to be quoted, at most so many bytes,
// cut between words: half of a password, without the rest of its URL or its
// closing quote, would not be known for one.
func Excerpt(s string, most int) string {
	if len(s) <= most {
		return s
	}
	if i := strings.LastIndexAny(s[:most+1], " \t\r\n\x00"); i > 0 {
		return strings.ToValidUTF8(s[:i], "")
	}
	return fmt.Sprintf("(%d bytes without a blank)", len(s))
}
