package render

import (
	"bytes"
	"encoding/json"
	"io"
	"strconv"
	"unicode/utf8"

	"sshwhy/internal/report"
)

// JSON writes the report as one indented object and a newline: the contract of
// docs/output.md. Characters that a terminal might act upon are written as
// \u escapes, which mean the same to a JSON reader.
func JSON(w io.Writer, r *report.Report) error {
	data, err := marshal(r, "  ")
	if err != nil {
		return err
	}
	_, err = w.Write(data)
	return err
}

// JSONLine writes the report as one line (NDJSON).
func JSONLine(w io.Writer, r *report.Report) error {
	data, err := marshal(r, "")
	if err != nil {
		return err
	}
	_, err = w.Write(data)
	return err
}

func marshal(v any, indent string) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", indent)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return escapeHidden(b.Bytes()), nil
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
