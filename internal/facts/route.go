package facts

import (
	"encoding/json"
	"net/netip"
	"slices"
	"strings"

	"sshwhy/internal/evidence"
)

// RouteTo is how this machine's answers reach the visitor asked about.
type RouteTo struct {
	Origin      Origin
	Unreachable bool // there is no route, or one that forbids
	Device      string
	Source      netip.Addr // the address this machine answers from
	Quote       Quote
	// Mute is what the kernel knows of the next hop where it asked for it in vain
	// (ip-neighbour(8): FAILED, INCOMPLETE); no Source where it answers or was not
	// asked. Next is its address: a router's, or the visitor's own.
	Mute Quote
	Next netip.Addr
	// Forbidden are the own addresses from which no answer gets out, though the
	// route itself is there: rules decide by the source (ip-rule(8)).
	Forbidden []Quote
	Sources   int // how many own addresses were asked about
	// Strict are the interfaces whose reverse-path filter is strict, each with
	// the setting that says so: they drop what comes in from an address whose
	// answer would leave by another interface.
	Strict map[string]Quote
}

func routeItem(ask Ask) (evidence.Item, bool) {
	c := ask.Client.Unmap()
	if !c.IsValid() || c.IsLoopback() {
		return evidence.Item{}, false
	}
	return evidence.Command("ip", "-j", "route", "get", c.WithZone("").String()), true
}

func wantRoute(b *evidence.Bundle, ask Ask) []evidence.Item {
	it, ok := routeItem(ask)
	if !ok {
		return nil
	}
	items := []evidence.Item{it}
	for _, name := range filtered(b, ask) {
		items = append(items, pathFilter(name))
	}
	if next, ok := nextHop(b, ask); ok {
		items = append(items, neighbourItem(next))
	}
	return append(items, sourceItems(b, ask)...)
}

// nextHop is the machine that answers to the visitor go to first: the router, or
// on the same link the visitor.
func nextHop(b *evidence.Bundle, ask Ask) (netip.Addr, bool) {
	it, ok := routeItem(ask)
	if !ok {
		return netip.Addr{}, false
	}
	routes := routesOf(b.Get(it).Data)
	if len(routes) == 0 {
		return netip.Addr{}, false
	}
	next := ask.Client.Unmap()
	if g := routes[0].Gateway; g != "" {
		next, _ = netip.ParseAddr(g)
	}
	return next, next.IsValid()
}

func neighbourItem(a netip.Addr) evidence.Item {
	return evidence.Command("ip", "-j", "neigh", "show", "to", a.WithZone("").String())
}

// maxSources bounds from how many own addresses the way out is asked for.
const maxSources = 4

// sourceItems ask for the way out from each own address that visitors may call.
func sourceItems(b *evidence.Bundle, ask Ask) []evidence.Item {
	c := ask.Client.Unmap().WithZone("")
	var items []evidence.Item
	for _, a := range parseLinks(b).Outer() {
		if a.Is4() == c.Is4() && len(items) < maxSources {
			items = append(items, evidence.Command("ip", "-j", "route", "get", c.String(), "from", a.String()))
		}
	}
	return items
}

// ipRoute is an element of `ip -j route get` (iproute2).
type ipRoute struct {
	Type    string `json:"type"`
	Dev     string `json:"dev"`
	Src     string `json:"prefsrc"`
	Gateway string `json:"gateway"`
}

func routesOf(data []byte) []ipRoute {
	var routes []ipRoute
	if json.Unmarshal(data, &routes) != nil {
		return nil
	}
	return routes
}

// muteHop is what the kernel says of a next hop that does not answer.
func muteHop(b *evidence.Bundle, ask Ask) (Quote, netip.Addr) {
	next, ok := nextHop(b, ask)
	if !ok {
		return Quote{}, next
	}
	it := neighbourItem(next)
	r := b.Get(it)
	var known []struct {
		State []string `json:"state"`
	}
	if !r.OK() || json.Unmarshal(r.Data, &known) != nil || len(known) == 0 {
		return Quote{}, next
	}
	for _, n := range known {
		if !slices.Contains(n.State, "FAILED") && !slices.Contains(n.State, "INCOMPLETE") {
			return Quote{}, next
		}
	}
	return Quote{Source: originOf(it, r).Source, Text: firstLine(r.Data)}, next
}

