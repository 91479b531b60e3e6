// Package catalog holds the causes sshwhy can name: one Markdown page per cause
// under causes/, embedded, with a front matter that machines read and a text
// that people read. A page is the only place where anything is said about its
// cause in general; what was found on a machine is said by the check that found it.
//
// The front matter is lines "key: value" up to a line "---":
//
//	id          the cause's name, which is a promise: it is never reworded
//	stage       where the cause lies: a stage of the report, or resources
//	fails-at    the step of a connection that ends because of it: a stage of the client's walk
//	seen        who can find it: client, server or both
//	remedy      the kind of consent its remedy needs: repair, open or advice
//	title       one line: what it is
//	explains    causes that follow from this one: while it stands they are only
//	            symptoms, on either side, and theirs too (it is followed transitively)
//	looks-like  causes that this one may be taken for in a text, where words are all
//	            there is; not followed further. Two may name each other: the surer one stands then
//	summary     one sentence for where only a text tells of it (see Cause.Sentence)
//	advice      what to do, in a sentence
//	check       "client> command" or "server> command": what shows it by hand
//	fix         the same: the command that mends it
//
// explains, looks-like and fix may be missing.
//
// The package decides nothing about a machine; it is read by those that do. It
// holds the one rule by which findings become an answer, Settle.
package catalog

import (
	"embed"
	"fmt"
	"slices"
	"strings"
	"sync"

	"sshwhy/internal/report"
)

// Cause is one page of the catalogue. The package comment says what its fields mean.
type Cause struct {
	ID        string
	Stage     string
	FailsAt   string
	Seen      string // client | server | both
	Remedy    report.RemedyKind
	Title     string
	Explains  []string
	LooksLike []string
	Summary   string // with captures in braces
	Advice    string // what Remedy.Summary says where no check knows better
	Check     report.Step
	Fix       report.Step // zero where no one command mends it
	Body      string      // Markdown: "What it means", "See it by hand", "Mend it"
}

//go:embed causes/*.md
var pages embed.FS

// load parses all pages once; a page that does not parse is a build fault,
// which TestPages finds.
var load = sync.OnceValues(func() (map[string]Cause, error) {
	entries, err := pages.ReadDir("causes")
	if err != nil {
		return nil, err
	}
	all := make(map[string]Cause, len(entries))
	for _, e := range entries {
		data, err := pages.ReadFile("causes/" + e.Name())
		if err != nil {
			return nil, err
		}
		c, err := parsePage(string(data))
		if err != nil {
			return nil, fmt.Errorf("causes/%s: %w", e.Name(), err)
		}
		if c.ID+".md" != e.Name() {
			return nil, fmt.Errorf("causes/%s: its id is %q", e.Name(), c.ID)
		}
		all[c.ID] = c
	}
	return all, nil
})

// Get returns the page of a cause.
func Get(id string) (Cause, bool) {
	all, err := load()
	if err != nil {
		return Cause{}, false
	}
	c, ok := all[id]
	return c, ok
}

// All returns every cause, in the order of the path a connection takes and
// then by id.
func All() []Cause {
	all, err := load()
	if err != nil {
		return nil
	}
	out := make([]Cause, 0, len(all))
	for _, c := range all {
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b Cause) int {
		if d := StageRank(a.Stage) - StageRank(b.Stage); d != 0 {
			return d
		}
		return strings.Compare(a.ID, b.ID)
	})
	return out
}

// Explains reports whether cause a explains cause b, directly or through others.
func Explains(a, b string) bool {
	seen := map[string]bool{a: true}
	queue := []string{a}
	for len(queue) > 0 {
		c, _ := Get(queue[0])
		queue = queue[1:]
		for _, s := range c.Explains {
			if s == b && b != a {
				return true
			}
			if !seen[s] {
				seen[s] = true
				queue = append(queue, s)
			}
		}
	}
	return false
}

// LooksLike reports whether cause a may be taken for cause b where words are all
// there is, because its page says so.
func LooksLike(a, b string) bool {
	c, _ := Get(a)
	return slices.Contains(c.LooksLike, b)
}

// causalOrder is the order in which causes stand in each other's way: what has
// to be mended first comes first. A broken configuration keeps a service from
// starting, so config stands before service.
var causalOrder = [...]string{
	report.StagePackage, report.StageConfig, report.StageResources, report.StageService, report.StageSocket,
	report.StageResolve, report.StageRoute, report.StageNetwork, report.StageFirewall,
	report.StageConnect, report.StageBanner, report.StageKex, report.StageHostKey,
	report.StageAccess, report.StageAuth, report.StageSession,
}

// StageRank is the place of a stage in the causal order.
func StageRank(stage string) int { return rank(causalOrder[:], stage) }

// walkOrder are the steps of a connection, as the client walks them.
var walkOrder = [...]string{
	report.StageConfig, report.StageResolve, report.StageRoute, report.StageConnect, report.StageBanner,
	report.StageKex, report.StageHostKey, report.StageAuth, report.StageSession,
}

// WalkRank is the place of a step in the client's walk; what is no such step
// comes after all.
func WalkRank(step string) int { return rank(walkOrder[:], step) }

func rank(order []string, s string) int {
	if i := slices.Index(order, s); i >= 0 {
		return i
	}
	return len(order)
}
