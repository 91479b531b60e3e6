package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"sshwhy/internal/evidence"
	"sshwhy/internal/evidence/local"
	"sshwhy/internal/evidence/replay"
	"sshwhy/internal/firewall"
	"sshwhy/internal/firewall/prove"
	"sshwhy/internal/render"
	"sshwhy/internal/report"
	"sshwhy/internal/server"
	"sshwhy/internal/shquote"
)

// firewallFlags say which packet is followed.
type firewallFlags struct {
	serverFlags
	iface string
	to    string
	trace bool
	prove bool
	six   bool
}

// newFirewall is "sshwhy firewall": the way of a packet through the rules.
func newFirewall(a *app) *cobra.Command {
	var f firewallFlags
	cmd := &cobra.Command{
		Use:   "firewall",
		Short: "Follow a new connection through this machine's firewall rules",
		Long: `Follow a new connection through this machine's firewall rules, and say what
becomes of it and which rule decides. Without --client it says for which
addresses the port is open. It reads nftables, iptables of both kinds, and
the rules of ufw and firewalld; it changes nothing.

  sudo sshwhy firewall
  sudo sshwhy firewall --client 192.0.2.7 --trace
  sudo sshwhy firewall --client 192.0.2.7 --prove  asks the kernel, in a copy
  sudo sshwhy firewall --to 192.0.2.10          what goes out from here
  sshwhy firewall --from web1.sshwhy            a recorded machine
  sshwhy firewall --from rules.json --iface eth0   the output of nft -j list ruleset`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			q, err := f.traceQuery()
			if err != nil {
				return err
			}
			if err := f.checkProve(); err != nil {
				return err
			}
			b, err := a.rules(cmd.Context(), q, f)
			if err != nil {
				return err
			}
			ways, incomplete := server.TracePackets(b, q)
			if f.prove {
				a.askKernel(cmd.Context(), server.Rules(b, q), ways)
			}
			a.exit = exitOf(ways, incomplete)
			if a.json {
				return a.waysJSON(q, ways, incomplete)
			}
			a.printWays(q, ways, incomplete, f.trace)
			return nil
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&f.client, "client", "", "follow a packet from this address")
	fl.IntVarP(&f.port, "port", "p", 0, "to this port (default: the one sshd uses)")
	fl.StringVar(&f.iface, "iface", "", "by this interface (default: the one of the route)")
	fl.StringVar(&f.to, "to", "", "follow a packet from this machine to that address instead")
	fl.BoolVar(&f.trace, "trace", false, "show every rule on the way")
	fl.BoolVar(&f.prove, "prove", false, "also let the kernel decide, in a copy of the rules that touches nothing")
	fl.StringVar(&f.from, "from", "", "a recorded bundle, or a file with the output of nft -j list ruleset or iptables-save (- for standard input)")
	fl.BoolVar(&f.six, "ip6tables", false, "the file of --from is of ip6tables-save")
	fl.BoolVar(&a.json, "json", false, "print JSON")
	return cmd
}

func (f *firewallFlags) traceQuery() (server.TraceQuery, error) {
	q, err := f.query()
	w := server.TraceQuery{Query: q, Iface: f.iface}
	if err != nil || f.to == "" {
		return w, err
	}
	if f.client != "" {
		return w, usage("--client asks about what comes in, --to about what goes out", "--client and --to exclude each other")
	}
	to, err := netip.ParseAddr(f.to)
	if err != nil {
		return w, usage("give the other machine's IP address, for example --to 192.0.2.10", "%q is no IP address", f.to)
	}
	w.Outgoing, w.To = true, to.Unmap()
	if w.Port == 0 {
		w.Port = 22
	}
	return w, nil
}

// checkProve refuses proofs that cannot be made.
func (f *firewallFlags) checkProve() error {
	switch {
	case !f.prove:
		return nil
	case f.client == "" || f.from != "":
		return usage("sudo sshwhy firewall --client ADDR --prove", "a proof is of one visitor's packet, on this machine")
	case os.Geteuid() != 0:
		return usage("sudo sshwhy firewall --client "+shquote.Word(f.client)+" --prove", "a proof needs root")
	}
	return nil
}

