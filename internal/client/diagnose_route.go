package client

import (
	"fmt"
	"strings"

	"sshwhy/internal/report"
)

// route judges what this machine's own routing says.
func (d *diagnosis) route() {
	if d.byProxy(report.StageRoute) {
		return
	}
	routes := d.o.Routes
	if d.skipped(report.StageRoute, len(routes) > 0) {
		return
	}
	var with []string
	var without []Route
	for _, r := range routes {
		switch {
		case r.Errno != "":
			without = append(without, r)
		case r.Device != "":
			with = append(with, fmt.Sprintf("%s by %s from %s", r.Addr, r.Device, r.Source))
		default:
			with = append(with, fmt.Sprintf("%s from %s", r.Addr, r.Source))
		}
	}
	switch {
	case len(without) == 0:
		d.stage(report.StageRoute, report.StatusOK, 0, "%s", strings.Join(with, ", "))
	case len(with) > 0:
		d.stage(report.StageRoute, report.StatusWarning, 0, "%s; no route to %s", strings.Join(with, ", "), without[0].Addr)
	default:
		d.noRoute(without)
	}
}

// noRoute is for a host none of whose addresses this machine can send to.
func (d *diagnosis) noRoute(without []Route) {
	d.stage(report.StageRoute, report.StatusFailed, 0, "%s: %s", without[0].Addr, noRouteWords(without[0].Errno))
	var evidence []report.Evidence
	all4, all6 := true, true
	for _, r := range without {
		evidence = append(evidence, report.Evidence{Source: "route to " + r.Addr.String(), Excerpt: string(r.Errno)})
		all4, all6 = all4 && r.Addr.Is4(), all6 && !r.Addr.Is4()
	}
	// The family that the host does not have works here, and its own does not.
	other := d.hasRoutes(!all4) && !d.hasRoutes(all4)
	switch {
	case all6 && other && !d.o.Resolve.Literal:
		d.find("no-usable-address-family", report.Confirmed,
			fmt.Sprintf("%s has only IPv6 addresses (%s), and this machine has no IPv6 connection.", d.host, join(d.o.Resolve.Addresses)),
			append(evidence, d.familyEvidence()...),
			advice("Use a network with IPv6, a jump host that has both (ssh -J), or an IPv4 address of the host.", onClient("ip -6 route")))
	case all4 && other && !d.o.Resolve.Literal:
		d.find("no-usable-address-family", report.Confirmed,
			fmt.Sprintf("%s has only IPv4 addresses (%s), and this machine has no IPv4 connection.", d.host, join(d.o.Resolve.Addresses)),
			append(evidence, d.familyEvidence()...),
			advice("Use a network with IPv4, a jump host that has both (ssh -J), or an IPv6 address of the host.", onClient("ip -4 route")))
	default:
		d.find("no-route", report.Confirmed,
			fmt.Sprintf("This machine does not know a way to %s: %s. The host was not even asked.", d.where(without[0].Addr), noRouteWords(without[0].Errno)),
			append(evidence, d.familyEvidence()...),
			advice("Check that the network or the VPN is up and that there is a default route.", onClient("ip route get "+without[0].Addr.WithZone("").String())))
	}
}

// hasRoutes reports whether this machine reaches the wide world by IPv4 (or by
// IPv6).
func (d *diagnosis) hasRoutes(v4 bool) bool {
	for _, f := range d.o.Families {
		if f.Addr.Is4() == v4 {
			return f.Errno == ""
		}
	}
	return false
}

func (d *diagnosis) familyEvidence() []report.Evidence {
	var out []report.Evidence
	for _, f := range d.o.Families {
		family, said := "IPv6", "default route from "+f.Source.String()
		if f.Addr.Is4() {
			family = "IPv4"
		}
		if f.Errno != "" {
			said = string(f.Errno)
		}
		out = append(out, report.Evidence{Source: "route to any " + family + " address", Excerpt: said})
	}
	return out
}

// noRouteWords is what an immediate error number of connect(2) means: the
// packet was never built (network-signals, local causes).
func noRouteWords(errno Errno) string {
	switch errno {
	case ENETUNREACH, ENETDOWN:
		return "there is no route to that network"
	case EHOSTUNREACH:
		return "a local route says that it is unreachable"
	case EACCES:
		return "a local route or rule prohibits it"
	case EINVAL:
		return "a local blackhole route swallows it, or the address needs an interface (%eth0)"
	case EADDRNOTAVAIL:
		return "that address family is switched off here"
	case EAFNOSUPPORT:
		return "this system does not have that address family"
	default:
		return string(errno)
	}
}
