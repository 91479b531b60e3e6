package catalog

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"sshwhy/internal/report"
)

func pagesOf(t *testing.T) map[string]Cause {
	t.Helper()
	all, err := load()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 100 {
		t.Fatalf("read only %d pages", len(all))
	}
	return all
}

// TestPromise: an id that was given once keeps its page. The list grows by make docs
// and never shrinks, so that a page that goes, or is called otherwise, is noticed.
func TestPromise(t *testing.T) {
	data, err := os.ReadFile("testdata/ids.txt")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(string(data)) {
		id := strings.TrimSpace(line)
		if id == "" || strings.HasPrefix(id, "#") {
			continue
		}
		n++
		if _, ok := Get(id); !ok {
			t.Errorf("%s was promised, and internal/catalog/causes/%s.md is gone: ids are never reworded", id, id)
		}
	}
	if n < 100 {
		t.Fatalf("read only %d promised ids", n)
	}
}

func TestPages(t *testing.T) {
	all := pagesOf(t)
	for _, id := range slices.Sorted(maps.Keys(all)) {
		c := all[id]
		for _, lack := range c.lacks() {
			t.Errorf("internal/catalog/causes/%s.md: %s", id, lack)
		}
		for _, s := range slices.Concat(c.Explains, c.LooksLike) {
			if _, ok := all[s]; !ok {
				t.Errorf("%s explains or looks like %s, which is no cause", id, s)
			}
		}
		for _, s := range c.Explains {
			if Explains(s, id) {
				t.Errorf("%s and %s explain each other", id, s)
			}
		}
		for _, s := range c.LooksLike {
			if Explains(id, s) {
				t.Errorf("%s looks like %s, which it explains anyway", id, s)
			}
			if Explains(s, id) {
				t.Errorf("%s looks like %s, which explains it", id, s)
			}
		}
	}
}

// lacks says what is missing on a page or cannot be.
func (c Cause) lacks() (bad []string) {
	missing := func(ok bool, what string) {
		if !ok {
			bad = append(bad, what)
		}
	}
	missing(StageRank(c.Stage) < len(causalOrder), "no stage of a report: stage: "+c.Stage)
	missing(WalkRank(c.FailsAt) < len(walkOrder), "no step of a connection: fails-at: "+c.FailsAt)
	missing(slices.Contains([]string{"client", "server", "both"}, c.Seen), "seen: is client, server or both, not "+c.Seen)
	missing(slices.Contains([]report.RemedyKind{report.Repair, report.Open, report.Advice}, c.Remedy), "remedy: is repair, open or advice, not "+string(c.Remedy))
	missing(c.Title != "", "no title:")
	missing(c.Summary != "", "no summary:")
	missing(c.Advice != "", "no advice:")
	missing(c.Check.Do != "", "no check:")
	for _, h := range []string{"## What it means\n", "## See it by hand\n", "## Mend it\n"} {
		missing(strings.Contains(c.Body, h), "no heading "+strings.TrimSpace(h))
	}
	return bad
}

// TestOneWay: nothing hides itself by a detour. What explains and what looks like
// another go one way, but for two that name each other.
func TestOneWay(t *testing.T) {
	all := pagesOf(t)
	const visiting, done = 1, 2
	state := map[string]int{}
	var visit func(id string, path []string)
	visit = func(id string, path []string) {
		if state[id] == done {
			return
		}
		if state[id] == visiting {
			t.Errorf("a circle: %s", strings.Join(append(path, id), " → "))
			return
		}
		state[id] = visiting
		for _, next := range slices.Concat(all[id].Explains, all[id].LooksLike) {
			if !LooksLike(id, next) || !LooksLike(next, id) {
				visit(next, append(path, id))
			}
		}
		state[id] = done
	}
	for _, id := range slices.Sorted(maps.Keys(all)) {
		visit(id, nil)
	}
}

func TestExplainsIsTransitive(t *testing.T) {
	if !Explains("sshd-config-invalid", "service-failed") || Explains("service-failed", "sshd-config-invalid") {
		t.Error("sshd-config-invalid must explain service-failed, and not the other way round")
	}
	if !Explains("sshd-config-invalid", "connection-refused") {
		t.Error("sshd-config-invalid must explain connection-refused through service-failed")
	}
}

func TestPagesThatCannotBe(t *testing.T) {
	for head, want := range map[string]string{
		"id: x":                         "no line ---",
		"id: x\nnonsense\n---\n":        "is not key: value",
		"id: x\nhides: y\n---\n":        `unknown head key "hides"`,
		"id: x\ncheck: ls -l\n---\n":    "does not begin with client> or server>",
		"id: x\nfix: router> up\n---\n": "does not begin with client> or server>",
	} {
		if _, err := parsePage(head); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", head, err, want)
		}
	}
}

func TestSentence(t *testing.T) {
	c := Cause{Summary: "Nothing answers[ at {host}][ port {port}]."}
	for _, tt := range []struct {
		known map[string]string
		want  string
	}{
		{nil, "Nothing answers."},
		{map[string]string{"host": "web1"}, "Nothing answers at web1."},
		{map[string]string{"host": "web1 [preauth]", "port": "22."}, "Nothing answers at web1 port 22."},
		{map[string]string{"host": strings.Repeat("x", 2*maxValue)}, "Nothing answers at " + strings.Repeat("x", maxValue) + " …."},
	} {
		if got := c.Sentence(tt.known); got != tt.want {
			t.Errorf("%v: %q, want %q", tt.known, got, tt.want)
		}
	}
}
