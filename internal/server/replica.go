package server

import (
	"encoding/json"
	"strings"

	"sshwhy/internal/evidence"
	"sshwhy/internal/facts"
	"sshwhy/internal/firewall"
	"sshwhy/internal/report"
)

// Undecided returns the packet that the rules of a machine leave undecided, and
// what to load into a replica of it to ask the kernel. ok is false where nothing
// is undecided, or no visitor was asked about.
func Undecided(b *evidence.Bundle, q Query) (src firewall.Sources, p firewall.Packet, ok bool) {
	pf := &packetFilter{view: newView(facts.Parse(b, q.ask()), b, q), part: &part{}}
	if !q.Client.IsValid() || pf.loopbackClient() || !pf.read() {
		return src, p, false
	}
	for _, p := range pf.questions() {
		if v := pf.rules.Evaluate(p); v.Kind == firewall.CannotTell {
			src, ok = pf.sources()
			return src, p, ok
		}
	}
	return src, p, false
}

// PutProof records the kernel's word in the bundle, so that the diagnosis of the
// bundle is the same on any machine.
func PutProof(b *evidence.Bundle, k Kernel) error {
	data, err := json.Marshal(k)
	if err == nil {
		b.Put(facts.ItemProof, evidence.Result{Status: evidence.Known, Data: data})
	}
	return err
}

// proven settles what the rules alone leave open, where the kernel was asked. It
// reports false where it was not, or did not answer.
func (pf *packetFilter) proven(a answer, v *firewall.Verdict) bool {
	raw := pf.Firewall.Proof
	var k Kernel
	if !raw.Origin.Known() || json.Unmarshal(raw.Data, &k) != nil || k.Error != "" {
		return false
	}
	settled := firewall.Verdict{Outcome: v.Outcome}
	switch k.Verdict {
	case firewall.Accept.String(): // of one packet like the visitor's: said to be no more than that
		pf.part.cannot("firewall", undecidable(v)+"; the kernel let such a packet pass in a copy of this machine")
		return true
	case firewall.Drop.String():
		settled.Kind = firewall.Drop
	case firewall.Reject.String():
		settled.Kind, settled.Reject = firewall.Reject, firewall.RejectWith(k.With)
	default:
		return false
	}
	line := ""
	if len(k.Trace) > 0 {
		line = k.Trace[len(k.Trace)-1]
		if f := strings.Fields(line); len(f) > 3 {
			settled.Chain = pf.rules.Chain(f[0], f[1], f[2])
		}
	}
	if settled.Chain == nil && len(v.Unsure) > 0 {
		settled.Chain, settled.Rule = v.Unsure[0].Chain, v.Unsure[0].Rule
	}
	if settled.Chain == nil || settled.Chain.Name == "" {
		return false
	}
	c := pf.deciderOf(&settled)
	if settled.Rule == nil && !strings.Contains(line, " policy ") {
		c.name = "A rule in chain " + chainName(settled.Chain)
	}
	f := pf.part.found(c.cause, report.Blocking, "%s", upper(c.name)+" "+pf.effect(a, &settled))
	f.Certainty = report.Likely // state that other packets left behind is not in a replica
	quote(f, facts.Quote{Source: raw.Origin.Source, Text: line})
	for _, u := range v.Unsure {
		if u.Rule != nil {
			quote(f, pf.quoteRule(u.Chain, u.Rule))
		}
	}
	advise(f, "See the packet's way: sshwhy firewall --client "+a.packet.Src.String()+" --prove --trace")
	return true
}
