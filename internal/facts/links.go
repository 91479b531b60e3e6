package facts

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"sshwhy/internal/evidence"
)

// Links are the network interfaces and their addresses, and the default routes.
type Links struct {
	Origin Origin
	All    []Link
	Routes Origin
	HasV4  bool // there is a default route for IPv4
	HasV6  bool
	// Default are the interfaces by which the default routes go.
	Default []string
}

// Link is one interface.
type Link struct {
	Name     string
	Loopback bool
	Up       bool // set up by the administrator (flag UP)
	Carrier  bool // flag LOWER_UP: there is a link
	State    string
	Addrs    []LinkAddr
	Quote    Quote
}

// LinkAddr is one address of an interface.
type LinkAddr struct {
	Addr      netip.Addr
	Prefix    int
	Scope     string // global, link, host, site
	Tentative bool
}

var (
	itemAddr   = evidence.Command("ip", "-j", "addr")
	itemRoute4 = evidence.Command("ip", "-j", "-4", "route", "show", "default")
	itemRoute6 = evidence.Command("ip", "-j", "-6", "route", "show", "default")
)

func wantLinks(*evidence.Bundle, Ask) []evidence.Item {
	return []evidence.Item{itemAddr, itemRoute4, itemRoute6}
}

// ipLink is an element of `ip -j addr` (iproute2).
type ipLink struct {
	Name  string   `json:"ifname"`
	Flags []string `json:"flags"`
	State string   `json:"operstate"`
	Addrs []struct {
		Local     string `json:"local"`
		Prefix    int    `json:"prefixlen"`
		Scope     string `json:"scope"`
		Tentative bool   `json:"tentative"`
	} `json:"addr_info"`
}

func parseLinks(b *evidence.Bundle) Links {
	r := b.Get(itemAddr)
	l := Links{Origin: ran(itemAddr, r, exitZero), Routes: ran(itemRoute4, b.Get(itemRoute4), exitZero)}
	var raw []ipLink
	if l.Origin.Known() {
		if err := json.Unmarshal(r.Data, &raw); err != nil {
			l.Origin.Status, l.Origin.Reason = evidence.Failed, "its output is not JSON"
		}
	}
	for _, x := range raw {
		k := Link{Name: x.Name, State: x.State}
		k.Loopback = slices.Contains(x.Flags, "LOOPBACK")
		k.Up = slices.Contains(x.Flags, "UP")
		k.Carrier = slices.Contains(x.Flags, "LOWER_UP")
		var shown []string
		for _, a := range x.Addrs {
			if addr, err := netip.ParseAddr(a.Local); err == nil {
				k.Addrs = append(k.Addrs, LinkAddr{addr.Unmap(), a.Prefix, a.Scope, a.Tentative})
				shown = append(shown, fmt.Sprintf("%s/%d", a.Local, a.Prefix))
			}
		}
		k.Quote = Quote{Source: l.Origin.Source, Text: clip(fmt.Sprintf("%s: <%s> state %s %s",
			k.Name, strings.Join(x.Flags, ","), x.State, strings.Join(shown, " ")))}
		l.All = append(l.All, k)
	}
	l.HasV4, l.HasV6 = hasRoute(b.Get(itemRoute4)), hasRoute(b.Get(itemRoute6))
	for _, r := range append(routesOf(b.Get(itemRoute4).Data), routesOf(b.Get(itemRoute6).Data)...) {
		l.Default = append(l.Default, r.Dev)
	}
	return l
}

func hasRoute(r evidence.Result) bool {
	var routes []json.RawMessage
	return json.Unmarshal(r.Data, &routes) == nil && len(routes) > 0
}

// Has reports whether an interface of this machine has the address.
func (l Links) Has(addr netip.Addr) bool {
	for _, k := range l.All {
		for _, a := range k.Addrs {
			// 127.0.0.1/8 on lo makes all of 127.0.0.0/8 local.
			if a.Addr == addr || k.Loopback && a.Addr.Is4() && netip.PrefixFrom(a.Addr, a.Prefix).Masked().Contains(addr) {
				return true
			}
		}
	}
	return false
}

// Outer returns the addresses that others can reach this machine by: of global
// scope, on an interface that is up.
func (l Links) Outer() []netip.Addr {
	var out []netip.Addr
	for _, k := range l.All {
		if k.Loopback || !k.Up || !k.Carrier {
			continue
		}
		for _, a := range k.Addrs {
			if a.Scope == "global" || a.Scope == "site" {
				out = append(out, a.Addr)
			}
		}
	}
	return out
}
