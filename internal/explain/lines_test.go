package explain

import (
	"os"
	"strings"
	"testing"
)

// TestLines: messages of many programs, one by one.
func TestLines(t *testing.T) {
	for _, f := range tsv(t, "testdata/lines.tsv") {
		if len(f) != 2 {
			t.Errorf("%q has %d columns", f[0], len(f))
			continue
		}
		r, err := Explain(strings.NewReader(unescaped(f[0])+"\n"), Options{})
		if err != nil {
			t.Fatal(err)
		}
		got, all := "none", ""
		for _, x := range r.Findings {
			all += " " + x.Cause + "/" + string(x.Certainty) + "/" + string(x.Impact)
		}
		if len(r.Findings) > 0 && (f[1] != "none" || r.Verdict == "broken") {
			got = r.Findings[0].Cause
		}
		if got != f[1] {
			t.Errorf("%s\n   want %s, got%s", f[0], f[1], all)
		}
	}
}

// unescaped turns \n into a line end and \\ into a backslash.
func unescaped(s string) string { return strings.NewReplacer(`\\`, `\`, `\n`, "\n").Replace(s) }

// tsv reads the rows of a table.
func tsv(t *testing.T, file string) [][]string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var out [][]string
	for l := range strings.Lines(string(data)) {
		if l = strings.TrimRight(l, "\n"); l != "" && !strings.HasPrefix(l, "#") {
			out = append(out, strings.Split(l, "\t"))
		}
	}
	return out
}
