//go:build linux

package remedy

import (
	"context"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"sshwhy/internal/operator"
	"sshwhy/internal/report"
)

// TestUndoIsShownFirst: a dry run names what it has looked at, and what is
// another by then is not undone.
func TestUndoIsShownFirst(t *testing.T) {
	b := newBench(t)
	if err := b.fix(b.plan(b.comment())); err != nil {
		t.Fatal(err)
	}
	shown, err := b.undo(UndoOptions{DryRun: true})
	if err != nil || shown.Mark == "" || len(shown.Restored) != 1 {
		t.Fatalf("%+v %v", shown, err)
	}
	b.write("sshd.conf", "somebody else's\n")
	if _, err := b.undo(UndoOptions{Force: true, Mark: shown.Mark}); err != ErrMoved {
		t.Errorf("another file than was shown: %v, want ErrMoved", err)
	}
	if got := b.read("sshd.conf"); got != "somebody else's\n" {
		t.Errorf("undone all the same: %q", got)
	}
	if shown, err = b.undo(UndoOptions{DryRun: true, Force: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.undo(UndoOptions{Force: true, Mark: shown.Mark}); err != nil {
		t.Error(err)
	}
}

// TestUndoTwice: the fix before the one that was undone is not undone unawares.
func TestUndoTwice(t *testing.T) {
	b := newBench(t)
	for _, name := range []string{"one.conf", "two.conf"} {
		b.write(name, "A\n")
		act := report.Action{Kind: report.ActEdit, Path: b.path(name), Edits: []report.LineEdit{{Line: 1, Old: "A", Op: report.LineComment}}}
		if err := b.fix(b.plan(act)); err != nil {
			t.Fatal(err)
		}
	}
	first, err := b.undo(UndoOptions{})
	if err != nil || first.Later != "" {
		t.Fatalf("%+v %v", first, err)
	}
	second, err := b.undo(UndoOptions{DryRun: true})
	if err != nil || second.Later != first.ID {
		t.Errorf("the fix before %s, unnamed: Later is %q, %v", first.ID, second.Later, err)
	}
}

// TestGuardedUndo: an undo that nobody confirms is taken back to the byte, and
// the fix can be undone again; one that is confirmed stays.
func TestGuardedUndo(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("records of an undo are root's")
	}
	for _, keep := range []bool{false, true} {
		b := newBench(t)
		before := treeOf(t, b.root)
		if err := b.fix(b.plan(b.comment())); err != nil {
			t.Fatal(err)
		}
		fixed := treeOf(t, b.root)
		shown, err := b.undo(UndoOptions{DryRun: true})
		if err != nil || !shown.Guardable {
			t.Fatalf("%+v %v", shown, err)
		}
		u, err := survey(b.s, b.state+"/"+shown.ID)
		if err != nil {
			t.Fatal(err)
		}
		tx, err := Begin(b.s, b.state)
		if err != nil {
			t.Fatal(err)
		}
		d := &backDoer{u: u, opt: undoOptions{event: evUndone, again: true}}
		if err := tx.noteGuard("process 0", time.Now(), -time.Second, operator.Remote); err != nil {
			t.Fatal(err)
		}
		if err := tx.step(context.Background(), &Step{Do: "undo", doer: d}); err != nil {
			t.Fatal(err)
		}
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
		tx.Close()
		if now := treeOf(t, b.root); string(now) != string(before) {
			t.Errorf("undone, and not as before:\n%s", diffLines(before, now))
		}
		if keep {
			if _, err := Keep(context.Background(), b.s, b.state, "", operator.Session{Way: operator.Console}, false); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := GuardUndo(context.Background(), b.s, b.state, tx.ID, 0); err != nil {
			t.Fatal(err)
		}
		want, state := fixed, "applied"
		if keep {
			want, state = before, "undone"
		}
		if now := treeOf(t, b.root); string(now) != string(want) {
			t.Errorf("kept %v:\n%s", keep, diffLines(want, now))
		}
		if got := StateOf(b.state, shown.ID); got != state {
			t.Errorf("kept %v: the fix is %s, want %s", keep, got, state)
		}
		if keep {
			continue
		}
		if _, err := b.undo(UndoOptions{}); err != nil {
			t.Errorf("undone, done again, undone: %v", err)
		}
		if now := treeOf(t, b.root); string(now) != string(before) {
			t.Errorf("undone at last, and not as before:\n%s", diffLines(before, now))
		}
	}
}

// afar is a login from another machine.
func afar(began time.Duration) operator.Session {
	return operator.Session{Way: operator.Remote, Began: began, From: netip.MustParseAddrPort("192.0.2.2:50000")}
}

// TestProved: what the login of whoever says keep proves.
func TestProved(t *testing.T) {
	r := Record{ID: "x", State: "guarded", boot: "this", finished: 100 * time.Second}
	here := afar(101 * time.Second)
	here.Here = true
	for _, c := range []struct {
		name string
		who  operator.Session
		boot string
		want error
	}{
		{"the login it was made in", afar(50 * time.Second), "this", ErrSameSession},
		{"at the very moment", afar(100 * time.Second), "this", ErrSameSession},
		{"a new one", afar(101 * time.Second), "this", nil},
		{"after a reboot", afar(20 * time.Second), "next", nil},
		{"a login of unknown age", afar(0), "this", ErrUnknownLogin},
		{"from this machine", here, "this", ErrFromHere},
		{"from nobody knows where", operator.Session{Way: operator.Remote, Began: 101 * time.Second}, "this", ErrUnknownLogin},
		{"the console", operator.Session{Way: operator.Console, Began: time.Second}, "this", nil},
		{"who knows", operator.Session{Way: operator.Unknown, Began: 200 * time.Second}, "this", ErrUnknownLogin},
	} {
		if got := r.proved(c.who, c.boot); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// TestHoldWords: the path of the program is one word of a unit's command.
func TestHoldWords(t *testing.T) {
	h := holder{id: "20261130T150038Z-1", self: `/opt/a "b" 100%\x/sshwhy`, seconds: "120"}
	if got, want := h.service(), `ExecStart="/opt/a \"b\" 100%%\\x/sshwhy" undo 20261130T150038Z-1 --guard`; !strings.Contains(got, want) {
		t.Errorf("%s lacks %s", got, want)
	}
}

// TestSteady: what others can change, or a reboot empties, is copied to where
// only root decides before a timer is told to run it.
func TestSteady(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root's guards last")
	}
	b := newBench(t)
	tx, err := Begin(b.s, b.state)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Close()
	self := b.path("sshwhy")
	b.write("sshwhy", "in a directory where everybody writes")
	if err := os.Chmod(b.root, 0o777); err != nil {
		t.Fatal(err)
	}
	got, err := tx.steady(self)
	if err != nil || got != tx.dir+"/"+selfName {
		t.Fatalf("%s %v", got, err)
	}
	mine, _ := os.ReadFile("/proc/self/exe")
	copied, err := os.ReadFile(got)
	if err != nil || sum(mine) != sum(copied) {
		t.Errorf("not the same program: %v", err)
	}
	if real, err := resolve("/bin/sh"); err == nil && b.s.stays(real) {
		if got, err := tx.steady(real); got != real || err != nil {
			t.Errorf("root's own program is copied: %s %v", got, err)
		}
	}
}
