package firewall

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
)

// Priorities at which the kernel itself hooks in (netfilter_ipv4.h).
const (
	prioConntrack = -200
	prioNATDst    = -100 // prerouting and output
	prioNATSrc    = 100  // input and postrouting
)

// Evaluate follows the packet and says what becomes of it. Where the packet's
// remote address is not given, the answer is that for all addresses, which is
// CannotTell unless it is the same for all: use OpenFor then.
func (rs *Ruleset) Evaluate(p Packet) Verdict { return rs.EvaluateIf(p, nil) }

// EvaluateIf is Evaluate as if the rules and policies that decided the outcomes of
// opened let the packet in, each in its own chain: what else stands in the way.
func (rs *Ruleset) EvaluateIf(p Packet, opened []Outcome) Verdict {
	r := rs.newRun(&p)
	r.open(opened)
	all := AllOf(p.Family)
	if a := p.remote(); a.IsValid() {
		all = rangeSet(a, a)
		r.tracing = true
	}
	r.walk(all)
	vs := r.verdicts(all)
	if len(vs) == 1 {
		return vs[0]
	}
	v := Verdict{Outcome: Outcome{Kind: CannotTell, For: all}, Possible: r.outcomes, Trace: r.trace, Assumed: r.assumptions()}
	return v
}

// OpenFor follows the packet for every address that the other end could have,
// and returns the answers: for each a set of addresses, in a fixed order
// (accepted ones first). Src, or Dst for what goes out, must not be given.
func (rs *Ruleset) OpenFor(p Packet) []Verdict { return rs.OpenForIf(p, nil) }

// OpenForIf is to OpenFor what EvaluateIf is to Evaluate.
func (rs *Ruleset) OpenForIf(p Packet, opened []Outcome) []Verdict {
	r := rs.newRun(&p)
	r.open(opened)
	all := AllOf(p.Family)
	r.walk(all)
	return r.verdicts(all)
}

func (rs *Ruleset) newRun(p *Packet) *run {
	p.Src, p.Dst = p.Src.Unmap(), p.Dst.Unmap()
	return &run{rs: rs, p: p, touched: map[*Set]bool{}}
}

// hooksOf are the hooks a packet passes, in order.
func (p *Packet) hooksOf() []string {
	if p.in() {
		return []string{"ingress", "prerouting", "input"}
	}
	return []string{"output", "postrouting", "egress"}
}

// walk sends the packet through all hooks. Where chains of one hook have the
// same priority, the kernel runs first what was registered last, which no
// listing tells: so both orders are gone through, and what differs is not sure.
func (r *run) walk(all AddrSet) {
	r.walkOnce(all)
	if r.tied {
		r.tracing, r.reverse = false, true
		r.walkOnce(all)
	}
}

func (r *run) walkOnce(all AddrSet) {
	flows := []flow{{r.p.start(), all}}
	for _, gap := range r.rs.gaps {
		r.here = &frame{chain: &Chain{Name: "unread"}}
		r.opaque(Why{What: gap}, flows[0])
	}
	for _, hook := range r.p.hooksOf() {
		r.hook = hook
		for _, st := range r.stations(hook) {
			flows = r.station(st, flows)
		}
		if hook == "prerouting" {
			flows = r.deliver(flows)
		}
	}
	for _, f := range flows {
		r.end(Outcome{Kind: Accept, For: f.at}, f)
	}
}

// station is what the kernel calls at one priority of a hook: one base chain,
// or all chains of type nat, which it calls in turn until one rewrites.
type station struct {
	prio   int
	order  int
	chains []*Chain
	nat    bool
	bridge bool
}

// stations returns what runs at a hook, in order. Among equal priorities the
// kernel puts what was registered later in front (nf_hook_entries_grow), which is
// most likely what is listed later.
func (r *run) stations(hook string) []station {
	var out []station
	nat := station{prio: prioNATDst, nat: true}
	if hook == "input" || hook == "postrouting" {
		nat.prio = prioNATSrc
	}
	for _, c := range r.rs.Chains {
		if c.Base == nil || c.Base.Hook != hook || c.idle() || !r.sees(c) {
			continue
		}
		if c.Base.Type == "nat" {
			nat.chains = append(nat.chains, c)
			nat.order = max(nat.order, c.order)
			continue
		}
		out = append(out, station{prio: c.Base.Prio, order: c.order, chains: []*Chain{c}, bridge: c.Family == "bridge"})
	}
	if len(nat.chains) > 0 {
		slices.SortStableFunc(nat.chains, func(a, b *Chain) int {
			return r.before(a.Base.Prio, b.Base.Prio, a.order, b.order)
		})
		out = append(out, nat)
	}
	slices.SortStableFunc(out, func(a, b station) int {
		if a.bridge != b.bridge { // the bridge's hooks come before those of the IP stack
			if a.bridge {
				return -1
			}
			return 1
		}
		return r.before(a.prio, b.prio, a.order, b.order)
	})
	return out
}

// before orders by priority, and what has the same by the order of listing.
func (r *run) before(prioA, prioB, a, b int) int {
	if prioA != prioB {
		return cmp.Compare(prioA, prioB)
	}
	r.tied = r.tied || a != b
	if r.reverse {
		return cmp.Compare(a, b)
	}
	return cmp.Compare(b, a)
}

