package facts

import (
	"encoding/json"
	"net/netip"
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
	return items
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
		t.Unreachable = strings.Contains(t.Quote.Text, "unreachable") || strings.Contains(t.Quote.Text, "Invalid argument") ||
			strings.Contains(t.Quote.Text, "No route to host") || strings.Contains(t.Quote.Text, "Permission denied")
		if !t.Unreachable {
			t.Origin.Status, t.Origin.Reason = evidence.Failed, t.Quote.Text
		}
		return t
	}
	var routes []struct {
		Type string `json:"type"`
		Dev  string `json:"dev"`
		Src  string `json:"prefsrc"`
	}
	if json.Unmarshal(r.Data, &routes) != nil || len(routes) == 0 {
		t.Origin.Status, t.Origin.Reason = evidence.Failed, "its output is not the JSON expected"
		return t
	}
	t.Device = routes[0].Dev
	t.Source, _ = netip.ParseAddr(routes[0].Src)
	switch routes[0].Type {
	case "unreachable", "blackhole", "prohibit":
		t.Unreachable = true
	}
	return t
}
