package server

import (
	"net/netip"
	"strings"

	"sshwhy/internal/facts"
	"sshwhy/internal/report"
)

// recent is for how many seconds a dropped connection in the log says something
// of the next one: a penalty lasts 10 minutes at most (sshd_config(5),
// PerSourcePenalties max), and crowds of logins come and go as quickly.
const recent = 600

// leastPenalty is how many seconds a penalty lasts at least once it is in force
// (PerSourcePenalties min).
const leastPenalty = 15

// checkDropped looks into the log for connections that sshd itself dropped:
// "drop connection #N from [ADDR]:PORT on [ADDR]:PORT REASON" (sshd.c).
func checkDropped(v *view, p *part) {
	var startups, penalties []facts.Entry
	for _, e := range v.Journal.Entries {
		from, reason, ok := dropped(e.Message)
		if !ok || e.Time == 0 || v.taken == 0 || v.taken-e.Time > recent {
			continue
		}
		switch {
		case strings.Contains(strings.ToLower(reason), "maxstartups"):
			startups = append(startups, e)
		case strings.HasPrefix(reason, "penalty") && (!v.q.Client.IsValid() || from == v.q.Client.Unmap()):
			penalties = append(penalties, e)
		}
	}
	if len(startups) > 0 {
		f := p.found("max-startups", report.Degrading, "sshd dropped %d connections in the last minutes, because too many others were still logging in.", len(startups))
		f.Certainty = report.Likely
		quoteEntries(f, startups[max(0, len(startups)-3):])
		quote(f, v.Effective.Quote("maxstartups")...)
		mend(f, "Find out who connects so often, and keep them out or raise MaxStartups.")
	}
	if len(penalties) > 0 {
		v.penalized(p, penalties)
	}
}

func (v *view) penalized(p *part, entries []facts.Entry) {
	last := entries[len(entries)-1]
	from, reason, _ := dropped(last.Message)
	impact := report.Note
	switch {
	case v.q.Client.IsValid() && v.taken-last.Time < leastPenalty:
		impact = report.Blocking
	case v.q.Client.IsValid():
		impact = report.Degrading
	}
	f := p.found("source-penalized", impact, "sshd keeps %s out for a while (%s).", from, reason)
	f.Certainty = report.Likely // the penalty may be over by now
	quoteEntries(f, entries[max(0, len(entries)-3):])
	quote(f, v.Effective.Quote("persourcepenalties")...)
	mend(f, "Wait until the penalty is over, or restart the service, which forgets it.", v.restart())
}

// dropped reads sshd's line on a connection it dropped.
func dropped(message string) (from netip.Addr, reason string, ok bool) {
	_, rest, ok := strings.Cut(message, "drop connection #")
	_, rest, ok2 := strings.Cut(rest, " from [")
	addr, rest, ok3 := strings.Cut(rest, "]:")
	_, rest, ok4 := strings.Cut(rest, " on [")
	_, reason, ok5 := strings.Cut(rest, " ")
	from, err := netip.ParseAddr(addr)
	return from.Unmap(), reason, ok && ok2 && ok3 && ok4 && ok5 && err == nil && strings.Contains(rest, "]:")
}
