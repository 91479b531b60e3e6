package server

import (
	"sshwhy/internal/report"
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
