package explain

import (
	"slices"
	"strings"

	"sshwhy/internal/catalog"
	"sshwhy/internal/report"
)

// A candidate is a cause that the text speaks for.
type candidate struct {
	cause     string
	certainty report.Certainty
	impact    report.Impact
	fromEnd   bool // only an ending speaks for it: a cause that is named outright hides it
	score     int  // within the same certainty: higher first
	attempt   int  // where it was seen first
	evidence  []int
	caps      map[string]string
	look      string        // the command that shows it here; "": the catalogue's
	steps     []report.Step // what mends it, where a check said so; nil: the catalogue's
	summary   string        // what a check said of it, with names and numbers; "": the catalogue's sentence
}

// Scores. They only order candidates of one impact and certainty.
const (
	scoreRule = 40 // a rule that looked at more than one line
	scoreRoot = 30 // a message that names the cause
	scoreEnd  = 10
	scoreNote = 5
)

// maxKept bounds how many lines are remembered for one cause.
const maxKept = 64

// add records that a line speaks for a cause, or strengthens what is recorded.
func (rd *reading) add(cause string, cert report.Certainty, score int, lineNo int, caps map[string]string) *candidate {
	c := rd.get(cause)
	if c == nil {
		c = &candidate{cause: cause, certainty: cert, impact: report.Blocking, attempt: rd.attemptOf(lineNo), caps: map[string]string{}}
		rd.cands = append(rd.cands, c)
	}
	if cert.Rank() < c.certainty.Rank() {
		c.certainty = cert
	}
	c.score = max(c.score, score)
	if lineNo >= 0 && len(c.evidence) < maxKept && !slices.Contains(c.evidence, lineNo) {
		c.evidence = append(c.evidence, lineNo)
	}
	for k, v := range caps {
		if _, ok := c.caps[k]; !ok && v != "" {
			c.caps[k] = v
		}
	}
	return c
}

func (rd *reading) get(cause string) *candidate {
	for _, c := range rd.cands {
		if c.cause == cause {
			return c
		}
	}
	return nil
}

// where is the first line that speaks for a candidate.
func (c *candidate) where() int {
	if len(c.evidence) == 0 {
		return -1
	}
	return slices.Min(c.evidence)
}

func (rd *reading) has(causes ...string) bool {
	return slices.ContainsFunc(causes, func(id string) bool { return rd.get(id) != nil })
}

// drop forgets a cause and returns its evidence, for another to inherit.
func (rd *reading) drop(cause string) []int {
	for i, c := range rd.cands {
		if c.cause == cause {
			rd.cands = slices.Delete(rd.cands, i, i+1)
			return c.evidence
		}
	}
	return nil
}

// attemptOf says in which attempt a line stands.
func (rd *reading) attemptOf(lineNo int) int {
	i, _ := slices.BinarySearchFunc(rd.attempts, lineNo, func(a *attempt, n int) int { return a.last - n })
	return min(i, len(rd.attempts)-1)
}

// failsAt is the place in the client's walk of the step at which a cause stops a connection.
func failsAt(cause string) int {
	page, _ := catalog.Get(cause)
	return catalog.WalkRank(page.FailsAt)
}

// claim is what a candidate claims: in a text the surest comes first, then what more
// speaks for, and among equals what stands first in the way. What a mere ending
// suggests explains nothing.
func (c *candidate) claim() catalog.Claim {
	return catalog.Claim{Cause: c.cause, Impact: c.impact, Certainty: c.certainty, Text: true, Mute: c.fromEnd,
		Place: []int{c.certainty.Rank(), -c.score, failsAt(c.cause), c.where()}}
}

// endings are the causes that are an ending, and have a cause of their own in turn: a
// text that shows no more than them shows why nothing worked, and not what is to be mended.
var endings = []string{"session-refused", "connection-dropped", "closed-before-banner", "closed-during-kex", "jump-host-failed", "login-slow"}

// unsure takes certainty from what was not seen: the cause of a symptom is at most likely.
func (rd *reading) unsure() {
	for _, c := range rd.cands {
		if c.certainty == report.Confirmed && (c.fromEnd || slices.Contains(endings, c.cause)) {
			c.certainty = report.Likely
		}
	}
}

// settle takes out what other candidates explain and orders the rest.
func (rd *reading) settle() {
	slices.SortFunc(rd.cands, func(a, b *candidate) int { return strings.Compare(a.cause, b.cause) })
	rd.apply(byShortlist, func() {
		var kept []*candidate
		for _, b := range rd.cands {
			if !b.fromEnd || b.certainty != report.Possible || !rd.decided(b) {
				kept = append(kept, b)
			}
		}
		rd.cands = kept
	})
	stand, symptoms := catalog.Settle(rd.cands, (*candidate).claim)
	rd.cands = stand
	for _, s := range symptoms {
		rd.trail = append(rd.trail, Judgement{s.Of.cause, "explains", s.Finding.cause})
	}
}

// decided reports whether the attempt whose ending suggests b is explained by
// a cause that the text names: then nobody needs the shortlist.
func (rd *reading) decided(b *candidate) bool {
	return slices.ContainsFunc(rd.cands, func(a *candidate) bool {
		return a.attempt == b.attempt && !a.fromEnd && a.impact == report.Blocking && a.certainty != report.Possible && failsAt(a.cause) <= failsAt(b.cause)
	})
}
