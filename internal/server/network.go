package server

import (
	"fmt"

	"sshwhy/internal/report"
)

// networkStage: does the machine take part in a network at all?
func networkStage() stage {
	return stage{report.StageNetwork, networkDetail, []check{checkInterfaces, checkRoute}}
}

func networkDetail(v *view) string {
	outer := v.Links.Outer()
	switch len(outer) {
	case 0:
		return ""
	case 1:
		return "reachable as " + outer[0].String()
	}
	return fmt.Sprintf("reachable as %s and %d more addresses", outer[0], len(outer)-1)
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
			steps = append(steps, do("ip link set "+shellQuote(k.Name)+" up", "ip link set "+shellQuote(k.Name)+" down"))
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
