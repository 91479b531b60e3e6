//go:build linux

package kerneltest

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"sshwhy/internal/firewall"
	"sshwhy/internal/firewall/prove"
)

const (
	packetsPerRuleset = 64
	// pairsInCI is what an ordinary `go test` compares, in well under a minute.
	pairsInCI = 3000
	quiet     = 60 * time.Millisecond
)

// TestAgainstKernel generates, loads, sends and compares.
func TestAgainstKernel(t *testing.T) {
	if testing.Short() {
		t.Skip("left out: -short")
	}
	w := newWorld(t)
	want := envInt("SSHWHY_FUZZ_FIREWALL", pairsInCI)
	seed := uint64(envInt("SSHWHY_FUZZ_SEED", 1))
	var sum tally
	for sum.pairs < want && sum.mismatches < 5 {
		g := newGen(seed)
		w.trial(t, g, seed, &sum)
		seed++
	}
	t.Logf("%s; next seed %d", sum.String(), seed)
	if sum.rulesets == 0 || sum.refused > sum.rulesets/4 {
		t.Errorf("%d rulesets were loaded, %d refused: the generator is not worth much", sum.rulesets, sum.refused)
	}
	if os.Getenv("SSHWHY_FUZZ_UNCERTAIN") == "" && sum.unsure*50 > sum.pairs {
		t.Errorf("cannot tell for %d of %d pairs, which is 2 %% or more", sum.unsure, sum.pairs)
	}
}

func envInt(name string, def int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return def
}

// tally counts what was compared.
type tally struct {
	rulesets, refused, pairs, mismatches, unsure int
	verdicts                                     map[string]int
	openFor, openForUnsure                       int
}

func (s *tally) String() string {
	return fmt.Sprintf("%d pairs in %d rulesets (%d refused by the kernel): %d mismatches, cannot tell %d; by verdict %v; for-all answers %d, of which cannot tell %d",
		s.pairs, s.rulesets, s.refused, s.mismatches, s.unsure, s.verdicts, s.openFor, s.openForUnsure)
}

// load puts a ruleset into the server's kernel and returns what the programs
// print of it.
func (w *world) load(ctx context.Context, rs ruleset) (firewall.Sources, error) {
	w.clear(ctx)
	var src firewall.Sources
	for _, step := range []struct {
		input string
		args  []string
	}{
		{prove.Sentinel, []string{"nft", "-f", "-"}},
		{rs.ipset, []string{"ipset", "restore"}},
		{rs.nft4x, []string{"iptables-nft-restore"}},
		{rs.nft6x, []string{"ip6tables-nft-restore"}},
		{rs.legacy4, []string{"iptables-legacy-restore", "-w"}},
		{rs.legacy6, []string{"ip6tables-legacy-restore", "-w"}},
		{rs.nft, []string{"nft", "-f", "-"}},
	} {
		if step.input == "" {
			continue
		}
		if _, err := w.server.Run(ctx, step.input, step.args...); err != nil {
			return src, err
		}
	}
	for _, cmd := range []struct {
		out  *[]byte
		when bool
		args []string
	}{
		{&src.NftJSON, true, []string{"nft", "-j", "list", "ruleset"}},
		{&src.NftText, true, []string{"nft", "-a", "list", "ruleset"}},
		{&src.NftSave4, rs.nft4x != "", []string{"iptables-nft-save"}},
		{&src.NftSave6, rs.nft6x != "", []string{"ip6tables-nft-save"}},
		{&src.Legacy4, rs.legacy4 != "", []string{"iptables-legacy-save"}},
		{&src.Legacy6, rs.legacy6 != "", []string{"ip6tables-legacy-save"}},
		{&src.Ipset, rs.ipset != "", []string{"ipset", "save"}},
	} {
		if !cmd.when {
			continue
		}
		out, err := w.server.Run(ctx, "", cmd.args...)
		if err != nil {
			return src, err
		}
		*cmd.out = out
	}
	return src, nil
}

