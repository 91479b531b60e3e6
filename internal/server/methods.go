package server

import (
	"fmt"
	"slices"
	"strings"

	"sshwhy/internal/facts"
	"sshwhy/internal/report"
)

// methodWords are what a visitor must present for each method of AuthenticationMethods.
var methodWords = [...]struct{ method, word string }{
	{"publickey", "a key"}, {"password", "a password"}, {"keyboard-interactive", "the answers to PAM's questions"},
	{"hostbased", "a known host"}, {"gssapi-with-mic", "a Kerberos ticket"},
}

// checkMethods: AuthenticationMethods wants several things in turn (publickey and
// then password), and the account may lack one of them.
func checkMethods(v *view, p *part) {
	lists := v.Effective.Fields("authenticationmethods")
	if !v.known() || !v.Effective.Origin.Known() || len(lists) == 0 || strings.EqualFold(lists[0], "any") ||
		slices.ContainsFunc(p.findings, func(f report.Finding) bool { return f.Impact == report.Blocking }) {
		return
	}
	var ways, why []string
	for _, list := range lists {
		ok, steps := true, []string(nil)
		for method := range strings.SplitSeq(list, ",") {
			method, _, _ = strings.Cut(method, ":") // keyboard-interactive:pam
			if lack := v.lacks(method); lack != "" {
				ok = false
				if !slices.Contains(why, lack) {
					why = append(why, lack)
				}
			}
			steps = append(steps, methodWord(method))
		}
		if ok {
			ways = append(ways, strings.Join(steps, " and then "))
		}
	}
	name := v.Account.Name
	if len(ways) == 0 {
		f := p.found("no-auth-method", report.Blocking, "%s can meet none of what AuthenticationMethods asks for (%s): %s.", name, strings.Join(lists, " or "), strings.Join(why, "; "))
		v.quoteMethods(f)
		advise(f, "Give the account what it lacks, or ask for less in AuthenticationMethods.")
		return
	}
	if slices.ContainsFunc(ways, func(w string) bool { return !strings.Contains(w, " and then ") }) {
		return
	}
	impact := report.Note
	last := lastConnection(v.attempts())
	if slices.ContainsFunc(last, func(e facts.Entry) bool {
		return strings.Contains(e.Message, "authenticating user ") || strings.HasPrefix(e.Message, "Partial ")
	}) {
		impact = report.Degrading
	}
	f := p.found("no-auth-method", impact, "%s must present %s, and not only one of them (AuthenticationMethods).", name, strings.Join(ways, ", or "))
	if impact == report.Degrading {
		f.Certainty = report.Likely
		f.Summary = fmt.Sprintf("%s must present %s, and the last try ended before all of it was there (AuthenticationMethods).", name, strings.Join(ways, ", or "))
	}
	v.quoteMethods(f)
	quoteEntries(f, last[max(0, len(last)-2):])
	advise(f, "Log in from a terminal, where ssh can ask for the second part; a script or a program that cannot be asked needs an exception (Match).")
}

func (v *view) quoteMethods(f *report.Finding) {
	quote(f, v.Effective.Quote("authenticationmethods")...)
	v.quoteSetting(f, "AuthenticationMethods")
	quote(f, v.Account.State)
}

func methodWord(method string) string {
	for _, m := range methodWords {
		if m.method == method {
			return m.word
		}
	}
	return method
}

// lacks says what keeps the account from a method; "" where nothing is known to.
func (v *view) lacks(method string) string {
	e, a := v.Effective, v.Account
	off := func(keyword string) bool { return e.Value(keyword) == "no" }
	switch {
	case method == "publickey" && off("pubkeyauthentication"):
		return "PubkeyAuthentication is off"
	case method == "publickey" && v.keyWay() == no:
		return "there is no key for " + a.Name + " where sshd looks"
	case method == "password" && off("passwordauthentication"):
		return "PasswordAuthentication is off"
	case method == "keyboard-interactive" && off("kbdinteractiveauthentication"):
		return "KbdInteractiveAuthentication is off"
	case method == "hostbased" && off("hostbasedauthentication"):
		return "HostbasedAuthentication is off"
	case method == "gssapi-with-mic" && off("gssapiauthentication"):
		return "GSSAPIAuthentication is off"
	case method == "password" && a.StateBy.Known() && (a.Password == facts.PasswordLocked || a.Password == facts.PasswordNone && e.Value("permitemptypasswords") != "yes"):
		return a.Name + " has no password that could be right"
	}
	return ""
}
