//go:build linux

package lab

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"sshwhy/internal/report"
)

// RunPrinted breaks a fresh world as the case says, asks sshwhy at the given sides, does
// by hand, in their order, the steps that it prints for what blocks at the server, and logs in.
func RunPrinted(ctx context.Context, c Case, suite, tools string, sides []string) Outcome {
	return inWorld(ctx, c, suite, tools, func(ctx context.Context, w *World, o *Outcome) {
		w.observe(ctx, c, sides, o)
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

// RunPage breaks a fresh world as the case says and types the commands of a page there.
func RunPage(ctx context.Context, c Case, p Page, tools string) Outcome {
	return inWorld(ctx, c, c.Images[0], tools, func(ctx context.Context, w *World, o *Outcome) {
		if c.Kind == Broken {
			w.ssh(ctx, "exec timeout 20", c.SSH) // so that a log has something to show
		}
		for _, cmd := range p.Commands {
			if cmd.Not == "" {
				w.typed(ctx, cmd, o)
			}
		}
		if p.Login {
			w.settle(ctx)
			w.mustLogin(ctx, c, o, "after the page's commands")
		}
	})
}

// typed types one command of a page and checks what it prints.
func (w *World) typed(ctx context.Context, cmd PageCommand, o *Outcome) {
	at := map[string]func(context.Context, string) Result{
		"server": w.Server, "client": w.Client, "client-root": w.ClientRoot, "router": w.Router}[cmd.At]
	if at == nil {
		o.fail("no place %q", cmd.At)
		return
	}
	run := cmd.Run
	if cmd.At != "server" {
		run = strings.ReplaceAll(run, "sudo ", "") // the place has the rights, and nobody is asked
	}
	res := at(ctx, "set +e; exec </dev/null; "+run)
	said := append(res.Stdout[:len(res.Stdout):len(res.Stdout)], res.Stderr...)
	o.note("$ %s\n%s[exit %d]", cmd.Run, string(head(said, 700)), res.Exit)
	if len(cmd.Prints) == 0 && res.Exit != 0 {
		o.fail("%q ends with %d: %v", cmd.Run, res.Exit, res)
	}
	for _, re := range cmd.Prints {
		if !re.Match(said) {
			o.fail("%q does not print %q but: %v", cmd.Run, strings.TrimPrefix(re.String(), "(?m)"), res)
		}
	}
}
