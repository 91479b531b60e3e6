package shell

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"sshwhy/internal/evidence"
)

// Section is one line of a frame with what stands below it.
type Section struct {
	Head string // the words of the line, without the nonce
	Body []byte
}

// complete reports whether the last section is the one that ends an item.
func complete(sections []Section) bool {
	return len(sections) > 0 && sections[len(sections)-1].Head == "."
}

// Decode makes a result of the sections that a function of the prelude printed
// for an item. With raw, file contents and names stand as they are, otherwise in
// the far side's encoding. What makes no sense is Failed, never less.
func Decode(kind evidence.Kind, limit int, sections []Section, raw bool) evidence.Result {
	if !complete(sections) {
		return *failed("the answer is cut short")
	}
	d := decoder{raw: raw, limit: limit, kind: kind}
	for _, s := range sections[:len(sections)-1] {
		if err := d.section(s); err != nil {
			return *failed("the answer is damaged: " + err.Error())
		}
	}
	return d.result()
}

type decoder struct {
	raw   bool
	limit int
	kind  evidence.Kind

	r       evidence.Result
	matches []evidence.Match
	last    int // the match that metadata and links belong to; -1: the item itself
	hidden  string
	trouble string // what reading said went wrong
	late    bool   // the program did not end in time
	held    bool   // its output did not
	byLs    bool
	read    bool
}

func (d *decoder) section(s Section) error {
	head, rest, _ := strings.Cut(s.Head, " ")
	switch head {
	case "s":
		return d.status(rest)
	case "m", "n":
		m, err := metaOf(head, rest)
		if err != nil {
			return err
		}
		d.byLs = d.byLs || head == "n"
		if at := d.current(); at != nil {
			m.Link = at.Meta.Link
			at.Meta = m
		} else {
			d.r.Meta = &m
		}
	case "l":
		target, err := d.bytes(s.Body)
		target = bytes.TrimSuffix(target, []byte("\n"))
		if at := d.current(); at != nil {
			at.Meta.Link = string(target)
		} else if d.r.Meta != nil {
			d.r.Meta.Link = string(target)
		}
		return err
	case "o":
		data, err := d.bytes(s.Body)
		d.r.Data, d.r.Truncated = cut(data, d.limit, d.r.Truncated)
		d.read = true
		return err
	case "z":
		d.trouble = strings.TrimSpace(string(s.Body))
	case "r":
		return d.run(s.Body)
	case "p", "k", "P", "M", "q":
		return d.glob(head, s.Body)
	default:
		return fmt.Errorf("unknown part %.20q", head)
	}
	return nil
}

// current is the match that is being described, or nil for the item itself.
func (d *decoder) current() *evidence.Match {
	if d.kind == evidence.KindGlob && d.last < len(d.matches) {
		return &d.matches[d.last]
	}
	return nil
}

func (d *decoder) glob(head string, body []byte) error {
	if d.kind != evidence.KindGlob {
		return errors.New("matches without a pattern")
	}
	if head == "M" {
		return d.metas(body)
	}
	data, err := d.bytes(body)
	if err != nil {
		return err
	}
	switch head {
	case "q":
		d.hidden = string(data)
	case "p":
		d.last = len(d.matches)
		d.matches = append(d.matches, evidence.Match{Path: string(data)})
	case "P":
		if bytes.Count(data, []byte{0}) > evidence.MaxMatches {
			return fmt.Errorf("more than %d matches", evidence.MaxMatches)
		}
		for p := range strings.SplitSeq(strings.TrimSuffix(string(data), "\x00"), "\x00") {
			d.matches = append(d.matches, evidence.Match{Path: p})
		}
	case "k":
		for i, m := range d.matches {
			if m.Path == string(data) {
				d.last = i
				return nil
			}
		}
		return errors.New("a link that is no match")
	}
	return nil
}

// metas are the metadata of the last matches, a line each.
func (d *decoder) metas(body []byte) error {
	lines := strings.Split(strings.TrimSpace(string(body)), "\n")
	if len(lines) > len(d.matches) {
		return errors.New("more metadata than matches")
	}
	for i, line := range lines {
		m, err := metaOf("m", strings.TrimSpace(line))
		if err != nil {
			return err
		}
		d.matches[len(d.matches)-len(lines)+i].Meta = m
	}
	return nil
}

// run reads how a command ended, and its standard error, which is always encoded.
func (d *decoder) run(body []byte) error {
	text, encoded, found := strings.Cut("\n"+strings.ReplaceAll(string(body), "\r", "")+"\n", "\ne\n")
	if !found {
		return errors.New("how the program ended is missing")
	}
	exit := -1
	for word := range strings.FieldsSeq(text) {
		switch n, err := strconv.Atoi(word); {
		case word == "t":
			d.late = true
		case word == "k":
			d.held = true
		case err == nil:
			exit = n
		}
	}
	stderr, err := decode([]byte(encoded))
	d.r.Stderr, d.r.Truncated = cut(stderr, d.limit, d.r.Truncated)
	d.r.Exit = exit
	return err
}

// status is a letter of the prelude: why there is nothing to see.
func (d *decoder) status(letter string) error {
	switch letter {
	case "a":
		d.r.Status, d.r.Reason = evidence.Absent, "no such file or directory"
		if d.kind == evidence.KindCommand || d.kind == evidence.KindHello {
			d.r.Reason = "there is no such program"
		}
	case "d":
		d.r.Status, d.r.Reason = evidence.Denied, "permission denied"
	case "y":
		d.r.Status, d.r.Reason = evidence.Failed, "too many levels of symbolic links"
	case "r":
		d.r.Status, d.r.Reason = evidence.Failed, "not an absolute path"
	default:
		reason, ok := strings.CutPrefix(letter, "f ")
		if !ok {
			return fmt.Errorf("unknown status %.20q", letter)
		}
		d.r.Status, d.r.Reason = evidence.Failed, cmp.Or(strings.TrimSpace(reason), "no reason given")
	}
	return nil
}

