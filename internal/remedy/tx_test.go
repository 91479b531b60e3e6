//go:build linux

package remedy

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sshwhy/internal/report"
)

func writeFile(dir, text string) error {
	return os.WriteFile(filepath.Join(dir, journalName), []byte(text), 0o600)
}

// bench is a small machine: a directory with files, and a state directory.
type bench struct {
	*testing.T
	root, state string
	s           *System
}

func newBench(t *testing.T) *bench {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{T: t, root: filepath.Join(dir, "root"), state: filepath.Join(dir, "state"), s: &System{}}
	if err := os.MkdirAll(b.root, 0o755); err != nil {
		t.Fatal(err)
	}
	b.write("sshd.conf", "Port 22\nBadOption yes\n")
	return b
}

func (b *bench) path(name string) string { return filepath.Join(b.root, name) }

func (b *bench) write(name, text string) {
	b.Helper()
	if err := os.WriteFile(b.path(name), []byte(text), 0o644); err != nil {
		b.Fatal(err)
	}
}

func (b *bench) read(name string) string {
	b.Helper()
	data, err := os.ReadFile(b.path(name))
	if err != nil {
		b.Fatal(err)
	}
	return string(data)
}

// comment is the plan that comments out the bad line.
func (b *bench) comment() report.Action {
	return report.Action{Kind: report.ActEdit, Path: b.path("sshd.conf"),
		Edits: []report.LineEdit{{Line: 2, Old: "BadOption yes", Op: report.LineComment}}}
}

func (b *bench) plan(acts ...report.Action) *Plan {
	b.Helper()
	p, err := planOf(context.Background(), b.s, acts)
	if err != nil {
		b.Fatal(err)
	}
	return p
}

// fix applies a plan and commits it, or rolls it back and returns why.
func (b *bench) fix(p *Plan) error {
	b.Helper()
	tx, err := Begin(b.s, b.state)
	if err != nil {
		return err
	}
	defer tx.Close()
	if err := tx.Apply(context.Background(), p); err != nil {
		if _, rerr := tx.Rollback(); rerr != nil {
			b.Errorf("rolling back: %v", rerr)
		}
		return err
	}
	return tx.Commit()
}

func (b *bench) undo(opt UndoOptions) (Undone, error) {
	return Undo(context.Background(), b.s, b.state, "", opt)
}

func TestTwoFixesAtOnce(t *testing.T) {
	b := newBench(t)
	tx, err := Begin(b.s, b.state)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Close()
	if err := b.fix(b.plan(b.comment())); !errors.Is(err, ErrBusy) {
		t.Errorf("a second fix: %v, want ErrBusy", err)
	}
	if _, err := b.undo(UndoOptions{}); !errors.Is(err, ErrBusy) {
		t.Errorf("an undo beside a fix: %v, want ErrBusy", err)
	}
	if got := b.read("sshd.conf"); !strings.Contains(got, "\nBadOption") {
		t.Errorf("changed all the same: %q", got)
	}
}

func TestChangedSincePlan(t *testing.T) {
	b := newBench(t)
	p := b.plan(b.comment())
	b.write("sshd.conf", "Port 22\nBadOption yes\n# mine\n")
	if err := b.fix(p); !errors.Is(err, ErrChanged) {
		t.Errorf("%v, want ErrChanged", err)
	}
	if got := b.read("sshd.conf"); got != "Port 22\nBadOption yes\n# mine\n" {
		t.Errorf("%q", got)
	}
}

// TestOneFailureUndoesAll: a later step that fails takes the earlier ones back.
func TestOneFailureUndoesAll(t *testing.T) {
	b := newBench(t)
	before := treeOf(t, b.root)
	err := b.fix(b.plan(b.comment(), report.Action{Kind: report.ActCommand, Argv: []string{"false"}}))
	if err == nil {
		t.Fatal("false succeeded")
	}
	if after := treeOf(t, b.root); string(before) != string(after) {
		t.Errorf("not as before:\n%s", diffLines(before, after))
	}
	if all, _ := List(b.state); len(all) != 1 || all[0].State != "rolled-back" {
		t.Errorf("recorded as %+v", all)
	}
	if _, err := b.undo(UndoOptions{}); !errors.Is(err, ErrNothing) {
		t.Errorf("undo of what was rolled back: %v", err)
	}
}

