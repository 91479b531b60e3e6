package local

import (
	"context"
	"fmt"

	"sshwhy/internal/evidence"
	"sshwhy/internal/proc"
)

// lookCommand runs a program within its item's time limit and cap. One that
// writes more is ended, since nobody reads on.
func lookCommand(ctx context.Context, it evidence.Item) evidence.Result {
	if len(it.Args) == 0 {
		return failed("no program named")
	}
	if it.As != nil {
		keepDescriptors()
	}
	run := proc.Run(ctx, proc.Command{Args: it.Args, As: credential(it.As), Limit: it.TimeLimit(), Cap: it.Limit()})
	r := evidence.Result{Status: evidence.Known, Data: run.Out, Stderr: run.Err, Exit: run.Exit, Truncated: run.Truncated}
	switch run.Ending {
	case proc.Exited:
	case proc.Signalled:
		r.Reason = "ended by " + run.Why.Error()
	case proc.Overflowed:
		r.Reason = "ended: it wrote more than is kept"
	case proc.TimedOut:
		r.Status, r.Reason = evidence.Failed, outOfTime(context.DeadlineExceeded, it)
	case proc.Stopped:
		r.Status, r.Reason = evidence.Failed, outOfTime(context.Cause(ctx), it)
	case proc.NoInterpreter:
		return failed(fmt.Sprintf("cannot be run: %v", run.Why))
	default:
		return because(r, run.Why)
	}
	switch {
	case run.Stuck:
		r.Status, r.Reason = evidence.Failed, r.Reason+"; it hangs in the kernel and could not be ended"
	case run.Held && r.Reason == "":
		r.Reason = "a process it left behind kept its output open"
	}
	return r
}
