package server

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"sshwhy/internal/facts"
	"sshwhy/internal/report"
)

// socketStage: does SSH listen where the visitor knocks?
func socketStage() stage {
	return stage{name: report.StageSocket, detail: socketDetail, checks: []check{
		{nil, checkSeen},
		{causes{"port-in-use"}, checkPortInUse},
		{causes{"port-in-use"}, checkOtherServer},
		{causes{"port-in-use"}, checkTailscale},
		{causes{"bind-no-privilege", "bind-denied-selinux"}, checkBindDenied},
		{causes{"bind-denied-apparmor"}, checkAppArmor},
		{causes{"listen-address-missing"}, checkListenMissing},
		{causes{"socket-port-override", "config-not-applied"}, checkSocketPort},
		{causes{"port-nondefault"}, checkNondefault},
		{causes{"listen-loopback-only"}, checkLoopback},
		{causes{"listen-one-family"}, checkFamily},
		{causes{"listen-queue-full"}, checkQueue},
	}}
}

func socketDetail(v *view) string {
	at := v.at(v.local)
	if len(at) == 0 {
		at = v.ours
	}
	if len(at) == 0 {
		return "nothing of SSH listens"
	}
	return "listens on " + listenerList(at)
}

func checkSeen(v *view, p *part) {
	switch {
	case !v.Listeners.Origin.Known():
		p.cannot("listening sockets", v.Listeners.Origin.Reason)
	case !v.serving() && !v.hasServer():
		p.skipped = "no SSH server is installed"
	case !v.serving():
		p.skipped = "the SSH server does not run"
	case v.guessed:
		p.also("owner of the listening sockets", "needs root; judged by port and unit")
	}
}

// planned returns our listeners on a port (0: on any); while SSH does not run,
// those it will have when it does. So a second fault is found behind the first.
func (v *view) planned(port int) []facts.Listener {
	all := v.ours
	if !v.serving() && v.hasServer() {
		all = nil
		for _, e := range v.wantedHere() {
			all = append(all, facts.Listener{Endpoint: e})
		}
	}
	return slices.DeleteFunc(slices.Clone(all), func(l facts.Listener) bool { return port != 0 && l.Port != port })
}

// reach returns our listeners at which a connection from outside to this port
// arrives; where the visitor's address is known, of its family.
func (v *view) reach(port int) []facts.Listener {
	var out []facts.Listener
	for _, l := range v.ours {
		if l.Port != port || l.Addr.IsLoopback() && !v.loopbackClient() {
			continue
		}
		if c := v.q.Client.Unmap(); c.IsValid() && (c.Is4() && !l.V4() || c.Is6() && !l.V6()) {
			continue
		}
		out = append(out, l)
	}
	return out
}

// checkPortInUse looks for another program where SSH is to listen.
func checkPortInUse(v *view, p *part) {
	seen := map[int]bool{}
	for _, e := range v.wantedHere() {
		if v.listens(e) || seen[e.Port] {
			continue
		}
		for _, l := range v.overlapping(e) {
			seen[e.Port] = true
			o := l.Owners[0]
			f := p.found("port-in-use", v.unserved([]facts.Endpoint{e}), "Port %d is taken by %s (%s), so sshd cannot listen there.", e.Port, o.Name, v.whose(o, e.Port))
			v.quoteOwner(f, l)
			quoteEntries(f, v.Journal.Last(2, "Address already in use", "Cannot bind any address"))
			v.adviseFreePort(f, l)
			break
		}
	}
}

// wantedHere is where SSH is to listen: the socket unit's word where systemd
// listens, else the configuration's.
func (v *view) wantedHere() []facts.Endpoint {
	if v.socketMode() && v.socket != nil && len(v.socket.Listens()) > 0 {
		return v.socket.Listens()
	}
	return v.want
}

// overlapping returns listeners that are not ours and that keep us from binding e.
func (v *view) overlapping(e facts.Endpoint) []facts.Listener {
	var out []facts.Listener
	for _, l := range v.Listeners.All {
		if l.Port != e.Port || len(l.Owners) == 0 || v.isOurs(l) || v.System.Init == facts.InitSystemd && !v.Units.Known() && l.Owners[0].PID == 1 {
			continue // where systemd could not be asked, its socket may be SSH's
		}
		sameFamily := l.V4() && e.V4() || l.V6() && e.V6()
		if sameFamily && (l.Addr == e.Addr || l.Addr.IsUnspecified() || e.Addr.IsUnspecified()) {
			out = append(out, l)
		}
	}
	return out
}

