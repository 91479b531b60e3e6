package server

import (
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strings"

	"sshwhy/internal/facts"
	"sshwhy/internal/report"
	"sshwhy/internal/shquote"
)

// Letting SSH listen where the visitor knocks: by lines of sshd_config where
// sshd listens itself, by a drop-in of the socket unit where systemd does.

// everyoneNear is whom a listener on all addresses lets in, in words.
const everyoneNear = "everyone who can reach this machine over the network"

func nobody(facts.Endpoint) bool { return false }

// opening gives a finding steps that let somebody in, whatever its cause mostly needs.
func opening(f *report.Finding, summary, opens string, steps ...report.Step) {
	steps[0].Act.Opens = opens
	mend(f, summary, steps...)
	f.Remedy.Kind = report.Open
}

func (v *view) adviseListen(f *report.Finding) {
	where := "ListenAddress in " + v.Config.Path
	if v.socketMode() {
		where = "ListenStream of " + v.socket.Name
	}
	advise(f, "Change where SSH listens ("+where+"), then restart it.")
}

// everywhere are all addresses of the machine, in the families that it has; of
// a visitor whose address is known, in his alone.
func (v *view) everywhere(port int) []facts.Endpoint {
	var out []facts.Endpoint
	client := v.q.Client.Unmap()
	if !client.IsValid() || client.Is4() {
		out = append(out, facts.Endpoint{Addr: netip.IPv4Unspecified(), Port: port})
	}
	if v.hasIPv6() && (!client.IsValid() || client.Is6()) {
		out = append(out, facts.Endpoint{Addr: netip.IPv6Unspecified(), Port: port})
	}
	return out
}

// hasIPv6 reports whether the machine has any IPv6 address, its loopback's included.
func (v *view) hasIPv6() bool {
	return slices.ContainsFunc(v.Links.All, func(k facts.Link) bool {
		return slices.ContainsFunc(k.Addrs, func(a facts.LinkAddr) bool { return a.Addr.Is6() })
	})
}

// mendLoopback takes the loopback addresses out of what SSH listens on.
func (v *view) mendLoopback(f *report.Finding, at []facts.Listener) {
	const summary = "Let SSH listen on all addresses again."
	if v.socketMode() {
		v.mendSocket(f, summary, everyoneNear, v.everywhere(at[0].Port), func(e facts.Endpoint) bool { return e.Addr.IsLoopback() })
		return
	}
	var steps []report.Step
	for _, d := range v.Config.Global("ListenAddress") {
		if len(d.Args) > 0 && (strings.HasPrefix(d.Args[0], "127.") || strings.Contains(d.Args[0], "::1") || d.Args[0] == "localhost") {
			steps = append(steps, commentOut(d))
		}
	}
	if len(steps) == 0 {
		v.adviseListen(f)
		return
	}
	for i := range steps {
		steps[i].Act.Opens = everyoneNear
	}
	opening(f, summary, everyoneNear, append(steps, checkConfigStep(v), v.restart())...)
}

// mendFamily lets SSH listen on the family that it lacks: where it takes every
// address of the other one, on every address; where the owner named one address
// of each that is to serve, on the one that the machine has.
func (v *view) mendFamily(f *report.Finding, lacks string, at []facts.Listener, unreached []netip.Addr) {
	summary, opens := "Let SSH listen on "+lacks+", too.", "clients that come over "+lacks
	addr := netip.IPv6Unspecified()
	if lacks == "IPv4" {
		addr = netip.IPv4Unspecified()
	}
	if !at[0].Addr.IsUnspecified() {
		if addr = unreached[0]; len(unreached) > 1 {
			v.adviseListen(f)
			return
		}
	}
	add := facts.Endpoint{Addr: addr, Port: at[0].Port}
	if v.socketMode() {
		v.mendSocket(f, summary, opens, []facts.Endpoint{add}, nobody)
		return
	}
	var steps []report.Step
	for _, d := range v.Config.Global("AddressFamily") {
		if len(d.Args) > 0 && !strings.EqualFold(d.Args[0], "any") {
			steps = append(steps, commentOut(d))
		}
	}
	if lines := v.Config.Global("ListenAddress"); len(lines) > 0 && !v.named(lines, lacks) {
		steps = append(steps, lineAfter(lines[len(lines)-1], "ListenAddress "+add.String()))
	}
	if len(steps) == 0 {
		v.adviseListen(f)
		return
	}
	for i := range steps {
		steps[i].Act.Opens = opens
	}
	opening(f, summary, opens, append(steps, checkConfigStep(v), v.restart())...)
}