// TestUndoAfterSomebodysEdit: undoing shows the difference and leaves the file;
// with force it puts it back and keeps what was there.
func TestUndoAfterSomebodysEdit(t *testing.T) {
	b := newBench(t)
	if err := b.fix(b.plan(b.comment())); err != nil {
		t.Fatal(err)
	}
	const edited = "Port 22\n# BadOption yes\nMaxStartups 5\n"
	b.write("sshd.conf", edited)
	u, err := b.undo(UndoOptions{})
	if !errors.Is(err, ErrConflict) || len(u.Conflicts) != 1 || !strings.Contains(u.Conflicts[0].Diff, "-MaxStartups 5") {
		t.Errorf("%+v, %v", u, err)
	}
	if got := b.read("sshd.conf"); got != edited {
		t.Errorf("trampled: %q", got)
	}
	u, err = b.undo(UndoOptions{Force: true})
	if err != nil {
		t.Fatal(err)
	}
	if got := b.read("sshd.conf"); got != "Port 22\nBadOption yes\n" {
		t.Errorf("%q", got)
	}
	kept, err := os.ReadDir(u.Kept)
	if err != nil || len(kept) != 1 {
		t.Fatalf("kept: %v, %v", kept, err)
	}
	if data, _ := os.ReadFile(filepath.Join(u.Kept, kept[0].Name())); string(data) != edited {
		t.Errorf("kept %q", data)
	}
}

// TestUndoDryRun says what would be put back, and changes nothing.
func TestUndoDryRun(t *testing.T) {
	b := newBench(t)
	if err := b.fix(b.plan(b.comment())); err != nil {
		t.Fatal(err)
	}
	fixed := treeOf(t, b.root)
	u, err := b.undo(UndoOptions{DryRun: true})
	if err != nil || !slices.Contains(u.Restored, b.path("sshd.conf")) {
		t.Errorf("%+v, %v", u, err)
	}
	if string(fixed) != string(treeOf(t, b.root)) {
		t.Error("changed by a dry run")
	}
	if _, err := b.undo(UndoOptions{}); err != nil {
		t.Error(err)
	}
}

func TestNotRegular(t *testing.T) {
	b := newBench(t)
	for name, make := range map[string]func(string) error{
		"pipe": func(p string) error { return unix.Mkfifo(p, 0o600) },
		"dir":  func(p string) error { return os.Mkdir(p, 0o700) },
		"dangling": func(p string) error {
			return os.Symlink("nowhere", p)
		},
	} {
		if err := make(b.path(name)); err != nil {
			t.Fatal(err)
		}
		_, err := planOf(context.Background(), b.s, []report.Action{{Kind: report.ActEdit, Path: b.path(name),
			Edits: []report.LineEdit{{Op: report.LineAppend, New: "x"}}}})
		if err == nil {
			t.Errorf("%s: planned", name)
		}
	}
}

// TestClockJumps: the order of fixes is not told by the clock, which stands
// in 1999 for the second of them.
func TestClockJumps(t *testing.T) {
	b := newBench(t)
	b.write("b.conf", "x\n")
	if err := b.fix(b.plan(b.comment())); err != nil {
		t.Fatal(err)
	}
	b.s.now = func() time.Time { return time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC) }
	if err := b.fix(b.plan(report.Action{Kind: report.ActMode, Path: b.path("b.conf"), Mode: 0o600})); err != nil {
		t.Fatal(err)
	}
	u, err := b.undo(UndoOptions{})
	if err != nil || !strings.HasPrefix(u.ID, "1999") {
		t.Errorf("undone %s, %v; want the second fix", u.ID, err)
	}
	if got := b.read("sshd.conf"); !strings.Contains(got, "# BadOption") {
		t.Errorf("the first fix was undone: %q", got)
	}
}

