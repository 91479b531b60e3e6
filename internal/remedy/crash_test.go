//go:build linux

package remedy

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sshwhy/internal/report"
)

// The crash test: a real process is killed with SIGKILL before every system
// call that changes something and around every command it runs; then a fresh
// process undoes, and the tree must be what it was, byte for byte. The undo
// itself is killed the same way.
//
// The child is this test binary, told by the environment what to do.
const (
	envMode  = "SSHWHY_CRASH_MODE"  // "fix" or "undo"
	envScene = "SSHWHY_CRASH_SCENE" // name of the scene
	envDir   = "SSHWHY_CRASH_DIR"   // its directory
	envState = "SSHWHY_GUARD_STATE" // the state directory of the guard's sleeper
	envKill  = "SSHWHY_CRASH_KILL"  // the effect before which the process dies; 0: none
)

func TestMain(m *testing.M) {
	if len(os.Args) == 6 && os.Args[1] == "undo" { // the guard's sleeper: undo ID --guard --after 1s
		after, err := time.ParseDuration(os.Args[5])
		if err == nil {
			_, err = GuardUndo(context.Background(), &System{}, os.Getenv(envState), os.Args[2], after)
		}
		if err != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	if dir := os.Getenv(envAttack); dir != "" {
		os.Exit(attackChild(dir))
	}
	if mode := os.Getenv(envMode); mode != "" {
		os.Exit(crashChild(mode))
	}
	os.Exit(m.Run())
}

// crashChild does a scene's fix or undo, and dies where it is told to. Its
// last line of output is the number of effects.
func crashChild(mode string) int {
	kill, _ := strconv.Atoi(os.Getenv(envKill))
	n := 0
	s := &System{tap: func(string) {
		n++
		if n == kill {
			syscall.Kill(os.Getpid(), syscall.SIGKILL)
			time.Sleep(time.Minute)
		}
	}}
	dir := os.Getenv(envDir)
	state := filepath.Join(dir, "state")
	var err error
	if mode == "fix" {
		err = runScene(s, scenes[os.Getenv(envScene)], dir, state)
	} else {
		_, err = Undo(context.Background(), s, state, "", UndoOptions{})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println(n)
	return 0
}

func runScene(s *System, sc scene, dir, state string) error {
	ctx := context.Background()
	plan, err := sc.plan(ctx, s, filepath.Join(dir, "root"))
	if err != nil {
		return err
	}
	tx, err := Begin(s, state)
	if err != nil {
		return err
	}
	defer tx.Close()
	if err := tx.Apply(ctx, plan); err != nil {
		return err
	}
	return tx.Commit()
}

// scene is a tree and a plan that changes it in every way.
type scene struct {
	build func(root string) error
	plan  func(ctx context.Context, s *System, root string) (*Plan, error)
}

var scenes = map[string]scene{
	"files": {buildFiles, planFiles},
	"keys":  {buildKeys, planKeys},
}

func buildFiles(root string) error {
	old := time.Unix(1_600_000_000, 123_456_789)
	put := func(name, text string, mode fs.FileMode) error {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			return err
		}
		return os.Chmod(path, mode)
	}
	for _, f := range []struct {
		name, text string
		mode       fs.FileMode
	}{
		{"etc/ssh/sshd_config", "# comment\nPort 22\nPermitRotLogin no\nUsePAM yes", 0o640},
		{"etc/managed/sshd.conf", "X11Forwarding yes\nBanner none\n", 0o600},
		{"etc/linked/one.conf", strings.Repeat("a line of the file\n", 20), 0o644},
		{"etc/ssh/ssh_host_rsa_key", "key\n", 0o644},
		{"etc/nologin", "away\n", 0o600},
		{"home/bob/.ssh/authorized_keys", bobsKey, 0o666},
	} {
		if err := put(f.name, f.text, f.mode); err != nil {
			return err
		}
	}
	in := func(n string) string { return filepath.Join(root, n) }
	steps := []error{
		os.Symlink("../managed/sshd.conf", in("etc/ssh/managed.conf")),
		os.Link(in("etc/linked/one.conf"), in("etc/linked/two.conf")),
		os.Symlink("/dev/null", in("etc/masked.service")),
		os.Chmod(in("home/bob/.ssh"), 0o777|fs.ModeSetgid),
	}
	if os.Geteuid() == 0 { // a home of bob's, with a file that root has made in it
		steps = append(steps, os.Chown(in("home/bob"), bobsUID, bobsUID), os.Chown(in("home/bob/.ssh"), bobsUID, 4243),
			os.Chmod(in("home/bob/.ssh"), 0o777|fs.ModeSetgid))
	}
	// user.* attributes and an access control list with a named user, where
	// the file system has them.
	unix.Setxattr(in("etc/ssh/sshd_config"), "user.note", []byte("kept\x00bytes"), 0)
	unix.Setxattr(in("etc/ssh/sshd_config"), "system.posix_acl_access", namedUserACL, 0)
	for _, err := range steps {
		if err != nil {
			return err
		}
	}
	return filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		ts := []unix.Timespec{unix.NsecToTimespec(old.UnixNano()), unix.NsecToTimespec(old.UnixNano())}
		return unix.UtimesNanoAt(unix.AT_FDCWD, path, ts, unix.AT_SYMLINK_NOFOLLOW)
	})
}

