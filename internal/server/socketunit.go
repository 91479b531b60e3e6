package server

import (
	"fmt"
	"slices"
	"strings"

	"sshwhy/internal/evidence"
	"sshwhy/internal/facts"
	"sshwhy/internal/report"
	"sshwhy/internal/shquote"
)

// checkSocketUnit looks at the unit that is to listen for the service.
func checkSocketUnit(v *view, p *part) {
	s := v.socket
	if s == nil || s.Active() || s.Masked() || v.serviceActive() {
		return
	}
	switch {
	case s.Failed():
		v.socketFailed(p)
	case v.socketMode():
		f := p.found("socket-stopped", v.keepsOut(), "SSH is meant to be started by %s on this machine, and that unit is not active.", s.Name)
		quote(f, s.Quote("ActiveState", "SubState", "Result", "UnitFileState"))
		if v.service != nil {
			quote(f, v.service.Quote("ActiveState", "UnitFileState"))
		}
		mend(f, "Start the socket unit.", unit(report.VerbStart, s.Name))
	}
}

// socketFailed: systemd never tries a failed socket again by itself, so nobody
// gets in even after the reason is gone.
func (v *view) socketFailed(p *part) {
	s := v.socket
	log := v.Journal.Last(3, s.Name+": ", "Failed to create listening socket", "Failed to queue service startup")
	steps := v.revive()
	if s.Props["Result"] == "trigger-limit-hit" {
		f := p.found("socket-trigger-limit", v.keepsOut(), "%s was triggered too often in a short time, and systemd stopped it for good.", s.Name)
		quote(f, s.Quote("ActiveState", "Result"))
		quoteEntries(f, log)
		mend(f, "Clear the failure and start the socket again.", steps...)
		return
	}
	f := p.found("socket-failed", v.keepsOut(), "%s failed (%s): nothing listens for SSH clients any more.", s.Name, s.Props["Result"])
	quote(f, s.Quote("ActiveState", "Result", "Listen"))
	if v.service != nil && v.service.Failed() {
		quote(f, v.service.Quote("ActiveState", "Result", "NRestarts"))
		quoteEntries(f, v.Journal.Attempt(v.service.Name))
	}
	quoteEntries(f, log)
	mend(f, "Clear the failures and start the socket again.", steps...)
}

// checkApplied looks for a configuration that the running server does not use:
// it listens elsewhere than its configuration says, or systemd has not read its
// unit files again.
func checkApplied(v *view, p *part) {
	for _, u := range []*facts.Unit{v.service, v.socket} {
		if u == nil || u.Props["NeedDaemonReload"] != "yes" || !u.Active() && u.Name == dropbearUnit {
			continue
		}
		f := p.found("config-not-applied", report.Latent, "The files of %s were changed, and systemd has not read them again.", u.Name)
		quote(f, u.Quote("NeedDaemonReload", "DropInPaths", "FragmentPath"))
		mend(f, "Let systemd read its unit files again.", daemonReload())
		return
	}
	if !v.Effective.Origin.Known() || !v.serving() || v.socketActive() {
		return
	}
	var missing []facts.Endpoint
	for _, e := range v.want {
		if !v.listens(e) && v.Links.Has(e.Addr) || e.Addr.IsUnspecified() && !v.listens(e) && len(v.foreign(e.Addr, e.Port)) == 0 {
			missing = append(missing, e)
		}
	}
	if len(missing) == 0 || v.bindFailed() || !v.byService() {
		return
	}
	f := p.found("config-not-applied", v.unserved(missing), "The configuration says to listen on %s, and the running server listens on %s: it was not restarted since.",
		endpointList(missing), listenerList(v.ours))
	quote(f, v.Effective.Quote("listenaddress")...)
	for _, d := range append(v.Config.Global("Port"), v.Config.Global("ListenAddress")...) {
		quote(f, d.Quote)
	}
	for _, l := range v.ours {
		quote(f, l.Quote)
	}
	mend(f, "Check the configuration and restart the service.", checkConfigStep(v), v.restart())
}

// byService reports whether our listeners belong to OpenSSH's sshd.
func (v *view) byService() bool {
	return slices.ContainsFunc(v.ours, func(l facts.Listener) bool { return l.OwnedBy("sshd") || v.guessed })
}

// bindFailed reports whether the log of this start says that an address could not be had.
func (v *view) bindFailed() bool {
	for _, e := range slices.Backward(v.Journal.Entries) {
		switch {
		case strings.HasPrefix(e.Message, "error: Bind to port "), strings.HasPrefix(e.Message, "Bind to port "):
			return true
		case strings.HasPrefix(e.Message, "Starting "):
			return false
		}
	}
	return false
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

func checkConfigStep(v *view) report.Step {
	s := do(shquote.Word(v.sshd())+" -t", "")
	if v.Privsep.Dir.Status == evidence.Absent {
		// It went with the stopped unit (RuntimeDirectory=), and sshd -t complains of it before it says that all is well.
		s.Do = "mkdir -p -m 755 " + v.Privsep.Path + " && " + s.Do
	}
	s.Act = &report.Action{Kind: report.ActCommand, Argv: []string{v.sshd(), "-t"}}
	return s
}

func endpointList(all []facts.Endpoint) string {
	var out []string
	for _, e := range all {
		if s := e.String(); !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return strings.Join(out, " and ")
}

func listenerList(all []facts.Listener) string {
	var out []facts.Endpoint
	for _, l := range all {
		out = append(out, l.Endpoint)
	}
	if len(out) > 4 {
		return fmt.Sprintf("%s and %d more", endpointList(out[:4]), len(out)-4)
	}
	return endpointList(out)
}
