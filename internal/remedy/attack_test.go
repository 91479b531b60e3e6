//go:build linux

package remedy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sshwhy/internal/report"
)

// The attack: a real process of an ordinary user swaps links, pipes, names and
// directories in his home as fast as he can, while root plans, applies and
// undoes changes of what is there. Whatever he does, nothing of root's or of a
// third user's is read, changed or given away, nothing hangs, and no set-uid
// file of root's arises in his home.
//
// envAttack is the directory that the user's process, which is this test
// binary, works in; envRounds is how many times root plans, applies and undoes
// (an ordinary run does as often as fits in some seconds).
const (
	envAttack = "SSHWHY_ATTACK_DIR"
	envRounds = "SSHWHY_ATTACK"
	aliceUID  = 4251
	secret    = "SECRET-"
)

// canary is a file that must stay as it is, held by a descriptor so that it is
// found wherever the attacker moves it.
type canary struct {
	name string
	f    *os.File
	st   unix.Stat_t
	data []byte
}

func TestAttack(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, and a user to defend against")
	}
	a := newArena(t)
	stop := a.attack(t)
	defer stop()
	least, seconds := 0, 4*time.Second
	if n, err := strconv.Atoi(os.Getenv(envRounds)); err == nil {
		least, seconds = n, 0
	}
	begun, watch := time.Now(), time.NewTimer(0)
	defer watch.Stop()
	var done atomic.Bool
	go func() {
		for range watch.C {
			if !done.Load() && time.Since(begun) > 30*time.Second+seconds {
				pprof.Lookup("goroutine").WriteTo(os.Stderr, 2)
				panic("hung")
			}
		}
	}()
	end := begun.Add(seconds)
	for round := 0; round < least || time.Now().Before(end); round++ {
		begun = time.Now()
		watch.Reset(time.Minute)
		a.round(round)
		a.check(fmt.Sprintf("round %d", round))
		if t.Failed() {
			break
		}
	}
	done.Store(true)
	t.Logf("%d rounds, %d changes made, %d undone, %d refused; swaps by the user: %s", a.rounds, a.changes, a.undone, a.refused, stop())
	if a.changes == 0 || a.refused == 0 {
		t.Error("the attack was never in time, or always")
	}
	a.search()
}

// arena is a machine with bob's home and what is none of his business.
type arena struct {
	*testing.T
	dir, home, state string
	s                *System
	canaries         []*canary
	rounds           int
	changes          int
	undone, refused  int
	said             bytes.Buffer
}

func newArena(t *testing.T) *arena {
	t.Helper()
	dir := shmDir(t)
	a := &arena{T: t, dir: dir, home: filepath.Join(dir, "home/bob"), state: filepath.Join(dir, "state"), s: &System{}}
	mk := func(name string, mode fs.FileMode, uid int) string {
		path := filepath.Join(dir, name)
		for _, err := range []error{os.MkdirAll(path, 0o755), os.Chown(path, uid, uid), os.Chmod(path, mode)} {
			if err != nil {
				t.Fatal(err)
			}
		}
		return path
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	mk("home/bob", 0o755, bobsUID)
	mk("home/bob/.ssh", 0o700, bobsUID)
	mk("root", 0o755, 0)
	mk("drop", 0o777, 0) // where bob may take things from
	for _, c := range []struct {
		name, text string
		mode       fs.FileMode
		uid        int
	}{
		{"root/authorized_keys", secret + "keys of root\n", 0o600, 0},
		{"root/shadow", secret + "shadow\n", 0o640, 0},
		{"root/suid", "\x7fELF " + secret, 0o755 | fs.ModeSetuid, 0},
		{"root/open", "everybody writes here\n", 0o666, 0},
		{"root/alice", secret + "of alice\n", 0o600, aliceUID},
		{"drop/of-root", secret + "of root, where others may move it\n", 0o600, 0},
		{"drop/of-alice", secret + "of alice, where others may move it\n", 0o600, aliceUID},
		{"drop/readable", "not only keys\n" + bobsKey, 0o644, 0},
	} {
		path := filepath.Join(dir, c.name)
		for _, err := range []error{os.WriteFile(path, []byte(c.text), 0o600), os.Chown(path, c.uid, c.uid), os.Chmod(path, c.mode)} {
			if err != nil {
				t.Fatal(err)
			}
		}
		a.watch(path, c.text)
	}
	return a
}

// watch makes a canary. Its times are such that any reading shows: under
// relatime the time of access follows one that is before that of change.
func (a *arena) watch(path, text string) {
	a.Helper()
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NOATIME|unix.O_CLOEXEC, 0)
	if err != nil {
		a.Fatal(err)
	}
	c := &canary{name: path, f: os.NewFile(uintptr(fd), path), data: []byte(text)}
	a.Cleanup(func() { c.f.Close() })
	times := []unix.Timespec{{Sec: 1_000_000_000}, {Sec: 2_000_000_000}}
	if err := unix.UtimesNanoAt(unix.AT_FDCWD, path, times, 0); err != nil {
		a.Fatal(err)
	}
	if err := unix.Fstat(fd, &c.st); err != nil {
		a.Fatal(err)
	}
	a.canaries = append(a.canaries, c)
}

