package remedy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"sshwhy/internal/report"
)

// Job is one `--fix`: what to do, and the functions by which it sees and asks.
type Job struct {
	System   *System
	StateDir string
	Options  Options

	Yes    bool // consent to every step of the plan
	DryRun bool
	// Ask asks for one step's consent; nil where nobody can be asked.
	Ask func(*Step) (bool, error)

	// Diagnose looks at the machine anew. changed is when the fix last changed
	// it (zero: not, or it was taken back): what its log says of logins before
	// that proves nothing of the machine as it is.
	Diagnose func(ctx context.Context, changed time.Time) (*report.Report, error)
	// Verify makes a real connection, before and after. Nil where none can be made.
	Verify func(context.Context, *report.Report) report.FixVerified

	// Show is told of every plan before anything happens, and of the report it
	// mends; Say of what is being done.
	Show func(*report.Report, *Plan)
	Say  func(string)

	Self          string        // this program, for the guard
	Session       string        // SSH_CONNECTION of the operator; "" where there is none
	ConfirmWithin time.Duration // of the guard; 0: no guard
}

// maxRounds bounds how often a fix looks again and mends what the round before
// has uncovered: a stopped service behind a bad line behind a missing key.
const maxRounds = 5

// The outcomes of a fix, as docs/output.md has them.
const (
	outcomeApplied    = "applied"
	outcomeRolledBack = "rolled-back"
	outcomeNothing    = "nothing-to-do"
	outcomeRefused    = "refused"
	outcomeDryRun     = "dry-run"
)

// Run mends what a report found, and returns the report of the machine
// afterwards, with what was done. The error is one of the job itself, a step's
// being told in the report.
func Run(ctx context.Context, j Job, first *report.Report) (*report.Report, error) {
	f := &fixing{Job: j, rep: first, fix: &report.Fix{Steps: []report.FixStep{}}}
	plan, err := Make(ctx, j.System, first, j.Options)
	if err != nil {
		return nil, err
	}
	j.Show(first, plan)
	if plan, err = f.consented(ctx, plan); err != nil {
		return nil, err
	}
	if plan == nil || len(plan.Steps) == 0 || j.DryRun {
		return f.withoutChange(plan), nil
	}
	return f.transaction(ctx, plan)
}

// fixing is one Run in progress.
type fixing struct {
	Job
	rep    *report.Report // of the machine now
	fix    *report.Fix
	tx     *Tx
	before report.FixVerified // whether a connection worked before
	mended []string           // the causes that steps were done for
	seen   []string           // the steps that were done, so that none is tried twice

	changed time.Time // when the last round was done
}

// withoutChange ends a fix that changes nothing.
func (f *fixing) withoutChange(plan *Plan) *report.Report {
	switch {
	case plan == nil:
		f.fix.Outcome = outcomeRefused
	case len(plan.Steps) == 0:
		f.fix.Outcome = outcomeNothing
	default:
		f.fix.Outcome = outcomeDryRun
		for _, st := range plan.Steps {
			f.fix.Steps = append(f.fix.Steps, report.FixStep{Cause: strings.Join(st.Causes, ","), Do: st.Do, State: "planned"})
		}
	}
	return f.finished()
}

func (f *fixing) finished() *report.Report {
	out := *f.rep
	if f.tx != nil {
		f.fix.ID, f.fix.Steps = f.tx.ID, f.tx.Steps
	}
	out.Fix = f.fix
	return &out
}

// consented is the plan of what was consented to; nil where consent could not
// be asked for.
func (f *fixing) consented(ctx context.Context, plan *Plan) (*Plan, error) {
	if f.Yes || f.DryRun || len(plan.Steps) == 0 {
		return plan, nil
	}
	if f.Ask == nil {
		return nil, nil
	}
	for _, st := range plan.Steps {
		ok, err := f.Ask(st)
		if err != nil {
			return nil, err
		}
		if !ok { // half a remedy is none: all steps of its causes stay undone
			f.Options.Except = append(f.Options.Except, st.Causes...)
		}
	}
	return Make(ctx, f.System, f.rep, f.Options)
}

// transaction applies the plan and what it uncovers, verifies, and keeps or
// takes back.
func (f *fixing) transaction(ctx context.Context, plan *Plan) (*report.Report, error) {
	f.before = f.verify(ctx)
	tx, err := Begin(f.System, f.StateDir)
	if err != nil {
		f.fix.Outcome = outcomeRefused
		return f.finished(), err
	}
	defer tx.Close()
	f.tx = tx
	if err := f.arm(ctx, plan); err != nil {
		f.fix.Outcome = outcomeRefused
		return f.finished(), err
	}
	err = f.rounds(ctx, plan)
	if err == nil {
		err = f.judge(ctx)
	}
	if err != nil {
		return f.back(err)
	}
	f.fix.Outcome = outcomeApplied
	if err := tx.Commit(); err != nil {
		return f.back(err)
	}
	if f.fix.ConfirmBy != "" && f.Session == "" {
		// Nobody's way in hangs on this, and a connection has proved the rest.
		f.fix.ConfirmBy = ""
		return f.finished(), tx.Disarm(ctx)
	}
	return f.finished(), nil
}

