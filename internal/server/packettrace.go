package server

import (
	"net/netip"
	"slices"

	"sshwhy/internal/evidence"
	"sshwhy/internal/facts"
	"sshwhy/internal/firewall"
	"sshwhy/internal/report"
)

// TraceQuery is what `sshwhy firewall` asks: the way of a packet, whether or not
// ssh is the question.
type TraceQuery struct {
	Query
	Iface    string     // the interface it comes in (or goes out) by; "" is found out
	Outgoing bool       // from this machine to To
	To       netip.Addr // the other machine, where Outgoing
}

// PacketTrace is what the rules do with a packet from one set of addresses.
type PacketTrace struct {
	Family   int         `json:"family"`             // 4 or 6
	To       string      `json:"to,omitempty"`       // the address it is sent to, where that is known
	Iface    string      `json:"iface,omitempty"`    // the interface it passes, where that is known
	For      string      `json:"for"`                // the other end: an address, or a set of addresses
	Verdict  string      `json:"verdict"`            // accept, drop, reject, sent elsewhere, limited, cannot tell
	With     string      `json:"with,omitempty"`     // what a reject answers
	Port     int         `json:"port"`               // the port it arrives at
	Symptom  string      `json:"symptom,omitempty"`  // what ssh at the other end then says
	By       string      `json:"by,omitempty"`       // what decides, in its owner's words
	Unsure   []string    `json:"unsure,omitempty"`   // rules that could not be decided
	Possible []string    `json:"possible,omitempty"` // the ways it can end, where more than one
	Assumed  []string    `json:"assumed,omitempty"`
	Steps    []TraceStep `json:"steps,omitempty"`  // rule by rule; only where one address was asked about
	Kernel   *Kernel     `json:"kernel,omitempty"` // what the kernel itself did, where it was asked

	verdict *firewall.Verdict
	packet  firewall.Packet
}

// Kernel is what the kernel did with the packet in a replica of the machine.
type Kernel struct {
	Verdict string   `json:"verdict"`
	With    string   `json:"with,omitempty"`
	Port    int      `json:"port,omitempty"`
	Agrees  bool     `json:"agrees"` // with the verdict worked out from the rules
	Trace   []string `json:"trace"`
	Error   string   `json:"error,omitempty"` // why it could not be asked
}

// Question is the packet and the verdict behind a trace, for one who asks the kernel.
func (w *PacketTrace) Question() (firewall.Packet, *firewall.Verdict) { return w.packet, w.verdict }

// Rules is what there is to load into a replica of the machine a bundle was taken of.
func Rules(b *evidence.Bundle, q TraceQuery) firewall.Sources {
	pf := &packetFilter{view: newView(facts.Parse(b, q.Query.ask()), b, q.Query), part: &part{}}
	src, _ := pf.sources()
	return src
}

// TraceStep is one rule on a packet's way.
type TraceStep struct {
	Hook   string `json:"hook"`
	Prio   int    `json:"prio"`  // priority of the base chain that the hook called
	Chain  string `json:"chain"` // family, table and name
	Rule   string `json:"rule"`  // as its tool prints it; "" for a policy
	Handle uint64 `json:"handle,omitempty"`
	Number int    `json:"number,omitempty"`
	Sure   bool   `json:"sure"`
	Action string `json:"action"`
}

// TracePackets follows packets through the rules of the machine a bundle was taken of.
func TracePackets(b *evidence.Bundle, q TraceQuery) ([]PacketTrace, []report.Incomplete) {
	ask := q.Query
	if q.Outgoing {
		ask.Client = q.To // the route to it tells the interface
	}
	v := newView(facts.Parse(b, ask.ask()), b, ask)
	p := &part{}
	pf := &packetFilter{view: v, part: p}
	if !pf.read() {
		return nil, p.incomplete
	}
	var ways []PacketTrace
	for _, packet := range pf.packets(q) {
		a := answer{packet: packet}
		if known := packet.Src; known.IsValid() || q.Outgoing {
			a.verdicts = []firewall.Verdict{pf.rules.Evaluate(packet)}
		} else {
			a.verdicts = pf.rules.OpenFor(packet)
		}
		for i := range a.verdicts {
			ways = append(ways, pf.way(a, &a.verdicts[i]))
		}
	}
	return ways, p.incomplete
}

