package server

import (
	"net/netip"
	"slices"
	"strings"

	"sshwhy/internal/facts"
	"sshwhy/internal/report"
)

// checkIPsec looks for a policy of xfrm that drops the visitor's packets or the
// answers, or demands an association for them that does not exist.
func checkIPsec(v *view, p *part) {
	s := v.IPsec
	switch {
	case v.loopbackClient():
		return
	case s.Origin.Unseen():
		if !strings.Contains(s.Origin.Reason, "not supported") { // a kernel without it has no policies
			p.also("IPsec policies", reasonOrRoot(v, s.Origin))
		}
		return
	}
	for _, h := range v.heads() {
		for _, x := range s.Policies {
			peer, own := x.Src, x.Dst
			if x.Direction == "out" {
				peer, own = x.Dst, x.Src
			}
			if x.Direction == "fwd" || !own.Contains(h.dst) {
				continue
			}
			hit := covers(peer, h.src)
			if hit == no {
				continue
			}
			switch {
			case hit == maybe || x.Rest != "" && !strings.HasPrefix(x.Rest, "proto tcp"):
				p.also("IPsec policies", "one of them is for some addresses or ports only: ask about one visitor ("+strings.SplitN(x.Quote.Text, "\n", 2)[0]+")")
			case x.Block:
				v.ipsecStops(p, x, "drops the packets of %s")
			case x.Demands && s.States == 0:
				v.ipsecStops(p, x, "wants the packets of %s encrypted, and no association exists for that")
			case x.Demands:
				p.also("IPsec policies", "packets of "+h.src.String()+" are to be encrypted; whether the associations fit is not simulated")
			}
		}
	}
}

func reasonOrRoot(v *view, o facts.Origin) string {
	if !v.Root {
		return "needs root"
	}
	return o.Reason
}

// covers reports whether a policy's addresses are the visitor's; for no visitor in
// particular, whether they are everybody's.
func covers(set netip.Prefix, a netip.Addr) tri {
	switch {
	case a.IsValid() && set.Contains(a), !a.IsValid() && set.Bits() == 0:
		return yes
	case a.IsValid():
		return no
	}
	return maybe
}

func (v *view) ipsecStops(p *part, x facts.IPsecPolicy, words string) {
	if slices.ContainsFunc(p.findings, func(f report.Finding) bool { return f.Cause == "ipsec-policy" }) {
		return
	}
	whom := "everyone"
	if v.q.Client.IsValid() {
		whom = v.q.Client.String()
	}
	f := p.found("ipsec-policy", report.Blocking, "An IPsec policy of this machine (direction %s) %s.", x.Direction, strings.ReplaceAll(words, "%s", whom))
	quote(f, x.Quote)
	advise(f, "Correct the policy where it is set (strongSwan, libreswan, ip xfrm), or bring its tunnel up. Somebody set it on purpose: ask why first.")
}
