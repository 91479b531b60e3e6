package server

import (
	"slices"
	"strings"

	"sshwhy/internal/facts"
	"sshwhy/internal/report"
)

// checkQueue looks for a listener whose queue is full: the kernel then drops the
// first packet of every new connection, and clients time out. It is full when
// more wait than the backlog says (sk_acceptq_is_full in the kernel).
func checkQueue(v *view, p *part) {
	for _, l := range v.Listeners.All {
		if l.Port != v.local || l.Queue <= l.Backlog {
			continue
		}
		f := p.found("listen-queue-full", report.Blocking, "%d connections wait to be accepted on port %d, and no more fit into the queue: new ones are dropped.", l.Queue, l.Port)
		quote(f, l.Quote)
		for _, o := range l.Owners {
			if proc, ok := v.Processes[o.PID]; ok {
				quote(f, proc.Quote)
			}
		}
		mend(f, "See what keeps the program that listens from accepting; restarting it empties the queue.")
		return
	}
}

// checkPAM looks in the log for a login that PAM refused: sshd says so, and the
// module that did it mostly the line before.
func checkPAM(v *view, p *part) {
	entries := v.Journal.Entries
	for i, e := range slices.Backward(entries) {
		if v.taken-e.Time > recent {
			return
		}
		if v.known() && strings.HasPrefix(e.Message, "Accepted ") && strings.Contains(e.Message, " for "+v.Account.Name+" ") {
			return
		}
		user, by := pamRefused(entries, i)
		if user == "" || v.known() && user != v.Account.Name {
			continue
		}
		impact := report.Note
		if v.known() {
			impact = report.Blocking
		}
		var f *report.Finding
		if k := slices.IndexFunc(p.findings, func(f report.Finding) bool { return f.Cause == "pam-denied" }); k >= 0 {
			f = &p.findings[k] // a rule was found that may have done it
			if f.Impact == report.Degrading && impact == report.Blocking {
				f.Impact, f.Certainty = impact, report.Likely
			}
		} else {
			if v.pamMended(entries[max(0, i-4):i]) {
				impact = report.Note
			}
			f = p.found("pam-denied", impact, "A PAM module refused the login of %s (PAM %s).", user, by)
			f.Certainty = report.Likely // the rule may have changed since
			mend(f, "See which module of /etc/pam.d/sshd refuses the account, and whom it lets in.")
		}
		for _, before := range entries[max(0, i-4):i] {
			if strings.HasPrefix(before.Message, "pam_") {
				quote(f, before.Quote)
			}
		}
		quote(f, e.Quote)
		return
	}
}

// pamRefused is whom PAM turned away in that line, and in which of its phases:
// the account's, or the session's, where only the line of the login names the user.
func pamRefused(entries []facts.Entry, i int) (user, phase string) {
	e := entries[i]
	if _, rest, ok := strings.Cut(e.Message, "Access denied for user "); ok {
		if user, by, ok := strings.Cut(rest, " by PAM "); ok {
			return user, strings.TrimSuffix(by, " [preauth]")
		}
	}
	if !strings.Contains(e.Message, "PAM: pam_open_session(): ") || e.PID == 0 {
		return "", ""
	}
	for _, before := range slices.Backward(entries[:i]) {
		words := strings.Fields(before.Message)
		if before.PID == e.PID && len(words) > 3 && words[0] == "Accepted" && words[2] == "for" {
			return words[3], "session"
		}
	}
	return "", ""
}

// pamMended reports whether a module refused whose rules are known and refuse no
// more: checkPAMRules has found nothing in them.
func (v *view) pamMended(lines []facts.Entry) bool {
	return v.PAM.Origin.Known() && slices.ContainsFunc(lines, func(e facts.Entry) bool {
		return strings.HasPrefix(e.Message, "pam_access(") || strings.HasPrefix(e.Message, "pam_listfile(")
	})
}

// starved are sshd's words where the kernel gave it no process, memory or
// descriptor (ENOMEM, EMFILE and ENFILE, EAGAIN of fork).
var starved = [...]string{"Cannot allocate memory", "Too many open files", "Resource temporarily unavailable"}

// checkStarved looks in the log for a server that could not start a process for
// a connection.
func checkStarved(v *view, p *part) {
	for _, e := range slices.Backward(v.Journal.Entries) {
		if v.taken-e.Time > recent {
			return
		}
		lack := slices.ContainsFunc(starved[:], func(s string) bool { return strings.Contains(e.Message, s) })
		if !lack || !strings.HasPrefix(e.Identifier, "sshd") {
			continue
		}
		f := p.found("out-of-memory", report.Degrading, "sshd could not serve a connection: %s.", strings.TrimSuffix(e.Message, "."))
		f.Certainty = report.Likely
		quote(f, e.Quote)
		mend(f, "Find out what uses up the memory, the processes or the file descriptors, and stop it.")
		return
	}
}
