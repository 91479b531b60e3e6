// Package replay keeps a bundle in a file and reads it back, byte for byte: so a
// diagnosis can be made elsewhere, later, and again.
//
// It must not look at this machine. What a file does not hold is Skipped.
//
// The file is one JSON object, indented so that a person can read and redact it
// before it is sent anywhere, and compressed with gzip where its name ends in .gz:
//
//	{"bundle": 1, "tool": "1.0", "taken": "2026-01-02T03:04:05Z", "way": "local", "uid": 0,
//	 "items": [{"key": "file:/etc/ssh/sshd_config", "status": "known", "data": "Port 22\n", "meta": {…}}]}
//
// The items are sorted by key, so the same bundle is always the same file. Bytes
// that are not plain text stand in data_base64 in place of data.
package replay

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"sshwhy/internal/evidence"
)

// Format is the version of the file format that is written, and the newest that is read.
const Format = 1

type header struct {
	Bundle int       `json:"bundle"`
	Tool   string    `json:"tool"`
	Taken  time.Time `json:"taken"`
	Way    string    `json:"way"`
	UID    int       `json:"uid"`
}

type record struct {
	Key       string          `json:"key,omitempty"`
	KeyB64    string          `json:"key_base64,omitempty"`
	Status    evidence.Status `json:"status"`
	Reason    string          `json:"reason,omitempty"`
	Exit      int             `json:"exit"`
	Data      *string         `json:"data,omitempty"`
	DataB64   string          `json:"data_base64,omitempty"`
	Stderr    *string         `json:"stderr,omitempty"`
	StderrB64 string          `json:"stderr_base64,omitempty"`
	Truncated bool            `json:"truncated,omitempty"`
	Meta      *meta           `json:"meta,omitempty"`
	Matches   matchList       `json:"matches,omitempty"`
}

// meta and match carry names, which on Linux need not be text.
type meta struct {
	evidence.Meta
	LinkB64 string `json:"link_base64,omitempty"`
}

type matchList []match

type match struct {
	Path    string `json:"path,omitempty"`
	PathB64 string `json:"path_base64,omitempty"`
	Meta    meta   `json:"meta"`
}

// Write writes the bundle as JSON. Its errors are w's.
func Write(w io.Writer, b *evidence.Bundle) error {
	head, err := encode(header{Format, b.Tool, b.Taken.UTC(), b.Way, b.UID}, "")
	if err != nil {
		return err
	}
	// The items stand in the same object as the header: reopen it.
	if _, err := w.Write(append(bytes.TrimSuffix(head, []byte("\n}")), ",\n  \"items\": ["...)); err != nil {
		return err
	}
	separator := "\n    "
	for _, key := range b.Keys() {
		text, err := encode(recordOf(key, b.Lookup(key)), "    ")
		if err != nil {
			return err
		}
		if _, err := w.Write(append([]byte(separator), text...)); err != nil {
			return err
		}
		separator = ",\n    "
	}
	_, err = io.WriteString(w, "\n  ]\n}\n")
	return err
}

// encode is indented JSON without HTML escapes and without the last newline.
func encode(v any, prefix string) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	enc.SetIndent(prefix, "  ")
	err := enc.Encode(v)
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), err
}

func recordOf(key string, r evidence.Result) record {
	rec := record{Status: r.Status, Reason: strings.ToValidUTF8(r.Reason, "\ufffd"), Exit: r.Exit, Truncated: r.Truncated}
	rec.Key, rec.KeyB64 = name(key)
	rec.Data, rec.DataB64 = text(r.Data)
	rec.Stderr, rec.StderrB64 = text(r.Stderr)
	if r.Meta != nil {
		m := metaRecord(*r.Meta)
		rec.Meta = &m
	}
	for _, m := range r.Matches {
		out := match{Meta: metaRecord(m.Meta)}
		out.Path, out.PathB64 = name(m.Path)
		rec.Matches = append(rec.Matches, out)
	}
	return rec
}

func metaRecord(m evidence.Meta) meta {
	out := meta{Meta: m}
	out.Link, out.LinkB64 = name(m.Link)
	return out
}

// result is the inverse of recordOf.
func (rec record) result() (key string, r evidence.Result, err error) {
	decode := func(plain *string, encoded string) []byte {
		if err != nil || (plain == nil && encoded == "") {
			return nil
		}
		if encoded == "" {
			return []byte(*plain)
		}
		var data []byte
		data, err = base64.StdEncoding.DecodeString(encoded)
		return data
	}
	metadata := func(m meta) evidence.Meta {
		m.Link = string(decode(&m.Link, m.LinkB64))
		return m.Meta
	}
	key = string(decode(&rec.Key, rec.KeyB64))
	r = evidence.Result{Status: rec.Status, Reason: rec.Reason, Exit: rec.Exit, Truncated: rec.Truncated,
		Data: decode(rec.Data, rec.DataB64), Stderr: decode(rec.Stderr, rec.StderrB64)}
	if rec.Meta != nil {
		m := metadata(*rec.Meta)
		r.Meta = &m
	}
	for _, m := range rec.Matches {
		r.Matches = append(r.Matches, evidence.Match{Path: string(decode(&m.Path, m.PathB64)), Meta: metadata(m.Meta)})
	}
	return key, r, err
}

// name is text for what is never nil.
func name(s string) (plain, encoded string) {
	if harmless(s) {
		return s, ""
	}
	return "", base64.StdEncoding.EncodeToString([]byte(s))
}

// text gives data as a JSON string where that is exact and shows nothing to a
// terminal that prints the file, and in base64 otherwise. Nil stays nil.
func text(data []byte) (plain *string, encoded string) {
	if data == nil {
		return nil, ""
	}
	if s := string(data); harmless(s) {
		return &s, ""
	}
	return nil, base64.StdEncoding.EncodeToString(data)
}

// harmless reports whether s is UTF-8 that JSON gives back exactly, without what
// a terminal acts upon or does not show (C1 controls, marks that turn the
// direction of writing): JSON escapes only the C0 controls.
func harmless(s string) bool {
	if !utf8.ValidString(s) {
		return false
	}
	return strings.IndexFunc(s, func(c rune) bool { return c >= 0x7f && !unicode.IsPrint(c) }) < 0
}
