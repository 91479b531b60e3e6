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
}

func routeItem(ask Ask) (evidence.Item, bool) {
	c := ask.Client.Unmap()
	if !c.IsValid() || c.IsLoopback() {
		return evidence.Item{}, false
	}
	return evidence.Command("ip", "-j", "route", "get", c.WithZone("").String()), true
}

func wantRoute(_ *evidence.Bundle, ask Ask) []evidence.Item {
	if it, ok := routeItem(ask); ok {
		return []evidence.Item{it}
	}
	return nil
}

func parseRoute(b *evidence.Bundle, ask Ask) RouteTo {
	it, ok := routeItem(ask)
	if !ok {
		return RouteTo{Origin: Origin{Status: evidence.Skipped, Reason: "no visitor's address asked about"}}
	}
	r := b.Get(it)
	t := RouteTo{Origin: originOf(it, r)}
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
