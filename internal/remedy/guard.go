package remedy

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// The guard is a timer that undoes a fix nobody confirmed. It must outlive the
// session and the network, so it is not part of this process: systemd holds
// it, or a process of its own session does where there is no systemd. Both
// count elapsed time, not the clock's. It does not outlive a reboot: after one
// the fix stands as "guarded" in `sshwhy undo --list`.

// guardUnit is the name of the timer of a fix.
func guardUnit(id string) string { return "sshwhy-guard-" + strings.ToLower(id) }

// Arm starts the guard, before the first risky step. self is the program and
// session the SSH_CONNECTION of the operator, "" where there is none.
func (tx *Tx) Arm(ctx context.Context, self string, within time.Duration, session string) (until time.Time, err error) {
	seconds := strconv.Itoa(int(within.Round(time.Second) / time.Second))
	until = tx.sys.Now().Add(within)
	by := "systemd"
	if os.Geteuid() == 0 && tx.sys.has("systemd-run") && isDir("/run/systemd/system") {
		_, err = tx.sys.run(ctx, "systemd-run", "--quiet", "--unit="+guardUnit(tx.ID), "--on-active="+seconds,
			"--timer-property=AccuracySec=1s", "--description=undo of an SSH fix that nobody confirmed",
			"--", self, "undo", tx.ID, "--guard")
	} else {
		by, err = startSleeper(self, tx.ID, seconds)
	}
	if err != nil {
		return until, fmt.Errorf("the timer that would undo the fix cannot be started, so nothing is changed: %w", err)
	}
	return until, tx.sys.note(tx.dir, event{Event: evGuard, By: by, Until: until.UTC().Format(time.RFC3339), Session: session})
}

// startSleeper starts a process of its own session that waits and undoes.
func startSleeper(self, id, seconds string) (string, error) {
	cmd := exec.Command(self, "undo", id, "--guard", "--after", seconds+"s")
	detach(cmd)
	cmd.Dir = "/"
	if err := cmd.Start(); err != nil {
		return "", err
	}
	by := "process " + strconv.Itoa(cmd.Process.Pid)
	return by, cmd.Process.Release()
}

// ErrSameSession is returned by Keep for the very session the fix was made in:
// that it still lives proves nothing about the next login.
var ErrSameSession = errors.New("this is the session the fix was made in; log in anew and say it there, so that the way in is proved")

// Keep confirms a fix: its guard will not undo it. ID "" is the last guarded
// one. session is the SSH_CONNECTION of the caller.
func Keep(ctx context.Context, s *System, stateDir, id, session string, anyway bool) (string, error) {
	if err := supported(); err != nil {
		return "", err
	}
	lock, err := acquire(s, stateDir) // against the guard, whose time may come now
	if err != nil {
		return "", err
	}
	defer lock.Close()
	all, err := List(stateDir)
	if err != nil {
		return "", err
	}
	for i := len(all) - 1; i >= 0; i-- {
		r := all[i]
		if id != "" && r.ID != id || id == "" && r.guard == "" {
			continue
		}
		if r.State == "undone" || r.State == "rolled-back" {
			return "", fmt.Errorf("%s is %s already", r.ID, r.State)
		}
		if session != "" && session == r.session && !anyway {
			return "", ErrSameSession
		}
		if r.guard == "" {
			return r.ID, nil
		}
		return r.ID, disarm(ctx, s, r)
	}
	return "", errors.New("no fix waits to be confirmed")
}

// disarm writes the confirmation down, which is what counts, and stops the timer.
func disarm(ctx context.Context, s *System, r Record) error {
	if err := s.note(r.Dir, event{Event: evKept}); err != nil {
		return err
	}
	if r.guard == "systemd" {
		s.run(ctx, "systemctl", "stop", guardUnit(r.ID)+".timer") //nolint:errcheck // it finds the confirmation and ends
	}
	return nil
}

// Disarm confirms the fix in progress.
func (tx *Tx) Disarm(ctx context.Context) error {
	r, err := readRecord(tx.dir)
	if err != nil {
		return err
	}
	if r.guard == "" {
		return nil
	}
	return disarm(ctx, tx.sys, r)
}

// guardPatience is how long the guard waits for a fix that is still running:
// longer than the longest step.
const guardPatience = installTime + 5*time.Minute

// GuardUndo is what the guard does when its time has come: unless the fix was
// confirmed, everything is taken back, even what somebody changed since (which
// is kept in the record), because nobody may be able to come in and say so.
func GuardUndo(ctx context.Context, s *System, stateDir, id string, after time.Duration) (Undone, error) {
	select {
	case <-ctx.Done():
		return Undone{}, ctx.Err()
	case <-time.After(after):
	}
	dir := filepath.Join(stateDir, filepath.Base(id))
	deadline := time.Now().Add(guardPatience)
	for {
		lock, err := acquire(s, stateDir)
		if err == nil {
			defer lock.Close()
			break
		}
		if !errors.Is(err, ErrBusy) || time.Now().After(deadline) {
			return Undone{}, err
		}
		time.Sleep(200 * time.Millisecond)
	}
	r, err := readRecord(dir)
	if err != nil {
		return Undone{}, err
	}
	if r.guard == "" || r.State == "undone" || r.State == "rolled-back" {
		return Undone{ID: id}, nil
	}
	return undoDir(ctx, s, dir, undoOptions{UndoOptions: UndoOptions{Force: true}, event: evUndone})
}
