package explain

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// corpora calls f with every text that somebody pasted or a real program printed.
func corpora(t *testing.T, f func(name, text string)) {
	t.Helper()
	err := filepath.WalkDir("testdata", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if filepath.Ext(path) == ".tsv" {
			for line := range strings.Lines(string(data)) {
				text, _, _ := strings.Cut(line, "\t")
				f(path, unescaped(text))
			}
			return nil
		}
		head, text, ok := strings.Cut(string(data), "\n---\n")
		if !ok {
			text = head
		}
		f(path, text)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestEveryRuleFires: a rule that no text of the corpora needs was made for none.
func TestEveryRuleFires(t *testing.T) {
	fired := map[string]int{}
	corpora(t, func(name, text string) {
		r, trail, err := Judge(strings.NewReader(text), Options{})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, j := range trail {
			fired[j.Rule]++
		}
		for _, f := range r.Findings {
			if !slices.ContainsFunc(trail, func(j Judgement) bool { return j.Cause == f.Cause && j.Effect == "adds" }) {
				t.Errorf("%s: nothing says which rule added %s", name, f.Cause)
			}
		}
	})
	names := []string{byMessage, byShortlist}
	for _, r := range rules {
		if slices.Contains(names, r.name) || (r.whole == nil) == (r.attempt == nil) {
			t.Errorf("the rule %q is not one rule with a name of its own", r.name)
		}
		names = append(names, r.name)
	}
	for _, name := range names {
		if fired[name] == 0 {
			t.Errorf("no text of the corpora fires the rule %q", name)
		}
	}
}

// TestTrail: what became of each cause is told in order.
func TestTrail(t *testing.T) {
	const text = "kex_exchange_identification: Connection closed by remote host\nConnection closed by 192.0.2.7 port 22\n" +
		"Nov 20 14:39:11 web1 sshd[7]: error: beginning MaxStartups throttling\n"
	_, trail, err := Judge(strings.NewReader(text), Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []Judgement{{byMessage, "adds", "max-startups"}, {byMessage, "adds", "closed-before-banner"}, {"max-startups", "explains", "closed-before-banner"}} {
		if !slices.Contains(trail, want) {
			t.Errorf("%v is not in %v", want, trail)
		}
	}
}