// sees reports whether the base chain gets to see the packet at all.
func (r *run) sees(c *Chain) bool {
	if r.rs.dormant[setKey{c.Family, c.Table, ""}] && c.Backend != Legacy {
		return false
	}
	switch c.Family {
	case "inet":
		return c.Base.Hook != "ingress" || r.onDevice(c) != No
	case "ip":
		return r.p.Family == IPv4
	case "ip6":
		return r.p.Family == IPv6
	case "netdev":
		return r.onDevice(c) != No
	case "bridge":
		return r.p.BridgePort != "" || r.p.Bridged != No
	}
	return false // arp and what may come
}

// passesBy reports whether the packet may as well not see a chain that sees it:
// its interface, or whether that is a bridge, is not known.
func (r *run) passesBy(c *Chain) bool {
	switch {
	case c.Family == "bridge":
		return r.p.BridgePort == "" && r.p.Bridged == Maybe
	case c.Family == "netdev" || c.Base.Hook == "ingress":
		return r.onDevice(c) == Maybe
	}
	return false
}

// onDevice reports whether an ingress chain hangs on the packet's interface.
func (r *run) onDevice(c *Chain) Tri {
	iface := r.p.Iface
	if r.p.BridgePort != "" {
		iface = r.p.BridgePort
	}
	if iface == "" || len(c.Base.Devices) == 0 {
		return Maybe
	}
	for _, d := range c.Base.Devices {
		if namePattern(d, "*").holds(text(iface)).tri == Yes {
			return Yes
		}
	}
	return No
}

// station sends flows through what runs at one priority.
func (r *run) station(s station, in []flow) []flow {
	var out []flow
	for _, f := range in {
		f.st.ct = r.conntrackAt(s.prio, f.st.ct)
		if s.nat {
			if f.st.ct != ctNew {
				out = append(out, f) // only the first packet of a tracked connection sees nat chains
				continue
			}
			out = append(out, r.natStation(s.chains, f)...)
			continue
		}
		c := s.chains[0]
		if r.passesBy(c) {
			r.here = &frame{chain: c}
			r.unsure(Why{What: "whether the packet comes by the interface or bridge of this chain"}, f.at)
			out = append(out, f)
		}
		out = append(out, r.base(c, f)...)
	}
	r.here = &frame{chain: s.chains[0]}
	return r.join(out)
}

// conntrackAt is what conntrack says at a priority: it looks at packets at -200
// of prerouting and output.
func (r *run) conntrackAt(prio int, now ctState) ctState {
	if now != ctNone || r.hook == "ingress" {
		return now
	}
	if (r.hook == "prerouting" || r.hook == "output") && prio < prioConntrack {
		return now
	}
	if r.p.isReply() {
		return ctEstablished
	}
	return ctNew
}

// natStation sends a flow through the nat chains until one of them rewrites it.
func (r *run) natStation(chains []*Chain, in flow) []flow {
	cur := []flow{in}
	var out []flow
	source := r.hook == "input" || r.hook == "postrouting"
	for _, c := range chains {
		var next []flow
		for _, f := range cur {
			for _, g := range r.base(c, f) {
				if done := g.st.dstNAT; !source && done || source && g.st.srcNAT {
					out = append(out, g)
				} else {
					next = append(next, g)
				}
			}
		}
		cur = next
	}
	return append(out, cur...)
}

// base sends a flow through one base chain and applies its policy.
func (r *run) base(c *Chain, f flow) []flow {
	back, done := r.chain(c, []flow{f})
	r.here = &frame{chain: c, sure: true}
	for _, b := range back {
		if c.Base.Policy == "drop" && !r.openPolicies[c] {
			r.event("policy drop")
			r.end(Outcome{Kind: Drop, Chain: c, For: b.at}, b)
			continue
		}
		r.event("policy accept")
		done = append(done, b)
	}
	return r.join(done)
}

// deliver is the routing decision: a packet whose destination was rewritten to
// another machine's address leaves the way to our socket.
func (r *run) deliver(in []flow) []flow {
	var out []flow
	for _, f := range in {
		switch local := r.isLocal(&f.st); {
		case local == Yes:
			out = append(out, f)
		case local == No:
			by := r.senders[f.st.dst]
			r.end(Outcome{Kind: Forward, To: f.st.dst.String(), Chain: by.chain, Rule: by.rule, For: f.at}, f)
		default:
			r.giveUp(nil, nil, "whether "+f.st.dst.String()+", to which the packet is rewritten, is this machine's", f)
		}
	}
	return out
}

// isLocal reports whether the packet's destination is this machine, after what
// rules made of it.
func (r *run) isLocal(st *state) Tri {
	if st.dst == r.p.Dst || st.dstUnknown {
		return Yes // the question is about a packet for this machine; redirect keeps it here
	}
	for _, a := range r.p.Locals {
		if a.Unmap() == st.dst {
			return Yes
		}
	}
	if len(r.p.Locals) == 0 || st.dst.IsLoopback() {
		return Maybe // 127.0.0.0/8 from outside needs route_localnet
	}
	return No
}

func (r *run) assumptions() []string { return slices.Sorted(maps.Keys(r.assumed)) }

// sender is the rule that rewrote a destination.
type sender struct {
	chain *Chain
	rule  *Rule
}

// sentBy remembers the first rule that sends packets to an address. It is no part
// of the packet's state: flows that go the same way are followed as one.
func (r *run) sentBy(to netip.Addr) {
	if r.senders == nil {
		r.senders = map[netip.Addr]sender{}
	}
	if _, known := r.senders[to]; !known {
		r.senders[to] = sender{r.here.chain, r.here.rule}
	}
}
