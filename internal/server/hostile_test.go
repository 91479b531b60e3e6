package server

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"sshwhy/internal/evidence"
	"sshwhy/internal/evidence/replay"
	"sshwhy/internal/render"
	"sshwhy/internal/report"
	"sshwhy/internal/shquote/pastetest"
)

// names are what is worth renaming in a bundle: units, users, files, interfaces,
// jails, anything that is one word.
var names = regexp.MustCompile(`[A-Za-z][A-Za-z0-9_@.-]{2,}|/[A-Za-z0-9_@./-]{3,}`)

// TestHostileNames: whatever a machine's things are called, nothing of it runs
// when a printed command is pasted, and nothing of it moves a terminal. Each name
// of each recorded machine is given to an attacker, one at a time.
func TestHostileNames(t *testing.T) {
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	commands := 0
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		whole, err := replay.Read(bytes.NewReader(data))
		if err != nil {
			continue // answers of tools, not a bundle
		}
		for i, name := range worthRenaming(whole) {
			hostile := pastetest.Names()[i%len(pastetest.Names())]
			if i%2 == 0 || strings.HasPrefix(name, "/") { // so that it stays a path, or a unit's name
				hostile = name + hostile
			}
			b := evidence.NewBundle()
			for _, key := range whole.Keys() {
				r := whole.Lookup(key)
				r.Data = bytes.ReplaceAll(r.Data, []byte(name), []byte(hostile))
				r.Matches = slices.Clone(r.Matches)
				for i := range r.Matches {
					r.Matches[i].Path = strings.ReplaceAll(r.Matches[i].Path, name, hostile)
				}
				b.PutKey(strings.ReplaceAll(key, name, hostile), r)
				if !b.HasKey(key) {
					b.PutKey(key, r)
				}
			}
			for _, q := range []Query{{}, {User: "alice"}, {User: hostile}} {
				commands += checkHarmless(t, filepath.Base(file)+": "+name, Diagnose(b, q, "test"))
			}
		}
	}
	if commands < 100 {
		t.Errorf("only %d commands held a hostile name", commands)
	}
}

// worthRenaming are the words that a report of this bundle names.
func worthRenaming(b *evidence.Bundle) []string {
	var out []string
	for _, q := range []Query{{}, {User: "alice"}, {User: "root"}} {
		for _, f := range Diagnose(b, q, "test").Findings {
			words := f.Summary
			for _, e := range f.Evidence {
				words += " " + e.Source + " " + e.Excerpt
			}
			if f.Remedy != nil {
				for _, s := range f.Remedy.Steps {
					words += " " + s.Do + " " + s.Undo
				}
			}
			out = append(out, names.FindAllString(words, -1)...)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// checkHarmless judges all that is printed, and counts the commands that hold a hostile name.
func checkHarmless(t *testing.T, where string, rep *report.Report) (commands int) {
	t.Helper()
	for _, f := range rep.Findings {
		if f.Remedy == nil {
			continue
		}
		for _, s := range f.Remedy.Steps {
			for _, command := range []string{s.Do, s.Undo} {
				if strings.Contains(command, "canary") {
					commands++
				}
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
	return commands
}