// checkListenMissing looks for a ListenAddress that this machine does not have.
func checkListenMissing(v *view, p *part) {
	if !v.Links.Origin.Known() {
		p.also("addresses of this machine", v.Links.Origin.Reason)
		return
	}
	for _, e := range v.wantedHere() {
		if e.Addr.IsUnspecified() || v.Links.Has(e.Addr) || v.listens(e) && !v.socketActive() {
			continue
		}
		impact := report.Degrading
		if len(v.reachHere(v.local)) == 0 {
			impact = report.Blocking
		}
		f := p.found("listen-address-missing", impact, "SSH is to listen on %s, and no interface of this machine has that address.", e.Addr)
		for _, d := range v.Config.Global("ListenAddress") {
			if len(d.Args) > 0 && strings.Contains(d.Args[0], e.Addr.String()) && !v.socketMode() {
				quote(f, d.Quote)
				v.mendListenMissing(f, d, e.Addr)
			}
		}
		if v.socketMode() {
			for _, q := range v.socket.Setting("ListenStream") {
				quote(f, q)
			}
		}
		for _, k := range v.Links.All {
			quote(f, k.Quote)
		}
		quoteEntries(f, v.Journal.Last(2, "Cannot assign requested address"))
		switch {
		case f.Remedy != nil:
		case v.socketMode() && impact == report.Blocking:
			v.mendSocket(f, "Let the socket listen on all addresses that the machine has, or give the machine that address.", everyoneNear,
				v.everywhere(e.Port), func(l facts.Endpoint) bool { return l.Addr == e.Addr })
		default:
			advise(f, "Give the machine that address, or name one it has.")
		}
		return
	}
}

// mendListenMissing: the address may come yet (a VPN, a second network), and
// without the line SSH would listen on addresses that it was kept from. So that
// is an opening, and nothing is changed where SSH is served on another address.
func (v *view) mendListenMissing(f *report.Finding, d facts.Directive, addr netip.Addr) {
	const ways = "Give the machine that address, or name one it has. Where it only comes later than sshd, let sshd start after what brings it (After= in a drop-in of the unit)" +
		" or listen before it is there (net.%s.ip_nonlocal_bind)"
	family := "ipv6"
	if addr.Is4() {
		family = "ipv4"
	}
	summary := fmt.Sprintf(ways, family)
	if v.serving() {
		advise(f, summary+".")
		return
	}
	step := commentOut(d)
	step.Act.Opens = "everyone who can reach this machine over the network"
	mend(f, summary+"; or take the line out, and SSH listens wherever else it is told to.", append([]report.Step{step, v.restart()}, v.afterFailure()...)...)
}

// afterFailure is what a restart leaves to do where the unit had failed.
func (v *view) afterFailure() []report.Step {
	if v.service != nil && v.service.Failed() {
		return []report.Step{unit(report.VerbResetFailed, v.service.Name), v.start()}
	}
	return nil
}

// reachHere is reach without the listeners whose address the machine lacks.
func (v *view) reachHere(port int) []facts.Listener {
	return slices.DeleteFunc(v.reach(port), func(l facts.Listener) bool {
		return !l.Addr.IsUnspecified() && !v.Links.Has(l.Addr)
	})
}

// checkSocketPort compares what the socket unit listens on with what
// sshd_config says. On Ubuntu since 24.04 a generator carries the one over to
// the other, at daemon-reload; everywhere else the configuration's word is lost.
func checkSocketPort(v *view, p *part) {
	if !v.socketActive() || len(v.want) == 0 {
		return
	}
	var missing []facts.Endpoint
	for _, e := range v.want {
		if !slices.ContainsFunc(v.socket.Listens(), func(l facts.Endpoint) bool { return l.Port == e.Port }) {
			missing = append(missing, e)
		}
	}
	if len(missing) == 0 {
		return
	}
	own := v.ownSocketSettings()
	stale := v.Generator && len(own) == 0
	cause := "socket-port-override"
	if stale {
		cause = "config-not-applied"
	}
	f := p.found(cause, v.unserved(missing), "sshd_config says port %d, but %s decides where SSH listens: on %s.",
		missing[0].Port, v.socket.Name, endpointList(v.socket.Listens()))
	for _, d := range append(v.Config.Global("Port"), v.Config.Global("ListenAddress")...) {
		quote(f, d.Quote)
	}
	quote(f, v.socket.Quote("Listen"))
	for _, q := range v.socket.Setting("ListenStream") {
		quote(f, q)
	}
	switch {
	case stale:
		f.Summary = fmt.Sprintf("sshd_config says port %d, but %s still listens on %s: systemd has not been told since.",
			missing[0].Port, v.socket.Name, endpointList(v.socket.Listens()))
		mend(f, "Let systemd read the configuration again and restart the socket.", v.relisten()...)
	case len(own) > 0:
		v.mendSocket(f, fmt.Sprintf("Let the socket listen where sshd_config says, too (port %d).", missing[0].Port),
			fmt.Sprintf("everyone who can reach port %d of this machine", missing[0].Port), missing, nobody)
	default:
		v.mendSocketPort(f, missing)
	}
}

// ownSocketSettings are the ListenStream lines an administrator wrote.
func (v *view) ownSocketSettings() []facts.Quote {
	return slices.DeleteFunc(v.socket.Setting("ListenStream"), func(q facts.Quote) bool {
		return !strings.HasPrefix(q.Source, "/etc/")
	})
}