// bob is a user with a home; the key is one that ssh-keygen made.
const (
	bobsUID = 4242
	bobsKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBdT/C49ycsG+eP8a3kNTwofFTUxbB34O39EU+6tW6/x bob\n"
)

// namedUserACL is "user::rw-, user:4242:r--, group::r--, mask::r--, other::---"
// as linux/posix_acl_xattr.h lays it out.
var namedUserACL = []byte{2, 0, 0, 0,
	1, 0, 6, 0, 0xff, 0xff, 0xff, 0xff,
	2, 0, 4, 0, 0x92, 0x10, 0, 0,
	4, 0, 4, 0, 0xff, 0xff, 0xff, 0xff,
	16, 0, 4, 0, 0xff, 0xff, 0xff, 0xff,
	32, 0, 0, 0, 0xff, 0xff, 0xff, 0xff}

func planFiles(ctx context.Context, s *System, root string) (*Plan, error) {
	in := func(n string) string { return filepath.Join(root, n) }
	edit := func(path string, e ...report.LineEdit) report.Action {
		return report.Action{Kind: report.ActEdit, Path: in(path), Edits: e}
	}
	acts := []report.Action{
		edit("etc/ssh/sshd_config", report.LineEdit{Line: 3, Old: "PermitRotLogin no", Op: report.LineReplace, New: "PermitRootLogin no"},
			report.LineEdit{Op: report.LineAppend, New: "MaxStartups 10"}),
		edit("etc/ssh/managed.conf", report.LineEdit{Line: 1, Old: "X11Forwarding yes", Op: report.LineComment}),
		edit("etc/linked/two.conf", report.LineEdit{Line: 2, Old: "a line of the file", Op: report.LineDelete}),
		edit("etc/new/er/drop-in.conf", report.LineEdit{Op: report.LineAppend, New: "[Socket]"}),
		edit("etc/hosts.allow", report.LineEdit{Op: report.LinePrepend, New: "sshd: 192.0.2.1"}),
		{Kind: report.ActMode, Path: in("etc/ssh/ssh_host_rsa_key"), Mode: 0o600},
		{Kind: report.ActMode, Path: in("home/bob/.ssh"), Mode: 0o700},
		{Kind: report.ActMode, Path: in("home/bob/.ssh/authorized_keys"), Mode: 0o600},
		{Kind: report.ActMkdir, Path: in("run"), Mode: 0o755},
		{Kind: report.ActRemove, Path: in("etc/nologin")},
		{Kind: report.ActRemove, Path: in("etc/masked.service")},
		{Kind: report.ActCommand, Argv: []string{"mv", in("etc/ssh/ssh_host_rsa_key"), in("etc/ssh/ssh_host_rsa_key.damaged")}},
		{Kind: report.ActCommand, Argv: []string{"ln", "-s", "x", in("etc/linked/made")}, Inverse: []string{"rm", "-f", in("etc/linked/made")}, Path: in("etc/linked/made")},
	}
	if os.Geteuid() == 0 {
		acts = append(acts, report.Action{Kind: report.ActOwner, Path: in("home/bob/.ssh/authorized_keys"), User: "4242", Group: "4243"})
	}
	return planOf(ctx, s, acts)
}

// planOf makes a plan of bare actions, each the remedy of a cause of its own.
func planOf(ctx context.Context, s *System, acts []report.Action) (*Plan, error) {
	r := &report.Report{}
	for i := range acts {
		r.Findings = append(r.Findings, report.Finding{Cause: fmt.Sprintf("cause-%d", i), Impact: report.Blocking, Certainty: report.Confirmed, Remedy: &report.Remedy{Kind: report.Repair,
			Steps: []report.Step{{Do: fmt.Sprintf("act %d", i), Where: report.OnServer, Act: &acts[i]}}}})
	}
	p, err := Make(ctx, s, r, Options{Where: report.OnServer, Open: true})
	if err == nil && len(p.Left) > 0 {
		err = fmt.Errorf("left out of the plan: %+v", p.Left)
	}
	return p, err
}

func buildKeys(root string) error {
	dir := filepath.Join(root, "etc/ssh")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "sshd_config"), []byte("Port 22\n"), 0o644)
}

func planKeys(_ context.Context, _ *System, root string) (*Plan, error) {
	d := &keysDoer{dir: filepath.Join(root, "etc/ssh"), pre: root}
	return &Plan{Steps: []*Step{{Causes: []string{"host-keys-missing"}, Do: "ssh-keygen -A", doer: d}}}, nil
}