// mountTmpfs gives a file system of its own to a directory.
func mountTmpfs(t *testing.T, dir, options string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root to mount a file system")
	}
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, options); err != nil {
		t.Skipf("no tmpfs can be mounted here: %v", err)
	}
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
}

// TestDiskFull: with no room for the record or for the new file the fix is
// refused and nothing is changed; with the disk filled up in the middle it is
// taken back.
func TestDiskFull(t *testing.T) {
	b := newBench(t)
	mountTmpfs(t, b.root, "size=4m")
	b.write("sshd.conf", "Port 22\nBadOption yes\n"+strings.Repeat("# filler\n", 4000))
	p := b.plan(b.comment(), report.Action{Kind: report.ActMode, Path: b.path("sshd.conf"), Mode: 0o600})
	fill := b.path("fill")
	if err := os.WriteFile(fill, make([]byte, 3800<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	before := treeOf(t, b.root)
	if err := b.fix(p); err == nil || !strings.Contains(err.Error(), "full") {
		t.Errorf("%v, want a refusal", err)
	}
	if after := treeOf(t, b.root); string(before) != string(after) {
		t.Errorf("not as before:\n%s", diffLines(before, after))
	}

	// Room at the check, none at the change.
	os.Remove(fill)
	plugged := false
	b.s.tap = func(op string) {
		if strings.HasPrefix(op, "write "+b.root) && !plugged {
			plugged = true
			f, err := os.Create(fill)
			if err != nil {
				t.Fatal(err)
			}
			for err == nil {
				_, err = f.Write(make([]byte, 4096))
			}
			f.Close()
		}
	}
	err := b.fix(b.plan(report.Action{Kind: report.ActMode, Path: b.path("sshd.conf"), Mode: 0o600}, b.comment()))
	if !plugged || !errors.Is(err, unix.ENOSPC) {
		t.Fatalf("filled: %v, error %v", plugged, err)
	}
	os.Remove(fill)
	if got := b.read("sshd.conf"); !strings.Contains(got, "\nBadOption") {
		t.Errorf("%.40q", got)
	}
	if fi, _ := os.Stat(b.path("sshd.conf")); fi.Mode().Perm() != 0o644 {
		t.Errorf("mode %v", fi.Mode())
	}
}

// TestUndoOnFullDisk: undoing needs no room: it writes over the file where
// there is none for a second copy, and does without its journal.
func TestUndoOnFullDisk(t *testing.T) {
	b := newBench(t)
	mountTmpfs(t, filepath.Dir(b.root), "size=4m")
	if err := os.Mkdir(b.root, 0o755); err != nil {
		t.Fatal(err)
	}
	b.write("sshd.conf", "Port 22\nBadOption yes\n")
	if err := b.fix(b.plan(b.comment())); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(filepath.Join(filepath.Dir(b.root), "fill"))
	for err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
	f.Close()
	if _, err := b.undo(UndoOptions{}); err != nil {
		t.Fatal(err)
	}
	if got := b.read("sshd.conf"); got != "Port 22\nBadOption yes\n" {
		t.Errorf("%q", got)
	}
}

func TestReadOnly(t *testing.T) {
	b := newBench(t)
	mountTmpfs(t, b.root, "size=4m")
	b.write("sshd.conf", "Port 22\nBadOption yes\n")
	p := b.plan(b.comment())
	if err := unix.Mount("", b.root, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	if err := b.fix(p); err == nil || !strings.Contains(err.Error(), "read-only") {
		t.Errorf("%v, want a refusal that says read-only", err)
	}
	if err := b.fix(b.plan(report.Action{Kind: report.ActMode, Path: b.path("sshd.conf"), Mode: 0o600})); err == nil || !strings.Contains(err.Error(), "read-only") {
		t.Errorf("%v, want a refusal that says read-only", err)
	}
}

func TestImmutable(t *testing.T) {
	b := newBench(t)
	if os.Geteuid() != 0 {
		t.Skip("needs root to set the immutable flag")
	}
	f, err := os.Open(b.path("sshd.conf"))
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(int(f.Fd()), unix.FS_IOC_SETFLAGS, flagImmutable); err != nil {
		t.Skipf("this file system has no such flag: %v", err)
	}
	t.Cleanup(func() {
		unix.IoctlSetPointerInt(int(f.Fd()), unix.FS_IOC_SETFLAGS, 0)
		f.Close()
	})
	b.write("other", "x\n")
	p := b.plan(report.Action{Kind: report.ActMode, Path: b.path("other"), Mode: 0o600}, b.comment())
	if err := b.fix(p); err == nil || !strings.Contains(err.Error(), "chattr -i") {
		t.Errorf("%v, want a refusal that names chattr", err)
	}
	if fi, _ := os.Stat(b.path("other")); fi.Mode().Perm() != 0o644 {
		t.Error("the first step was done although the second cannot be")
	}
}

// TestNoStateDirectory: where nothing can be recorded, nothing is changed.
func TestNoStateDirectory(t *testing.T) {
	b := newBench(t)
	if err := os.WriteFile(b.state, nil, 0o600); err != nil { // a file is in the way
		t.Fatal(err)
	}
	if err := b.fix(b.plan(b.comment())); err == nil || !strings.Contains(err.Error(), "nothing is changed") {
		t.Errorf("%v", err)
	}
	if got := b.read("sshd.conf"); !strings.Contains(got, "\nBadOption") {
		t.Errorf("changed all the same: %q", got)
	}
}

// TestUnfinishedFirst: after a crash the next fix is refused until the one that
// was cut short is undone, for it cannot tell the two apart.
func TestUnfinishedFirst(t *testing.T) {
	b := newBench(t)
	tx, err := Begin(b.s, b.state)
	if err != nil {
		t.Fatal(err)
	}
	if err := tx.Apply(context.Background(), b.plan(b.comment())); err != nil {
		t.Fatal(err)
	}
	tx.lock.Close() // the process dies here
	if err := b.fix(b.plan(report.Action{Kind: report.ActMode, Path: b.path("sshd.conf"), Mode: 0o600})); !errors.Is(err, ErrUnfinished) {
		t.Errorf("%v, want ErrUnfinished", err)
	}
	if _, err := b.undo(UndoOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := b.fix(b.plan(b.comment())); err != nil {
		t.Errorf("after the undo: %v", err)
	}
}

// TestSleeper: without systemd, a process of its own session undoes a fix that
// nobody keeps, and leaves one that somebody kept.
func TestSleeper(t *testing.T) {
	for _, keep := range []bool{false, true} {
		b := newBench(t)
		t.Setenv(envState, b.state)
		began := uptime()
		tx, err := Begin(b.s, b.state)
		if err != nil {
			t.Fatal(err)
		}
		by, err := startSleeper(os.Args[0], tx.ID, "1")
		if err != nil {
			t.Fatal(err)
		}
		if err := b.s.note(tx.dir, event{Event: evGuard, By: by, Boot: bootID(), Up: uptime() + time.Second}); err != nil {
			t.Fatal(err)
		}
		if err := tx.Apply(context.Background(), b.plan(b.comment())); err != nil {
			t.Fatal(err)
		}
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
		tx.Close()
		if _, err := Keep(context.Background(), b.s, b.state, "", afar(began), false); !errors.Is(err, ErrSameSession) {
			t.Errorf("kept from the session it was made in: %v", err)
		}
		want := "undone"
		if keep {
			want = "applied"
			if _, err := Keep(context.Background(), b.s, b.state, "", afar(uptime()), false); err != nil {
				t.Fatal(err)
			}
			time.Sleep(2500 * time.Millisecond)
		}
		for deadline := time.Now().Add(20 * time.Second); StateOf(b.state, tx.ID) != want && time.Now().Before(deadline); {
			time.Sleep(50 * time.Millisecond)
		}
		if got := StateOf(b.state, tx.ID); got != want {
			t.Errorf("kept %v: the fix is %s, want %s", keep, got, want)
		}
		if got := strings.Contains(b.read("sshd.conf"), "# Bad"); got != keep {
			t.Errorf("kept %v: %q", keep, b.read("sshd.conf"))
		}
	}
}

// TestMergedEdits: the edits of two findings to one file are one step.
func TestMergedEdits(t *testing.T) {
	b := newBench(t)
	b.write("sshd.conf", "A\nB\nC\n")
	edit := func(line int, old string) report.Action {
		return report.Action{Kind: report.ActEdit, Path: b.path("sshd.conf"), Edits: []report.LineEdit{{Line: line, Old: old, Op: report.LineComment}}}
	}
	p := b.plan(edit(1, "A"), edit(3, "C"), edit(1, "A"))
	if len(p.Steps) != 1 {
		t.Fatalf("%d steps", len(p.Steps))
	}
	if err := b.fix(p); err != nil {
		t.Fatal(err)
	}
	if got := b.read("sshd.conf"); got != "# A\nB\n# C\n" {
		t.Errorf("%q", got)
	}
}

// TestModeAndOwnerOfOneFile: steps that concern one file build on each other.
func TestModeAndOwnerOfOneFile(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root to change owners")
	}
	b := newBench(t)
	if err := os.Chown(b.root, bobsUID, bobsUID); err != nil {
		t.Fatal(err)
	}
	b.write("sshd.conf", bobsKey+"BadOption yes\n")
	if p, err := planOf(context.Background(), b.s, []report.Action{{Kind: report.ActOwner, Path: b.path("sshd.conf"), User: "4242"}}); err == nil {
		t.Errorf("what is no list of keys is given to a user: %+v", p)
	}
	b.write("sshd.conf", bobsKey+bobsKey)
	before := treeOf(t, b.root)
	path := b.path("sshd.conf")
	p := b.plan(report.Action{Kind: report.ActOwner, Path: path, User: "4242"},
		report.Action{Kind: report.ActMode, Path: path, Mode: 0o600},
		report.Action{Kind: report.ActEdit, Path: path, Edits: []report.LineEdit{{Line: 2, Old: strings.TrimSuffix(bobsKey, "\n"), Op: report.LineComment}}})
	if err := b.fix(p); err != nil {
		t.Fatal(err)
	}
	st, _, _ := b.s.look(path)
	if st.UID != 4242 || st.Mode != 0o600 || !strings.Contains(b.read("sshd.conf"), "\n# ssh-ed") {
		t.Errorf("%+v", st)
	}
	if _, err := b.undo(UndoOptions{}); err != nil {
		t.Fatal(err)
	}
	if after := treeOf(t, b.root); string(before) != string(after) {
		t.Errorf("not as before:\n%s", diffLines(before, after))
	}
}

// TestSwappedDirectory: between plan and change, the owner of a home makes a
// directory on the way a link to another place; root does not follow it.
func TestSwappedDirectory(t *testing.T) {
	b := newBench(t)
	for _, d := range []string{"home/.ssh", "elsewhere"} {
		if err := os.MkdirAll(b.path(d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	b.write("home/.ssh/authorized_keys", "key\n")
	b.write("elsewhere/authorized_keys", "key\n")
	p := b.plan(report.Action{Kind: report.ActMode, Path: b.path("home/.ssh/authorized_keys"), Mode: 0o600})
	if err := os.Rename(b.path("home/.ssh"), b.path("home/old")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(b.path("elsewhere"), b.path("home/.ssh")); err != nil {
		t.Fatal(err)
	}
	if err := b.fix(p); err == nil {
		t.Error("done through a symbolic link")
	}
	if fi, _ := os.Stat(b.path("elsewhere/authorized_keys")); fi.Mode().Perm() != 0o644 {
		t.Errorf("mode %v", fi.Mode())
	}
}
