package server

import (
	"slices"
	"strings"

	"sshwhy/internal/evidence"
	"sshwhy/internal/facts"
)

// checkLogged says what the log cannot tell: where none is kept or could be read,
// where sshd writes nothing into it, or where the visitor could not be looked for.
func checkLogged(v *view, p *part) {
	j := v.Journal
	level := strings.ToUpper(v.Effective.Value("loglevel"))
	switch {
	case absent(j.Origin):
		p.also("sshd's log", "no log is kept here: there is no journal, and none of the files auth.log, secure, messages and syslog in /var/log")
	case j.Origin.Unseen():
		p.also("sshd's log", unseenReason(v, j.Origin))
	case level == "QUIET" || level == "SILENT" || level == "FATAL" || level == "ERROR":
		p.also("sshd's log", "sshd is told to say next to nothing (LogLevel "+level+"): failed logins leave no line")
	case v.silentServer():
		p.also("sshd's log", "the running server has written nothing into "+j.Origin.Source+" since its start: what it says is not kept, or goes elsewhere")
	case j.Search.Unseen() && j.Search.Status != evidence.Skipped && len(j.Earlier) == 0:
		p.also("earlier tries of "+v.visitor(), "could not look through "+j.Search.Source+": "+j.Search.Reason)
	}
}

// silentServer reports whether the log lacks what every sshd writes when it
// starts, "Server listening on …", and all that might have come after it.
func (v *view) silentServer() bool {
	start, ok := v.startedAt()
	if !ok || v.idle() {
		return false
	}
	return !slices.ContainsFunc(v.Journal.Entries, func(e facts.Entry) bool { return e.SSH() && e.Time >= start-slack })
}
