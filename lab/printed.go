//go:build linux

package lab

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"sshwhy/internal/report"
)

// RunPrinted breaks a fresh world as the case says, does by hand, in their order, the
// steps that sshwhy prints for what blocks at the server, and logs in.
func RunPrinted(ctx context.Context, c Case, suite, tools string) Outcome {
	return inWorld(ctx, c, suite, tools, func(ctx context.Context, w *World, o *Outcome) {
		argv := append([]string{"sshwhy", "server", "--json"}, c.ServerArgs...)
		res := w.Server(ctx, "exec "+strings.Join(quoted(argv), " ")+" </dev/null")
		var r report.Report
		if err := json.Unmarshal(res.Stdout, &r); err != nil {
			o.fail("no report: %v", err)
			return
		}
		var blocking []report.Finding
		for _, f := range r.Findings {
			if f.Impact == report.Blocking && f.Remedy != nil {
				blocking = append(blocking, f)
			}
		}
		for _, f := range blocking {
			failed := w.doByHand(ctx, f)
			if len(blocking) == 1 { // with several faults a step may have to wait for the next one's
				o.Bad = append(o.Bad, failed...)
			}
		}
		w.settle(ctx)
		w.mustLogin(ctx, c, o, "after the printed steps")
		if len(o.Bad) > 0 {
			o.show(strings.Join(argv, " "), string(head(res.Stdout, 6000))+string(tail(res.Stderr, 1500)))
		}
	})
}

// doByHand types a remedy's steps as they are printed, and returns which of them failed.
func (w *World) doByHand(ctx context.Context, f report.Finding) (failed []string) {
	for _, s := range f.Remedy.Steps {
		at := w.Server
		if s.Where == report.OnClient {
			at = w.Client
		}
		if res := at(ctx, s.Do); res.Exit != 0 {
			failed = append(failed, fmt.Sprintf("%s: %q ends with %d: %v", f.Cause, s.Do, res.Exit, res))
		}
	}
	return failed
}
