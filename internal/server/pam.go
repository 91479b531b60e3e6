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

// The checks of this file ask what the PAM modules of sshd are told of the
// account. What no file tells, the log may: see checkPAM.

// checkFailures tells of wrong passwords that lock the account.
func checkFailures(v *view, p *part) {
	if v.known() {
		v.faillocked(p)
	}
}

// refused adds a finding of a module that keeps the account out.
func (v *view) refused(p *part, r facts.PAMRule, match facts.Part, line facts.Quote, words string) *report.Finding {
	impact, may := report.Blocking, "keeps"
	if match != facts.Everyone {
		impact, may = report.Degrading, "may keep"
	}
	who := "The PAM module " + r.Module
	if r.Module == "" {
		who = fmt.Sprintf("Line %d of %s", r.Quote.Line, r.Quote.Source)
	}
	f := p.found("pam-denied", impact, "%s %s %s out: %s.", who, may, v.Account.Name, words)
	if match != facts.Everyone {
		f.Certainty = report.Possible
	}
	quote(f, line, r.Quote)
	return f
}

// asksAccess: the first line of access.conf that is about the login decides.
func (v *view) asksAccess(e *facts.PAMEntry) moduleSays {
	line, match, ok := v.PAM.AccessDecision(v.Account.Name, v.Account.Groups, v.CallerOfSSHD(v.q.Client), e.PAMRule)
	if !ok || line.Fields[0] != "-" {
		return says("success")
	}
	words := fmt.Sprintf("line %d of %s refuses", line.Quote.Line, line.Quote.Source)
	if match != facts.Everyone {
		words += " some of the places a login can come from"
		if v.q.Client.IsValid() {
			words = fmt.Sprintf("whether line %d of %s is about %s hangs on a name or a netgroup, which is not looked up here", line.Quote.Line, line.Quote.Source, v.q.Client)
		}
	} else if v.q.Client.IsValid() {
		words += " a login from " + v.q.Client.Unmap().String()
	} else {
		words += " every login"
	}
	m := refuses(words, fmt.Sprintf("Put a line that lets %s in before it (\"+ : %s : ADDRESS\"); the first line that matches decides.", v.Account.Name, v.Account.Name), line.Quote)
	if match != facts.Everyone {
		m.answers, m.doubt = []string{"success", "perm_denied"}, words
	}
	return m
}

// asksListfile: item=user and item=group with a list of names, one a line.
func (v *view) asksListfile(e *facts.PAMEntry) moduleSays {
	file, deny := e.Arg("file"), e.Arg("sense") == "deny"
	seen, ok := v.PAM.Lists[file]
	names := []string{v.Account.Name}
	switch e.Arg("item") {
	case "user":
	case "group":
		names = v.Account.Groups
	case "shell":
		names = []string{v.Account.Shell}
	default:
		return unasked("it goes by the visitor's " + e.Arg("item"))
	}
	switch {
	case ok && seen.Status == evidence.Absent && e.Arg("onerr") == "succeed":
		return says("success")
	case ok && seen.Status == evidence.Absent:
		return refuses(file+" does not exist", "Put the list back, or take the line out.", facts.Quote{Source: "stat " + file, Text: "No such file or directory"})
	case !ok || !seen.OK():
		return unasked("could not read " + file + ": " + seen.Reason)
	}
	for i, line := range strings.Split(string(seen.Data), "\n") {
		if !slices.Contains(names, strings.TrimSpace(line)) {
			continue
		}
		if deny {
			return refuses(file+" names them", "Take the line out of "+file+".", facts.Quote{Source: file, Line: i + 1, Text: strings.TrimSpace(line)})
		}
		return says("success")
	}
	if deny {
		return says("success")
	}
	return refuses(file+" does not name them", "Add a line with the name to "+file+".")
}

// asksTime: the first three fields of time.conf say whom a line is about. Whether
// the hour is right is not worked out here.
func (v *view) asksTime(*facts.PAMEntry) moduleSays {
	for _, l := range v.PAM.Times {
		if len(l.Fields) < 4 || !timeList(l.Fields[0], "sshd") || !timeList(l.Fields[2], v.Account.Name) {
			continue
		}
		m := refuses(fmt.Sprintf("line %d of %s lets them in at certain hours only (%s)", l.Quote.Line, l.Quote.Source, l.Fields[3]), "Compare the hours with the machine's clock (date), or change the line.", l.Quote)
		m.answers, m.doubt = []string{"success", "perm_denied"}, m.words
		return m
	}
	return says("success")
}

// timeList reads a logic list of time.conf(5): names with *, each perhaps negated
// by !, joined by | and &, from left to right.
func timeList(list, name string) bool {
	match, and := false, false
	for first := true; list != ""; first = false {
		end := strings.IndexAny(list, "|&")
		word, joint := list, byte(0)
		if list = ""; end >= 0 {
			word, joint, list = word[:end], word[end], word[end+1:]
		}
		word, not := strings.CutPrefix(strings.TrimSpace(word), "!")
		head, tail, star := strings.Cut(word, "*")
		hit := word == name || star && len(name) >= len(head)+len(tail) && strings.HasPrefix(name, head) && strings.HasSuffix(name, tail)
		switch hit = hit != not; {
		case first:
			match = hit
		case and:
			match = match && hit
		default:
			match = match || hit
		}
		and = joint == '&'
	}
	return match
}

// faillocked: too many wrong passwords. A login with a key does not ask the
// module that counts them.
func (v *view) faillocked(p *part) {
	fl := v.PAM.Fails
	if fl.Origin.Status == "" || fl.Deny <= 0 {
		return
	}
	if fl.Origin.Unseen() {
		p.also("failed logins of "+v.Account.Name, unseenReason(v, fl.Origin))
		return
	}
	if len(fl.Valid) < fl.Deny {
		return
	}
	impact, words := report.Degrading, "a key still works"
	if v.keyWay() == no {
		impact, words = report.Blocking, "and there is no key"
	}
	f := p.found("account-locked", impact, "pam_faillock has locked %s for passwords after %d wrong ones (%s).", v.Account.Name, len(fl.Valid), words)
	quote(f, fl.Valid[max(0, len(fl.Valid)-3):]...)
	reset := do("faillock --user "+shquote.Operand(v.Account.Name)+" --reset", "")
	reset.Act = &report.Action{Kind: report.ActCommand, Argv: []string{"faillock", "--user", v.Account.Name, "--reset"}, Opens: v.Account.Name}
	mend(f, "Forget the failures; first find out who tried.", reset)
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
	words := plainWords(e.Message)
	if user, _ := whoIn(words); user != "" && strings.HasPrefix(words, "Access denied for user ") {
		_, by, _ := strings.Cut(words, " by PAM ")
		return user, by
	}
	if !strings.HasPrefix(words, "PAM: pam_open_session(): ") || e.PID == 0 {
		return "", ""
	}
	for _, before := range slices.Backward(entries[:i]) {
		if user, _ := whoIn(before.Message); before.PID == e.PID && user != "" && strings.HasPrefix(before.Message, "Accepted ") {
			return user, "session"
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
