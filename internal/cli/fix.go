package cli

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"sshwhy/internal/remedy"
	"sshwhy/internal/render"
	"sshwhy/internal/report"
)

// confirmWithin is how long a fix that concerns the way in waits to be
// confirmed: time for a new login, and short enough to wait for when it fails.
const confirmWithin = 120 * time.Second

// fixFlags are the flags of a command that can mend what it finds.
type fixFlags struct {
	fix, yes, dryRun, open bool
	only                   []string
	within                 time.Duration
	fingerprint            string // of a new host key, compared by the person
}

func (f *fixFlags) add(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.BoolVar(&f.fix, "fix", false, "mend what is found: show the plan, ask for each step, apply, verify, undo if it fails")
	fl.BoolVar(&f.yes, "yes", false, "with --fix: consent to every repair that lets nobody new in")
	fl.BoolVar(&f.open, "open", false, "with --fix: also change who may come in, as narrowly as --client says")
	fl.BoolVar(&f.dryRun, "dry-run", false, "with --fix: show the plan and change nothing")
	fl.StringSliceVar(&f.only, "only", nil, "with --fix: mend these causes only")
	fl.DurationVar(&f.within, "confirm-within", confirmWithin, "with --fix: undo after this time unless sshwhy keep confirms; 0 never")
}

// check refuses flags that mean nothing without --fix.
func (f *fixFlags) check() error {
	if f.fix {
		return nil
	}
	if f.yes || f.open || f.dryRun || len(f.only) > 0 {
		return usage("add --fix", "--yes, --open, --dry-run and --only belong to --fix")
	}
	return nil
}

// mend runs a fix from a first report, and prints the report of the machine
// afterwards.
func (a *app) mend(ctx context.Context, f fixFlags, opt remedy.Options, first *report.Report,
	diagnose func(context.Context, time.Time) (*report.Report, error),
	verify func(context.Context, *report.Report) report.FixVerified) error {
	state, err := remedy.StateDir()
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	opt.Only, opt.Open = f.only, f.open
	live := a.liveLine()
	job := remedy.Job{
		System: &remedy.System{}, StateDir: state, Options: opt,
		Yes: f.yes, DryRun: f.dryRun, Ask: a.asker(),
		Diagnose: diagnose, Verify: verify,
		Show: func(r *report.Report, p *remedy.Plan) { live.pause(); a.showPlan(r, p) },
		Say:  live.show,
		Self: self, Session: a.Env("SSH_CONNECTION"), ConfirmWithin: f.within,
	}
	rep, err := remedy.Run(ctx, job, first)
	live.clear()
	if rep == nil {
		return err
	}
	rep.Normalize()
	if perr := a.finishFix(rep); perr != nil {
		return perr
	}
	if err != nil {
		fmt.Fprintln(a.Err, "error: "+safe(err.Error()))
		a.exit = max(a.exit, 1)
	}
	if rep.Fix.Outcome == "refused" {
		a.exit = max(a.exit, 1)
		if err == nil {
			fmt.Fprintln(a.Err, "hint: add --yes to consent to these steps, and --open to those that let somebody in")
		}
	}
	if rep.Fix.ConfirmBy != "" {
		a.countdown(ctx, state, rep.Fix)
	}
	return nil
}

// finishFix prints the report of the machine as it is now and what was done; of
// a dry run the answer and the plan have been shown already.
func (a *app) finishFix(rep *report.Report) error {
	if rep.Fix.Outcome == "dry-run" && !a.json {
		a.exit = rep.Verdict.ExitCode()
		fmt.Fprintln(a.Out, "This is what would be done; nothing is changed. To do it: the same without --dry-run.")
		return nil
	}
	if err := a.finish(rep); err != nil {
		return err
	}
	if !a.json {
		render.Fix(a.Out, shown(rep), a.terminal())
	}
	return nil
}

// showPlan prints what is to be mended, and the plan; beside JSON it goes to
// standard error.
func (a *app) showPlan(rep *report.Report, p *remedy.Plan) {
	text := withoutSecrets(p.Preview())
	if text == "" {
		return
	}
	var w io.Writer = a.Out
	if a.json {
		w = a.Err
	}
	if len(p.Steps) > 0 {
		_ = render.Headline(w, shown(rep), a.terminal())
		fmt.Fprintln(w, "\nTo mend it:")
	}
	render.Plan(w, text, a.terminal())
	fmt.Fprintln(w)
}

// asker asks on the terminal for each step; nil where nobody is there.
func (a *app) asker() func(*remedy.Step) (bool, error) {
	in, ok := a.In.(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) || !term.IsTerminal(int(a.Err.Fd())) {
		return nil
	}
	r := bufio.NewReader(in)
	return func(st *remedy.Step) (bool, error) {
		fmt.Fprintf(a.Err, "Do it: %s? [y/N] ", safe(strings.ReplaceAll(st.Do, "\n", "; ")))
		line, err := r.ReadString('\n')
		if err != nil {
			return false, nil //nolint:nilerr // no answer is no consent
		}
		switch strings.ToLower(strings.TrimSpace(line)) {
		case "y", "yes":
			return true, nil
		}
		return false, nil
	}
}

// countdown says until when the fix must be confirmed, and where a person
// looks on, counts down until it is confirmed, undone, or left alone.
func (a *app) countdown(ctx context.Context, state string, f *report.Fix) {
	until, err := time.Parse(time.RFC3339, f.ConfirmBy)
	if err != nil {
		return
	}
	fmt.Fprintf(a.Err, "The fix is undone at %s unless, from a new login, you say: sudo sshwhy keep\n", until.Local().Format(time.TimeOnly))
	live := a.liveLine()
	if !live.on {
		return
	}
	defer live.clear()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for left := time.Until(until); ; left = time.Until(until) {
		live.show(fmt.Sprintf("undone in %d s unless confirmed from a new login (Ctrl-C stops this display, not the timer)", max(0, int(left.Seconds()))))
		switch remedy.StateOf(state, f.ID) {
		case "applied":
			live.clear()
			fmt.Fprintln(a.Err, "Confirmed.")
			return
		case "undone", "rolled-back":
			live.clear()
			fmt.Fprintln(a.Err, "Undone: nobody confirmed it in time.")
			a.exit = max(a.exit, 1)
			return
		}
		if left < -time.Minute {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
