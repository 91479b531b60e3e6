package replay

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"sshwhy/internal/evidence"
)

// Limits of a file that is read; who sends it may mean harm.
const (
	maxBytes   = 128 << 20 // after decompression; a full bundle of a big machine is below 20 MB
	maxItems   = 4 * evidence.MaxItems
	maxMatches = 2 * evidence.MaxMatches // of all patterns
)

// What Read says of a file that is not what it should be. The texts are shown to
// the user after the file's name.
var (
	ErrCut     = errors.New("the bundle is cut short: its end is missing, so it was not copied completely")
	ErrForeign = errors.New("this is not a bundle of sshwhy collect")
	errMatches = fmt.Errorf("the bundle holds more than %d matches of patterns", maxMatches)
	ErrTooBig  = fmt.Errorf("the bundle is larger than %d MB", maxBytes>>20)
)

// ErrNewer says that the file needs a newer sshwhy.
type ErrNewer struct{ Format int }

func (e ErrNewer) Error() string {
	return fmt.Sprintf("the bundle was written by a newer sshwhy (format %d, this one reads up to %d): update sshwhy", e.Format, Format)
}

// Read reads a bundle, compressed or not. It stops at 128 MB and accepts only
// a whole, well-formed bundle: half of one would pass for a machine where the
// other half is missing.
func Read(r io.Reader) (*evidence.Bundle, error) { return read(r, maxBytes) }

func read(r io.Reader, most int64) (*evidence.Bundle, error) {
	in := bufio.NewReader(r)
	if magic, _ := in.Peek(2); len(magic) == 2 && magic[0] == 0x1f && magic[1] == 0x8b {
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, explain(err)
		}
		in = bufio.NewReader(z)
	}
	limited := &io.LimitedReader{R: in, N: most + 1}
	b, err := decode(limited)
	if limited.N <= 0 {
		return nil, ErrTooBig
	}
	if err != nil {
		return nil, explain(err)
	}
	return b, nil
}

// explain puts the errors of gzip and JSON into the words above.
func explain(err error) error {
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return ErrCut
	case errors.Is(err, gzip.ErrChecksum), errors.Is(err, gzip.ErrHeader):
		return fmt.Errorf("the bundle is damaged: %w", err)
	}
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		if syntax.Error() == "unexpected end of JSON input" {
			return ErrCut
		}
		return fmt.Errorf("the bundle is damaged at byte %d: %w", syntax.Offset, err)
	}
	if kind, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Errorf("the bundle is damaged: a %s stands where %s should", kind.Value, kind.Field)
	}
	return err
}

// reader reads the one object, field by field in any order, without ever
// holding more of the text than one item.
type reader struct {
	dec    *json.Decoder
	b      *evidence.Bundle
	format int // 0: not seen
	items  bool
	match  int // how many matches may still come
}

func decode(in io.Reader) (*evidence.Bundle, error) {
	r := &reader{dec: json.NewDecoder(in), b: evidence.NewBundle(), match: maxMatches}
	first, err := r.dec.Token()
	if _, bad := errors.AsType[*json.SyntaxError](err); bad || err == io.EOF || (err == nil && first != json.Delim('{')) {
		return nil, ErrForeign
	}
	if err != nil {
		return nil, err
	}
	for r.dec.More() {
		name, err := r.dec.Token()
		if err != nil {
			return nil, err
		}
		if err := r.field(name.(string)); err != nil { // a name in an object is a string
			return nil, err
		}
	}
	if _, err := r.dec.Token(); err != nil {
		return nil, err
	}
	if r.format == 0 || !r.items {
		return nil, ErrForeign
	}
	if _, err := r.dec.Token(); err != io.EOF {
		if err != nil && !isSyntax(err) {
			return nil, err
		}
		return nil, errors.New("the bundle is damaged: something follows its end")
	}
	r.b.Settle()
	return r.b, nil
}

func isSyntax(err error) bool { _, ok := errors.AsType[*json.SyntaxError](err); return ok }

func (r *reader) field(name string) error {
	switch name {
	case "bundle":
		if err := r.dec.Decode(&r.format); err != nil {
			return err
		}
		if r.format > Format {
			return ErrNewer{r.format}
		}
		if r.format < 1 {
			return ErrForeign
		}
		return nil
	case "tool":
		return r.dec.Decode(&r.b.Tool)
	case "taken":
		return r.dec.Decode(&r.b.Taken)
	case "way":
		return r.dec.Decode(&r.b.Way)
	case "uid":
		return r.dec.Decode(&r.b.UID)
	case "items":
		return r.readItems()
	}
	if r.format == 0 {
		return ErrForeign // ours begins with "bundle"
	}
	var ignored json.RawMessage
	return r.dec.Decode(&ignored)
}

// UnmarshalJSON reads the matches one by one: in memory, an empty one is fifty
// times what it is in the file.
func (l *matchList) UnmarshalJSON(text []byte) error {
	if text[0] != '[' {
		var matches []match // null, or an error in JSON's own words
		return json.Unmarshal(text, &matches)
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	_, _ = dec.Token() // the bracket
	for dec.More() {
		if len(*l) >= maxMatches {
			return errMatches
		}
		var m match
		if err := dec.Decode(&m); err != nil {
			return err
		}
		*l = append(*l, m)
	}
	return nil
}

var statuses = []evidence.Status{evidence.Known, evidence.Absent, evidence.Denied, evidence.Failed, evidence.Skipped}

func (r *reader) readItems() error {
	if r.items {
		return errors.New("the bundle is damaged: it holds its items twice")
	}
	r.items = true
	start, err := r.dec.Token()
	if err != nil {
		return err
	}
	if start != json.Delim('[') {
		return ErrForeign
	}
	for n := 0; r.dec.More(); n++ {
		if n >= maxItems {
			return fmt.Errorf("the bundle holds more than %d items", maxItems)
		}
		var rec record
		if err := r.dec.Decode(&rec); err != nil {
			return err
		}
		if r.match -= len(rec.Matches); r.match < 0 {
			return errMatches
		}
		key, res, err := rec.result()
		switch {
		case err != nil:
			return fmt.Errorf("the bundle is damaged: %q: %w", key, err)
		case key == "" || !slices.Contains(statuses, res.Status):
			return fmt.Errorf("the bundle is damaged: item %d (%q) has status %q", n+1, key, res.Status)
		case r.b.HasKey(key):
			return fmt.Errorf("the bundle is damaged: it holds %q twice", key)
		}
		r.b.PutKey(key, res)
	}
	_, err = r.dec.Token()
	return err
}