func (d *decoder) result() evidence.Result {
	r := &d.r
	if r.Status != "" {
		r.Exit = -1
	}
	switch d.kind {
	case evidence.KindGlob:
		d.globResult()
	case evidence.KindCommand:
		d.commandResult()
	case evidence.KindHello:
		d.commandResult()
		return helloResult(*r)
	default:
		d.fileResult()
	}
	if d.byLs && r.Status == evidence.Known && r.Reason == "" {
		r.Reason = "read with ls: the time of the last change is not known"
	}
	return *r
}

func (d *decoder) fileResult() {
	r := &d.r
	switch {
	case r.Status == evidence.Absent && r.Meta != nil && r.Meta.Link != "":
		r.Reason = "a symbolic link to " + r.Meta.Link + ", which does not exist"
	case r.Status != "":
	case r.Meta == nil:
		r.Status, r.Reason = evidence.Failed, "it went away while it was looked at"
	case d.kind == evidence.KindStat:
		r.Status = evidence.Known
	case !d.read && r.Meta.Type != "file":
		r.Status, r.Reason = evidence.Failed, "not a regular file but a "+r.Meta.Type
	case !d.read:
		r.Status, r.Reason = evidence.Failed, "its content did not come"
	case d.trouble != "":
		r.Status, r.Reason = trouble(d.trouble)
	default:
		r.Status = evidence.Known
	}
	if r.Status != evidence.Known {
		r.Exit = -1
	}
}

// trouble reads what head(1) or the shell said, in the C locale, and the exit
// status that follows.
func trouble(text string) (evidence.Status, string) {
	line, _, _ := strings.Cut(text, "\n")
	switch {
	case strings.Contains(text, "ermission denied"):
		return evidence.Denied, "permission denied"
	case strings.HasSuffix(text, "x 137"):
		return evidence.Failed, fmt.Sprintf("no answer within %ds", readLimit)
	case strings.HasPrefix(line, "x "):
		return evidence.Failed, "reading ended with status " + line[2:]
	}
	return evidence.Failed, line
}

func (d *decoder) globResult() {
	r := &d.r
	r.Matches = d.matches
	sortMatches(r.Matches)
	switch {
	case r.Status == evidence.Failed:
	case d.hidden != "":
		r.Status, r.Reason, r.Exit = evidence.Denied, "could not look into "+d.hidden+": permission denied", -1
	case len(r.Matches) == 0:
		r.Status, r.Reason, r.Exit = evidence.Absent, "nothing matches", -1
	default:
		r.Status = evidence.Known
	}
}

// The statuses of a shell for a program that a signal ended: 128 and its number,
// in ksh93 256. Signals go up to 64.
const (
	signalled    = 128
	kshSignalled = 256
	lastSignal   = 64
)

// noAnswer is the Reason of a program that was ended.
const noAnswer = "no answer within its time limit"

func (d *decoder) commandResult() {
	r := &d.r
	bySignal := r.Exit > signalled && r.Exit <= signalled+lastSignal || r.Exit > kshSignalled
	notRun := (r.Exit == 126 || r.Exit == 127) && bytes.HasPrefix(r.Stderr, []byte("setsid: "))
	switch {
	case r.Status != "":
		return
	case !d.read:
		r.Status, r.Reason = evidence.Failed, "its output did not come"
	case d.late:
		r.Status, r.Reason = evidence.Failed, noAnswer
	case d.held:
		r.Status, r.Reason = evidence.Failed, "a process it left behind kept its output open, so what it wrote is lost"
	case notRun:
		r.Status, r.Reason = evidence.Failed, "cannot be run: "+strings.TrimSpace(string(r.Stderr))
		r.Stderr = nil
	default:
		r.Status = evidence.Known
		if bySignal {
			r.Reason = fmt.Sprintf("ended by signal %d", r.Exit%signalled)
			r.Exit = -1
		}
		if r.Truncated {
			r.Reason = "ended: it wrote more than is kept"
		}
	}
	if r.Truncated || r.Status != evidence.Known {
		r.Exit = -1
	}
}

func cut(data []byte, limit int, before bool) ([]byte, bool) {
	if len(data) > limit {
		return data[:limit], true
	}
	return data, before
}

func (d *decoder) bytes(body []byte) ([]byte, error) {
	if d.raw {
		return body, nil
	}
	return decode(body)
}

// decode reads what base64, openssl base64, uuencode -m or od -tx1 wrote.
func decode(body []byte) ([]byte, error) {
	text := string(body)
	if i := strings.Index(text, "begin-base64 "); i >= 0 { // uuencode
		_, text, _ = strings.Cut(text[i:], "\n")
		text, _, _ = strings.Cut(text, "====")
	}
	text = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, text)
	if strings.Trim(text, "0123456789abcdef") == "" && isHex(body) {
		return hex.DecodeString(text)
	}
	return base64.StdEncoding.DecodeString(text)
}

// isHex tells od's output, which has a blank in front of each byte, from base64
// that happens to have no other characters.
func isHex(body []byte) bool { return bytes.HasPrefix(bytes.TrimLeft(body, "\r\n"), []byte(" ")) }
