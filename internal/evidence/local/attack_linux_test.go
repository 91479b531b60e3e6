package local

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sshwhy/internal/evidence"
)

// An ordinary user's process against root's looks. It swaps what stands at
// ~/.ssh and ~/.ssh/authorized_keys as fast as it can: files, links to what only
// root may read, FIFOs, devices, second names, directories.

const (
	attackFlag = "--swap-files-as-a-user" // makes this program the attacker
	canary     = "sshwhy-canary-of-root"
	harmless   = "ssh-ed25519 AAAA the user's own\n"
	batch      = 500 // looks of one child
	daemonUser = 1   // an account that every system has, and nobody uses
)

// looks is how many there are: a few seconds' worth, or as many as a patient person wants.
func looks() int {
	if n, err := strconv.Atoi(os.Getenv("SSHWHY_ATTACK_LOOKS")); err == nil {
		return n
	}
	return 10_000
}

// attack swaps until it is killed. It ignores what fails. It stands in the one real
// directory, whatever that is called: ~/.ssh most of the time, and else ~/other.
func attack(dir string) {
	home := filepath.Join(dir, "home")
	ssh, other := filepath.Join(home, ".ssh"), filepath.Join(home, "other")
	roots, half := filepath.Join(dir, "roots"), filepath.Join(dir, "half")
	if os.Mkdir(ssh, 0o755) != nil || os.Chdir(ssh) != nil {
		return
	}
	swap := func(a, b string) { _ = unix.Renameat2(unix.AT_FDCWD, a, unix.AT_FDCWD, b, unix.RENAME_EXCHANGE) }
	link := func(target, name string) func() { return func() { _ = os.Symlink(target, name) } }
	own := func(name string) func() { return func() { _ = os.WriteFile(name, []byte(harmless), 0o600) } }
	second := func(of, name string) func() { return func() { _ = os.Link(of, name) } }
	fifo := func(name string) func() { return func() { _ = syscall.Mkfifo(name, 0o600) } }
	own("mine")()
	const keys, scratch = "authorized_keys", "scratch"
	own(keys)()
	files := []func(){
		own(scratch), link(filepath.Join(roots, keys), scratch), own(scratch), link(filepath.Join(half, keys), scratch),
		second(filepath.Join(half, keys), scratch), // refused where the kernel protects hard links
		second("mine", scratch), fifo(scratch), link("/dev/zero", scratch), link("/dev/tty", scratch),
		link("/proc/self/environ", scratch), link("/proc/self/fd/0", scratch), func() { _ = os.Mkdir(scratch, 0o755) },
	}
	dirs := []func(){
		link(roots, other), link(half, other), link("/proc/self/fd", other), fifo(other), own(other), link("other", other),
	}
	for i := 0; ; i++ {
		_ = os.RemoveAll(scratch)
		files[i%len(files)]()
		if i%2 == 0 {
			_ = os.Rename(scratch, keys)
		} else {
			swap(scratch, keys)
		}
		if i%3 == 0 {
			_ = os.RemoveAll(other)
			dirs[i/3%len(dirs)]()
			swap(ssh, other)
			swap(ssh, other)
		}
	}
}

// attacked makes the files and starts the attacker.
func attacked(t *testing.T) (dir string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can be led astray")
	}
	dir, err := os.MkdirTemp("", "sshwhy-attack-")
	check(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	check(t, os.Chmod(dir, 0o755))
	for name, mode := range map[string]os.FileMode{"home": 0o755, "roots": 0o700, "half": 0o755} {
		check(t, os.Mkdir(filepath.Join(dir, name), mode))
		if name != "home" {
			check(t, os.WriteFile(filepath.Join(dir, name, "authorized_keys"), []byte(canary), 0o600))
		}
	}
	check(t, os.Chown(filepath.Join(dir, "home"), daemonUser, daemonUser))
	cmd := exec.Command("/proc/self/exe", attackFlag, dir)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: daemonUser, Gid: daemonUser}, Pdeathsig: syscall.SIGKILL}
	check(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	for range 1000 { // until it is under way
		if _, err := os.Lstat(filepath.Join(dir, "home/.ssh")); err == nil {
			return dir
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("the attacker does nothing")
	return dir
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// outcomes counts what looks saw, and fails the test where one saw the canary.
type outcomes map[string]int

func (o outcomes) add(t *testing.T, it evidence.Item, r evidence.Result) {
	t.Helper()
	if bytes.Contains(r.Data, []byte(canary)) || len(r.Data) > 0 && r.Data[0] == 0 {
		t.Fatalf("%s: read %.60q", it.Key(), r.Data)
	}
	name := string(r.Status)
	if r.Meta != nil {
		name += " " + r.Meta.Type
	}
	o[name]++
}

// bites fails the test where the attack was none: the looks must have met the
// user's file, what is no file, and what is not for them.
func (o outcomes) bites(t *testing.T, names ...string) {
	t.Helper()
	t.Log(map[string]int(o))
	for _, name := range names {
		if o[name] == 0 {
			t.Errorf("no look ended as %q: the attacker was asleep", name)
		}
	}
}

func TestLooksAsTheUserUnderAttack(t *testing.T) {
	dir := attacked(t)
	u := &evidence.User{Name: "daemon", UID: daemonUser, GID: daemonUser, Groups: []uint32{daemonUser}}
	seen := outcomes{}
	for n := 0; n < looks(); n += batch {
		var items []evidence.Item
		for i := range batch {
			it := evidence.File(filepath.Join(dir, "home/.ssh/authorized_keys")).AtMost(4096).AsUser(u)
			if i%4 == 3 {
				it = evidence.Stat(it.Path).AsUser(u)
			}
			items = append(items, it)
		}
		for i, r := range lookAs(t.Context(), items) {
			seen.add(t, items[i], r)
		}
	}
	seen.bites(t, "known file", "denied link", "failed fifo", "failed device", "denied")
}

// The same paths, as if root's configuration named them.
func TestLooksAsRootUnderAttack(t *testing.T) {
	dir := attacked(t)
	seen, e := outcomes{}, &rootsEyes{}
	keys := evidence.File(filepath.Join(dir, "home/.ssh/authorized_keys")).AtMost(4096)
	all := evidence.Glob(filepath.Join(dir, "home/.ssh/*"))
	for range looks() {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		seen.add(t, keys, lookFile(ctx, e, keys))
		for _, m := range lookGlob(ctx, e, all).Matches {
			it := evidence.File(m.Path).AtMost(4096)
			seen.add(t, it, lookFile(ctx, e, it))
		}
		cancel()
	}
	seen.bites(t, "known file", "failed link", "failed fifo", "failed")
}