// askKernel sends each way's packet for real, in a replica.
func (a *app) askKernel(ctx context.Context, rules firewall.Sources, ways []server.PacketTrace) {
	live := a.liveLine()
	defer live.clear()
	live.show("asking the kernel")
	for i := range ways {
		packet, verdict := ways[i].Question()
		k := kernelsWord(ctx, rules, packet, verdict)
		ways[i].Kernel = &k
	}
}

// kernelsWord asks the kernel about one packet. verdict is what the rules say.
func kernelsWord(ctx context.Context, rules firewall.Sources, packet firewall.Packet, verdict *firewall.Verdict) server.Kernel {
	res, err := prove.Run(ctx, rules, packet)
	if err != nil {
		return server.Kernel{Verdict: firewall.CannotTell.String(), Error: err.Error()}
	}
	return server.Kernel{Verdict: res.Kind.String(), With: string(res.Reject), Port: int(res.Port), Trace: res.Trace,
		Agrees: verdict == nil || res.Agrees(verdict)}
}

// settleFirewall asks the kernel where the rules alone do not tell what becomes of
// the visitor's packet, and puts the answer into the bundle.
func settleFirewall(ctx context.Context, b *evidence.Bundle, q server.Query) error {
	rules, packet, undecided := server.Undecided(b, q)
	if !undecided {
		return nil
	}
	return server.PutProof(b, kernelsWord(ctx, rules, packet, nil))
}

// printKernel writes what the kernel did.
func (a *app) printKernel(k *server.Kernel, trace bool) {
	say := func(format string, args ...any) { fmt.Fprintln(a.Out, safe(fmt.Sprintf(format, args...))) }
	if k.Error != "" {
		say("    the kernel could not be asked: %s", k.Error)
		return
	}
	word := "the kernel, asked in a copy, agrees: "
	if !k.Agrees {
		word = "the kernel, asked in a copy, says otherwise: "
	}
	if k.With != "" {
		say("    %s%s with %s", word, k.Verdict, k.With)
	} else {
		say("    %s%s", word, k.Verdict)
	}
	if trace {
		for _, line := range k.Trace {
			say("      %s", line)
		}
	}
}

// maxRules bounds a file that is read as a ruleset, in bytes.
const maxRules = 256 << 20

// rules looks at this machine, or reads a bundle or a saved ruleset.
func (a *app) rules(ctx context.Context, q server.TraceQuery, f firewallFlags) (*evidence.Bundle, error) {
	if f.from == "" {
		look := q.Query
		if q.Outgoing {
			look.Client = q.To
		}
		live := a.liveLine()
		defer live.clear()
		live.show("reading the rules of this machine")
		return local.Fill(ctx, server.Manifest(look), local.Options{Tool: version()})
	}
	in := io.Reader(a.In)
	if f.from != "-" {
		file, text, err := openInterruptible(ctx, f.from)
		if err != nil {
			return nil, usage("give a bundle (sshwhy collect -o FILE) or the output of nft -j list ruleset", "cannot read it: %s", reason(err))
		}
		defer file.Close()
		in = text
	}
	data, err := io.ReadAll(io.LimitReader(in, maxRules))
	if err != nil {
		return nil, usage("try again", "cannot read it: %s", reason(err))
	}
	if b, ok := server.RulesetBundle(data, f.six); ok {
		return b, nil
	}
	b, err := replay.Read(bytes.NewReader(data))
	if err != nil {
		return nil, usage("it takes a bundle of sshwhy collect, the output of nft -j list ruleset, or that of iptables-save", "%s", err)
	}
	return b, nil
}

// exitOf is 0 where somebody gets through, 1 where nobody does, 3 where it
// cannot be told.
func exitOf(ways []server.PacketTrace, incomplete []report.Incomplete) int {
	exit := 1
	for _, w := range ways {
		verdict := w.Verdict
		if w.Kernel != nil && w.Kernel.Error == "" && verdict == firewall.CannotTell.String() {
			verdict = w.Kernel.Verdict
		}
		switch verdict {
		case "accept", "limited":
			return 0
		case "cannot tell":
			exit = 3
		}
	}
	if len(ways) == 0 {
		return 3
	}
	return exit
}