func (a *arena) check(when string) {
	a.Helper()
	for _, c := range a.canaries {
		var st unix.Stat_t // bob may remove what is in /drop
		if err := unix.Fstat(int(c.f.Fd()), &st); err != nil {
			a.Fatal(err)
		}
		data := make([]byte, 100)
		n, _ := c.f.ReadAt(data, 0)
		if st.Mode != c.st.Mode || st.Uid != c.st.Uid || st.Gid != c.st.Gid || st.Nlink == 0 && !strings.Contains(c.name, "/drop/") || st.Mtim != c.st.Mtim || !bytes.Equal(data[:n], c.data) {
			a.Errorf("%s: %s is not as it was: mode %o uid %d gid %d, %d links, %q", when, c.name, st.Mode, st.Uid, st.Gid, st.Nlink, data[:n])
		}
		if secretOf(c) && st.Uid != 0 && st.Atim != c.st.Atim {
			a.Errorf("%s: %s was read", when, c.name)
		}
	}
	filepath.WalkDir(a.home, func(path string, _ fs.DirEntry, err error) error { //nolint:errcheck // it changes while one looks
		if err != nil {
			return nil
		}
		var st unix.Stat_t
		if unix.Lstat(path, &st) == nil && st.Uid != bobsUID && !a.isCanary(st.Ino) && st.Mode&setID != 0 && st.Mode&unix.S_IFMT == unix.S_IFREG {
			a.Errorf("%s: %s has mode %o and uid %d", when, path, st.Mode, st.Uid)
		}
		return nil
	})
	if strings.Contains(a.said.String(), secret) {
		a.Errorf("%s: shown: %s", when, a.said.String())
	}
	a.said.Reset()
}

func (a *arena) isCanary(ino uint64) bool {
	return slices.ContainsFunc(a.canaries, func(c *canary) bool { return c.st.Ino == ino })
}

func secretOf(c *canary) bool { return bytes.Contains(c.data, []byte(secret)) }

// search looks for what should be nowhere but in the canaries.
func (a *arena) search() {
	for _, top := range []string{a.state, a.home} {
		err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			data, err := os.ReadFile(path)
			if bytes.Contains(data, []byte(secret)) {
				var st unix.Stat_t
				unix.Lstat(path, &st)
				if a.isCanary(st.Ino) {
					return nil
				}
				a.Errorf("%s holds %q", path, data)
			}
			return err
		})
		if err != nil {
			a.Error(err)
		}
	}
}