func TestCrashFix(t *testing.T) {
	total := 0
	for _, name := range []string{"files", "keys"} {
		if _, err := exec.LookPath("ssh-keygen"); err != nil && name == "keys" {
			t.Log("ssh-keygen is not installed: its scene is left out")
			continue
		}
		effects := crashOnce(t, name, 0, 0)
		for k := 1; k <= effects; k += crashStride {
			crashOnce(t, name, k, 0)
			total++
		}
		t.Logf("scene %s: killed at every %d. of %d effects of the fix", name, crashStride, effects)
	}
	t.Logf("%d kill points", total)
}

func TestCrashUndo(t *testing.T) {
	total := 0
	// The undo of a finished fix, and of fixes that died in the middle, is
	// itself killed at every point, and done again.
	for _, at := range []int{0, 25, 50, 75, 100, 125, 150} {
		effects := crashOnce(t, "files", at, -1)
		for k := 1; k <= effects; k += crashStride {
			crashOnce(t, "files", at, k)
			total++
		}
	}
	t.Logf("%d kill points of undo", total)
}

// crashOnce builds a scene, runs its fix (killed at one effect, 0: not), runs
// the undo (killed too, if asked; -1 counts), undoes again, and compares. It
// returns the number of effects of the fix, or of the undo if that was asked.
func crashOnce(t *testing.T, name string, killFix, killUndo int) int {
	t.Helper()
	dir := shmDir(t)
	root := filepath.Join(dir, "root")
	if err := os.MkdirAll(root, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := scenes[name].build(root); err != nil {
		t.Fatal(err)
	}
	before := treeOf(t, root)
	effects := child(t, "fix", name, dir, killFix)
	if killFix == 0 && bytes.Equal(before, treeOf(t, root)) {
		t.Fatal("the fix changed nothing, so undoing it proves nothing")
	}
	if killUndo != 0 {
		effects = child(t, "undo", name, dir, max(killUndo, 0))
	}
	if killUndo >= 0 {
		all, err := List(filepath.Join(dir, "state"))
		if err != nil {
			t.Fatal(err)
		}
		if len(all) > 0 && all[0].State != "undone" {
			child(t, "undo", name, dir, 0)
		}
	}
	if after := treeOf(t, root); !bytes.Equal(before, after) {
		t.Fatalf("scene %s, fix killed at %d, undo killed at %d: not as before:\n%s", name, killFix, killUndo, diffLines(before, after))
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	return effects
}

// shmDir is a directory in memory where there is one: the test waits for a
// thousand times "on the disk".
func shmDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "sshwhy-crash-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func child(t *testing.T, mode, name, dir string, kill int) int {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), envMode+"="+mode, envScene+"="+name, envDir+"="+dir, fmt.Sprintf("%s=%d", envKill, kill))
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if kill > 0 {
		if st, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || !st.Signaled() || st.Signal() != syscall.SIGKILL {
			t.Fatalf("%s of %s was to be killed at %d: %v\n%s", mode, name, kill, cmd.ProcessState, stderr.String())
		}
		return 0
	}
	if err != nil {
		t.Fatalf("%s of %s: %v\n%s", mode, name, err, stderr.String())
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(out)))
	if err != nil {
		t.Fatalf("%s of %s: %v", mode, name, err)
	}
	return n
}

// treeOf is everything about a tree that undoing must bring back, as text. It
// looks with other means than the code under test.
func treeOf(t *testing.T, root string) []byte {
	t.Helper()
	var b bytes.Buffer
	err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		fi, err := os.Lstat(path)
		if err != nil {
			return err
		}
		st := fi.Sys().(*syscall.Stat_t)
		rel, _ := filepath.Rel(root, path)
		fmt.Fprintf(&b, "%s %v %d:%d links=%d mtime=%d.%09d", rel, fi.Mode(), st.Uid, st.Gid, linksOf(fi, st), st.Mtim.Sec, st.Mtim.Nsec)
		switch {
		case fi.Mode().IsRegular():
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			fmt.Fprintf(&b, " %q", data)
		case fi.Mode()&fs.ModeSymlink != 0:
			to, _ := os.Readlink(path)
			fmt.Fprintf(&b, " -> %s", to)
		}
		names := make([]byte, 4096)
		if n, err := unix.Llistxattr(path, names); err == nil {
			list := strings.Split(strings.TrimRight(string(names[:n]), "\x00"), "\x00")
			slices.Sort(list)
			for _, name := range list {
				value := make([]byte, 4096)
				if m, err := unix.Lgetxattr(path, name, value); err == nil {
					fmt.Fprintf(&b, " %s=%x", name, value[:m])
				}
			}
		}
		b.WriteByte('\n')
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func linksOf(fi fs.FileInfo, st *syscall.Stat_t) uint64 {
	if fi.IsDir() {
		return 0 // file systems count directories' links differently
	}
	return uint64(st.Nlink)
}

func diffLines(a, b []byte) string {
	as, bs := strings.Split(string(a), "\n"), strings.Split(string(b), "\n")
	var out strings.Builder
	for _, l := range as {
		if !slices.Contains(bs, l) {
			out.WriteString("- " + l + "\n")
		}
	}
	for _, l := range bs {
		if !slices.Contains(as, l) {
			out.WriteString("+ " + l + "\n")
		}
	}
	return out.String()
}
