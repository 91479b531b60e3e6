//go:build linux

package remedy

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sshwhy/internal/report"
)

// insideEnv is set in the namespace of the mounts.
const insideEnv = "SSHWHY_TEST_MOUNTS"

// TestSilentMounts: after a fix, a home becomes a file system that never
// answers, be it a user's own or a server out of reach. What else the fix had
// changed is put back all the same, in time, and what is not is said.
func TestSilentMounts(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can mount")
	}
	if _, err := os.Stat("/dev/fuse"); err != nil {
		t.Skipf("no FUSE here: %v", err)
	}
	if os.Getenv(insideEnv) == "" {
		cmd := exec.Command("unshare", "--mount", "--propagation", "private", os.Args[0], "-test.run=^TestSilentMounts$", "-test.v")
		cmd.Env = append(os.Environ(), insideEnv+"=1")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Error(err)
		}
		t.Logf("%s", out)
		return
	}
	for _, uid := range []int{bobsUID, 0} {
		for _, at := range []string{"home/bob/.ssh", "home/bob"} {
			t.Run(fmt.Sprintf("%s-of-%d", filepath.Base(at), uid), func(t *testing.T) { silentMount(t, at, uid) })
		}
	}
}

func silentMount(t *testing.T, at string, uid int) {
	t.Parallel() // it waits
	b := newBench(t)
	keys := b.path("home/bob/.ssh/authorized_keys")
	for _, err := range []error{os.MkdirAll(filepath.Dir(keys), 0o755), os.WriteFile(keys, []byte(bobsKey), 0o600), os.Chmod(keys, 0o666),
		os.Chown(b.path("home/bob"), bobsUID, bobsUID), os.Chown(filepath.Dir(keys), bobsUID, bobsUID), os.Chown(keys, bobsUID, bobsUID)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	before := b.read("sshd.conf")
	tx, err := Begin(b.s, b.state)
	if err != nil {
		t.Fatal(err)
	}
	err = tx.Apply(context.Background(), b.plan(b.comment(), report.Action{Kind: report.ActMode, Path: keys, Mode: 0o644}))
	for _, err := range []error{err, b.s.note(tx.dir, event{Event: evGuard, By: "process 0"}), tx.Commit()} {
		if err != nil {
			t.Fatal(err)
		}
	}
	tx.Close()
	if b.read("sshd.conf") == before {
		t.Fatal("nothing was changed")
	}
	mountSilent(t, b.path(at), uid)

	begun := time.Now()
	_, err = Undo(context.Background(), b.s, b.state, tx.ID, UndoOptions{})
	if !errors.Is(err, ErrConflict) || !strings.Contains(err.Error(), "cannot be looked at") {
		t.Errorf("undone without a word: %v", err)
	}
	u, err := GuardUndo(context.Background(), b.s, b.state, tx.ID, 0)
	if took := time.Since(begun); err != nil || took > 2*time.Minute {
		t.Errorf("after %v: %v", took, err)
	}
	if got := b.read("sshd.conf"); got != before {
		t.Errorf("root's own file is not put back: %q", got)
	}
	if want := map[bool]string{true: "does not answer", false: "that a user's program serves"}[uid == 0]; !strings.Contains(strings.Join(u.Left, "\n"), want) {
		t.Errorf("not said what is left: %q", u.Left)
	}
	if p, err := planOf(context.Background(), b.s, []report.Action{{Kind: report.ActMode, Path: keys, Mode: 0o600}}); err == nil {
		t.Errorf("planned on what was not seen: %v", p.Preview())
	}
}

// mountSilent mounts a file system of that user's at dir, which nobody serves.
func mountSilent(t *testing.T, dir string, uid int) {
	t.Helper()
	fuse, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
	if err != nil {
		t.Skip(err)
	}
	options := fmt.Sprintf("fd=%d,rootmode=40000,user_id=%d,group_id=%d,allow_other", fuse.Fd(), uid, uid)
	if err := unix.Mount("silent", dir, "fuse", unix.MS_NOSUID|unix.MS_NODEV, options); err != nil {
		fuse.Close()
		t.Skipf("no FUSE mount can be made here: %v", err)
	}
	t.Cleanup(func() {
		fuse.Close() // ends the mount, and all who wait for it
		_ = unix.Unmount(dir, unix.MNT_FORCE|unix.MNT_DETACH)
	})
}

// TestServedBy reads lines as the kernel writes them.
func TestServedBy(t *testing.T) {
	table := []byte(`25 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard
90 25 0:60 / /home/bob/user_id=0\040- rw,nosuid,nodev,relatime shared:44 - fuse.sshfs far:/user_id=0 rw,user_id=1001,group_id=1001,allow_other
91 25 0:61 / /mnt rw - fuseblk /dev/sdb1 rw,user_id=0,group_id=0,allow_other,blksize=4096
92 25 0:62 / /home/a rw - nfs4 nas:/user_id=1001 rw,user_id=1001
93 25 0:63 / /cut - fuse`)
	for id, want := range map[uint64]string{25: "0 false", 90: "1001 true", 91: "0 true", 92: "0 false", 93: "0 false", 9: "0 false", 0: "0 false"} {
		uid, ok := servedBy(table, id)
		if got := fmt.Sprint(uid, ok); got != want {
			t.Errorf("%d: %s, want %s", id, got, want)
		}
	}
}
