//go:build linux

package lab

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// living are the worlds of this process, so that a signal can end them all.
var living struct {
	sync.Mutex
	worlds map[*World]bool
}

func register(w *World) {
	living.Lock()
	defer living.Unlock()
	if living.worlds == nil {
		living.worlds = map[*World]bool{}
	}
	living.worlds[w] = true
}

func unregister(w *World) {
	living.Lock()
	defer living.Unlock()
	delete(living.worlds, w)
}

// CloseAll closes every world of this process.
func CloseAll() {
	living.Lock()
	var all []*World
	for w := range living.worlds {
		all = append(all, w)
	}
	living.Unlock()
	for _, w := range all {
		w.Close()
	}
}

// CloseOnSignal closes every world and exits when the process is interrupted, or when
// the deadline, where it is not zero, has come.
func CloseOnSignal(deadline time.Time) {
	c := make(chan os.Signal, 1)
	signal.Notify(c, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	var expired <-chan time.Time
	if !deadline.IsZero() {
		expired = time.After(time.Until(deadline))
	}
	go func() {
		select {
		case s := <-c:
			fmt.Fprintf(os.Stderr, "lab: %v: taking the machines down\n", s)
		case <-expired:
			fmt.Fprintln(os.Stderr, "lab: out of time: taking the machines down")
		}
		CloseAll()
		os.Exit(1)
	}()
}

// Sweep removes what earlier runs left behind: every world whose lock nobody holds.
func Sweep() {
	names := map[string]bool{}
	for _, pattern := range []string{StateDir + "/lab*", "/run/netns/lab*-client", cgroupRoot() + "/sshwhy-lab/lab*"} {
		found, _ := filepath.Glob(pattern)
		for _, f := range found {
			name := strings.TrimSuffix(strings.TrimSuffix(filepath.Base(f), ".lock"), "-client")
			names[name] = true
		}
	}
	for name := range names {
		lock, err := tryLock(filepath.Join(StateDir, name) + ".lock")
		if err != nil {
			continue // its world is alive
		}
		remove(name, nil)
		os.Remove(lock.Name())
		lock.Close()
	}
}

// tryLock takes the lock of a world, or fails at once.
func tryLock(path string) (*os.File, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// remove takes a world apart, whatever of it there is. died, where not nil, tells
// that the machine's supervisor has ended.
func remove(name string, died <-chan struct{}) {
	dir, group := filepath.Join(StateDir, name), filepath.Join(cgroupRoot(), "sshwhy-lab", name)
	if err := os.WriteFile(group+"/cgroup.kill", []byte("1"), 0); err != nil && !errors.Is(err, os.ErrNotExist) {
		fmt.Fprintf(os.Stderr, "lab: %s: %v\n", name, err)
	}
	waitEmpty(group)
	if died != nil {
		<-died
	}
	for _, place := range []string{"client", "router", "server"} {
		exec.Command("ip", "netns", "delete", name+"-"+place).Run()
	}
	unix.Unmount(dir+"/root", unix.MNT_DETACH)
	unix.Unmount(dir, unix.MNT_DETACH)
	os.Remove(dir)
	removeTree(group)
	removeTree("/sys/fs/cgroup/systemd/sshwhy-lab/" + name) // nspawn's own, on hosts with the old hierarchy
}

// waitEmpty waits until no process is left in a control group, at most 5 s.
func waitEmpty(group string) {
	for range 500 {
		events, err := os.ReadFile(group + "/cgroup.events")
		if err != nil || strings.Contains(string(events), "populated 0") {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// removeTree removes a tree of control groups, the innermost first.
func removeTree(group string) {
	entries, err := os.ReadDir(group)
	if err != nil {
		return
	}
	for _, e := range entries {
		if e.IsDir() {
			removeTree(filepath.Join(group, e.Name()))
		}
	}
	os.Remove(group)
}

// cgroupRoot is where this host has its unified hierarchy.
func cgroupRoot() string {
	if _, err := os.Stat("/sys/fs/cgroup/unified/cgroup.procs"); err == nil {
		return "/sys/fs/cgroup/unified"
	}
	return "/sys/fs/cgroup"
}

// processorTime is what everything in this world has used so far; 0 where that is not known.
func (w *World) processorTime() time.Duration {
	stat, _ := os.ReadFile(w.cgroup + "/cpu.stat")
	var micros int64
	fmt.Sscanf(string(stat), "usage_usec %d", &micros) //nolint:errcheck
	return time.Duration(micros) * time.Microsecond
}

// makeCgroup makes the control groups of a world.
func makeCgroup(name string) (string, error) {
	group := filepath.Join(cgroupRoot(), "sshwhy-lab", name)
	for _, child := range []string{"machine", "others"} {
		if err := os.MkdirAll(filepath.Join(group, child), 0o755); err != nil {
			return group, err
		}
	}
	return group, nil
}
