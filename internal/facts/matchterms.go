package facts

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"sshwhy/internal/evidence"
)

// What a Match line may ask of a connection besides user, group, host and address
// (sshd_config(5), Match): the address and port that were called, the routing
// domain, and the name of the visitor's machine. They are told to `sshd -T -C` only
// where a Match line asks for them.

// matchTerms are the terms that the Match lines of the configuration use, in lower case.
func matchTerms(b *evidence.Bundle) []string {
	var out []string
	for _, d := range parseConfig(b).All("Match") {
		for _, word := range d.Args {
			term, _, _ := strings.Cut(strings.ToLower(word), "=") // OpenSSH 9.9 takes "user=alice"
			out = append(out, term)
		}
	}
	return out
}

// describe completes the description of the visitor.
func describe(b *evidence.Bundle, ask Ask, spec string) string {
	terms := matchTerms(b)
	if slices.Contains(terms, "localaddress") {
		if a := calledAddress(b, ask); a.IsValid() {
			spec += ",laddr=" + a.String()
		}
	}
	if slices.Contains(terms, "localport") {
		spec += ",lport=" + strconv.Itoa(calledPort(b, ask))
	}
	if slices.Contains(terms, "rdomain") {
		spec += ",rdomain=" // none; whoever is in one is not known here
	}
	if slices.Contains(terms, "host") && strings.EqualFold(globalValue(b, "usedns"), "yes") {
		// Match takes the name where it leads back, else the address.
		if n := parseNames(b, ask); n.Leads {
			a := ask.Client.Unmap().WithZone("").String()
			spec = strings.Replace(spec, ",host="+a, ",host="+n.Name, 1)
		}
	}
	return spec
}

// generalItems ask for the configuration without a visitor, the best first.
func generalItems(b *evidence.Bundle) []evidence.Item {
	full := sshdCommand(b, "-T")
	items := []evidence.Item{full, sshdCommand(b, "-G"), withRunDir(full)}
	if port, ok := portItem(b); ok {
		items = append(items, port)
	}
	return items
}

// portItem asks with a port and nothing else: sshd -T without one ends with an error
// where a Match line names LocalPort (servconf.c, match_cfg_line).
func portItem(b *evidence.Bundle) (evidence.Item, bool) {
	if !slices.Contains(matchTerms(b), "localport") {
		return evidence.Item{}, false
	}
	return sshdCommand(b, "-T", "-C", "lport="+strconv.Itoa(calledPort(b, Ask{}))), true
}

// globalValue is a setting that no Match block can change, by sshd's own word.
func globalValue(b *evidence.Bundle, keyword string) string {
	for _, it := range generalItems(b) {
		if r := b.Get(it); r.OK() && r.Exit == 0 {
			return Effective{Values: parseDump(r.Data, "")}.Value(keyword)
		}
	}
	return ""
}

// calledAddress is the address of this machine that the visitor calls: that from
// which it answers him, or else its first one. Where it has several, that is a guess:
// see undescribed.
func calledAddress(b *evidence.Bundle, ask Ask) netip.Addr {
	if it, ok := routeItem(ask); ok {
		if routes := routesOf(b.Get(it).Data); len(routes) > 0 {
			if a, err := netip.ParseAddr(routes[0].Src); err == nil {
				return a
			}
		}
	}
	if c := ask.Client.Unmap(); c.IsValid() && c.IsLoopback() {
		return c
	}
	for _, a := range parseLinks(b).Outer() {
		if !ask.Client.IsValid() || a.Is4() == ask.Client.Unmap().Is4() {
			return a
		}
	}
	return netip.Addr{}
}

// calledPort is the port at which the connection arrives: the one asked about
// where sshd is to listen there, else the first of its own.
func calledPort(b *evidence.Bundle, ask Ask) int {
	var ports []int
	for _, e := range parseConfig(b).Endpoints() {
		ports = append(ports, e.Port)
	}
	for _, want := range []int{ask.Port, 22} {
		if slices.Contains(ports, want) {
			return want
		}
	}
	if len(ports) > 0 {
		return ports[0]
	}
	return 22
}

// undescribed are the terms of Match lines whose answer for the visitor is not
// known, in words: what holds for him may be something else than what is shown.
func undescribed(b *evidence.Bundle, ask Ask, ports int) []string {
	var out []string
	terms := matchTerms(b)
	if slices.Contains(terms, "localaddress") {
		n := 0
		for _, a := range parseLinks(b).Outer() {
			if !ask.Client.IsValid() || a.Is4() == ask.Client.Unmap().Is4() {
				n++
			}
		}
		if a := calledAddress(b, ask); n != 1 {
			out = append(out, "Match LocalAddress decides by the address that is called, taken to be "+orNone(a))
		}
	}
	if slices.Contains(terms, "localport") && ask.Port == 0 && ports > 1 {
		out = append(out, "Match LocalPort decides by the port that is called, taken to be "+strconv.Itoa(calledPort(b, ask)))
	}
	if slices.Contains(terms, "rdomain") {
		out = append(out, "Match RDomain decides by the routing domain, taken to be none")
	}
	if slices.Contains(terms, "host") && strings.EqualFold(globalValue(b, "usedns"), "yes") && ask.Client.IsValid() {
		if c := parseNames(b, ask).Caller(ask.Client); !c.Named {
			out = append(out, "Match Host decides by the visitor's name, which could not be looked up")
		}
	}
	return out
}

func orNone(a netip.Addr) string {
	if a.IsValid() {
		return a.String()
	}
	return "none"
}
