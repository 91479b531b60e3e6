// Package catalog holds the causes sshwhy can name: one Markdown page per cause
// under causes/, embedded, with a front matter that machines read (id, stage,
// where it can be seen from, the kind of its remedy, what symptoms it explains)
// and a text that people read.
//
// The ids are a promise: they are never reworded. The package decides nothing
// about a machine; it is read by those that do.
package catalog

import (
	"embed"
	"fmt"
	"slices"
	"strings"
	"sync"

	"sshwhy/internal/report"
)

// Cause is one page of the catalogue.
type Cause struct {
	ID       string
	Stage    string            // a stage of the report, or "resources"
	Seen     string            // client | server | both
	Remedy   report.RemedyKind // the kind of consent its remedy needs
	Title    string            // one line: what it is
	Explains []string          // causes that are only symptoms while this one stands
	Body     string            // Markdown: "What it means", "See it by hand", "Mend it"
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
func StageRank(stage string) int {
	if i := slices.Index(causalOrder[:], stage); i >= 0 {
		return i
	}
	return len(causalOrder)
}

// parsePage reads a page: lines "key: value" up to a line "---", then the text.
func parsePage(text string) (Cause, error) {
	head, body, ok := strings.Cut(text, "\n---\n")
	if !ok {
		return Cause{}, fmt.Errorf("no line --- after the head")
	}
	c := Cause{Body: strings.TrimSpace(body) + "\n"}
	for line := range strings.Lines(head) {
		key, value, ok := strings.Cut(strings.TrimSpace(line), ": ")
		if !ok {
			return Cause{}, fmt.Errorf("head line %q is not key: value", line)
		}
		switch key {
		case "id":
			c.ID = value
		case "stage":
			c.Stage = value
		case "seen":
			c.Seen = value
		case "remedy":
			c.Remedy = report.RemedyKind(value)
		case "title":
			c.Title = value
		case "explains":
			c.Explains = strings.Fields(value)
		default:
			return Cause{}, fmt.Errorf("unknown head key %q", key)
		}
	}
	return c, nil
}
