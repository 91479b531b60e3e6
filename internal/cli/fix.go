package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"sshwhy/internal/remedy"
	"sshwhy/internal/render"
	"sshwhy/internal/report"
	"sshwhy/internal/shquote"
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
// afterwards. diagnose asks again: as the visitor of the first report, or as the operator.
func (a *app) mend(ctx context.Context, f fixFlags, opt remedy.Options, first *report.Report,
	diagnose func(context.Context, remedy.Look) (*report.Report, error),
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
		Yes: f.yes, DryRun: f.dryRun,
		Diagnose: diagnose, Verify: verify,
		Show: func(r *report.Report, p *remedy.Plan) { live.pause(); a.showPlan(r, p) },
		Say:  live.show,
		Self: self, Operator: remedy.Operator(ctx, &remedy.System{}), ConfirmWithin: f.within,
	}
	if q := a.asker(); q != nil {
		job.Ask = func(ctx context.Context, st *remedy.Step) (remedy.Answer, error) {
			live.pause()
			return q.step(ctx, st)
		}
	}
	rep, err := remedy.Run(ctx, job, first)
	live.clear()
	if rep == nil {
		return err
	}
	rep.Normalize()
	unasked := errors.Is(err, remedy.ErrQuit) || errors.Is(err, remedy.ErrUnanswered)
	if perr := a.finishFix(rep, unasked); perr != nil {
		return perr
	}
	if err != nil && !errors.Is(err, remedy.ErrQuit) && (!unasked || rep.Fix.ID != "") {
		fmt.Fprintln(a.Err, "error: "+safe(err.Error()))
	}
	if err != nil || rep.Fix.Outcome == "refused" {
		a.exit = max(a.exit, 1)
	}
	a.lastWords(rep.Fix, err, f)
	if rep.Fix.ConfirmBy != "" {
		a.countdown(ctx, state, "fix", rep.Fix)
	}
	return nil
}

// lastWords say what a person must not miss, where it is not missed: at the end.
func (a *app) lastWords(fix *report.Fix, err error, f fixFlags) {
	w := a.Out
	if a.json {
		w = a.Err
	}
	declined := slices.ContainsFunc(fix.Steps, func(st report.FixStep) bool { return st.State == "declined" })
	switch {
	case fix.Outcome == "rolled-back":
		fmt.Fprintln(w, "The fix was taken back: nothing is changed.")
	case errors.Is(err, remedy.ErrUnanswered):
		a.exit, a.own = 1, true // not that of a diagnosis that was cut short
		fmt.Fprintln(w, "No answer: nothing is changed.")
	case errors.Is(err, remedy.ErrQuit):
		fmt.Fprintln(w, "Nothing is changed.")
	case fix.Outcome == "refused" && declined:
		fmt.Fprintln(w, "Declined: nothing is changed.")
	case fix.Outcome == "refused" && err == nil:
		fmt.Fprintln(a.Err, "hint: add --yes to consent to these steps, and --open to those that let somebody in")
	case declined:
		fmt.Fprintln(w, "What was declined is not done.")
	}
	if n := len(fix.NeedOpen); n > 0 && !f.open && err == nil {
		fmt.Fprintf(w, "%s --open, since they change who may come in:\n    %s\n", plural(n, "repair needs", "repairs need"), a.again("--open"))
	}
}

func plural(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + more
}

// again is the command that was typed, with one more flag.
func (a *app) again(flag string) string {
	args := slices.Clone(a.args)
	at := 0 // before the host and its remote command
	if len(args) > 0 && args[0] == "server" {
		at = 1
	}
	words := append([]string{"sshwhy"}, slices.Insert(args, at, flag)...)
	if a.Env("SUDO_USER") != "" && os.Geteuid() == 0 {
		words = append([]string{"sudo"}, words...)
	}
	return shquote.Join(words)
}

// finishFix prints the report of the machine as it is now and what was done; of
// a dry run, and where a person ended it, the answer and the plan have been shown already.
func (a *app) finishFix(rep *report.Report, ended bool) error {
	a.exit = rep.Verdict.ExitCode()
	switch {
	case rep.Fix.Outcome == "dry-run" && !a.json:
		fmt.Fprintln(a.Out, "This is what would be done; nothing is changed. Then it looks again, and mends what these steps\nuncover, in the same way. To do it: the same without --dry-run.")
		return nil
	case ended && rep.Fix.Outcome == "refused" && !a.json:
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

// countdown says until when the fix must be confirmed, and where a person
// looks on, counts down until it is confirmed, undone, or left alone.
func (a *app) countdown(ctx context.Context, state, what string, f *report.Fix) {
	until, err := time.Parse(time.RFC3339, f.ConfirmBy)
	if err != nil {
		return
	}
	fmt.Fprintf(a.Err, "The %s is taken back at %s, unless you log in anew and say there:\n    sudo sshwhy keep\n", what, until.Local().Format(time.TimeOnly))
	live := a.liveLine()
	if !live.on {
		return
	}
	if in, ok := a.In.(*os.File); ok { // what is typed meanwhile is no part of the line
		defer withoutEcho(in)()
	}
	defer live.clear()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for left := time.Until(until); ; left = time.Until(until) {
		in := fmt.Sprintf("taken back in %d s unless confirmed from a new login", max(0, int(left.Seconds())))
		live.showOne(in+" (Ctrl-C ends this display, not the timer)", in+" (Ctrl-C: not the timer)", in,
			fmt.Sprintf("taken back in %d s", max(0, int(left.Seconds()))))
		switch remedy.StateOf(state, f.ID) {
		case "applied":
			live.clear()
			fmt.Fprintln(a.Err, "Confirmed.")
			return
		case "undone", "rolled-back":
			live.clear()
			fmt.Fprintln(a.Err, "Taken back: nobody confirmed it in time.")
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
