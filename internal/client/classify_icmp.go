package client

import (
	"fmt"
	"net/netip"

	"sshwhy/internal/report"
)

// ICMP kinds, the same for both versions.
const (
	icmpNoRoute         = "no route to that network"
	icmpHostUnreachable = "host unreachable"
	icmpPort            = "port unreachable"
	icmpProtocol        = "protocol unreachable"
	icmpProhibited      = "administratively prohibited"
	icmpLoop            = "time to live exceeded"
	icmpOther           = "unreachable"
)

// icmpName names a message: RFC 792 and RFC 1812 section 5.2.7.1 for IPv4, RFC
// 4443 section 3.1 for IPv6.
func icmpName(i *ICMP) string {
	const unreachable4, exceeded4, unreachable6, exceeded6 = 3, 11, 1, 3
	switch {
	case !i.V6 && i.Type == exceeded4, i.V6 && i.Type == exceeded6:
		return icmpLoop
	case !i.V6 && i.Type == unreachable4:
		switch i.Code {
		case 0, 6, 11:
			return icmpNoRoute
		case 1, 7, 12:
			return icmpHostUnreachable
		case 2:
			return icmpProtocol
		case 3:
			return icmpPort
		case 9, 10, 13:
			return icmpProhibited
		}
	case i.V6 && i.Type == unreachable6:
		switch i.Code {
		case 0:
			return icmpNoRoute
		case 1, 5, 6:
			return icmpProhibited
		case 3:
			return icmpHostUnreachable
		case 4:
			return icmpPort
		}
	}
	return icmpOther
}

// TimeExceeded reports whether a router says that the packet's time to live was over.
func (i *ICMP) TimeExceeded() bool { return icmpName(i) == icmpLoop }

// ownRule is the time in ms below which a "host unreachable" of our own is a
// rule. A search for a neighbour takes three seconds, but may have begun before
// we came.
const ownRule = 50

// onLink reports whether an address is on a network that this machine is part of.
func (d *diagnosis) onLink(addr netip.Addr) bool {
	for _, r := range d.o.Routes {
		if r.Addr == addr {
			return r.OnLink
		}
	}
	return false
}

// ownICMP is a message whose sender is this machine: its own firewall, or its
// own failed search for the neighbour.
func (d *diagnosis) ownICMP(a Attempt) failure {
	if icmpName(a.ICMP) == icmpHostUnreachable && a.Ms >= ownRule {
		if !d.onLink(a.Addr.Addr()) {
			return d.hostUnreachable(a, "the gateway of this machine's network does not answer")
		}
		return d.hostUnreachable(a, "this machine asked for it on its own network and got no answer")
	}
	return failure{cause: "local-firewall", rank: rankLocal, certainty: report.Confirmed, short: "is rejected by this machine's own firewall",
		summary: fmt.Sprintf("This machine's own firewall rejects the outgoing connection to %s port %d.", d.where(a.Addr.Addr()), a.Addr.Port()),
		remedy:  advice("Look at the outgoing rules of this machine.", onClient("sudo nft list ruleset"))}
}

// remoteICMP is a message from the host or from a router. Its sender, its kind
// and whether other ports get the same tell a rule from a missing route.
func (d *diagnosis) remoteICMP(a Attempt) failure {
	i := a.ICMP
	sender := "the router " + i.Offender.String()
	if i.Offender == a.Addr.Addr().WithZone("") {
		sender = "the host itself"
	}
	switch kind := icmpName(i); {
	case kind == icmpPort, kind == icmpProhibited, kind == icmpProtocol:
		// The TCP of no system answers with these: RFC 9293 has the reset for it.
		return d.firewalled(a, report.Confirmed, fmt.Sprintf("%s answers “%s”, which is what firewall rules say", sender, kind))
	case kind == icmpNoRoute || kind == icmpLoop:
		if d.onlyThisPort(a) {
			return d.firewalled(a, report.Likely, fmt.Sprintf("%s says “%s” for this port and not for others", sender, kind))
		}
		return d.networkUnreachable(a, sender)
	case kind == icmpHostUnreachable && a.Ms < neighbourWait && (sender == "the host itself" || d.onlyThisPort(a)):
		return d.firewalled(a, report.Likely, fmt.Sprintf("%s says “%s” at once, and only for this port", sender, kind))
	default:
		return d.hostUnreachable(a, sender+" says that nobody has this address")
	}
}

// onlyThisPort reports whether the same address answered on another port in another way
// than by the same ICMP sender: then a rule is at work and not a route.
func (d *diagnosis) onlyThisPort(asked Attempt) bool {
	for _, a := range d.o.OtherPorts {
		if a.Addr.Addr() == asked.Addr.Addr() && (a.Outcome == Connected || a.Outcome == Failed) && (a.ICMP == nil || a.ICMP.Offender != asked.ICMP.Offender) {
			return true
		}
	}
	return false
}

// hostUnreachable is for an address that nobody has.
func (d *diagnosis) hostUnreachable(a Attempt, why string) failure {
	if why == "" {
		why = a.Text
	}
	return failure{cause: "host-unreachable", rank: rankPath, certainty: report.Likely, short: "cannot be found",
		summary: fmt.Sprintf("%s cannot be found on its network: %s. The machine is off, disconnected, or has another address.", d.where(a.Addr.Addr()), why),
		remedy:  advice("Check that the machine is running and that this is its address.", onClient("ping "+a.Addr.Addr().String()), onServer("ip -br address"))}
}

// networkUnreachable is for a router that does not know where the host's network is.
func (d *diagnosis) networkUnreachable(a Attempt, sender string) failure {
	return failure{cause: "network-unreachable-remote", rank: rankPath, certainty: report.Likely, short: "has no route on the way",
		summary: fmt.Sprintf("The packets leave this machine, but %s does not know the way to %s.", sender, d.where(a.Addr.Addr())),
		remedy:  advice("Check the address; then the VPN or the routes of the network that the answer came from.", onClient("traceroute "+a.Addr.Addr().String()))}
}
