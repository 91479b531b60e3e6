//go:build linux

package lab

import (
	"context"
	"fmt"
)

// Break boots the machine and breaks the world as the case says.
func (w *World) Break(ctx context.Context, c Case) error {
	w.password = c.Password
	for _, section := range breakSections {
		if section == "server" { // what comes before is done to a machine that is off
			if err := w.Boot(ctx); err != nil {
				return err
			}
		}
		if err := w.runSection(ctx, c, section); err != nil {
			return err
		}
	}
	return nil
}

// Mend runs what mends the case by hand.
func (w *World) Mend(ctx context.Context, c Case) error {
	for _, section := range handSections {
		if err := w.runSection(ctx, c, section); err != nil {
			return err
		}
	}
	return nil
}

// runSection runs one section's script at the place it belongs to.
func (w *World) runSection(ctx context.Context, c Case, section string) error {
	script := c.Scripts[section]
	if script == "" {
		return nil
	}
	places := map[string]func(context.Context, string) Result{
		"server-before": w.Prepare, "server": w.Server, "router": w.Router, "client-root": w.ClientRoot, "client": w.Client,
		"hand": w.Server, "hand-router": w.Router, "hand-client-root": w.ClientRoot, "hand-client": w.Client,
	}
	if res := places[section](ctx, script); res.Exit != 0 {
		return fmt.Errorf("section %s: exit status %d\n%v", section, res.Exit, res)
	}
	return nil
}

// Login runs the real ssh at the client: a command that only succeeds.
func (w *World) Login(ctx context.Context, args []string) Result { return w.ssh(ctx, "exec", args) }

// ssh runs ssh behind a prefix.
func (w *World) ssh(ctx context.Context, prefix string, args []string) Result {
	line := prefix + " ssh -o BatchMode=yes"
	if w.password != "" { // ssh(1), SSH_ASKPASS: a program answers in the place of a terminal
		line = fmt.Sprintf(`printf '#!/bin/sh\necho %s\n' >~/askpass; chmod 700 ~/askpass; export SSH_ASKPASS=$HOME/askpass SSH_ASKPASS_REQUIRE=force; `, w.password) +
			prefix + " ssh -o NumberOfPasswordPrompts=1"
	}
	for _, a := range quoted(args) {
		line += " " + a
	}
	return w.Client(ctx, line+" -o ConnectTimeout=8 true </dev/null")
}
