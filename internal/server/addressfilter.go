package server

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"sshwhy/internal/facts"
	"sshwhy/internal/report"
)

// addressFilters are the properties by which systemd has the kernel drop packets of
// a unit's sockets (systemd.resource-control(5)). They work without a packet filter
// of the machine's, and no tool for those shows them.
var addressFilters = []string{
	"IPAddressAllow", "IPAddressDeny", "RestrictNetworkInterfaces", "SocketBindAllow", "SocketBindDeny",
	"IPIngressFilterPath", "IPEgressFilterPath", "BPFProgram", "NFTSet",
}

// checkAddressFilter evaluates these for the visitor, or for everyone.
func checkAddressFilter(v *view, p *part) {
	var lists addressLists
	for i := range v.Sandbox.Units {
		u := &v.Sandbox.Units[i]
		if !v.around(u) {
			continue
		}
		for _, name := range addressFilters {
			value := u.Props[name]
			switch {
			case value == "":
			case name == "IPAddressAllow" || name == "IPAddressDeny":
				lists.add(u, name)
			case name == "RestrictNetworkInterfaces":
				v.restrictedInterfaces(p, u)
			case strings.HasPrefix(name, "SocketBind") && v.serving():
				// it decides when a port is opened; this one is
			case name == "NFTSet":
				// it only adds the unit to sets, by which rules may go: those are read
			default:
				p.also("filters of "+u.Name, fmt.Sprintf("%s=%s may keep packets or ports from the server; that is not simulated", name, shorten(value)))
			}
		}
	}
	v.deniedAddresses(p, lists)
}

// addressLists are the lists of a unit and all its slices, which the kernel joins:
// an address that one of them allows passes, else one that is denied does not.
type addressLists struct {
	allow, deny []netip.Prefix
	quotes      []facts.Quote
	unread      string
	units       []*facts.Unit
}

func (l *addressLists) add(u *facts.Unit, name string) {
	l.quotes = append(append(l.quotes, u.Quote(name)), u.Setting(name)...)
	l.units = append(l.units, u)
	for word := range strings.FieldsSeq(u.Props[name]) {
		prefix, err := netip.ParsePrefix(word)
		if a, err2 := netip.ParseAddr(word); err != nil && err2 == nil {
			prefix, err = netip.PrefixFrom(a, a.BitLen()), nil
		}
		switch {
		case err != nil:
			l.unread = word
		case name == "IPAddressAllow":
			l.allow = append(l.allow, prefix.Masked())
		default:
			l.deny = append(l.deny, prefix.Masked())
		}
	}
}

// denies reports whether packets to and from an address are dropped.
func (l *addressLists) denies(a netip.Addr) bool {
	holds := func(p netip.Prefix) bool { return p.Contains(a.Unmap().WithZone("")) }
	return !slices.ContainsFunc(l.allow, holds) && slices.ContainsFunc(l.deny, holds)
}

// deniedAddresses reports what the lists do to the visitor; without one, whether
// they shut out all addresses but some.
func (v *view) deniedAddresses(p *part, l addressLists) {
	if l.unread != "" {
		p.cannot("address filter of the service", "an address of its lists could not be read: "+l.unread)
		return
	}
	if len(l.deny) == 0 || v.q.Client.IsValid() && !l.denies(v.q.Client) || !v.inForce(p, l.units[0], "IPAddressDeny", v.Sandbox.Programs) {
		return
	}
	for _, y := range v.repliesAt(v.local) {
		if y.Outcome == facts.Answered && l.denies(y.At.Addr()) {
			p.also("address filter of the service", fmt.Sprintf("%s denies %s, and yet the server answered there", l.units[0].Name, y.At))
			return
		}
	}
	whole := func(bits int) bool {
		return slices.ContainsFunc(l.deny, func(d netip.Prefix) bool { return d.Bits() == 0 && d.Addr().BitLen() == bits })
	}
	outside := func(a netip.Prefix) bool { return !a.Addr().IsLoopback() }
	var f *report.Finding
	switch {
	case v.q.Client.IsValid():
		f = p.found("unit-address-filter", report.Blocking, "systemd drops the packets of %s to the SSH server: IPAddressDeny of %s names it.", v.q.Client, l.units[0].Name)
	case whole(32) && whole(128) && !slices.ContainsFunc(l.allow, outside):
		f = p.found("unit-address-filter", report.Blocking, "systemd drops all packets to the SSH server but those from this machine itself: IPAddressDeny of %s.", l.units[0].Name)
	case whole(32) && whole(128):
		f = p.found("unit-address-filter", report.Degrading, "systemd drops packets to the SSH server but those from some addresses: IPAddressDeny and IPAddressAllow of %s.", l.units[0].Name)
	default:
		f = p.found("unit-address-filter", report.Note, "systemd drops packets from some addresses to the SSH server: IPAddressDeny of %s.", l.units[0].Name)
	}
	quote(f, l.quotes...)
	v.mendFilter(f, "IPAddressAllow")
}

// restrictedInterfaces judges RestrictNetworkInterfaces: a list of those by which
// alone packets pass, or with "~" of those by which none do.
func (v *view) restrictedInterfaces(p *part, u *facts.Unit) {
	value := u.Props["RestrictNetworkInterfaces"]
	if v.loopbackClient() {
		return
	}
	deny := strings.HasPrefix(value, "~")
	names := strings.Fields(strings.TrimPrefix(value, "~"))
	var shut, open []string
	for _, k := range v.Links.All {
		if k.Loopback || len(k.Addrs) == 0 || v.q.Client.IsValid() && v.Route.Device != "" && k.Name != v.Route.Device {
			continue
		}
		if slices.Contains(names, k.Name) == deny {
			shut = append(shut, k.Name)
		} else {
			open = append(open, k.Name)
		}
	}
	if len(shut) == 0 || !v.inForce(p, u, "RestrictNetworkInterfaces", v.Sandbox.Attached) {
		return
	}
	impact := report.Blocking
	if len(open) > 0 {
		impact = report.Degrading
	}
	f := p.found("unit-address-filter", impact, "systemd drops what comes to the SSH server by %s: RestrictNetworkInterfaces=%s of %s.", strings.Join(shut, " and "), value, u.Name)
	quote(f, u.Quote("RestrictNetworkInterfaces"))
	quote(f, u.Setting("RestrictNetworkInterfaces")...)
	v.mendFilter(f, "RestrictNetworkInterfaces")
}

// inForce reports whether the kernel does what the property says: systemd holds what
// it would do it with. Where that cannot be seen, it is told.
func (v *view) inForce(p *part, u *facts.Unit, name string, by facts.Quote) bool {
	if !v.Sandbox.Held.Known() {
		p.cannot("filters of "+u.Name, fmt.Sprintf("%s=%s; whether the kernel does so could not be seen: %s", name, shorten(u.Props[name]), v.Sandbox.Held.Reason))
		return false
	}
	return by.Source != ""
}

func (v *view) mendFilter(f *report.Finding, setting string) {
	advise(f, "Let the unit's "+setting+" name the visitor's address or interface, too (systemctl edit), then restart the service. Somebody set it on purpose: ask why first.",
		daemonReload(), v.restart())
}
