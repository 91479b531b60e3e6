package catalog

import (
	"os"
	"strings"
	"testing"
)

// promised reads the list of causes whose ids are a promise.
func promised(t *testing.T) map[string]Cause {
	t.Helper()
	data, err := os.ReadFile("testdata/causes.tsv")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]Cause{}
	for line := range strings.Lines(string(data)) {
		f := strings.Split(strings.TrimSpace(line), "\t")
		if strings.HasPrefix(line, "#") || len(f) != 5 {
			continue
		}
		out[f[0]] = Cause{ID: f[0], Stage: f[1], Seen: f[2], Title: f[4]}
	}
	if len(out) < 100 {
		t.Fatalf("read only %d promised causes", len(out))
	}
	return out
}

func TestPages(t *testing.T) {
	all, err := load()
	if err != nil {
		t.Fatal(err)
	}
	want := promised(t)
	for id, c := range all {
		p, ok := want[id]
		if !ok {
			t.Errorf("%s is a page, but no promised cause", id)
			continue
		}
		if c.Stage != p.Stage || c.Seen != p.Seen {
			t.Errorf("%s: page says stage %s seen %s, the promise says %s %s", id, c.Stage, c.Seen, p.Stage, p.Seen)
		}
		if c.Title == "" || c.Remedy == "" {
			t.Errorf("%s: no title or no remedy kind", id)
		}
		for _, h := range []string{"## What it means\n", "## See it by hand\n", "## Mend it\n"} {
			if !strings.Contains(c.Body, h) {
				t.Errorf("%s: no heading %q", id, strings.TrimSpace(h))
			}
		}
		for _, s := range c.Explains {
			if _, ok := want[s]; !ok {
				t.Errorf("%s explains %s, which is no cause", id, s)
			}
			if Explains(s, id) {
				t.Errorf("%s and %s explain each other", id, s)
			}
		}
	}
}

func TestExplainsIsTransitive(t *testing.T) {
	if !Explains("sshd-config-invalid", "service-failed") || Explains("service-failed", "sshd-config-invalid") {
		t.Error("sshd-config-invalid must explain service-failed, and not the other way round")
	}
}