// round plans one change or several, applies them, and takes them back.
func (a *arena) round(n int) {
	a.rounds++
	ssh, keys := filepath.Join(a.home, ".ssh"), filepath.Join(a.home, ".ssh/authorized_keys")
	acts := [][]report.Action{
		{{Kind: report.ActMode, Path: keys, Mode: 0o600}},
		{{Kind: report.ActMode, Path: ssh, Mode: 0o700}, {Kind: report.ActMode, Path: keys, Mode: 0o4755}},
		{{Kind: report.ActOwner, Path: keys, User: strconv.Itoa(bobsUID)}},
		{{Kind: report.ActOwner, Path: ssh, User: strconv.Itoa(bobsUID)}, {Kind: report.ActOwner, Path: keys, User: strconv.Itoa(bobsUID)}},
		{{Kind: report.ActEdit, Path: keys, Edits: []report.LineEdit{{Op: report.LineAppend, New: "# a line"}}}},
		{{Kind: report.ActMode, Path: keys, Mode: 0o644}, {Kind: report.ActEdit, Path: keys, Edits: []report.LineEdit{{Op: report.LinePrepend, New: "# a line"}}}},
	}[n%6]
	ctx := context.Background()
	p, err := planOf(ctx, a.s, acts)
	if p != nil {
		a.said.WriteString(p.Preview())
	}
	if !a.heard(err) || len(p.Steps) == 0 {
		return
	}
	tx, err := Begin(a.s, a.state)
	if err != nil {
		a.Fatal(err)
	}
	err = tx.Apply(ctx, p)
	if !a.heard(err) {
		if _, err = tx.Rollback(); !a.heard(err) {
			a.Errorf("rolling back: %v", err) // nobody but its operator may hold up an undo
		}
		tx.Close()
		return
	}
	a.changes += len(p.Steps)
	guarded := n%2 == 0
	if guarded {
		if err := a.s.note(tx.dir, event{Event: evGuard, By: "process 0"}); err != nil {
			a.Fatal(err)
		}
	}
	if err := tx.Commit(); err != nil {
		a.Fatal(err)
	}
	tx.Close()
	var u Undone
	if guarded {
		u, err = GuardUndo(ctx, a.s, a.state, tx.ID, 0)
	} else {
		u, err = Undo(ctx, a.s, a.state, tx.ID, UndoOptions{Force: true})
	}
	for _, c := range u.Conflicts {
		a.said.WriteString(c.Diff)
	}
	if !a.heard(err) {
		a.Errorf("undo: %v", err)
		return
	}
	a.undone++
}

// heard keeps what a person would read, and says whether it went well.
func (a *arena) heard(err error) bool {
	if err == nil {
		return true
	}
	a.refused++
	a.said.WriteString(err.Error())
	return false
}

// attack starts the user's process. The function ends it, and tells what it did.
func (a *arena) attack(t *testing.T) func() string {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), envAttack+"="+a.dir)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := false
	return func() string {
		if !ended {
			ended = true
			cmd.Process.Signal(syscall.SIGTERM)
			cmd.Wait() //nolint:errcheck // what it printed is what counts
		}
		return strings.TrimSpace(out.String())
	}
}

// attackChild is the user's process.
func attackChild(dir string) int {
	for _, err := range []error{syscall.Setgroups([]int{bobsUID}), syscall.Setgid(bobsUID), syscall.Setuid(bobsUID)} {
		if err != nil {
			fmt.Println(err)
			return 1
		}
	}
	var ended atomic.Bool
	go func() {
		for !ended.Load() {
			time.Sleep(time.Second)
			if os.Getppid() == 1 {
				os.Exit(1)
			}
		}
	}()
	b := &attacker{home: filepath.Join(dir, "home/bob"), dir: dir}
	b.loop()
	return 0
}

type attacker struct {
	dir, home string
	swaps     int
}

func (b *attacker) in(name string) string { return filepath.Join(b.dir, name) }