// clear empties all that filters.
func (w *world) clear(ctx context.Context) {
	_, _ = w.server.Run(ctx, "", "nft", "flush", "ruleset")
	for tool, names := range map[string]string{"iptables-legacy-restore": "ip_tables_names", "ip6tables-legacy-restore": "ip6_tables_names"} {
		var have string
		w.server.Do(func() {
			b, _ := os.ReadFile("/proc/thread-self/net/" + names)
			have = string(b)
		})
		for _, t := range strings.Fields(have) {
			_, _ = w.server.Run(ctx, "*"+t+"\n"+policies[t]+"COMMIT\n", tool, "-w")
		}
	}
	_, _ = w.server.Run(ctx, "", "ipset", "flush") // a list keeps its members in use
	for range 20 {                                 // nft lets go of the sets a little later
		if _, err := w.server.Run(ctx, "", "ipset", "destroy"); err == nil {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}

var policies = map[string]string{
	"raw":      ":PREROUTING ACCEPT\n:OUTPUT ACCEPT\n",
	"mangle":   ":PREROUTING ACCEPT\n:INPUT ACCEPT\n:FORWARD ACCEPT\n:OUTPUT ACCEPT\n:POSTROUTING ACCEPT\n",
	"nat":      ":PREROUTING ACCEPT\n:INPUT ACCEPT\n:OUTPUT ACCEPT\n:POSTROUTING ACCEPT\n",
	"filter":   ":INPUT ACCEPT\n:FORWARD ACCEPT\n:OUTPUT ACCEPT\n",
	"security": ":INPUT ACCEPT\n:FORWARD ACCEPT\n:OUTPUT ACCEPT\n",
}

// probe is one packet and what the kernel made of it.
type probe struct {
	src, dst netip.AddrPort
	arrived  uint16 // the port it arrived at; 0: it did not
	answer   firewall.RejectWith
}

func (w *world) trial(t *testing.T, g *gen, seed uint64, sum *tally) {
	t.Helper()
	rs := g.all()
	src, err := w.load(t.Context(), rs)
	if err != nil {
		sum.refused++
		if sum.refused <= 5 {
			t.Logf("seed %d refused: %v", seed, err)
		}
		return
	}
	sum.rulesets++
	model, problems := firewall.Read(src)
	if len(problems) > 0 {
		t.Fatalf("seed %d: not read: %v", seed, problems)
	}
	probes := g.probes(&w.nextPort)
	w.ask(t, probes)
	for _, p := range probes {
		v := model.Evaluate(p.packet())
		sum.count(v)
		if bad := p.differs(v); bad != "" {
			sum.mismatches++
			t.Errorf("seed %d, %v to %v: %s\n%s", seed, p.src, p.dst, bad, explain(rs, v))
			if sum.mismatches >= 5 {
				return
			}
		}
	}
	sum.forAll(t, seed, model, probes)
}

// packet is the question that the probe is.
func (p *probe) packet() firewall.Packet {
	locals := []netip.Addr{netip.MustParseAddr(server4), netip.MustParseAddr(server4b), netip.MustParseAddr(server6)}
	return firewall.Packet{Family: firewall.FamilyOf(p.src.Addr()), Src: p.src.Addr(), Dst: p.dst.Addr(), Sport: p.src.Port(), Dport: p.dst.Port(),
		Iface: serverIface, Locals: locals, IfaceAddrs: locals, RoutedBack: firewall.Yes}
}

// probes makes packets, each from a port of its own.
func (g *gen) probes(next *uint16) []probe {
	out := make([]probe, packetsPerRuleset)
	low := uint16(101)
	for i := range out {
		*next++
		if *next < 1024 {
			*next = 1024
		}
		sport := *next
		if g.one(10) {
			low++
			sport = low
		}
		src, dst := pick(g, addrs4), pick(g, []string{server4, server4, server4b})
		if g.one(3) {
			src, dst = pick(g, addrs6), server6
		}
		out[i] = probe{src: netip.AddrPortFrom(netip.MustParseAddr(src), sport), dst: netip.AddrPortFrom(netip.MustParseAddr(dst), pick(g, ports))}
	}
	return out
}

// ask sends all probes and finds out what became of each.
func (w *world) ask(t *testing.T, probes []probe) {
	t.Helper()
	w.wire.Answers(0) // what is left of the time before
	for _, p := range probes {
		if err := w.wire.Send(w.clientMAC, w.serverMAC, p.src, p.dst); err != nil {
			t.Fatal(err)
		}
	}
	answers := w.wire.Answers(quiet)
	arrived, err := prove.Arrived(t.Context(), w.server)
	if err != nil {
		t.Fatal(err)
	}
	for i := range probes {
		p := &probes[i]
		p.arrived = arrived[p.src.Port()]
		if p.arrived == 0 {
			p.answer = answers[p.src.Port()]
		}
	}
}

func (p *probe) String() string {
	switch {
	case p.arrived != 0:
		return fmt.Sprintf("accepted, at port %d", p.arrived)
	case p.answer != "":
		return "rejected with " + string(p.answer)
	}
	return "silence"
}

// differs compares the kernel's deed with the evaluator's word; "" is agreement.
func (p *probe) differs(v firewall.Verdict) string {
	outcomes := []firewall.Outcome{v.Outcome}
	if len(v.Possible) > 0 {
		outcomes = v.Possible
	}
	for _, o := range outcomes {
		switch o.Kind {
		case firewall.CannotTell:
			return ""
		case firewall.Accept:
			if p.arrived == o.Port {
				return ""
			}
		case firewall.Reject:
			if p.arrived == 0 && p.answer == o.Reject {
				return ""
			}
		case firewall.Drop, firewall.Forward:
			if p.arrived == 0 && p.answer == "" {
				return ""
			}
		}
	}
	return fmt.Sprintf("the kernel: %s; the evaluator: %s %s port %d", p, v.Kind, v.Reject, v.Port)
}

func explain(rs ruleset, v firewall.Verdict) string {
	var b strings.Builder
	for _, part := range []struct{ name, text string }{{"nft", rs.nft}, {"ipset", rs.ipset}, {"iptables-nft", rs.nft4x}, {"ip6tables-nft", rs.nft6x}, {"iptables-legacy", rs.legacy4}, {"ip6tables-legacy", rs.legacy6}} {
		if part.text != "" {
			b.WriteString("--- " + part.name + "\n" + part.text)
		}
	}
	b.WriteString("--- trace\n")
	for _, e := range v.Trace {
		b.WriteString(e.String() + "\n")
	}
	return b.String()
}

func (s *tally) count(v firewall.Verdict) {
	s.pairs++
	if s.verdicts == nil {
		s.verdicts = map[string]int{}
	}
	s.verdicts[v.Kind.String()]++
	if v.Kind == firewall.CannotTell || v.Kind == firewall.Limited {
		s.unsure++
	}
}

// forAll asks the model without a source address, and demands that its answers
// agree with what the kernel did to each probe.
func (s *tally) forAll(t *testing.T, seed uint64, model *firewall.Ruleset, probes []probe) {
	t.Helper()
	for i := range probes {
		p := &probes[i]
		q := p.packet()
		q.Src = netip.Addr{}
		found := false
		for _, v := range model.OpenFor(q) {
			if !v.For.Contains(p.src.Addr()) {
				continue
			}
			if found {
				t.Errorf("seed %d: two answers for %v", seed, p.src)
			}
			found = true
			s.openFor++
			if v.Kind == firewall.CannotTell || v.Kind == firewall.Limited {
				s.openForUnsure++
			}
			if bad := p.differs(v); bad != "" {
				s.mismatches++
				t.Errorf("seed %d, any to %v (%v): %s", seed, p.dst, p.src, bad)
			}
		}
		if !found {
			t.Errorf("seed %d: no answer for %v", seed, p.src)
		}
	}
}
