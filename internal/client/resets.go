package client

import (
	"fmt"
	"net/netip"

	"sshwhy/internal/report"
)

// Maker is who made a reset.
type Maker int

// The makers. Linux's TCP answers a SYN for which there is no socket with a reset
// that reflects the SYN's DSCP, and for IPv6 has a flow label; a firewall rule that
// rejects with tcp-reset makes it from nothing, with both 0 (measured, kernel 6.18:
// nft and both kinds of iptables alike; net/ipv4/netfilter/nf_reject_ipv4.c).
const (
	MadeUnknown Maker = iota
	MadeByKernel
	MadeByRule
)

// ByKernel reports whether only a TCP makes such a reset.
func (p Probe) ByKernel() bool {
	return p.Answered && (p.Back&dscp == p.Class&dscp && p.Class&dscp != 0 || p.Label != 0)
}

// dscp is the part of the traffic class that ECN does not use (RFC 2474).
const dscp = 0xfc

// JudgeResets says who made the resets of the asked port. A rule is concluded only
// where another port of the same address shows that the path keeps the mark and
// that the host's own resets have it. It also returns the other port that did.
func JudgeResets(probes []Probe, asked netip.AddrPort) (Maker, *Probe) {
	var own []Probe
	var other *Probe
	for i, p := range probes {
		switch {
		case p.FIN || !p.Answered:
		case p.Port == asked.Port():
			own = append(own, p)
		case p.ByKernel() && other == nil:
			other = &probes[i]
		}
	}
	kernel, bare := 0, 0
	for _, p := range own {
		if p.ByKernel() {
			kernel++
		} else if p.Back&dscp == 0 && p.Label == 0 {
			bare++
		}
	}
	switch {
	case len(own) == 0:
		return MadeUnknown, other
	case kernel == len(own):
		return MadeByKernel, other
	case bare == len(own) && other != nil:
		return MadeByRule, other
	}
	return MadeUnknown, other
}

// listensBehind reports whether something listens on the asked port although it
// answers with resets: a lone FIN gets silence there, and a reset from a port that
// is closed.
func listensBehind(probes []Probe, asked netip.AddrPort) bool {
	silent, answered := false, false
	for _, p := range probes {
		if p.FIN && p.Port == asked.Port() {
			silent = !p.Answered
		} else if p.FIN {
			answered = p.Answered
		}
	}
	return silent && answered
}

// otherMachine reports whether the kernel that refused the asked port stands
// elsewhere than the one that refuses the host's other ports: its packets come with
// another TTL, all of them. nearer tells on which side.
func otherMachine(probes []Probe, asked netip.AddrPort) (other, nearer bool) {
	own, host := 0, 0
	for _, p := range probes {
		if p.FIN || !p.Answered || p.TTL == 0 {
			continue
		}
		ttl := &own
		if p.Port != asked.Port() {
			ttl = &host
			if !p.ByKernel() {
				continue
			}
		}
		if *ttl != 0 && *ttl != p.TTL {
			return false, false // the path varies: no comparison
		}
		*ttl = p.TTL
	}
	if own == 0 || host == 0 || own == host {
		return false, false
	}
	return true, StartTTL(own)-own < StartTTL(host)-host
}

// StartTTL is the value from which a packet that arrives with ttl was counted
// down: systems begin with 64, 128 or 255.
func StartTTL(ttl int) int {
	for _, start := range []int{64, 128} {
		if ttl <= start {
			return start
		}
	}
	return 255
}

// words say how the TTL of a reset compares.
func (r Reset) words() string {
	switch {
	case r.Above:
		return "more"
	case r.Below:
		return "less"
	}
	return "neither more nor a few less"
}

// probeEvidence are the probes as they were seen.
func probeEvidence(probes []Probe, a netip.Addr) []report.Evidence {
	var out []report.Evidence
	for _, p := range probes {
		sent, said := "SYN", "no answer"
		if p.FIN {
			sent = "FIN"
		}
		if p.Answered {
			said = fmt.Sprintf("reset with traffic class 0x%02x, ttl %d", p.Back, p.TTL)
			if !a.Is4() {
				said += fmt.Sprintf(", flow label 0x%05x", p.Label)
			}
		}
		out = append(out, report.Evidence{Source: fmt.Sprintf("raw socket, %s to %s", sent, netip.AddrPortFrom(a, p.Port)),
			Excerpt: fmt.Sprintf("sent with traffic class 0x%02x; %s", p.Class, said)})
	}
	return out
}
