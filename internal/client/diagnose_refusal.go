package client

import (
	"fmt"
	"net/netip"
	"slices"

	"sshwhy/internal/report"
)

// refusal judges a connection that was refused without an ICMP message: by a reset.
func (d *diagnosis) refusal(a Attempt) failure {
	if a.TCP != nil && a.TCP.SegsIn == 0 {
		return d.firewalled(a, report.Likely, "the refusal was no answer of its TCP")
	}
	if a.Reset != nil || len(d.o.Probes) > 0 {
		if f, ok := d.byResets(a); ok {
			return f
		}
	}
	switch r := a.Reset; {
	case r != nil && r.Above:
		return d.firewalled(a, report.Likely, "the reset comes from a machine nearer than the host, in the host's name")
	case r != nil && r.Below:
		return d.forwarded(a, fmt.Sprintf("its reset comes from farther away than %s itself", d.host))
	}
	return d.refused(a)
}

// byResets goes by how the resets are made, where a raw socket saw them.
func (d *diagnosis) byResets(a Attempt) (failure, bool) {
	probes := d.probesOf(a)
	made, reference := JudgeResets(probes, a.Addr)
	elsewhere, nearer := otherMachine(probes, a.Addr)
	behind := ""
	if listensBehind(probes, a.Addr) {
		behind = " Something does listen there: a lone FIN gets no reset, which only a listening port leaves unanswered."
	}
	var f failure
	switch {
	case made == MadeByRule && (nearer || a.Reset != nil && a.Reset.Above):
		f = d.firewalled(a, report.Confirmed, fmt.Sprintf("the reset was made by a rule on a machine nearer than the host; the host's own resets, from port %d, are different", reference.Port))
	case made == MadeByRule:
		f = d.firewalled(a, report.Confirmed, fmt.Sprintf("the reset was made by a rule; the host's own resets, from port %d, carry marks that this one lacks", reference.Port))
	case made == MadeUnknown && behind != "":
		f = d.firewalled(a, report.Likely, "a reset answers a request to connect, and nothing answers a lone FIN")
	case made == MadeByKernel && elsewhere:
		side := "farther away"
		if nearer {
			side = "nearer"
		}
		f = d.forwarded(a, fmt.Sprintf("its reset was made by a machine %s than the one that answers for the other ports", side))
	case made == MadeByKernel && d.sameDistance(a, probes):
		f = d.refused(a)
		f.certainty = report.Confirmed
		f.summary = fmt.Sprintf("%s is up, and no program listens on its port %d: its own TCP sent the refusal, not a firewall rule.", d.where(a.Addr.Addr()), a.Addr.Port())
	default:
		return f, false
	}
	f.summary += behind
	f.evidence = probeEvidence(probes, a.Addr.Addr())
	return f, true
}

// probesOf are the probes, if they went to the address of the attempt.
func (d *diagnosis) probesOf(a Attempt) []Probe {
	first := slices.IndexFunc(d.o.Connect, func(t Attempt) bool {
		return t.Errno == ECONNREFUSED && t.ICMP == nil && t.TCP != nil && t.TCP.SegsIn > 0
	})
	if first >= 0 && d.o.Connect[first].Addr == a.Addr {
		return d.o.Probes
	}
	return nil
}

// sameDistance reports whether the reset came from as far away as other packets of
// the host: then it is the host's, or that of a machine beside it.
func (d *diagnosis) sameDistance(a Attempt, probes []Probe) bool {
	if a.Reset != nil && len(probes) > 0 && a.Reset.HostTTL == probes[0].TTL {
		return true
	}
	return slices.ContainsFunc(probes, func(p Probe) bool { return p.Port != a.Addr.Port() && !p.FIN && p.TTL == probes[0].TTL })
}

// isHere reports whether an address is this machine's own: packets to it come from it.
func (d *diagnosis) isHere(addr netip.Addr) bool {
	return addr.IsLoopback() || slices.ContainsFunc(d.o.Routes, func(r Route) bool { return r.Addr == addr && r.Source == addr })
}

// forwarded is a refusal by another machine than the one that has the address.
func (d *diagnosis) forwarded(a Attempt, why string) failure {
	return failure{cause: "port-forward-broken", rank: rankHost, certainty: report.Likely, short: "leads to a machine that refuses",
		summary: fmt.Sprintf("Port %d of %s is forwarded to another machine, and that one refuses: %s.", a.Addr.Port(), d.where(a.Addr.Addr()), why),
		remedy: advice(fmt.Sprintf("Look where %s forwards port %d to, and whether an SSH server listens there.", d.host, a.Addr.Port()),
			onServer("sudo nft list ruleset | grep -B2 dnat"), onServer("sudo ss -tlnp"))}
}

// whoRefused says what about a refusal stays inseparable.
func (d *diagnosis) whoRefused(a Attempt, f failure) {
	made, _ := JudgeResets(d.probesOf(a), a.Addr)
	const same = "a refusal by the host's own kernel and one by a firewall rule that imitates it look the same from here"
	switch {
	case f.certainty == report.Confirmed:
		d.incomplete("who refused", "the host, and a machine at the same distance to which it forwards this port, look the same from here; the server's console can tell")
	case made == MadeByKernel:
		d.incomplete("who refused", "a TCP made the reset and no rule did; whether it is the host's, or that of a machine to which it forwards this port, cannot be seen from here")
	case d.isHere(a.Addr.Addr()):
		d.incomplete("who refused", same+"; it is this very machine: sudo sshwhy server can tell")
	case len(d.o.Probes) > 0:
		d.incomplete("who refused", same+": the marks that tell them apart were not to be seen on this path; the server's console can tell")
	default:
		d.incomplete("who refused", same+"; as root sshwhy can often tell, and the server's console always can")
	}
}
