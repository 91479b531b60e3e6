package remedy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"sshwhy/internal/operator"
	"sshwhy/internal/report"
)

// Job is one `--fix`: what to do, and the functions by which it sees and asks.
type Job struct {
	System   *System
	StateDir string
	Options  Options

	Yes    bool // consent to every step of the plan
	DryRun bool
	// Ask asks for one step's consent; nil where nobody can be asked. An error is
	// no answer (a signal, the end of the input), and ends the fix.
	Ask func(context.Context, *Step) (Answer, error)

	// Diagnose looks at the machine anew.
	Diagnose func(context.Context, Look) (*report.Report, error)
	// Verify makes a real connection, before and after. Nil where none can be made.
	Verify func(context.Context, *report.Report) report.FixVerified

	// Show is told of every plan before anything happens, and of the report it
	// mends; Say of what is being done.
	Show func(*report.Report, *Plan)
	Say  func(string)

	Self          string           // this program, for the guard
	Operator      operator.Session // who runs this, and over which way in
	ConfirmWithin time.Duration    // of the guard; 0: no guard
}

// Look says of what a fix is to be told anew.
type Look struct {
	// Changed is when the fix last changed the machine (zero: not, or it was
	// taken back): what the log says of logins before that proves nothing of
	// the machine as it is.
	Changed time.Time
	// As is the operator, where it is the operator's own way in that is asked
	// about; nil is the visitor of the first report.
	As *operator.Session
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
// being told in the report; ErrQuit or ErrUnanswered where a person ended it.
func Run(ctx context.Context, j Job, first *report.Report) (*report.Report, error) {
	f := &fixing{Job: j, rep: first, fix: &report.Fix{Steps: []report.FixStep{}}}
	plan, err := f.plan(ctx)
	if err != nil {
		return nil, err
	}
	j.Show(first, plan)
	plan, err = f.consented(ctx, plan)
	if errors.Is(err, ErrQuit) || errors.Is(err, ErrUnanswered) {
		return f.withoutChange(nil), err
	}
	if err != nil {
		return nil, err
	}
	if plan == nil || len(plan.Steps) == 0 || j.DryRun {
		return f.withoutChange(plan), nil
	}
	return f.transaction(ctx, plan)
}

// plan is what the report now asks for, with what holds for the fix as a whole.
func (f *fixing) plan(ctx context.Context) (*Plan, error) {
	p, err := Make(ctx, f.System, f.rep, f.Options)
	if err != nil {
		return nil, err
	}
	if f.guards(p) {
		p.Guard = f.System.guardWords(f.Operator, f.ConfirmWithin)
	}
	f.fix.NeedOpen = nil
	for _, l := range p.Left {
		if l.Open {
			f.fix.NeedOpen = append(f.fix.NeedOpen, l.Cause)
		}
	}
	return p, nil
}

// fixing is one Run in progress.
type fixing struct {
	Job
	rep      *report.Report // of the machine now
	fix      *report.Fix
	tx       *Tx
	before   report.FixVerified // whether a connection worked before
	mended   []string           // the causes that steps were done for
	seen     []string           // the steps that were done, so that none is tried twice
	declined []report.FixStep   // what a person said no to
	shut     []string           // the causes that kept the operator out before, so that they are not the fix's doing

	changed time.Time // when the last round was done
}

// withoutChange ends a fix that changes nothing.
func (f *fixing) withoutChange(plan *Plan) *report.Report {
	f.fix.Steps = append(f.fix.Steps, f.declined...)
	switch {
	case plan == nil, len(f.declined) > 0:
		f.fix.Outcome = outcomeRefused
	case len(plan.Steps) == 0:
		f.fix.Outcome = outcomeNothing
	default:
		f.fix.Outcome = outcomeDryRun
		for _, st := range plan.Steps {
			f.fix.Steps = append(f.fix.Steps, planned(st, "planned"))
		}
	}
	return f.finished()
}

func planned(st *Step, state string) report.FixStep {
	return report.FixStep{Cause: strings.Join(st.Causes, ","), Do: st.Do, State: state}
}

func (f *fixing) finished() *report.Report {
	out := *f.rep
	if f.tx != nil {
		f.fix.ID, f.fix.Steps = f.tx.ID, append(f.tx.Steps, f.declined...)
	}
	out.Fix = f.fix
	return &out
}

// transaction applies the plan and what it uncovers, verifies, and keeps or
// takes back.
func (f *fixing) transaction(ctx context.Context, plan *Plan) (*report.Report, error) {
	f.before = f.verify(ctx)
	var err error
	if f.shut, err = f.shutOut(ctx); err != nil {
		f.fix.Outcome = outcomeRefused
		return f.finished(), err
	}
	tx, err := Begin(f.System, f.StateDir)
	if err != nil {
		f.fix.Outcome = outcomeRefused
		return f.finished(), err
	}
	defer tx.Close()
	f.tx, tx.spare = tx, f.spared
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
	if f.fix.ConfirmBy == "" {
		return f.finished(), nil
	}
	if f.Operator.Way == operator.Console {
		// Nobody's way in hangs on this, and a connection has proved the rest.
		f.fix.ConfirmBy = ""
		return f.finished(), tx.Disarm(ctx)
	}
	// The time to confirm begins when there is something to confirm.
	until, err := tx.Rearm(ctx, f.ConfirmWithin)
	f.fix.ConfirmBy = until.UTC().Format(time.RFC3339)
	return f.finished(), err
}

// guards says whether a plan needs the guard: where the operator's own way in
// may be over the network, or the steps concern the way in.
func (f *fixing) guards(p *Plan) bool {
	return f.ConfirmWithin > 0 && f.Options.Where != report.OnClient && len(p.Steps) > 0 &&
		(f.Operator.Way != operator.Console || p.Risky())
}

// arm starts the guard before the first plan that needs it.
func (f *fixing) arm(ctx context.Context, plan *Plan) error {
	if f.fix.ConfirmBy != "" || !f.guards(plan) {
		return nil
	}
	until, err := f.tx.Arm(ctx, f.Self, f.ConfirmWithin, f.Operator)
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
		if err := f.arm(ctx, plan); err != nil {
			return err
		}
		f.Say("applying")
		if err := f.tx.Apply(ctx, plan); err != nil {
			return err
		}
		f.changed = f.System.Now()
		f.Say("looking again")
		var err error
		if f.rep, err = f.Diagnose(ctx, Look{Changed: f.changed}); err != nil {
			return err
		}
		if plan, err = f.plan(ctx); err != nil {
			return err
		}
		again := !slices.ContainsFunc(plan.Steps, func(st *Step) bool { return !slices.Contains(f.seen, st.Do) })
		if len(plan.Steps) == 0 || again || round == maxRounds {
			return nil
		}
		f.Show(f.rep, plan)
		plan, err = f.consented(ctx, plan)
		if errors.Is(err, ErrQuit) { // what was done was consented to
			return nil
		}
		if err != nil {
			return err
		}
		if plan == nil || len(plan.Steps) == 0 {
			return nil
		}
	}
}

// judge says why a fix must not stand: a cause that it was to mend still
// blocks, the operator is shut out, or a door that was open is closed.
func (f *fixing) judge(ctx context.Context) error {
	if err := f.still(ctx); err != nil || f.Verify == nil {
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
	r, err := f.Diagnose(ctx, Look{Changed: f.changed})
	if err != nil {
		return err
	}
	f.rep = unproven(r, v)
	return f.still(ctx)
}

// still says which cause that was to be mended goes on blocking, or that the
// operator is shut out; nil where neither is so.
func (f *fixing) still(ctx context.Context) error {
	for _, find := range f.rep.Findings {
		if find.Impact == report.Blocking && slices.Contains(f.mended, find.Cause) {
			return fmt.Errorf("%s still stands: %s", find.Cause, find.Summary)
		}
	}
	return f.spared(ctx)
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
	ctx, cancel := context.WithTimeout(context.Background(), commandTime)
	defer cancel()
	if r, err := f.Diagnose(ctx, Look{}); err == nil {
		f.rep = r
	}
	return f.finished(), why
}
