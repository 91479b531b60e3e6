package remedy

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"sshwhy/internal/report"
)

// StateDir is where fixes are recorded: /var/lib/sshwhy for root, the user's
// own state directory (XDG Base Directory Specification) for everyone else.
func StateDir() (string, error) {
	if os.Geteuid() == 0 {
		return "/var/lib/sshwhy", nil
	}
	if d := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(d) {
		return filepath.Join(d, "sshwhy"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(home, ".local", "state", "sshwhy"), nil
}

// ErrBusy is returned where another fix or undo is running.
var ErrBusy = errors.New("another fix or undo is running on this machine")

// ErrUnfinished is returned where an earlier fix was cut short.
var ErrUnfinished = errors.New("an earlier fix was cut short; take it back first: sshwhy undo")

// ErrChanged is returned where something is no longer as the plan saw it.
var ErrChanged = errors.New("changed since the plan was made")

// errNotYet is how a step ends that cannot be done before another round has
// mended more; what was done so far stands.
var errNotYet = errors.New("something else must be mended first")

// Tx is one fix in progress. It holds the lock of the state directory until
// Close, and may apply several plans one after the other: what the first one
// uncovers, the second mends.
type Tx struct {
	ID    string
	Steps []report.FixStep

	sys   *System
	state string
	dir   string
	seq   int
	n     int // steps begun
	lock  *os.File
	// spare, if set, says why what was written so far must not come into force. It
	// is asked before the first step that makes a running program read it.
	spare func(context.Context) error
	left  map[string]State // what the plan's steps have left so far, by path
}

// Begin takes the lock and makes the record. Nothing of the machine is changed.
func Begin(s *System, stateDir string) (*Tx, error) {
	if err := supported(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(stateDir, 0o700); err != nil {
		return nil, fmt.Errorf("the record of the fix cannot be made, so nothing is changed: %w", err)
	}
	if err := s.writable(stateDir); err != nil {
		return nil, fmt.Errorf("the record of the fix cannot be made, so nothing is changed: %w", err)
	}
	lock, err := acquire(s, stateDir)
	if err != nil {
		return nil, err
	}
	tx := &Tx{sys: s, state: stateDir, lock: lock, left: map[string]State{}}
	if err := tx.begin(); err != nil {
		lock.Close()
		return nil, fmt.Errorf("the record of the fix cannot be made, so nothing is changed: %w", err)
	}
	return tx, nil
}

// lockName is the file in the state directory that is locked.
const lockName = "lock"

// acquire takes the lock of a state directory and writes down who has it.
func acquire(s *System, stateDir string) (*os.File, error) {
	if err := s.ownDir(stateDir); err != nil {
		return nil, err
	}
	path := filepath.Join(stateDir, lockName)
	f, ok, err := s.lock(path)
	if err != nil {
		return nil, err
	}
	if !ok {
		defer f.Close()
		holder := make([]byte, 64)
		n, _ := f.ReadAt(holder, 0)
		if who := strings.TrimSpace(string(holder[:n])); who != "" {
			return nil, fmt.Errorf("%w (process %s)", ErrBusy, who)
		}
		return nil, ErrBusy
	}
	if err := f.Truncate(0); err == nil {
		fmt.Fprintf(f, "%d\n", os.Getpid())
	}
	return f, nil
}

// acquireWithin waits for the lock, at most so long.
func acquireWithin(ctx context.Context, s *System, stateDir string, patience time.Duration) (*os.File, error) {
	for end := time.Now().Add(patience); ; {
		lock, err := acquire(s, stateDir)
		if !errors.Is(err, ErrBusy) || time.Now().After(end) {
			return lock, err
		}
		if err := pause(ctx, 200*time.Millisecond); err != nil {
			return nil, err
		}
	}
}

// begin makes the directory of the record. The name tells the time; the order
// of fixes is told by a number, because clocks jump.
func (tx *Tx) begin() error {
	all, err := List(tx.state)
	if err != nil {
		return err
	}
	for _, r := range all { // we hold the lock, so nobody is working on it
		if r.State == "open" && len(r.Steps) > 0 {
			return fmt.Errorf("%w %s", ErrUnfinished, r.ID)
		}
	}
	if err := tx.sys.prune(all); err != nil {
		return err
	}
	tx.seq = 1
	if len(all) > 0 {
		tx.seq = all[len(all)-1].Seq + 1
	}
	stamp := tx.sys.Now().UTC().Format("20060102T150405Z")
	for i := 1; ; i++ {
		tx.ID = fmt.Sprintf("%s-%d", stamp, i)
		tx.dir = filepath.Join(tx.state, tx.ID)
		err := tx.sys.mkdir(tx.dir, 0o700)
		if errors.Is(err, os.ErrExist) && i < 10_000 {
			continue
		}
		if err != nil {
			return err
		}
		break
	}
	if err := tx.sys.note(tx.dir, event{Event: evBegin, Seq: tx.seq}); err != nil {
		return err
	}
	return tx.sys.syncDir(tx.dir)
}

// Apply does the steps of a plan, in order. It first asks every step whether
// it can be done and is still as planned, and does none if one cannot. Where a
// step fails, the error says so and Tx.Steps shows how far it came; the caller
// rolls back.
func (tx *Tx) Apply(ctx context.Context, p *Plan) error {
	first := len(tx.Steps)
	tx.left = map[string]State{}
	for _, st := range p.Steps {
		tx.Steps = append(tx.Steps, report.FixStep{Cause: strings.Join(st.Causes, ","), Do: st.Do, State: "planned"})
	}
	fail := func(i int, err error) error {
		tx.Steps[first+i].State, tx.Steps[first+i].Error = "failed", err.Error()
		for j := i + 1; j < len(p.Steps); j++ {
			tx.Steps[first+j].State = "skipped"
		}
		return fmt.Errorf("%s: %w", p.Steps[i].Do, err)
	}
	for i, st := range p.Steps {
		if err := tx.ready(ctx, st); err != nil {
			return fail(i, err)
		}
	}
	quiet := false // something was done that no running program has read yet
	for i, st := range p.Steps {
		err := ctx.Err()
		if err == nil && quiet && st.loud() && tx.spare != nil {
			err, quiet = tx.spare(ctx), false
		}
		if err != nil {
			return fail(i, err)
		}
		quiet = quiet || !st.loud()
		err = tx.step(ctx, st)
		if errors.Is(err, errNotYet) {
			fail(i, err) //nolint:errcheck // the next round sees to it
			tx.Steps[first+i].State = "skipped"
			return nil
		}
		if err != nil {
			return fail(i, err)
		}
		tx.Steps[first+i].State = "done"
	}
	return nil
}

// ready says why a step cannot be done as planned. It changes nothing.
func (tx *Tx) ready(ctx context.Context, st *Step) error {
	for path, planned := range st.planned {
		now, _, err := tx.sys.look(path)
		if err != nil {
			return err
		}
		if !now.itself(planned) {
			return fmt.Errorf("%s has %w", path, ErrChanged)
		}
	}
	return st.doer.check(ctx, tx.sys)
}

// step records, does, and records.
func (tx *Tx) step(ctx context.Context, st *Step) error {
	tx.n++
	dir := filepath.Join(tx.dir, fmt.Sprintf("%03d", tx.n))
	if err := tx.sys.mkdir(dir, 0o700); err != nil {
		return err
	}
	paths, trees := st.doer.touches()
	rec := st.doer.record()
	rec.Opens = st.Opens
	before, pack, err := tx.sys.take(paths, trees, rec.Attr)
	if err != nil {
		return err
	}
	if err := tx.aim(st, before); err != nil {
		return err
	}
	before.Probes = st.doer.probe(ctx, tx.sys)
	if err := tx.sys.writeNew(filepath.Join(dir, beforePack), pack); err != nil {
		return err
	}
	if err := tx.sys.save(dir, beforeJSON, before); err != nil {
		return err
	}
	if err := tx.sys.syncDir(dir); err != nil {
		return err
	}
	err = tx.sys.note(tx.dir, event{Event: evIntent, Step: tx.n, Cause: strings.Join(st.Causes, ","), Do: st.Do, Act: &rec})
	if err != nil {
		return err
	}
	if err := st.doer.do(ctx, tx.sys); err != nil {
		tx.sys.note(tx.dir, event{Event: evFailed, Step: tx.n, Error: err.Error()}) //nolint:errcheck // the step's own error matters more
		return err
	}
	after, _, err := tx.sys.take(paths, trees, rec.Attr)
	if err != nil {
		return err
	}
	after.Probes = st.doer.probe(ctx, tx.sys)
	if err := tx.sys.save(dir, afterJSON, after); err != nil {
		return err
	}
	for path, e := range after.Paths {
		tx.left[path] = e.State
	}
	if err := tx.sys.note(tx.dir, event{Event: evDone, Step: tx.n}); err != nil {
		return err
	}
	return tx.sys.forget(dir, before, after, pack)
}

// aim makes what was recorded the very thing that the step changes, if it is
// what was planned on or what an earlier step has left of that.
func (tx *Tx) aim(st *Step, before snapshot) error {
	d, ok := st.doer.(ofOne)
	if !ok {
		return nil
	}
	path := d.subject()
	now, want := before.Paths[path].State, st.planned[path]
	if was, ok := tx.left[path]; ok {
		want = was
	}
	if !now.itself(want) {
		return fmt.Errorf("%s has %w", path, ErrChanged)
	}
	return d.onto(now)
}

// Commit says that the fix is whole: from now on it is undone only on demand,
// or by its guard.
func (tx *Tx) Commit() error {
	return tx.sys.note(tx.dir, event{Event: evApplied, Boot: bootID(), Up: uptime()})
}

// Rollback takes back every step, last first, and says in Tx.Steps which.
// It works on a context of its own: the one that was cancelled is often the
// reason for rolling back.
func (tx *Tx) Rollback() (Undone, error) {
	ctx, cancel := context.WithTimeout(context.Background(), installTime)
	defer cancel()
	u, err := undoDir(ctx, tx.sys, tx.dir, undoOptions{event: evRolledBack, around: true})
	for i := range tx.Steps {
		if tx.Steps[i].State == "done" && err == nil {
			tx.Steps[i].State = "undone"
		}
	}
	return u, err
}

// Began says whether any step has been begun, so that there is something to undo.
func (tx *Tx) Began() bool { return tx.n > 0 }

// Close releases the lock. A fix in which no step was begun leaves no record.
func (tx *Tx) Close() {
	if tx.n == 0 {
		os.RemoveAll(tx.dir)
	}
	tx.lock.Close()
}
