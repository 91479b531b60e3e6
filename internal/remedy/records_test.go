//go:build linux

package remedy

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sshwhy/internal/report"
)

// filesHolding are the files below a directory that hold a text.
func filesHolding(t *testing.T, dir, text string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if bytes.Contains(data, []byte(text)) {
			out = append(out, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestRecordHoldsNoSecret: of a file whose mode alone is changed, and of what a
// program has left as it was, no content is kept; of what was changed, it is.
func TestRecordHoldsNoSecret(t *testing.T) {
	b := newBench(t)
	t.Run("mode", func(t *testing.T) {
		b.write("key", "SECRET\n")
		if err := b.fix(b.plan(report.Action{Kind: report.ActMode, Path: b.path("key"), Mode: 0o600})); err != nil {
			t.Fatal(err)
		}
		if files := filesHolding(t, b.state, "SECRET"); len(files) > 0 {
			t.Errorf("recorded in %v", files)
		}
	})
	t.Run("program", func(t *testing.T) {
		if os.Geteuid() != 0 {
			t.Skip("programs change what is root's")
		}
		b.write("changed", "WAS\n")
		tree := &rulesDoer{kind: "rules", program: "cp", trees: []string{b.root}, do_: [][]string{{"cp", b.path("sshd.conf"), b.path("changed")}},
			probe_: func(context.Context, *System) map[string]string { return nil }, check_: func(context.Context, *System) error { return nil }}
		if err := b.fix(&Plan{Steps: []*Step{{Causes: []string{"x"}, Do: "cp", doer: tree}}}); err != nil {
			t.Fatal(err)
		}
		if files := filesHolding(t, b.state, "SECRET"); len(files) > 0 {
			t.Errorf("recorded in %v", files)
		}
		if files := filesHolding(t, b.state, "WAS"); len(files) != 1 {
			t.Errorf("what was changed is recorded in %v", files)
		}
		b.write("key", "somebody's change of what the fix has left alone\n")
		if _, err := b.undo(UndoOptions{}); err != nil {
			t.Fatal(err)
		}
		if b.read("changed") != "WAS\n" || !strings.HasPrefix(b.read("key"), "somebody's") {
			t.Errorf("not as before: %q, %q", b.read("changed"), b.read("key"))
		}
	})
	if files := filesHolding(t, b.state, "WAS"); len(files) > 0 {
		t.Errorf("still recorded when undone: %v", files)
	}
}

// TestUndoOfModeLeavesContent: what was changed since is not the fix's, and a
// mode can be put back without it.
func TestUndoOfModeLeavesContent(t *testing.T) {
	b := newBench(t)
	b.write("f", "old\n")
	if err := b.fix(b.plan(report.Action{Kind: report.ActMode, Path: b.path("f"), Mode: 0o600})); err != nil {
		t.Fatal(err)
	}
	b.write("f", "new\n")
	if u, err := b.undo(UndoOptions{}); err != nil || len(u.Left) > 0 {
		t.Fatalf("%+v, %v", u, err)
	}
	if fi, _ := os.Stat(b.path("f")); fi.Mode().Perm() != 0o644 || b.read("f") != "new\n" {
		t.Errorf("%v %q", fi.Mode(), b.read("f"))
	}
}

// TestUndoSetsNoSetUID: neither a mode nor a whole file that is not root's gets
// the bits back that would lend its owner's rights, and the undo says so.
func TestUndoSetsNoSetUID(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root to give files to users")
	}
	for name, act := range map[string]report.Action{
		"mode": {Kind: report.ActMode, Mode: 0o755},
		"edit": {Kind: report.ActEdit, Edits: []report.LineEdit{{Op: report.LineAppend, New: "x"}}},
	} {
		b := newBench(t)
		b.write("f", "\x7fELF\n")
		act.Path = b.path("f")
		for _, err := range []error{os.Chown(b.root, bobsUID, bobsUID), os.Chown(act.Path, bobsUID, bobsUID), os.Chmod(act.Path, 0o777|fs.ModeSetuid)} {
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := b.fix(b.plan(act)); err != nil {
			t.Fatal(err)
		}
		u, err := b.undo(UndoOptions{Force: true})
		if err != nil || len(u.Left) != 1 || !strings.Contains(u.Left[0], "set-uid") {
			t.Errorf("%s: %+v, %v", name, u, err)
		}
		if fi, _ := os.Stat(act.Path); fi.Mode() != 0o777 || b.read("f") != "\x7fELF\n" {
			t.Errorf("%s: %v %q", name, fi.Mode(), b.read("f"))
		}
	}
}

func TestPrune(t *testing.T) {
	b := newBench(t)
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	b.s.now = func() time.Time { return now }
	mode := uint32(0o644)
	fix := func() {
		t.Helper()
		mode ^= 0o044
		if err := b.fix(b.plan(report.Action{Kind: report.ActMode, Path: b.path("sshd.conf"), Mode: mode})); err != nil {
			t.Fatal(err)
		}
	}
	for range keepFixes + 3 {
		fix()
	}
	if all, _ := List(b.state); len(all) != keepFixes+1 || all[0].Seq != 3 {
		t.Errorf("%d records, from %d on", len(all), all[0].Seq)
	}
	now = now.Add(keepTime + time.Hour)
	fix()
	if all, _ := List(b.state); len(all) != 2 {
		t.Errorf("%d records after half a year", len(all))
	}
}

// TestStateDirectory: what decides on undoing is the operator's alone.
func TestStateDirectory(t *testing.T) {
	b := newBench(t)
	if err := os.Mkdir(b.state, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := b.fix(b.plan(b.comment())); err != nil {
		t.Fatal(err)
	}
	if fi, _ := os.Stat(b.state); fi.Mode().Perm() != 0o700 {
		t.Errorf("mode %v", fi.Mode())
	}
	if os.Geteuid() != 0 {
		return
	}
	if err := os.Chown(b.state, bobsUID, bobsUID); err != nil {
		t.Fatal(err)
	}
	if err := b.fix(b.plan(report.Action{Kind: report.ActMode, Path: b.path("sshd.conf"), Mode: 0o600})); err == nil || !strings.Contains(err.Error(), fmt.Sprint("of uid ", 0)) {
		t.Errorf("recorded in a user's directory: %v", err)
	}
}