// checkNondefault: SSH is served, on another port than the one in question.
func checkNondefault(v *view, p *part) {
	if !v.hasServer() || len(v.planned(0)) == 0 || len(v.planned(v.local)) > 0 && (v.q.Port != 0 || v.port == 22) {
		return
	}
	asked, impact := v.port, report.Blocking
	if v.q.Port == 0 {
		// Nobody asked for a port. SSH works on the one the owner chose; who types
		// plain `ssh` goes to 22 and is refused, which is worth a note.
		asked, impact = 22, report.Note
		if v.wants(22) {
			return // it should be there: another check says why it is not
		}
	} else if v.wants(asked) {
		return
	}
	others := listenerList(v.planned(0))
	f := p.found("port-nondefault", impact, "SSH does not listen on port %d here; it listens on %s.", asked, others)
	for _, d := range v.Config.Global("Port") {
		quote(f, d.Quote)
	}
	if v.socketActive() {
		quote(f, v.socket.Quote("Listen"))
	} else {
		quote(f, v.Effective.Quote("listenaddress")...)
	}
	for _, l := range v.ours {
		quote(f, l.Quote)
	}
	for _, l := range v.foreign(v.q.Client, asked) {
		quote(f, l.Quote)
	}
	port := v.planned(0)[0].Port
	mend(f, fmt.Sprintf("Let the client ask for port %d.", port), report.Step{Do: fmt.Sprintf("ssh -p %d HOST", port), Where: report.OnClient})
}

func checkLoopback(v *view, p *part) {
	at := v.planned(v.local)
	if len(at) == 0 || v.loopbackClient() {
		return
	}
	for _, l := range at {
		if !l.Addr.IsLoopback() {
			return
		}
	}
	f := p.found("listen-loopback-only", report.Blocking, "SSH listens on %s only, which no other machine can reach.", listenerList(at))
	v.quoteListening(f, at)
	v.mendLoopback(f, at)
}

func (v *view) quoteListening(f *report.Finding, at []facts.Listener) {
	for _, keyword := range []string{"ListenAddress", "AddressFamily"} {
		for _, d := range v.Config.Global(keyword) {
			quote(f, d.Quote)
		}
	}
	if v.socketActive() {
		quote(f, v.socket.Setting("ListenStream", "BindIPv6Only")...)
	}
	for _, l := range at {
		quote(f, l.Quote)
	}
}

// checkFamily: SSH listens on one address family, and the machine is reachable
// by the other, too.
func checkFamily(v *view, p *part) {
	at := slices.DeleteFunc(v.planned(v.local), func(l facts.Listener) bool { return l.Addr.IsLoopback() })
	if len(at) == 0 {
		return
	}
	v4 := slices.ContainsFunc(at, func(l facts.Listener) bool { return l.V4() })
	v6 := slices.ContainsFunc(at, func(l facts.Listener) bool { return l.V6() })
	var out4, out6 []netip.Addr
	for _, a := range v.Links.Outer() {
		if a.Is4() {
			out4 = append(out4, a)
		} else {
			out6 = append(out6, a)
		}
	}
	has, lacks, unreached, served := "IPv6", "IPv4", out4, out6
	if v4 {
		has, lacks, unreached, served = lacks, has, out6, out4
	}
	if v4 && v6 || len(unreached) == 0 || v.serving() && v.Listeners.Origin.Source != "ss -Hltnp" && v6 {
		return // /proc/net/tcp6 does not tell whether a wildcard takes IPv4 in
	}
	impact := report.Degrading
	switch c := v.q.Client.Unmap(); {
	case c.IsValid() && c.Is4() == (lacks == "IPv4"):
		impact = report.Blocking
	case c.IsValid():
		impact = report.Note
	case len(served) == 0:
		impact = report.Blocking
	}
	f := p.found("listen-one-family", impact, "SSH listens on %s only, and this machine also has the %s address %s, where clients are refused.", has, lacks, unreached[0])
	v.quoteListening(f, at)
	for _, k := range v.Links.All {
		if !k.Loopback && len(k.Addrs) > 0 {
			quote(f, k.Quote)
		}
	}
	v.mendFamily(f, lacks, at, unreached)
}

// listens reports whether SSH is served at an endpoint.
func (v *view) listens(e facts.Endpoint) bool {
	return slices.ContainsFunc(v.ours, func(l facts.Listener) bool {
		return l.Port == e.Port && (l.Addr == e.Addr || l.Dual && e.Addr.IsUnspecified() ||
			l.Addr.IsUnspecified() && l.Covers(e.Addr, e.Port))
	})
}

// unserved is the impact of endpoints that are configured and not served:
// blocking where they are what the visitor needs.
func (v *view) unserved(missing []facts.Endpoint) report.Impact {
	if len(v.reach(v.local)) > 0 {
		if v.q.Port != 0 {
			return report.Latent
		}
		return report.Degrading
	}
	if slices.ContainsFunc(missing, func(e facts.Endpoint) bool { return e.Port == v.port }) {
		return report.Blocking
	}
	return report.Degrading
}