// named reports whether one of the ListenAddress lines is of a family, or is a
// name, which may be.
func (v *view) named(lines []facts.Directive, family string) bool {
	return slices.ContainsFunc(lines, func(d facts.Directive) bool {
		host := strings.Trim(first(d.Args), "[]")
		if ap, err := netip.ParseAddrPort(first(d.Args)); err == nil {
			host = ap.Addr().String()
		}
		addr, err := netip.ParseAddr(host)
		return err != nil || addr.Is4() == (family == "IPv4")
	})
}

// mendSocket lets the socket unit listen on more, and no longer on what drop
// names, by a drop-in that is read after all others. Whatever else it listens
// on stays as it is.
func (v *view) mendSocket(f *report.Finding, summary, opens string, add []facts.Endpoint, drop func(facts.Endpoint) bool) {
	listen := slices.Clone(add)
	for _, e := range v.socket.Listens() {
		if drop(e) {
			continue
		}
		if e.Dual { // written as two, so that what is added cannot meet one that takes both
			e.Dual = false
			listen = append(listen, facts.Endpoint{Addr: netip.IPv4Unspecified(), Port: e.Port})
		}
		if e.Addr.Is4() || v.hasIPv6() {
			listen = append(listen, e)
		}
	}
	listen = leastEndpoints(listen)
	write, ok := v.socketDropIn(listen)
	if !ok {
		v.adviseListen(f)
		return
	}
	opening(f, summary, opens, append([]report.Step{write}, v.relisten()...)...)
}

// leastEndpoints leaves out what another one takes in: two sockets cannot be
// bound to an address and to all addresses of its family.
func leastEndpoints(all []facts.Endpoint) []facts.Endpoint {
	var out []facts.Endpoint
	for i, e := range all {
		covered := slices.ContainsFunc(all, func(o facts.Endpoint) bool {
			return o.Addr.IsUnspecified() && o != e && o.Port == e.Port && o.Addr.Is4() == e.Addr.Is4()
		})
		if !covered && !slices.Contains(all[:i], e) {
			out = append(out, e)
		}
	}
	return out
}

// ownDropIn is the name of a drop-in of ours: systemd reads them in the order
// of their names, whatever directory they are in (systemd.unit(5)).
const ownDropIn = "zz-sshwhy.conf"

// socketDropIn writes down all that the socket unit is to listen on. ok is
// false where another drop-in would be read later, or the unit listens on
// something that is no address and would be lost.
func (v *view) socketDropIn(listen []facts.Endpoint) (report.Step, bool) {
	name := ownDropIn
	if len(v.ownSocketSettings()) == 0 {
		name = "listen.conf" // where Debian's README has people put it
	}
	for _, p := range strings.Fields(v.socket.Props["DropInPaths"]) {
		if path.Base(p) > name {
			return report.Step{}, false
		}
	}
	if len(strings.Fields(v.socket.Props["Listen"])) != 2*len(v.socket.Listens()) || v.Generator && len(v.ownSocketSettings()) == 0 {
		return report.Step{}, false
	}
	text := []string{"[Socket]", "ListenStream="}
	for _, e := range listen {
		text = append(text, "ListenStream="+e.String())
	}
	text = append(text, "BindIPv6Only=ipv6-only")
	dir := "/etc/systemd/system/" + v.socket.Name + ".d"
	file := shquote.Word(dir + "/" + name)
	write := do(fmt.Sprintf("mkdir -p %s && printf '%s\\n' >>%s", shquote.Word(dir), strings.Join(text, `\n`), file), "rm "+file)
	write.Act = &report.Action{Kind: report.ActEdit, Path: dir + "/" + name, Mode: 0o644,
		Edits: []report.LineEdit{{Op: report.LineAppend, New: strings.Join(text, "\n")}}}
	return write, true
}

// relisten makes systemd open the socket anew. It does not while the service holds it
// (socket.c: "Socket service already active, refusing"), and the next client who knocks
// starts the service: so the socket is closed first, and the service stopped then,
// whether it ran at the time of the look or not.
func (v *view) relisten() []report.Step {
	steps := []report.Step{daemonReload()}
	for _, u := range []*facts.Unit{v.service, v.socket} {
		if u != nil && u.Failed() {
			steps = append(steps, unit(report.VerbResetFailed, u.Name))
		}
	}
	if v.service != nil {
		steps = append(steps, unit(report.VerbStop, v.socket.Name), unit(report.VerbStop, v.service.Name))
	}
	return append(steps, unit(report.VerbRestart, v.socket.Name))
}

// mendSocketPort makes the socket unit listen where the configuration says,
// and nowhere else, as Debian's README prescribes.
func (v *view) mendSocketPort(f *report.Finding, missing []facts.Endpoint) {
	write, ok := v.socketDropIn(v.want)
	if !ok {
		v.adviseListen(f)
		return
	}
	mend(f, fmt.Sprintf("Let the socket listen where sshd_config says (port %d).", missing[0].Port), append([]report.Step{write}, v.relisten()...)...)
}