// packets are the questions of a TraceQuery.
func (pf *packetFilter) packets(q TraceQuery) []firewall.Packet {
	if q.Outgoing {
		p := firewall.Packet{Path: firewall.Outgoing, Family: firewall.FamilyOf(q.To), Dst: q.To, Dport: uint16(pf.port), Iface: q.Iface, Src: pf.Route.Source}
		if p.Iface == "" {
			p.Iface = pf.Route.Device
		}
		return []firewall.Packet{p}
	}
	out := pf.questions()
	if !pf.Links.Origin.Known() { // a saved ruleset, without the machine it is of
		out = nil
		for _, f := range []firewall.Family{firewall.IPv4, firewall.IPv6} {
			// The rules of iptables say nothing of IPv6, nor those of ip6tables of IPv4.
			silent := f == firewall.IPv6 && pf.Firewall.Legacy4.Origin.Known() || f == firewall.IPv4 && pf.Firewall.Legacy6.Origin.Known()
			if !silent && (!q.Client.IsValid() || firewall.FamilyOf(q.Client) == f) {
				out = append(out, firewall.Packet{Family: f, Src: q.Client, Dport: uint16(pf.port), RoutedBack: firewall.Yes})
			}
		}
	}
	for i := range out {
		if q.Iface != "" {
			out[i].Iface = q.Iface
		}
	}
	return out
}

// way puts a verdict into words.
func (pf *packetFilter) way(a answer, v *firewall.Verdict) PacketTrace {
	out := PacketTrace{Family: int(a.packet.Family), Iface: a.packet.Iface, For: v.For.String(), Verdict: v.Kind.String(), With: string(v.Reject),
		Port: int(v.Port), Symptom: firewall.Symptom(v.Kind, v.Reject, a.packet.Family), Assumed: v.Assumed}
	if out.Port == 0 {
		out.Port = pf.port
	}
	if a.packet.Dst.IsValid() {
		out.To = a.packet.Dst.String()
	}
	if v.Kind == firewall.Forward {
		out.To = v.To
	}
	out.verdict, out.packet = v, a.packet
	if v.Chain != nil {
		out.By = lower(pf.deciderOf(v).name)
	}
	for _, u := range v.Unsure {
		out.Unsure = append(out.Unsure, undecidable(&firewall.Verdict{Unsure: []firewall.Unsure{u}}))
	}
	for _, o := range v.Possible {
		text := o.Kind.String()
		if o.Reject != "" {
			text += " with " + string(o.Reject)
		}
		if !slices.Contains(out.Possible, text) {
			out.Possible = append(out.Possible, text)
		}
	}
	prio := 0
	for _, e := range v.Trace {
		if e.Chain.Base != nil {
			prio = e.Chain.Base.Prio
		}
		s := TraceStep{Hook: e.Hook, Prio: prio, Chain: e.Chain.Title(), Sure: e.Sure, Action: e.Action}
		if e.Rule != nil {
			s.Rule, s.Handle, s.Number = e.Rule.Text, e.Rule.Handle, e.Rule.Number
		}
		out.Steps = append(out.Steps, s)
	}
	return out
}

// RulesetBundle wraps a saved ruleset, the output of `nft -j list ruleset` or of
// iptables-save, so that it can be asked like a machine. ok is false where the
// text is neither.
func RulesetBundle(text []byte, ipv6 bool) (b *evidence.Bundle, ok bool) {
	return facts.RulesetBundle(text, ipv6)
}
