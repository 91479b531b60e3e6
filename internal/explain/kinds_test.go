package explain

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sshwhy/internal/report"
)

// TestKinds: one text of each kind of mistake that the reader made once. The first
// cause is one of those wanted, none of those not wanted is named at all, and the
// commands hold what they must (run) and nothing they must not (never-run).
func TestKinds(t *testing.T) {
	for _, p := range readPastes(t, "testdata/kinds") {
		t.Run(p.name, func(t *testing.T) {
			r, err := Explain(strings.NewReader(p.text), Options{})
			if err != nil {
				t.Fatal(err)
			}
			got, cert := first(r, p)
			if !slices.Contains(p.causes, got) {
				t.Errorf("first cause %s (%s), want %s: %s", got, cert, strings.Join(p.causes, " or "), r.Headline)
			}
			commands := commandsOf(r)
			for _, f := range r.Findings {
				if slices.Contains(p.not, f.Cause) {
					t.Errorf("names %s (%s)", f.Cause, f.Certainty)
				}
			}
			for _, want := range headList(t, p, "run") {
				if !strings.Contains(commands, want) {
					t.Errorf("no command holds %q:\n%s", want, commands)
				}
			}
			for _, bad := range headList(t, p, "never-run") {
				if strings.Contains(commands, bad) {
					t.Errorf("a command holds %q:\n%s", bad, commands)
				}
			}
		})
	}
}

// commandsOf are all commands of a report, one on a line.
func commandsOf(r *report.Report) string {
	var b strings.Builder
	for _, f := range r.Findings {
		for _, s := range f.Remedy.Steps {
			b.WriteString(s.Do + "\n")
		}
	}
	return b.String()
}

// headList reads a line of a paste's head, whose values stand between bars.
func headList(t *testing.T, p paste, key string) []string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata/kinds", p.name))
	if err != nil {
		t.Fatal(err)
	}
	head, _, _ := strings.Cut(string(data), "\n---\n")
	for _, l := range strings.Split(head, "\n") {
		if value, ok := strings.CutPrefix(l, key+": "); ok {
			return strings.Split(value, "|")
		}
	}
	return nil
}