// forbidden are the own addresses from which the kernel refuses to send.
func forbidden(b *evidence.Bundle, ask Ask) []Quote {
	var out []Quote
	for _, it := range sourceItems(b, ask) {
		r := b.Get(it)
		if words := firstLine(r.Stderr); r.OK() && r.Exit != 0 && noWay(words) {
			out = append(out, Quote{Source: originOf(it, r).Source, Text: words})
		}
	}
	return out
}

// noWay reports whether an error of ip route get means that nothing goes there.
func noWay(words string) bool {
	return slices.ContainsFunc([]string{"unreachable", "Invalid argument", "No route to host", "Permission denied"},
		func(w string) bool { return strings.Contains(words, w) })
}

// maxFiltered bounds how many interfaces are asked for their filter.
const maxFiltered = 16

// filtered are the names under which the reverse-path filter of IPv4 is set:
// "all", and each interface with an address (IPv6 has none in sysctl).
func filtered(b *evidence.Bundle, ask Ask) []string {
	if !ask.Client.Unmap().Is4() {
		return nil
	}
	names := []string{"all"}
	for _, k := range parseLinks(b).All {
		if !k.Loopback && len(k.Addrs) > 0 && len(names) < maxFiltered && !strings.ContainsAny(k.Name, "/ ") {
			names = append(names, k.Name)
		}
	}
	return names
}

func pathFilter(iface string) evidence.Item {
	return evidence.File("/proc/sys/net/ipv4/conf/" + iface + "/rp_filter").AtMost(64)
}

// strictFilters reads the filters: the higher one of "all" and the interface's
// own counts, and 1 is strict (kernel, ip-sysctl).
func strictFilters(b *evidence.Bundle, ask Ask) map[string]Quote {
	out := map[string]Quote{}
	value := func(name string) string { return firstLine(b.Get(pathFilter(name)).Data) }
	for i, name := range filtered(b, ask) {
		if own, all := value(name), value("all"); i > 0 && max(own, all) == "1" {
			by := name
			if own != "1" {
				by = "all"
			}
			out[name] = Quote{Source: pathFilter(by).Path, Line: 1, Text: "1"}
		}
	}
	return out
}

func parseRoute(b *evidence.Bundle, ask Ask) RouteTo {
	it, ok := routeItem(ask)
	if !ok {
		return RouteTo{Origin: Origin{Status: evidence.Skipped, Reason: "no visitor's address asked about"}}
	}
	r := b.Get(it)
	t := RouteTo{Origin: originOf(it, r), Strict: strictFilters(b, ask)}
	t.Quote = Quote{Source: t.Origin.Source, Text: firstLine(r.Data)}
	if !t.Origin.Known() {
		return t
	}
	if r.Exit != 0 { // RTNETLINK answers: Network is unreachable
		t.Quote.Text = firstLine(r.Stderr)
		t.Unreachable = noWay(t.Quote.Text)
		if !t.Unreachable {
			t.Origin.Status, t.Origin.Reason = evidence.Failed, t.Quote.Text
		}
		return t
	}
	routes := routesOf(r.Data)
	if len(routes) == 0 {
		t.Origin.Status, t.Origin.Reason = evidence.Failed, "its output is not the JSON expected"
		return t
	}
	t.Device = routes[0].Dev
	t.Source, _ = netip.ParseAddr(routes[0].Src)
	switch routes[0].Type {
	case "unreachable", "blackhole", "prohibit":
		t.Unreachable = true
	}
	t.Mute, t.Next = muteHop(b, ask)
	t.Forbidden, t.Sources = forbidden(b, ask), len(sourceItems(b, ask))
	return t
}
