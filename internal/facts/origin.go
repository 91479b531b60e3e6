package facts

import (
	"bytes"
	"strings"

	"sshwhy/internal/evidence"
)

// Origin says where a fact comes from and whether it could be looked at.
type Origin struct {
	Status evidence.Status
	Reason string // why it is not known
	Source string // the path or the command line
}

// Known reports whether the fact was seen.
func (o Origin) Known() bool { return o.Status == evidence.Known }

// Unseen reports whether nothing is known either way: it is neither seen nor
// seen to be absent.
func (o Origin) Unseen() bool { return o.Status != evidence.Known && o.Status != evidence.Absent }

// Quote is a piece of what was seen, copied.
type Quote struct {
	Source string
	Line   int // 1-based; 0 where there is none
	Text   string
}

// maxQuote bounds an excerpt in bytes: evidence is to be read by a person.
const maxQuote = 2000

// originOf names where a result comes from.
func originOf(it evidence.Item, r evidence.Result) Origin {
	o := Origin{Status: r.Status, Reason: r.Reason, Source: it.Path}
	if it.Kind == evidence.KindCommand {
		o.Source = strings.Join(it.Args, " ")
	}
	return o
}

// ran returns the origin of a command's result: a program that ran and ended
// with a status for which ok is false counts as failed.
func ran(it evidence.Item, r evidence.Result, ok func(exit int) bool) Origin {
	o := originOf(it, r)
	if o.Known() && !ok(r.Exit) {
		o.Status = evidence.Failed
		o.Reason = firstLine(r.Stderr)
		if o.Reason == "" {
			o.Reason = firstLine(r.Data)
		}
	}
	return o
}

func exitZero(exit int) bool { return exit == 0 }

// firstLine returns the first line that is not blank, without space around it.
func firstLine(data []byte) string {
	for line := range bytes.Lines(data) {
		if s := strings.TrimSpace(string(line)); s != "" {
			return clip(s)
		}
	}
	return ""
}

// clip bounds a text that is to be quoted.
func clip(s string) string {
	return evidence.Excerpt(s, maxQuote)
}

// lines splits text into lines without their line ends.
func lines(data []byte) []string {
	var out []string
	for line := range bytes.Lines(data) {
		out = append(out, strings.TrimRight(string(line), "\r\n"))
	}
	return out
}
