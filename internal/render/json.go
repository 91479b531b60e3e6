package render

import (
	"bytes"
	"encoding/json"
	"io"
	"regexp"
	"strconv"
	"unicode/utf8"

	"sshwhy/internal/report"
)

// JSON writes the report as one indented object and a newline: the contract of
// docs/output.md.
func JSON(w io.Writer, r *report.Report) error { return Object(w, r, nil) }

// JSONLine writes the report as one line (NDJSON).
func JSONLine(w io.Writer, r *report.Report) error { return Line(w, r, nil) }

// Object writes any value as indented JSON and a newline. Characters that a
// terminal might act upon are written as \u escapes, which mean the same to a
// JSON reader. text, if any, is applied to each string first: what it takes out
// is not printed.
func Object(w io.Writer, v any, text func(string) string) error { return write(w, v, "  ", text) }

// Line is Object on one line (NDJSON).
func Line(w io.Writer, v any, text func(string) string) error { return write(w, v, "", text) }

func write(w io.Writer, v any, indent string, text func(string) string) error {
	var b bytes.Buffer
	enc := encoder(&b)
	enc.SetIndent("", indent)
	if err := enc.Encode(v); err != nil {
		return err
	}
	data := b.Bytes()
	if text != nil {
		data = literal.ReplaceAllFunc(data, func(l []byte) []byte { return replaced(l, text) })
	}
	_, err := w.Write(escapeHidden(data))
	return err
}

func encoder(w io.Writer) *json.Encoder {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc
}

// literal is one string in JSON.
var literal = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)

// replaced is a string's literal after text.
func replaced(l []byte, text func(string) string) []byte {
	var s string
	if json.Unmarshal(l, &s) != nil {
		return l
	}
	clean := text(s)
	if clean == s {
		return l
	}
	var b bytes.Buffer
	if encoder(&b).Encode(clean) != nil {
		return l
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// escapeHidden replaces characters that encoding/json leaves raw and a terminal
// may act upon. Outside of strings JSON holds none of them.
func escapeHidden(data []byte) []byte {
	plain := true
	for _, c := range data {
		if c >= 0x7f {
			plain = false
			break
		}
	}
	if plain {
		return data
	}
	out := make([]byte, 0, len(data)+64)
	for i := 0; i < len(data); {
		r, n := utf8.DecodeRune(data[i:])
		if r != 0x7f && !hidden(r) {
			out = append(out, data[i:i+n]...)
		} else if r > 0xffff {
			r -= 0x10000
			out = appendU(appendU(out, 0xd800+(r>>10)), 0xdc00+(r&0x3ff))
		} else {
			out = appendU(out, r)
		}
		i += n
	}
	return out
}

func appendU(b []byte, r rune) []byte {
	h := strconv.FormatInt(int64(r), 16)
	b = append(b, `\u`...)
	for range 4 - len(h) {
		b = append(b, '0')
	}
	return append(b, h...)
}
