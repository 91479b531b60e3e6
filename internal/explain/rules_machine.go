package explain

import (
	"slices"
	"strconv"
	"strings"

	"sshwhy/internal/report"
	"sshwhy/internal/server"
)

// pastedCauses are the causes that pieces of a machine can prove. Others need the
// whole: where no socket unit is shown, that there is none is not known.
var pastedCauses = []string{
	"listen-loopback-only", "port-in-use", "port-nondefault", "root-login-disabled", "user-not-allowed", "pubkey-auth-disabled", "password-auth-disabled",
	"shell-invalid", "home-missing", "account-locked", "authorized-keys-permissions", "authorized-keys-missing", "authorized-keys-location", "user-unknown", "sshd-config-shadowed",
}

// machineRules gives what the text shows of the server to the diagnosis of a
// live machine. Only findings that rest on lines of the text count.
func (rd *reading) machineRules() {
	m := rd.readMachine()
	q := server.Query{Client: rd.opt.Client, User: m.User}
	if rd.has("connection-refused") {
		q.Port = rd.askedPort()
	}
	rep := server.Diagnose(m.Bundle(), q, rd.opt.Version)
	for i := range rep.Findings {
		rd.fromMachine(m, &rep.Findings[i])
	}
}

// fromMachine takes over one finding of the server's diagnosis.
func (rd *reading) fromMachine(m *machine, f *report.Finding) {
	if !slices.Contains(pastedCauses, f.Cause) || f.Impact == report.Note || rd.succeeded() && f.Impact == report.Blocking {
		return
	}
	var lines []int
	for _, e := range f.Evidence {
		if at, ok := m.lineOf(e); ok {
			lines = append(lines, at)
		}
	}
	if len(lines) == 0 {
		return
	}
	cert := f.Certainty
	listens := strings.HasPrefix(f.Cause, "listen-") || f.Cause == "port-nondefault"
	switch shown := len(m.Listening) > 0; {
	case listens && !shown && !rd.has("connection-refused"):
		return // who is to listen where, the configuration's owner may well know
	case listens && !shown:
		cert = report.Likely // whether it was read is not shown
	}
	if f.Cause == "authorized-keys-permissions" || f.Cause == "account-locked" || f.Cause == "authorized-keys-missing" || f.Cause == "user-unknown" {
		cert = report.Likely // Debian accepts a group of the user's own; sshd -T may say more
	}
	c := rd.add(f.Cause, cert, scoreRule, lines[0], map[string]string{"user": m.User})
	for _, at := range lines[1:] {
		if len(c.evidence) < maxKept && !slices.Contains(c.evidence, at) {
			c.evidence = append(c.evidence, at)
		}
	}
	c.summary, c.impact, c.fromEnd = f.Summary, f.Impact, false
	if f.Cause == "authorized-keys-permissions" && f.Remedy != nil {
		for _, s := range f.Remedy.Steps { // by hand only: nothing of a text is mended
			c.steps = append(c.steps, report.Step{Do: s.Do, Undo: s.Undo, Where: s.Where})
		}
	}
}

// lineOf finds the line of the text that a piece of evidence came from.
func (m *machine) lineOf(e report.Evidence) (int, bool) {
	if at, ok := m.at[e.Source]; ok { // a file, a unit, an account that is not there
		return at, true
	}
	if at, ok := m.at[e.Source+":"+strconv.Itoa(e.Line)]; ok {
		return at, true
	}
	at, ok := m.at[e.Excerpt]
	return at, ok
}
