package explain

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"sshwhy/internal/render"
	"sshwhy/internal/report"
	"sshwhy/internal/shquote/pastetest"
)

// hostileWords are what is worth renaming in a paste: units, users, files, hosts.
var hostileWords = regexp.MustCompile(`[A-Za-z][A-Za-z0-9_@.-]{2,}|/[A-Za-z0-9_@./-]{3,}`)

// TestHostilePastes: whatever a paste calls things, nothing of it runs when a
// printed command is pasted, and nothing of it moves a terminal. Each name that a
// report takes from a paste is given to an attacker.
func TestHostilePastes(t *testing.T) {
	files, err := filepath.Glob("testdata/pastes*/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	const every = 5 // of the files: the rest is alike
	hostileReports := 0
	for n := 0; n < len(files); n += every {
		text, err := os.ReadFile(files[n])
		if err != nil {
			t.Fatal(err)
		}
		rep, err := Explain(bytes.NewReader(text), Options{})
		if err != nil {
			t.Fatal(err)
		}
		for i, name := range named(rep, string(text)) {
			hostile := pastetest.Names()[(n+i)%len(pastetest.Names())]
			for _, to := range []string{hostile, name + hostile} {
				rep, err := Explain(strings.NewReader(strings.ReplaceAll(string(text), name, to)), Options{})
				if err != nil {
					t.Fatal(err)
				}
				if checkHarmless(t, filepath.Base(files[n])+": "+name, rep) {
					hostileReports++
				}
			}
		}
	}
	if hostileReports < 100 {
		t.Errorf("only %d reports held a hostile name", hostileReports)
	}
}

// named are the words of the text that the report's sentences and commands hold.
func named(rep *report.Report, text string) []string {
	var said strings.Builder
	for _, f := range rep.Findings {
		said.WriteString(f.Summary + " ")
		if f.Remedy != nil {
			for _, s := range f.Remedy.Steps {
				said.WriteString(s.Do + " " + s.Undo + " ")
			}
		}
	}
	words := hostileWords.FindAllString(said.String(), -1)
	words = slices.DeleteFunc(words, func(w string) bool { return !strings.Contains(text, w) })
	slices.Sort(words)
	words = slices.Compact(words)
	return words[:min(len(words), 12)]
}

// checkHarmless judges all that is printed, and says whether a hostile name is in it.
func checkHarmless(t *testing.T, where string, rep *report.Report) bool {
	t.Helper()
	for _, f := range rep.Findings {
		if f.Remedy == nil {
			continue
		}
		for _, s := range f.Remedy.Steps {
			for _, command := range []string{s.Do, s.Undo} {
				if err := pastetest.Harmless(command); err != nil {
					t.Errorf("%s: %s: %q: %v", where, f.Cause, command, err)
				}
			}
		}
	}
	var out bytes.Buffer
	if err := render.JSON(&out, rep); err != nil {
		t.Error(err)
	}
	if err := render.Terminal(&out, rep, render.Options{Width: 80, Verbose: 2}); err != nil {
		t.Error(err)
	}
	if i := strings.IndexFunc(out.String(), func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }); i >= 0 {
		t.Errorf("%s: printed as it is: %q", where, out.String()[max(0, i-40):min(out.Len(), i+40)])
	}
	return strings.Contains(out.String(), "canary")
}
