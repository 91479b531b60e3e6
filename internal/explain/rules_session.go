package explain

import (
	"strconv"
	"strings"

	"sshwhy/internal/report"
)

// sessionRules: what ends a connection after the login.
func (rd *reading) sessionRules(a *attempt) {
	c := rd.get("connection-dropped")
	if c == nil || c.attempt != rd.attemptOf(a.first) {
		return
	}
	if a.reached >= stepAuthDone && a.reached < stepSession && c.fromEnd {
		rd.add("session-refused", report.Likely, scoreRule, c.evidence[0], c.caps)
		rd.drop("connection-dropped")
		return
	}
	if a.verbose && a.reached < stepAuth && a.reached >= stepEstablished && c.fromEnd {
		cause := "closed-before-banner"
		if a.reached >= stepBanner {
			cause = "closed-during-kex"
		}
		rd.add(cause, report.Likely, scoreRule, c.evidence[0], c.caps)
		rd.drop("connection-dropped")
	}
}

// otherSubsystem reports whether ssh asked for a subsystem by name that is not sftp
// (clientloop.c, client_session2_setup).
func (rd *reading) otherSubsystem() bool {
	for i := range rd.lines {
		if _, name, ok := strings.Cut(rd.lines[i].text, "Sending subsystem: "); ok && strings.TrimSpace(name) != "sftp" {
			return true
		}
	}
	return false
}

// shellEnded: a shell that nobody gave a command to ends within seconds, and
// with an error.
func (rd *reading) shellEnded(a *attempt) {
	status, took := rd.saidIn(a, "Exit status"), rd.lineIn(a, "Transferred: sent")
	if status == nil || took < 0 || a.reached < stepSession || rd.lineIn(a, "Sending command:") >= 0 || rd.livedFor(took) > shortShell {
		return
	}
	if n := status.Get("n"); n != "" && n != "0" {
		rd.add("session-refused", report.Likely, scoreRule, status.line, nil)
	}
}

// shortShell is how many seconds nobody works in a shell.
const shortShell = 3

// livedFor is how many seconds a connection lived, by ssh's own account of it.
func (rd *reading) livedFor(line int) float64 {
	_, rest, _ := strings.Cut(rd.lines[line].text, " bytes, in ")
	word, _, _ := strings.Cut(rest, " ")
	seconds, err := strconv.ParseFloat(word, 64)
	if err != nil {
		return shortShell + 1
	}
	return seconds
}
