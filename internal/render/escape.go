package render

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Safe makes bytes from a peer, a log or a file harmless for a terminal: what
// could move a cursor, change a colour, reverse the reading direction or hide
// text is shown as an escape (\x1b, \u202e) and bytes that are no UTF-8 as \xNN.
// Newlines are escaped too; Lines splits a text at them first.
func Safe(s string) string {
	if !needsEscape(s) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			b.WriteString(`\x`)
			b.WriteString(hex2(s[i]))
		case r == '\t':
			b.WriteString("    ")
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r < 0x20 || r == 0x7f:
			b.WriteString(`\x`)
			b.WriteString(hex2(byte(r)))
		case hidden(r):
			b.WriteString(`\u`)
			h := strconv.FormatInt(int64(r), 16)
			b.WriteString(strings.Repeat("0", max(0, 4-len(h))) + h)
		default:
			b.WriteString(s[i : i+n])
		}
		i += n
	}
	return b.String()
}

// Lines splits a text into lines that are each safe to print. A carriage return
// before a newline is dropped; trailing empty lines are dropped.
func Lines(s string) []string {
	s = strings.TrimRight(s, "\r\n")
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		lines[i] = Safe(strings.TrimSuffix(l, "\r"))
	}
	return lines
}

func needsEscape(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < 0x20 || s[i] >= 0x7f {
			return true
		}
	}
	return false
}

// hidden reports characters beyond ASCII that print as nothing, or change how the
// rest reads: C1 controls, zero-width characters and fillers, line separators,
// the bidirectional controls of Unicode TR 9, and the byte order mark.
func hidden(r rune) bool {
	return r >= 0x80 && unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp,
		unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

func hex2(c byte) string {
	const digits = "0123456789abcdef"
	return string([]byte{digits[c>>4], digits[c&15]})
}
