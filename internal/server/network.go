package server

import (
	"fmt"

	"sshwhy/internal/report"
	"sshwhy/internal/shquote"
)

// networkStage: does the machine take part in a network at all?
func networkStage() stage {
	return stage{name: report.StageNetwork, detail: networkDetail, checks: []check{
		{causes{"interface-down"}, checkInterfaces},
		{causes{"address-conflict"}, checkAddressConflict},
		{causes{"route-missing", "reverse-path-filter"}, checkRoute},
		{causes{"route-missing"}, checkReplies},
		{causes{"neighbour-broken"}, checkLinks},
		{causes{"traffic-control-drop"}, checkTrafficControl},
		{causes{"ipsec-policy"}, checkIPsec},
	}}
}

func networkDetail(v *view) string {
	outer := v.Links.Outer()
	switch len(outer) {
	case 0:
		return ""
	case 1:
		return "reachable as " + outer[0].String()
	}
	more := "1 more address"
	if n := len(outer) - 1; n > 1 {
		more = fmt.Sprintf("%d more addresses", n)
	}
	return fmt.Sprintf("reachable as %s and %s", outer[0], more)
}

// checkInterfaces looks for a machine that no packet can reach: no interface
// that is up, has a link and an address of more than local meaning.
func checkInterfaces(v *view, p *part) {
	if !v.Links.Origin.Known() {
		p.cannot("network", v.Links.Origin.Reason)
		return
	}
	if len(v.Links.Outer()) > 0 || v.loopbackClient() {
		return
	}
	f := p.found("interface-down", report.Blocking, "No network interface of this machine is up with an address, so nobody can reach it.")
	var steps []report.Step
	for _, k := range v.Links.All {
		if k.Loopback {
			continue
		}
		quote(f, k.Quote)
		switch {
		case !k.Up && len(steps) == 0:
			steps = append(steps, do("ip link set "+shquote.Operand(k.Name)+" up", "ip link set "+shquote.Operand(k.Name)+" down"))
			f.Summary = fmt.Sprintf("The network interface %s is down, and no other carries an address, so nobody can reach this machine.", k.Name)
		case k.Up && !k.Carrier && len(steps) == 0:
			f.Summary = fmt.Sprintf("The network interface %s has no link (cable, switch or virtual network), so nobody can reach this machine.", k.Name)
		}
	}
	if len(f.Evidence) == 0 {
		f.Summary = "This machine has no network interface but the loopback, so nobody can reach it."
		for _, k := range v.Links.All {
			quote(f, k.Quote)
		}
	}
	mend(f, "Bring the interface up and give it its address, with whatever manages the network here.", steps...)
}

// checkRoute: the machine must be able to answer the visitor.
func checkRoute(v *view, p *part) {
	if !v.q.Client.IsValid() || v.loopbackClient() {
		return
	}
	if v.Route.Origin.Unseen() {
		p.also("route back to the client", v.Route.Origin.Reason)
		return
	}
	if !v.Route.Unreachable {
		v.checkSources(p)
		v.checkNextHop(p)
		v.checkPathFilter(p)
		return
	}
	f := p.found("route-missing", report.Blocking, "This machine has no route to %s, so its answers go nowhere.", v.q.Client)
	quote(f, v.Route.Quote)
	mend(f, "Give the machine a route to the client's network, mostly a default route.")
}

// checkSources: rules by source address may forbid the answers that the route
// itself would carry.
func (v *view) checkSources(p *part) {
	if len(v.Route.Forbidden) == 0 {
		return
	}
	impact := report.Blocking
	if len(v.Route.Forbidden) < v.Route.Sources {
		impact = report.Degrading // the client may call another address
	}
	f := p.found("route-missing", impact, "Rules of this machine's routing forbid its answers to %s.", v.q.Client)
	for _, q := range v.Route.Forbidden {
		quote(f, q)
	}
	mend(f, "Look at the rules that decide by the source address, and at the tables they name.", do("ip rule show", ""))
}

// checkNextHop: the answers go to a router, or on the same link to the client
// itself, that the kernel called for and nobody answered.
func (v *view) checkNextHop(p *part) {
	if v.Route.Mute.Source == "" {
		return
	}
	words, advice := fmt.Sprintf("This machine sends its answers for %s to the router %s, which does not answer on %s.", v.q.Client, v.Route.Next, v.Route.Device),
		"Correct the router's address in the network configuration, or bring that router back."
	if v.Route.Next == v.q.Client.Unmap() {
		words = fmt.Sprintf("This machine takes %s for a neighbour on %s, where nobody answers for that address, so its own answers go nowhere.", v.q.Client, v.Route.Device)
		advice = "Correct the network mask or the route: the client is not on this link, or it is off."
	}
	f := p.found("route-missing", report.Blocking, "%s", words)
	f.Certainty = report.Likely // it may have been silent for a moment only
	quote(f, v.Route.Mute)
	quote(f, v.Route.Quote)
	mend(f, advice)
}

// checkPathFilter: the answers leave by an interface that is not the one whose
// address the client calls. With a strict reverse-path filter there, the client's
// packets are dropped before any firewall sees them.
func (v *view) checkPathFilter(p *part) {
	home := ""
	for _, k := range v.Links.All {
		for _, a := range k.Addrs {
			if a.Addr == v.Route.Source && !k.Loopback {
				home = k.Name
			}
		}
	}
	strict, ok := v.Route.Strict[home]
	if home == "" || home == v.Route.Device || !ok {
		return
	}
	f := p.found("reverse-path-filter", report.Blocking, "Answers to %s leave by %s, and %s drops what comes in from there, because its reverse-path filter is strict.",
		v.q.Client, v.Route.Device, home)
	f.Certainty = report.Likely // the client may come in by the other interface after all
	quote(f, v.Route.Quote, strict, v.ReplyPath.Filtered)
	mend(f, "Correct the route to the client's network, or make the filter loose (2).",
		do("sysctl -w net.ipv4.conf."+shquote.Word(home)+".rp_filter=2", "sysctl -w net.ipv4.conf."+shquote.Word(home)+".rp_filter=1"))
}
