package server

import (
	"fmt"
	"slices"
	"strings"

	"sshwhy/internal/report"
)

// checkKeysUnused: the account has keys, and AuthenticationMethods takes none.
func checkKeysUnused(v *view, p *part) {
	lists := v.Effective.Fields("authenticationmethods")
	if !v.known() || !v.Effective.Origin.Known() || len(lists) == 0 || strings.EqualFold(lists[0], "any") || v.keysByFile() != yes ||
		slices.ContainsFunc(lists, func(l string) bool { return strings.Contains(","+l+",", ",publickey,") }) {
		return
	}
	f := p.found("no-auth-method", report.Degrading, "%s has keys, and AuthenticationMethods (%s) takes none: a key is never asked for.", v.Account.Name, strings.Join(lists, " or "))
	v.quoteMethods(f)
	for _, k := range v.Access.Keys {
		if len(k.Held) > 0 {
			quote(f, k.Held[0].Quote)
		}
	}
	advise(f, "If keys are to work, add publickey to AuthenticationMethods; whoever has the password gets in as it is.")
}

// checkKeysRefused: some keys of the account are good, and others are of a kind that
// sshd does not take: their owners are kept out.
func checkKeysRefused(v *view, p *part) {
	if !v.known() || v.keyWay() != yes || len(v.q.Keys) > 0 {
		return
	}
	for _, k := range v.Access.Keys {
		for _, key := range k.Held {
			why := v.keyRefused(key)
			if why == nil || why.setting != "requiredrsasize" && why.setting != "pubkeyacceptedalgorithms" {
				continue
			}
			words := fmt.Sprintf("The key in %s line %d %s: whoever has no other one is kept out.", k.File.Path, key.Quote.Line, why.words)
			var f *report.Finding
			if why.setting == "requiredrsasize" {
				f = p.found("rsa-key-too-small", report.Degrading, "%s", words)
			} else {
				f = p.found("no-mutual-signature", report.Degrading, "%s", words)
			}
			quote(f, key.Quote)
			quote(f, v.Effective.Quote(why.setting)...)
			v.quoteSetting(f, why.setting)
			mend(f, why.advice)
			return
		}
	}
}

// checkRefused: settings that end every connection, or every session, of the visitor
// (sshd_config(5), RefuseConnection, MaxSessions, MaxAuthTries).
func checkRefused(v *view, p *part) {
	if !v.known() || !v.Effective.Origin.Known() {
		return
	}
	for _, s := range [...]struct{ keyword, value, words string }{
		{"RefuseConnection", "yes", "ends every connection of %s before the login"},
		{"MaxSessions", "0", "lets %s open no session"},
		{"MaxAuthTries", "0", "lets %s try nothing"},
	} {
		if v.Effective.Value(s.keyword) != s.value {
			continue
		}
		f := p.found("user-not-allowed", report.Blocking, "%s %s %s.", s.keyword, s.value, fmt.Sprintf(s.words, v.Account.Name))
		quote(f, v.Effective.Quote(s.keyword)...)
		v.quoteSetting(f, s.keyword)
		advise(f, "Take the setting out, or let a Match block set it for those alone whom it is meant for.")
	}
}

// checkNoSpace looks in the log for a login or a start that found no room.
func checkNoSpace(v *view, p *part) {
	for _, e := range slices.Backward(v.Journal.Entries) {
		if v.taken-e.Time > recent {
			return
		}
		ours := e.SSH() || e.Identifier == "systemd" || e.Identifier == "(sshd)" // the last one: before it is sshd
		if !ours || !strings.Contains(e.Message, "No space left on device") || slices.ContainsFunc(p.findings, func(f report.Finding) bool { return f.Cause == "disk-full" }) {
			continue
		}
		impact := report.Degrading
		if !v.serving() {
			impact = report.Blocking
		}
		f := p.found("disk-full", impact, "There was no room left: %s.", strings.TrimSuffix(e.Message, "."))
		f.Certainty = report.Likely
		quote(f, e.Quote)
		for _, fs := range v.Storage.Systems {
			if fs.Total > 0 && fs.Free < leastFree {
				quote(f, fs.Quote)
			}
		}
		mend(f, "Make room on the file system that is full (df -h, and df -i for the number of files).")
		return
	}
}
