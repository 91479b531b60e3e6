package server

import (
	"fmt"
	"slices"

	"sshwhy/internal/report"
)

// checkReplies: rules may send the server's answers elsewhere than other packets to
// the visitor: by protocol and port (ip-rule(8)).
func checkReplies(v *view, p *part) {
	forbidden := v.ReplyPath.Forbidden
	if len(forbidden) == 0 || len(v.Route.Forbidden) > 0 || v.Route.Unreachable {
		return // forbidden for all packets: checkRoute says it
	}
	impact := report.Blocking
	if len(forbidden) < v.ReplyPath.Asked {
		impact = report.Degrading // the client may call another address
	}
	f := p.found("route-missing", impact, "A rule of this machine's routing forbids what its SSH server answers to %s, and nothing else.", v.q.Client)
	quote(f, forbidden...)
	mend(f, "Look at the rules that decide by protocol or port, and at the tables they name.", do("ip rule show", ""))
}

// artificial are kinds of link that have no neighbours, though they are of Ethernet's kind.
var artificial = []string{"vrf", "dummy", "nlmon", "ifb", "ipvlan", "ipvtap", "wireguard", "tun"}

// checkLinks looks at what an interface does beside carrying packets: it asks for no
// neighbours, runs a program on each packet, or belongs to a VRF.
func checkLinks(v *view, p *part) {
	if v.loopbackClient() {
		return
	}
	if v.ReplyPath.LinksBy.Unseen() {
		p.also("details of the interfaces", v.ReplyPath.LinksBy.Reason)
		return
	}
	for _, k := range v.ReplyPath.Links {
		if !v.carries(k.Name) {
			continue
		}
		if k.NoARP && k.Ether && !slices.Contains(artificial, k.Kind) {
			f := p.found("neighbour-broken", report.Blocking, "ARP is off on %s: this machine neither asks for its neighbours there nor says that it is there.", k.Name)
			quote(f, k.Quote)
			advise(f, "Switch it on again: ip link set "+k.Name+" arp on.", do("ip link set "+k.Name+" arp on", "ip link set "+k.Name+" arp off"))
		}
		if k.ARPIgnore.Source != "" && k.Ether {
			f := p.found("neighbour-broken", report.Blocking, "%s answers nobody who asks for the hardware address of this machine (arp_ignore %s): whoever does not know it reaches nothing here.", k.Name, k.ARPIgnore.Text)
			f.Certainty = report.Likely // a neighbour that was told by hand, or knows it still, gets through
			quote(f, k.ARPIgnore)
			advise(f, "Set it back: sysctl net.ipv4.conf.all.arp_ignore=0, and the same for "+k.Name+"; and look in /etc/sysctl.d for who set it.")
		}
		if k.Slave != "" && k.Slave != "vrf" {
			p.cannot("network", fmt.Sprintf("%s is a port of %s (%s), and what comes in by it belongs to that: addresses of its own may not be reached", k.Name, k.Master, k.Slave))
		}
		if k.XDP {
			p.cannot("XDP program of "+k.Name, "it sees each packet before all else and may drop it; what it does cannot be seen")
		}
		if k.VRF != "" {
			p.also("VRF "+k.VRF, "packets by "+k.Name+" reach only servers of that VRF, unless net.ipv4.tcp_l3mdev_accept says otherwise; that is not simulated")
		}
	}
	if v.ReplyPath.Permanent.Source != "" {
		f := p.found("neighbour-broken", report.Note, "The hardware address of %s, to which the answers go first, was written by hand: where that is wrong, they go nowhere.", v.Route.Next)
		f.Certainty = report.Possible
		quote(f, v.ReplyPath.Permanent)
		advise(f, "Compare it with the neighbour's own (ip link there), or let the kernel ask: ip neigh del.")
		p.also("neighbour "+v.Route.Next.String(), "its hardware address was written by hand, and cannot be checked from here")
	}
}

// checkAddressConflict: a machine that has the visitor's address itself takes its
// answers for its own, and drops the visitor's packets as forged.
func checkAddressConflict(v *view, p *part) {
	if !v.q.Client.IsValid() || v.loopbackClient() {
		return
	}
	c := v.q.Client.Unmap().WithZone("")
	for _, k := range v.Links.All {
		for _, a := range k.Addrs {
			if a.Addr != c || slices.Contains(v.Links.Default, k.Name) {
				continue // who has an address that others reach this machine by is at this machine
			}
			f := p.found("address-conflict", report.Blocking, "%s, the visitor's address, is also an address of this machine (%s): its answers never leave it.", c, k.Name)
			f.Certainty = report.Likely // the visitor may be on this machine itself
			quote(f, k.Quote)
			quote(f, v.Route.Quote)
			advise(f, "Take the address off "+k.Name+", or give the visitor another one.")
			return
		}
	}
}