func (a *app) waysJSON(q server.TraceQuery, ways []server.PacketTrace, incomplete []report.Incomplete) error {
	if ways == nil {
		ways = []server.PacketTrace{}
	}
	if incomplete == nil {
		incomplete = []report.Incomplete{}
	}
	return render.Object(a.Out, struct {
		Schema     int                  `json:"schema"`
		Ways       []server.PacketTrace `json:"ways"`
		Incomplete []report.Incomplete  `json:"incomplete"`
	}{report.Schema, ways, incomplete}, withoutSecrets)
}

// printWays writes the answer first, then for each way what decides.
func (a *app) printWays(q server.TraceQuery, ways []server.PacketTrace, incomplete []report.Incomplete, trace bool) {
	say := func(format string, args ...any) { fmt.Fprintln(a.Out, safe(fmt.Sprintf(format, args...))) }
	for _, w := range ways {
		where := fmt.Sprintf("port %d", w.Port)
		if w.To != "" {
			where = fmt.Sprintf("%s port %d", w.To, w.Port)
		}
		if w.Iface != "" {
			where += " by " + w.Iface
		}
		who := w.For
		if q.Outgoing {
			who = "this machine"
		}
		verdict := w.Verdict
		if w.With != "" {
			verdict += " with " + w.With
		}
		if w.Symptom != "" {
			verdict += fmt.Sprintf(" (ssh says %q)", w.Symptom)
		}
		say("IPv%d, %s to %s: %s", w.Family, who, where, verdict)
		if w.By != "" {
			say("    decided by %s", w.By)
		}
		if len(w.Possible) > 0 {
			say("    can end as: %s", strings.Join(w.Possible, "; "))
		}
		for _, u := range w.Unsure {
			say("    %s", u)
		}
		for _, s := range w.Assumed {
			say("    taken for granted: %s", s)
		}
		if trace {
			a.printSteps(w)
		}
		if w.Kernel != nil {
			a.printKernel(w.Kernel, trace)
		}
	}
	if trace && q.Client == (netip.Addr{}) && !q.Outgoing {
		say("The way rule by rule is that of one address: add --client ADDR.")
	}
	for _, i := range incomplete {
		say("not known: %s: %s", i.Check, i.Reason)
	}
	if slices.ContainsFunc(incomplete, func(i report.Incomplete) bool { return i.Reason == "needs root" }) {
		say("To know it: the same as root (sudo sshwhy firewall …).")
	}
}

// printSteps writes the way as a table: hook and priority, chain, action, rule.
func (a *app) printSteps(w server.PacketTrace) {
	w.Steps = withEffect(w.Steps)
	var rows [][3]string
	var wide [3]int
	for _, s := range w.Steps {
		row := [3]string{fmt.Sprintf("%s %d", s.Hook, s.Prio), s.Chain, s.Action}
		if !s.Sure {
			row[2] = "perhaps " + row[2]
		}
		rows = append(rows, row)
		for i := range row {
			wide[i] = max(wide[i], len(row[i]))
		}
	}
	for i, r := range rows {
		line := fmt.Sprintf("    %-*s  %-*s  %-*s  %s", wide[0], r[0], wide[1], r[1], wide[2], r[2], w.Steps[i].Rule)
		fmt.Fprintln(a.Out, safe(strings.TrimRight(line, " ")))
	}
}

// withEffect leaves out the calls of chains in which nothing happened.
func withEffect(steps []server.TraceStep) []server.TraceStep {
	var out []server.TraceStep
	for _, s := range slices.Backward(steps) {
		target, called := strings.CutPrefix(s.Action, "jump ")
		if called && (len(out) == 0 || !strings.HasSuffix(out[len(out)-1].Chain, " "+target)) {
			continue
		}
		out = append(out, s)
	}
	slices.Reverse(out)
	return out
}