// loop goes on until it is told to end.
func (b *attacker) loop() {
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	for {
		select {
		case <-term:
			fmt.Println(b.swaps)
			return
		default:
		}
		b.own()
		idle(15)
		b.swap(rand.IntN(14))
		b.swaps++
		idle(11)
	}
}

// pause waits for a microsecond up to 2^n of them: as long as a look or a
// whole change takes, or any part of them.
func idle(n int) { time.Sleep(time.Duration(1<<rand.IntN(n)) * time.Microsecond) }

// own puts things back to where a plan finds something to do.
func (b *attacker) own() {
	ssh := filepath.Join(b.home, ".ssh")
	b.back("of-root", "of-alice", "readable", "keys")
	if fi, err := os.Lstat(ssh); err != nil || !fi.IsDir() {
		os.Remove(ssh)
		if os.Rename(ssh+".away", ssh) != nil {
			os.Mkdir(ssh, 0o700)
		}
	}
	keys := filepath.Join(ssh, "authorized_keys")
	os.RemoveAll(keys)
	os.WriteFile(keys, []byte(bobsKey), 0o666)
	os.Chmod(keys, [...]fs.FileMode{0o666, 0o777 | fs.ModeSetuid, 0o644}[rand.IntN(3)])
	os.Chmod(ssh, [...]fs.FileMode{0o777, 0o700}[rand.IntN(2)])
}

// back takes what is not his out of his home again.
func (b *attacker) back(names ...string) {
	keys := filepath.Join(b.home, ".ssh/authorized_keys")
	var st unix.Stat_t
	if unix.Lstat(keys, &st) != nil || st.Uid == bobsUID || st.Mode&unix.S_IFMT != unix.S_IFREG {
		return
	}
	for _, n := range names {
		if unix.Renameat2(unix.AT_FDCWD, keys, unix.AT_FDCWD, b.in("drop/"+n), unix.RENAME_NOREPLACE) == nil {
			return
		}
	}
}

func (b *attacker) swap(n int) {
	ssh, keys := filepath.Join(b.home, ".ssh"), filepath.Join(b.home, ".ssh/authorized_keys")
	link := func(target string) {
		os.Symlink(target, keys+".l")
		os.Rename(keys+".l", keys)
	}
	instead := func(target string) {
		os.Rename(ssh, ssh+".away")
		os.Symlink(target, ssh)
	}
	switch n {
	case 0:
		link(b.in("root/authorized_keys"))
	case 1:
		link(b.in("root/suid"))
	case 2:
		link(b.in("root/shadow"))
	case 3:
		instead(b.in("root"))
	case 4:
		instead("/tmp")
	case 5:
		unix.Mkfifo(keys+".f", 0o666)
		os.Rename(keys+".f", keys)
	case 6:
		os.Link(b.in("root/open"), keys+".h")
		os.Rename(keys+".h", keys)
	case 7:
		os.Link(keys, filepath.Join(b.home, "other"))
		idle(11)
		os.Remove(filepath.Join(b.home, "other"))
	case 8:
		os.Remove(keys)
		os.Rename(b.in("drop/of-alice"), keys)
	case 9:
		os.Remove(keys)
		os.Rename(b.in("drop/of-root"), keys)
	case 10:
		os.Remove(keys)
		os.Rename(b.in("drop/readable"), keys)
	case 11:
		os.Remove(keys)
		os.Mkdir(keys, 0o777)
	case 12: // an ELF with a set-uid bit, appended to
		os.WriteFile(keys, []byte("\x7fELF"), 0o777)
		os.Chmod(keys, 0o777|fs.ModeSetuid|fs.ModeSetgid)
	case 13: // the names that a change prepares its file under
		for _, n := range [...]string{".sshwhy-authorized_keys.tmp", ".sshwhy-authorized_keys.undo"} {
			temp := filepath.Join(ssh, n)
			if _, err := os.Lstat(temp); !errors.Is(err, fs.ErrNotExist) {
				os.Remove(temp)
				os.Link(b.in("root/open"), temp)
			}
		}
	}
}
