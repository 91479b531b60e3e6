package server

import (
	"net/netip"
	"slices"

	"sshwhy/internal/firewall"
)

// Which packets the packet filters are asked about, and where they arrive.

// questions are the packets to follow: one for each family of the visitor, to
// the address of this machine that is reached by it.
func (pf *packetFilter) questions() []firewall.Packet {
	var locals []netip.Addr
	for _, k := range pf.Links.All {
		for _, a := range k.Addrs {
			locals = append(locals, a.Addr)
		}
	}
	var out []firewall.Packet
	for _, x := range []struct {
		family firewall.Family
		iface  string
	}{{firewall.IPv4, pf.Firewall.Iface4}, {firewall.IPv6, pf.Firewall.Iface6}} {
		if pf.q.Client.IsValid() && firewall.FamilyOf(pf.q.Client) != x.family {
			continue
		}
		p := firewall.Packet{Path: firewall.Incoming, Family: x.family, Src: pf.q.Client, Dport: uint16(pf.port),
			Iface: x.iface, Locals: locals, RoutedBack: firewall.Yes}
		if pf.loopbackClient() {
			p.Iface, p.Dst = "lo", pf.q.Client
		} else if !pf.address(&p) {
			continue
		}
		p.Bridged, p.BridgePort = pf.bridged(p.Iface)
		for _, k := range pf.Links.All {
			if k.Name == p.Iface {
				for _, a := range k.Addrs {
					p.IfaceAddrs = append(p.IfaceAddrs, a.Addr)
				}
			}
		}
		out = append(out, p)
	}
	return out
}

// bridged reports whether an interface is a bridge, and by which of its ports packets
// come in, where it has one alone.
func (pf *packetFilter) bridged(iface string) (is firewall.Tri, port string) {
	ports := 0
	for _, k := range pf.ReplyPath.Links {
		if k.Master == iface && k.Slave == "bridge" && iface != "" {
			port = k.Name
			ports++
		}
	}
	switch {
	case ports == 1:
		return firewall.Yes, port
	case ports > 1 || iface == "" || pf.Firewall.BridgesOrigin.Unseen() || slices.Contains(pf.Firewall.Bridges, iface):
		return firewall.Maybe, ""
	}
	return firewall.No, ""
}

// address gives the packet the address it is sent to: the one of its interface
// that others can reach, or else any such of the machine. It reports false
// where the machine has none of the family.
func (pf *packetFilter) address(p *firewall.Packet) bool {
	var other netip.Addr
	otherIface := ""
	for _, k := range pf.Links.All {
		for _, a := range k.Addrs {
			if k.Loopback || a.Scope != "global" && a.Scope != "site" || firewall.FamilyOf(a.Addr) != p.Family {
				continue
			}
			if k.Name == p.Iface {
				p.Dst = a.Addr
				return true
			}
			if !other.IsValid() {
				other, otherIface = a.Addr, k.Name
			}
		}
	}
	p.Dst = other
	if p.Iface == "" || !pf.q.Client.IsValid() {
		p.Iface = otherIface
	}
	return other.IsValid() || pf.q.Client.IsValid()
}

// arrivesAt is the port that connections to a port are delivered at: another one
// where a rule redirects them and SSH listens there.
func (v *view) arrivesAt(port int) int {
	if len(v.planned(port)) > 0 {
		return port
	}
	pf := &packetFilter{view: v, part: &part{}} // what could not be seen, checkFirewall says
	if !pf.read() || pf.rules.Empty() {
		return port
	}
	for _, q := range pf.questions() {
		for _, verdict := range pf.ask(q).verdicts {
			if to := int(verdict.Port); verdict.Kind == firewall.Accept && to != 0 && to != port && len(v.planned(to)) > 0 {
				return to
			}
		}
	}
	return port
}

// answer is what the rules do with one question.
type answer struct {
	packet   firewall.Packet
	verdicts []firewall.Verdict // one, or for all addresses
	reply    bool               // the verdicts are those of our answer, which does not get out
}