// arm starts the guard where the way in is at stake.
func (f *fixing) arm(ctx context.Context, plan *Plan) error {
	if f.ConfirmWithin <= 0 || f.Options.Where == report.OnClient || (f.Session == "" && !plan.Risky()) {
		return nil
	}
	until, err := f.tx.Arm(ctx, f.Self, f.ConfirmWithin, f.Session)
	f.fix.ConfirmBy = until.UTC().Format(time.RFC3339)
	return err
}

// rounds applies plans until nothing is left to mend.
func (f *fixing) rounds(ctx context.Context, plan *Plan) error {
	for round := 1; ; round++ {
		for _, st := range plan.Steps {
			f.seen = append(f.seen, st.Do)
			f.mended = append(f.mended, st.Causes...)
		}
		f.Say("applying")
		if err := f.tx.Apply(ctx, plan); err != nil {
			return err
		}
		f.changed = f.System.Now()
		f.Say("looking again")
		var err error
		if f.rep, err = f.Diagnose(ctx, f.changed); err != nil {
			return err
		}
		if plan, err = Make(ctx, f.System, f.rep, f.Options); err != nil {
			return err
		}
		again := !slices.ContainsFunc(plan.Steps, func(st *Step) bool { return !slices.Contains(f.seen, st.Do) })
		if len(plan.Steps) == 0 || again || round == maxRounds {
			return nil
		}
		f.Show(f.rep, plan)
		if plan, err = f.consented(ctx, plan); err != nil {
			return err
		}
		if plan == nil || len(plan.Steps) == 0 {
			return nil
		}
	}
}

// judge says why a fix must not stand: a cause that it was to mend still
// blocks, or a door that was open is closed.
func (f *fixing) judge(ctx context.Context) error {
	if err := f.still(); err != nil || f.Verify == nil {
		return err
	}
	f.Say("connecting")
	v := f.verify(ctx)
	f.fix.Verified = &v
	switch {
	case v.OK, f.Options.Where == report.OnClient && !f.before.OK: // there the last look was the connection
		return nil
	case f.before.OK:
		return fmt.Errorf("a connection that worked before the fix does not work now (%s)", v.How)
	}
	// The connection itself may have brought the fault back: it makes a socket
	// unit start a service that does not start.
	r, err := f.Diagnose(ctx, f.changed)
	if err != nil {
		return err
	}
	f.rep = unproven(r, v)
	return f.still()
}

// still says which cause that was to be mended goes on blocking; nil where none does.
func (f *fixing) still() error {
	for _, find := range f.rep.Findings {
		if find.Impact == report.Blocking && slices.Contains(f.mended, find.Cause) {
			return fmt.Errorf("%s still stands: %s", find.Cause, find.Summary)
		}
	}
	return nil
}

// unproven is a report that does not say that all is well where a connection
// has not shown it.
func unproven(r *report.Report, v report.FixVerified) *report.Report {
	out := *r
	if out.Verdict == report.VerdictOK || out.Verdict == report.VerdictDegraded {
		if out.Verdict == report.VerdictOK {
			out.Headline = "The fix is done, and no fault is found any more; but a connection did not show that it works."
		}
		out.Verdict = report.VerdictUnknown
		out.Incomplete = append(slices.Clone(out.Incomplete), report.Incomplete{Check: "a connection after the fix", Reason: v.How})
	}
	return &out
}

func (f *fixing) verify(ctx context.Context) report.FixVerified {
	if f.Verify == nil {
		return report.FixVerified{}
	}
	return f.Verify(ctx, f.rep)
}

// back takes everything back and says why.
func (f *fixing) back(why error) (*report.Report, error) {
	f.fix.Outcome = outcomeRefused
	if f.tx.Began() {
		f.fix.Outcome = outcomeRolledBack
		f.Say("taking back")
		undone, err := f.tx.Rollback()
		if err != nil {
			why = errors.Join(why, fmt.Errorf("taking back failed, sshwhy undo %s tries again: %w", f.tx.ID, err))
		}
		for _, l := range undone.Left {
			why = errors.Join(why, errors.New(l))
		}
	}
	f.fix.ConfirmBy = ""
	if f.tx.n == 0 {
		f.tx.Disarm(context.Background()) //nolint:errcheck // a guard that finds no record ends
	}
	ctx, cancel := context.WithTimeout(context.Background(), commandTime)
	defer cancel()
	if r, err := f.Diagnose(ctx, time.Time{}); err == nil {
		f.rep = r
	}
	return f.finished(), why
}
