package local

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sshwhy/internal/evidence"
)

// A mount that never answers, and a first look that waits for it: whoever comes
// after that hangs in the kernel (d_alloc_parallel), and no signal ends him.

const (
	deadFlag  = "--look-into-a-dead-mount" // makes this program look there, and end
	insideEnv = "SSHWHY_TEST_DEAD_MOUNT"   // set in the namespace of the mount
)

// lookIntoDeadMount is what the program does with deadFlag: it looks as a user, and
// at a file that answers beside.
func lookIntoDeadMount(dir string) {
	u := &evidence.User{Name: "daemon", UID: daemonUser, GID: daemonUser, Groups: []uint32{daemonUser}}
	rs := lookAs(context.Background(), []evidence.Item{
		evidence.File(filepath.Join(dir, "mnt/keys")).Within(time.Second).AsUser(u),
		evidence.Stat(filepath.Join(dir, "mnt/keys")).Within(time.Second).AsUser(u),
		evidence.File(filepath.Join(dir, "beside")).Within(time.Second).AsUser(u),
	})
	for _, r := range rs {
		fmt.Printf("%s|%s|%s\n", r.Status, r.Reason, r.Data)
	}
}

func TestDeadMount(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can mount")
	}
	if dir := os.Getenv(insideEnv); dir != "" {
		insideDeadMount(t, dir)
		return
	}
	if _, err := os.Stat("/dev/fuse"); err != nil {
		t.Skipf("no FUSE here: %v", err)
	}
	dir := t.TempDir()
	check(t, os.Chmod(dir, 0o755))
	check(t, os.Chmod(filepath.Dir(dir), 0o755))
	check(t, os.Mkdir(filepath.Join(dir, "mnt"), 0o755))
	check(t, os.WriteFile(filepath.Join(dir, "beside"), []byte("beside"), 0o644))
	self, err := os.Executable()
	check(t, err)
	cmd := exec.Command("unshare", "--mount", "--propagation", "private", self, "-test.run=^TestDeadMount$", "-test.v")
	cmd.Env = append(os.Environ(), insideEnv+"="+dir)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}

func insideDeadMount(t *testing.T, dir string) {
	fuse, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
	if err != nil {
		t.Skip(err)
	}
	defer fuse.Close() // nobody reads it; closing it ends the mount, and all who hang on it
	mnt := filepath.Join(dir, "mnt")
	options := fmt.Sprintf("fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other", fuse.Fd())
	if err := unix.Mount("dead", mnt, "fuse", 0, options); err != nil {
		t.Skipf("no FUSE mount can be made here: %v", err)
	}
	defer func() { _ = unix.Unmount(mnt, unix.MNT_FORCE|unix.MNT_DETACH) }()
	first := exec.Command("stat", filepath.Join(mnt, "keys")) // as a login would
	check(t, first.Start())
	defer func() { _ = first.Process.Kill(); _ = first.Wait() }()
	time.Sleep(500 * time.Millisecond)

	var said strings.Builder
	looker := exec.Command("/proc/self/exe", deadFlag, dir)
	looker.Stdout, looker.SysProcAttr = &said, &syscall.SysProcAttr{Setpgid: true}
	begin := time.Now()
	check(t, looker.Start())
	ended := make(chan error, 1)
	go func() { ended <- looker.Wait() }()
	select {
	case err := <-ended:
		check(t, err)
	case <-time.After(time.Minute):
		_ = unix.Unmount(mnt, unix.MNT_FORCE|unix.MNT_DETACH)
		_ = unix.Kill(-looker.Process.Pid, unix.SIGKILL)
		t.Fatalf("it has not ended after %v; it said %q", time.Since(begin), said.String())
	}
	t.Logf("ended after %v: %s", time.Since(begin), said.String())
	lines := strings.Split(strings.TrimSpace(said.String()), "\n")
	if len(lines) != 3 || !strings.HasPrefix(lines[0], "failed|") || !strings.HasPrefix(lines[1], "failed|") || lines[2] != "known||beside" {
		t.Errorf("%q", lines)
	}
}

// A program that the user may not execute looks through a copy in memory.
func TestProgramForRootAlone(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can look as somebody else")
	}
	dir := t.TempDir()
	check(t, os.Chmod(filepath.Dir(dir), 0o755))
	check(t, os.WriteFile(filepath.Join(dir, "beside"), []byte("beside"), 0o644))
	text, err := os.ReadFile("/proc/self/exe")
	check(t, err)
	program := filepath.Join(t.TempDir(), "sshwhy")
	check(t, os.WriteFile(program, text, 0o700))
	out, err := exec.Command(program, deadFlag, dir).CombinedOutput()
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if err != nil || len(lines) != 3 || !strings.HasPrefix(lines[0], "absent|") || lines[2] != "known||beside" {
		t.Errorf("%v, %q", err, lines)
	}
}
