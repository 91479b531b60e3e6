package remedy

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"sshwhy/internal/operator"
)

// An undo that ends something, made by somebody who is not at the console, is
// guarded like a fix: it is a fix of its own with one step, "undo ID". Taking
// that back puts the files back as the first fix had left them, runs its
// commands again, and starts what it had started.

// kindUndo is the act of such a step.
const kindUndo = "undo"

// undoes is the fix that a record took back; "" for a fix of the ordinary sort.
func (r Record) undoes() string {
	for _, st := range r.Steps {
		if st.act.Kind == kindUndo {
			return st.act.Of
		}
	}
	return ""
}

// guardable says whether the undo of a fix can be taken back by a timer: it is
// whole and confirmed, and no package goes, which only a network brings back.
func (r Record) guardable() bool {
	return r.State == "applied" && r.undoes() == "" && os.Geteuid() == 0 &&
		!slices.ContainsFunc(r.Steps, func(st RecordStep) bool { return st.act.Kind == "install" })
}

// UndoGuarded undoes a fix as Undo does, and has a timer take that back unless
// it is confirmed (Keep). The record of the undo, and the deadline, are returned.
func UndoGuarded(ctx context.Context, s *System, stateDir, id string, opt UndoOptions, self string, within time.Duration, who operator.Session) (Undone, Record, error) {
	tx, err := Begin(s, stateDir)
	if err != nil {
		return Undone{}, Record{}, err
	}
	defer tx.Close()
	u, err := survey(s, filepath.Join(stateDir, filepath.Base(id)))
	if err != nil {
		return Undone{}, Record{}, err
	}
	d := &backDoer{u: u, opt: undoOptions{UndoOptions: opt, event: evUndone, again: true}}
	if d.opt.Mark != "" && d.opt.Mark != u.mark() {
		return Undone{}, Record{}, ErrMoved
	}
	d.opt.Mark = "" // the timer's own files change a directory that was looked at
	if _, err = tx.Arm(ctx, self, within, who); err == nil {
		err = tx.step(ctx, &Step{Do: "sshwhy undo " + u.rec.ID, doer: d})
	}
	if err == nil {
		err = tx.Commit()
	}
	if err != nil {
		_, rerr := tx.Rollback()
		return d.done, Record{}, errors.Join(err, rerr)
	}
	if _, err = tx.Rearm(ctx, within); err != nil {
		return d.done, Record{}, err
	}
	r, err := readRecord(tx.dir)
	return d.done, r, err
}

// backDoer is the step that takes a fix back.
type backDoer struct {
	u    *undo
	opt  undoOptions
	done Undone
}

func (d *backDoer) touches() ([]string, []string) {
	var paths, trees []string
	for path, g := range d.u.target {
		if !g.Parent {
			paths = append(paths, path)
		}
	}
	for _, st := range d.u.steps {
		trees = append(trees, st.before.Trees...)
	}
	slices.Sort(paths)
	slices.Sort(trees)
	return paths, slices.Compact(trees)
}

// probe reads the states that the fix had read.
func (d *backDoer) probe(ctx context.Context, s *System) map[string]string {
	out := map[string]string{}
	for k := range d.u.probesBefore() {
		name, unit, _ := strings.Cut(k, ":")
		switch {
		case isInit(name):
			out[k] = activeState(ctx, s, name, unit)
		case k == "rules:nft":
			maps.Copy(out, nftProbe(ctx, s))
		case name == "rules":
			maps.Copy(out, iptablesProbe(ctx, s))
		}
	}
	return out
}

func (d *backDoer) record() act                          { return act{Kind: kindUndo, Of: d.u.rec.ID, Loose: true} }
func (d *backDoer) check(context.Context, *System) error { return nil }

func (d *backDoer) do(ctx context.Context, s *System) (err error) {
	d.done, err = undoDir(ctx, s, d.u.dir, d.opt)
	return err
}

// redo runs the commands of a fix again, whose undo is being taken back.
func (u *undo) redo(ctx context.Context, id string) error {
	r, err := readRecord(filepath.Join(filepath.Dir(u.dir), filepath.Base(id)))
	if err != nil {
		return err
	}
	for _, st := range r.Steps {
		for _, argv := range st.act.Forward {
			if _, rerr := u.s.run(ctx, argv...); rerr != nil {
				err = rerr
			}
		}
	}
	return err
}

// redone notes in the record of a fix that it stands again.
func (u *undo) redone() {
	if id := u.rec.undoes(); id != "" {
		u.s.note(filepath.Join(filepath.Dir(u.dir), filepath.Base(id)), event{Event: evRedone}) //nolint:errcheck // its files say so
	}
}
