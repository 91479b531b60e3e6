package cli

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sshwhy/internal/client"
	"sshwhy/internal/explain"
	"sshwhy/internal/joined"
	"sshwhy/internal/remedy"
	"sshwhy/internal/report"
	"sshwhy/internal/server"
	"sshwhy/internal/walk"
)

// hostFlags are sshwhy's own options beside those of ssh.
type hostFlags struct {
	ssh          []string // ssh's options, in the order typed
	timeout      time.Duration
	noOtherPorts bool
	noAuth       bool
	serverFrom   string // a bundle of the server, recorded there
	serverVia    string // a command that gives a shell there
	command      bool   // a remote command was given
	ask          *hostKeyAsker
}

// newHost is "sshwhy [ssh options] [user@]host": the walk from here.
func newHost(a *app) *cobra.Command {
	var f hostFlags
	var fix fixFlags
	cmd := &cobra.Command{
		Use:    hostCommand + " [ssh options] [user@]host [command]",
		Hidden: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			host, err := splitHost(cmd, args)
			if err != nil {
				return err
			}
			f.command = len(args) > 1 && cmd.Flags().NArg() > 0
			if f.serverFrom != "" && f.serverVia != "" {
				return usage("choose one of them", "--server-from and --server-via are two ways of looking")
			}
			if err := fix.check(); err != nil {
				return err
			}
			f.ask = a.hostKeyAsker()
			look := func(ctx context.Context, _ remedy.Look) (*report.Report, error) { return a.walk(ctx, host, f) }
			r, err := look(cmd.Context(), remedy.Look{})
			if err != nil || !fix.fix {
				return a.finishOr(r, err)
			}
			return a.mend(cmd.Context(), fix, remedy.Options{Where: report.OnClient, Confirmed: fix.fingerprint}, r, look, walked)
		},
	}
	cmd.Flags().SetInterspersed(false)
	fix.add(cmd)
	cmd.Flags().StringVar(&fix.fingerprint, "fingerprint", "", "with --fix --open: the host's new key, as its own console prints it")
	addSSHFlags(cmd.Flags(), &f.ssh)
	f.add(cmd)
	a.commonFlags(cmd)
	return cmd
}

func (f *hostFlags) add(cmd *cobra.Command) {
	cmd.Flags().DurationVar(&f.timeout, "timeout", 0, "how long to wait for each address (default 8s, or ssh's ConnectTimeout)")
	cmd.Flags().BoolVar(&f.noOtherPorts, "no-other-ports", false, "do not try the usual other SSH ports of the host when this one is refused or silent")
	cmd.Flags().StringVar(&f.serverFrom, "server-from", "", "bring in what was recorded on the server: a bundle made by sshwhy collect")
	cmd.Flags().StringVar(&f.serverVia, "server-via", "", "look at the server too, through a command that gives a shell there")
	cmd.Flags().BoolVar(&f.noAuth, "no-auth", false, "stop after the host key: no login attempt")
}

// splitHost finds the host among the words that are no options. As with ssh,
// options may follow the host, and the first word after them starts a remote
// command, which does not matter here.
func splitHost(cmd *cobra.Command, args []string) (string, error) {
	if len(args) == 0 {
		return "", usage("give it what you gave ssh, for example: sshwhy alice@web1", "no host given")
	}
	host := args[0]
	if len(args) > 1 {
		if err := cmd.Flags().Parse(args[1:]); err != nil {
			return "", usage("sshwhy --help lists what it takes", "%s", err)
		}
	}
	return host, nil
}

// walked is the proof of a fix made here: the walk that was just made again.
func walked(_ context.Context, r *report.Report) report.FixVerified {
	return report.FixVerified{How: "the same connection, made again", OK: r.Verdict == report.VerdictOK || r.Verdict == report.VerdictDegraded}
}

// walk diagnoses a host from here, with a live line while it waits.
func (a *app) walk(ctx context.Context, host string, f hostFlags) (*report.Report, error) {
	live := a.liveLine()
	obs := walk.Walk(ctx, walk.Options{
		Args: f.ssh, Host: host, Timeout: f.timeout,
		NoOtherPorts: f.noOtherPorts, NoAuth: f.noAuth, Command: f.command, Version: version(), Ask: f.ask.asks(live),
	}, func(p walk.Progress) { live.show(waiting(p)) })
	live.clear()
	r := client.Diagnose(obs, version())
	if o := obs.OwnSSH; o != nil && !obs.Login.OK {
		var err error
		if r, err = heard(r, o); err != nil {
			return nil, err
		}
	}
	if f.serverFrom == "" && f.serverVia == "" {
		return r, nil
	}
	q := visitor(obs, r)
	b, err := a.evidence(ctx, q, serverFlags{from: f.serverFrom, via: f.serverVia})
	if err != nil {
		return nil, err
	}
	return joined.Join(r, server.Diagnose(b, q, version())), nil
}

// heard adds what ssh's own words say, where ssh made the login in the walk's place.
func heard(r *report.Report, o *client.OwnSSH) (*report.Report, error) {
	words, err := explain.Explain(strings.NewReader(o.Said), explain.Options{Version: version(), Source: "ssh -v, run by sshwhy"})
	if err != nil {
		return nil, err
	}
	if len(words.Findings) > 0 {
		f := &words.Findings[0]
		f.Evidence = append(f.Evidence, report.Evidence{Source: o.Command, Excerpt: fmt.Sprintf("exit %d", o.Exit)})
	}
	return joined.Said(r, words, joined.InTheWalk), nil
}

// visitor is this client as the server sees it. Behind a NAT the server sees
// another address; so the own one is told only where no NAT is to be expected:
// a public address, or both ends in private networks.
func visitor(obs *client.Observations, r *report.Report) server.Query {
	q := server.Query{User: r.Target.User, Port: r.Target.Port}
	if l := obs.Login; l != nil {
		for _, k := range l.Keys {
			if k.State == client.KeyRejected && k.Fingerprint != "" {
				q.Keys = append(q.Keys, k.Fingerprint)
			}
		}
	}
	to, err := netip.ParseAddr(r.Target.Address)
	if err != nil {
		return q
	}
	for _, route := range obs.Routes {
		from := route.Source
		if from.IsValid() && from.Is4() == to.Is4() && (!from.IsPrivate() || to.IsPrivate()) {
			q.Client = from
		}
	}
	return q
}

// waiting says what is waited for, for how long, and when it gives up.
func waiting(p walk.Progress) string {
	text := p.Step
	if p.Address != "" {
		text += " " + p.Address
	}
	if p.Elapsed < time.Second {
		return text
	}
	text += fmt.Sprintf("  %.0f s", p.Elapsed.Seconds())
	if p.Limit > 0 {
		text += fmt.Sprintf(" of %.0f", p.Limit.Seconds())
	}
	return text + "  (Ctrl-C: tell what is known so far)"
}
