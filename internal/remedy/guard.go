package remedy

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"sshwhy/internal/operator"
)

// The guard is a timer that undoes a fix nobody confirmed. It must outlive the
// session, the network and, where the machine has a way to, a reboot; so it is
// not part of this process (guardhold.go says what holds it). It counts elapsed
// time, not the clock's.

// guard is the timer of a fix, as its record tells it.
type guard struct {
	by   string        // what holds it; "": there is none
	way  operator.Way  // how the operator had come in
	boot string        // the boot in which it was armed …
	due  time.Duration // … and its deadline, since that boot
}

// Arm starts the guard, before the first risky step. self is the program, and
// who the operator.
func (tx *Tx) Arm(ctx context.Context, self string, within time.Duration, who operator.Session) (until time.Time, err error) {
	until = tx.sys.Now().Add(within)
	if self, err = tx.steady(self); err != nil {
		return until, fmt.Errorf("the timer that would undo the fix cannot be set up, so nothing is changed: %w", err)
	}
	h := tx.sys.holderFor(tx.ID, self, within)
	// What undoes the fix is known before it is made: a crash in between leaves
	// a record without steps, and at worst a timer that finds nothing to do.
	if len(h.files) > 0 {
		if err = tx.step(ctx, &Step{Do: h.words(), doer: &holdDoer{h}}); err != nil {
			return until, fmt.Errorf("the timer that would undo the fix cannot be set up, so nothing is changed: %w", err)
		}
	}
	by, err := h.start(ctx, tx.sys)
	if err != nil {
		return until, fmt.Errorf("the timer that would undo the fix cannot be started, so nothing is changed: %w", err)
	}
	return until, tx.noteGuard(by, until, within, who.Way)
}

func (tx *Tx) noteGuard(by string, until time.Time, within time.Duration, way operator.Way) error {
	return tx.sys.note(tx.dir, event{Event: evGuard, By: by, Way: way, Until: until.UTC().Format(time.RFC3339),
		Boot: bootID(), Up: uptime() + within})
}

// Rearm gives the guard its whole time again: what holds it may come at the old
// deadline, finds the new one in the record and waits for that.
func (tx *Tx) Rearm(_ context.Context, within time.Duration) (time.Time, error) {
	until := tx.sys.Now().Add(within)
	r, err := readRecord(tx.dir)
	if err != nil || r.guard.by == "" {
		return until, err
	}
	return until, tx.noteGuard(r.guard.by, until, within, r.guard.way)
}

// ErrSameSession is returned by Keep for a login that is older than the fix, the
// very one it was made in among them: that it still lives proves nothing about
// the next login.
var ErrSameSession = errors.New("this login is older than the fix; log in anew and say it there, so that the way in is proved")

// ErrUnknownLogin is returned by Keep where it is not known which login it is called in.
var ErrUnknownLogin = errors.New("it cannot be seen which login this is; say it in a new one, directly, so that the way in is proved")

// ErrFromHere is returned by Keep for a login that came from this machine itself.
var ErrFromHere = errors.New("this login came from the machine itself; say it in one from where you come from, so that the way in is proved")

// proved says why a login does not prove the way in that the fix might have closed.
func (r Record) proved(who operator.Session, boot string) error {
	switch {
	case who.Way == operator.Console:
		return nil // whoever sits there can always come in, and undo
	case who.Way == operator.Unknown || who.Began == 0 || !who.From.IsValid():
		return ErrUnknownLogin
	case boot == r.boot && who.Began <= r.finished:
		return ErrSameSession
	case who.Here:
		return ErrFromHere
	}
	return nil
}

// Keep confirms a fix: its guard will not undo it. ID "" is the last guarded
// one. who is the login of the caller; anyway keeps it whatever that proves.
func Keep(ctx context.Context, s *System, stateDir, id string, who operator.Session, anyway bool) (string, error) {
	if err := supported(); err != nil {
		return "", err
	}
	all, err := List(stateDir)
	if err != nil || len(all) == 0 { // nothing to lock, where nothing was ever recorded
		return "", errors.Join(err, ErrNoGuard)
	}
	lock, err := acquire(s, stateDir) // against the guard, whose time may come now
	if err != nil {
		return "", err
	}
	defer lock.Close()
	if all, err = List(stateDir); err != nil {
		return "", err
	}
	for i := len(all) - 1; i >= 0; i-- {
		r := all[i]
		if id != "" && r.ID != id || id == "" && r.State != "guarded" {
			continue
		}
		if r.State == "undone" || r.State == "rolled-back" {
			return "", fmt.Errorf("%s is %s already", r.ID, r.State)
		}
		if r.State != "guarded" {
			return "", fmt.Errorf("%s: %w", r.ID, ErrNoGuard)
		}
		if err := r.proved(who, bootID()); err != nil && !anyway {
			return "", err
		}
		return r.ID, disarm(ctx, s, r)
	}
	return "", ErrNoGuard
}

// ErrNoGuard is returned by Keep where no fix waits to be confirmed.
var ErrNoGuard = errors.New("no fix waits to be confirmed")

// disarm writes the confirmation down, which is what counts, and takes the timer away.
func disarm(ctx context.Context, s *System, r Record) error {
	if err := s.note(r.Dir, event{Event: evKept}); err != nil {
		return err
	}
	return release(ctx, s, r)
}

// Disarm confirms the fix in progress.
func (tx *Tx) Disarm(ctx context.Context) error {
	r, err := readRecord(tx.dir)
	if err != nil || r.guard.by == "" {
		return err
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
	dir := filepath.Join(stateDir, filepath.Base(id))
	for {
		if err := pause(ctx, after); err != nil {
			return Undone{}, err
		}
		u, left, err := guardTurn(ctx, s, stateDir, dir)
		if left == 0 {
			return u, err
		}
		after = left
	}
}

// guardTurn undoes the fix if its time has come, or says how long it has still to wait.
func guardTurn(ctx context.Context, s *System, stateDir, dir string) (Undone, time.Duration, error) {
	lock, err := acquireWithin(ctx, s, stateDir, guardPatience)
	if err != nil {
		return Undone{}, 0, err
	}
	defer lock.Close()
	id := filepath.Base(dir)
	r, err := readRecord(dir)
	if errors.Is(err, fs.ErrNotExist) { // somebody threw the record away
		return Undone{ID: id}, 0, releaseByName(ctx, s, id)
	}
	if err != nil {
		return Undone{}, 0, err
	}
	if r.guard.by == "" || r.over() {
		return Undone{ID: id}, 0, release(ctx, s, r)
	}
	if left := r.guard.due - uptime(); r.guard.boot == bootID() && left > 0 {
		return Undone{}, left, nil
	}
	u, err := undoDir(ctx, s, dir, undoOptions{UndoOptions: UndoOptions{Force: true}, event: evUndone})
	return u, 0, err
}

// pause waits, or ends with the context.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
