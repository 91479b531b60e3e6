package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sshwhy/internal/operator"
	"sshwhy/internal/remedy"
	"sshwhy/internal/render"
	"sshwhy/internal/report"
)

// undoFlags say what `sshwhy undo` is to do.
type undoFlags struct {
	list, dryRun, force, yes, guard bool
	after, within                   time.Duration
}

func newUndo(a *app) *cobra.Command {
	var f undoFlags
	cmd := &cobra.Command{
		Use:   "undo [ID]",
		Short: "Put back exactly what a fix changed",
		Long: `Put back exactly what a fix changed: files with their owner, mode, times and
attributes, the state of units, firewall rules. Without an ID, the last fix that
is not undone. It works after a crash or a reboot, too.

It shows what it would do and what ends with it, and asks; --yes is the answer of
a script. A server that could not run before the fix, and does now, is not
stopped: its files are put back, and it runs on.

A file that somebody changed since is not touched: the difference is shown.
With --force it is put back all the same, and what was there is kept.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			id := ""
			if len(args) > 0 {
				id = args[0]
			}
			state, err := remedy.StateDir()
			if err != nil {
				return err
			}
			switch {
			case f.list:
				return a.listFixes(state)
			case f.guard:
				_, err := remedy.GuardUndo(cmd.Context(), &remedy.System{}, state, id, f.after)
				return err
			}
			return a.undo(cmd.Context(), state, id, f)
		},
	}
	fl := cmd.Flags()
	fl.BoolVar(&f.list, "list", false, "list the fixes that are recorded")
	fl.BoolVar(&f.dryRun, "dry-run", false, "say what would be put back, and change nothing")
	fl.BoolVar(&f.force, "force", false, "put back also what somebody changed since the fix; what was there is kept in the record")
	fl.BoolVar(&f.yes, "yes", false, "do not ask")
	fl.DurationVar(&f.within, "confirm-within", confirmWithin, "where something ends with it: do it again after this time unless sshwhy keep confirms; 0 never")
	fl.BoolVar(&f.guard, "guard", false, "what the timer runs: undo unless confirmed")
	fl.DurationVar(&f.after, "after", 0, "with --guard: wait first")
	cmd.MarkFlagsMutuallyExclusive("list", "dry-run", "yes")
	hide(cmd, "guard", "after")
	return cmd
}

// undo shows what would be undone, asks, and does that and nothing else.
func (a *app) undo(ctx context.Context, state, id string, f undoFlags) error {
	s := &remedy.System{}
	u, err := remedy.Undo(ctx, s, state, id, remedy.UndoOptions{DryRun: true, Force: f.force})
	a.showUndone(u, "Would be undone", err)
	if err != nil || f.dryRun {
		return a.undoError(err)
	}
	if u.Later != "" {
		fmt.Fprintf(a.Out, "  The last fix, %s, is over already: this is an earlier one.\n", render.Safe(u.Later))
	}
	q := a.asker()
	who := remedy.Operator(ctx, s)
	guarded := u.Guardable && f.within > 0 && len(u.Ends) > 0 && who.Way != operator.Console
	if guarded {
		fmt.Fprintf(a.Out, "  guard: it is done again after %s, unless it is confirmed from a new login (sudo sshwhy keep)\n", f.within)
	}
	switch {
	case f.yes && u.Later != "": // it was meant for the last one
		return usage("sshwhy undo --yes "+u.ID+" takes this one back", "the last fix, %s, is over already, and %s was not named", u.Later, u.ID)
	case f.yes:
	case q == nil:
		return usage("add --yes, or --dry-run to see it only", "nobody is here to be asked")
	default:
		if ok, err := q.agree(ctx, "Undo "+u.ID+"?"); err != nil || !ok {
			a.exit, a.own = 1, true
			fmt.Fprintln(a.Out, "Nothing is undone.")
			return nil //nolint:nilerr // no answer is told as one
		}
	}
	opt := remedy.UndoOptions{Force: f.force, Mark: u.Mark}
	if !guarded {
		u, err = remedy.Undo(ctx, s, state, u.ID, opt)
		a.showUndone(u, "Undone", err)
		return a.undoError(err)
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	u, r, err := remedy.UndoGuarded(ctx, s, state, u.ID, opt, self, f.within, who)
	a.showUndone(u, "Undone", err)
	if err == nil {
		a.countdown(ctx, state, "undo", &report.Fix{ID: r.ID, ConfirmBy: r.Until})
	}
	return a.undoError(err)
}

func hide(cmd *cobra.Command, names ...string) {
	for _, n := range names {
		if fl := cmd.Flags().Lookup(n); fl != nil {
			fl.Hidden = true
		}
	}
}

// undoError is the exit status and the hint of an undo that did not happen.
func (a *app) undoError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, remedy.ErrMoved):
		return usage("sshwhy undo again shows it as it is now", "%s", err)
	case errors.Is(err, remedy.ErrConflict):
		return usage("sshwhy undo --force puts it back all the same and keeps what is there now", "%s", err)
	default:
		return err
	}
}

func (a *app) showUndone(u remedy.Undone, word string, err error) {
	for _, c := range u.Conflicts {
		if c.Unseen != nil {
			continue // the error says so, and what is left at the end
		}
		fmt.Fprintf(a.Out, "%s was changed since the fix:\n", render.Safe(c.Path))
		for line := range strings.Lines(c.Diff) {
			fmt.Fprintln(a.Out, "  "+safe(strings.TrimRight(line, "\n")))
		}
	}
	if err != nil && len(u.Restored) == 0 || u.ID == "" {
		return
	}
	fmt.Fprintf(a.Out, "%s: %s, of %s\n", word, render.Safe(u.ID), u.Begun.Local().Format(time.DateTime))
	for _, s := range u.Steps {
		fmt.Fprintln(a.Out, "  "+safe(strings.ReplaceAll(s, "\n", "; ")))
	}
	for _, e := range u.Ends {
		fmt.Fprintln(a.Out, "  this "+safe(e))
	}
	for _, p := range u.Restored {
		fmt.Fprintln(a.Out, "  put back: "+render.Safe(p))
	}
	for _, l := range u.Left {
		fmt.Fprintln(a.Out, "  not as before: "+render.Safe(l))
	}
	if u.Kept != "" {
		fmt.Fprintln(a.Out, "  what was replaced is kept in "+render.Safe(u.Kept))
	}
}

// listFixes prints one line per fix, oldest first.
func (a *app) listFixes(state string) error {
	all, err := remedy.List(state)
	if err != nil {
		return err
	}
	if len(all) == 0 {
		fmt.Fprintln(a.Out, "No fix is recorded.")
		return nil
	}
	for _, r := range all {
		what := ""
		if len(r.Steps) > 0 {
			what = strings.ReplaceAll(r.Steps[0].Do, "\n", "; ")
			if n := len(r.Steps) - 1; n > 0 {
				what += fmt.Sprintf(" and %d more", n)
			}
		}
		fmt.Fprintf(a.Out, "%s  %-11s  %s\n", r.ID, standing(r), safe(what))
	}
	return nil
}

func standing(r remedy.Record) string {
	if s := r.Standing(); s != "open" {
		return s
	}
	return "unfinished"
}

// pending is what a report of this machine says of an earlier fix.
func pending() *report.PendingFix {
	state, err := remedy.StateDir()
	if err != nil {
		return nil
	}
	r, ok := remedy.Pending(&remedy.System{}, state)
	if !ok {
		return nil
	}
	p := &report.PendingFix{ID: r.ID, State: standing(r)}
	if until, err := time.Parse(time.RFC3339, r.Until); err == nil && p.State == "guarded" && time.Until(until) > 0 {
		p.Until = r.Until // past: a boot has begun the waiting anew
	}
	return p
}

// tellPending says what is to be done about it.
func (a *app) tellPending(p *report.PendingFix) {
	if p == nil || a.json {
		return
	}
	id := render.Safe(p.ID)
	switch p.State {
	case "guarded":
		fmt.Fprintf(a.Out, "\n  The fix %s waits to be confirmed, and is undone otherwise. From a new login:\n    sudo sshwhy keep\n", id)
	case "unconfirmed":
		fmt.Fprintf(a.Out, "\n  The fix %s was never confirmed, and nothing undoes it by itself any more. One of:\n    sudo sshwhy keep\n    sudo sshwhy undo %s\n", id, id)
	default:
		fmt.Fprintf(a.Out, "\n  The fix %s was cut short. To take back what it had done:\n    sudo sshwhy undo %s\n", id, id)
	}
}
