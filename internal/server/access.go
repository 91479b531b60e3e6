package server

import (
	"fmt"
	"strings"

	"sshwhy/internal/facts"
	"sshwhy/internal/report"
	"sshwhy/internal/shquote"
)

// accessStage: is the visitor let in by what stands before and in sshd?
func accessStage() stage {
	return stage{name: report.StageAccess, detail: func(*view) string { return "" }, checks: []check{
		{causes{"closed-before-banner", "closed-during-kex", "banner-timeout", "not-ssh"}, checkAnswer},
		{causes{"tcp-wrappers-deny", "client-banned"}, checkWrappers},
		{causes{"user-unknown"}, checkUser},
		{causes{"root-login-disabled"}, checkRootLogin},
		{causes{"user-not-allowed"}, checkLists},
		{causes{"account-locked", "password-expired"}, checkAccountState},
		{causes{"shell-invalid"}, checkShell},
		{causes{"home-missing"}, checkHome},
		{causes{"revoked-key"}, checkRevoked},
		{causes{
			"authorized-keys-missing", "authorized-keys-location", "authorized-keys-permissions", "authorized-keys-command-failed",
			"pubkey-auth-disabled", "no-mutual-signature", "rsa-key-too-small", "revoked-key", "root-login-disabled",
		}, checkKeys},
		{causes{"principals-missing", "authorized-keys-missing", "no-mutual-signature"}, checkCertificates},
		{causes{"authorized-keys-selinux"}, checkLabels},
		{causes{"password-auth-disabled"}, checkPasswordOff},
		{causes{"no-auth-method"}, checkKeysUnused},
		{causes{"rsa-key-too-small", "no-mutual-signature"}, checkKeysRefused},
		{causes{"user-not-allowed"}, checkRefused},
		{causes{"no-auth-method"}, checkMethods},
		{causes{"chroot-permissions"}, checkChroot},
		{causes{"login-environment-broken", "authorized-keys-permissions"}, checkLoginShell},
		{causes{"forced-command-fails"}, checkForcedCommand},
		{causes{"login-environment-broken"}, checkStartFiles},
		{causes{"login-environment-broken"}, checkLimits},
		{causes{"nologin-file"}, checkNoLogin},
		{nil, checkLogged},
		{causes{"max-startups", "source-penalized"}, checkDropped},
		{causes{"pam-denied"}, checkPAMStacks},
		{causes{"account-locked"}, checkFailures},
		{causes{"pam-denied"}, checkPAM},
		{causes{"out-of-memory"}, checkStarved},
		{causes{"disk-full"}, checkStorage},
		{causes{"disk-full"}, checkNoSpace},
		{nil, checkKeywords},
	}, after: []check{
		{causes{
			"no-common-kex", "no-common-host-key", "no-common-cipher", "no-common-mac", "corrupted-mac", "no-mutual-signature",
			"certificate-expired", "rsa-key-too-small", "too-many-keys", "auth-timeout", "authorized-keys-command-failed", "pty-allocation-failed",
			"account-locked", "password-rejected", "config-not-applied", "refused-unexplained",
		}, checkLastTry},
	}}
}

// checkWrappers evaluates hosts.allow and hosts.deny, where this sshd honours them.
func checkWrappers(v *view, p *part) {
	link, known := v.Program.Wrapped()
	// Without a server program there is nothing to look at; what Debian and Ubuntu
	// would install is linked with libwrap (every release up to now).
	tobe := absent(v.Program.Sshd.Origin) && v.System.Debianish()
	if !v.Program.Sshd.Origin.Known() && !tobe {
		p.skipped = "no OpenSSH server is installed"
		return
	}
	d := v.Wrappers.Decide(v.Names.Caller(v.q.Client))
	if link == nil && !tobe && (known || d.Denied == facts.NoOne) {
		return
	}
	if link == nil && !tobe {
		p.cannot("TCP wrappers", "could not see whether sshd is linked with libwrap: "+v.Program.Sshd.Loader.Reason)
		return
	}
	for _, file := range []facts.HostsFile{v.Wrappers.Allow, v.Wrappers.Deny} {
		if file.Origin.Unseen() {
			p.cannot("TCP wrappers", "could not read "+file.Origin.Source+": "+file.Origin.Reason)
			return
		}
	}
	if d.Denied == facts.NoOne {
		return
	}
	f := v.wrapperFinding(p, d)
	quote(f, d.Rule.Quote)
	quote(f, v.Names.Quotes...)
	v.bannedByFile(f, d.Rule)
	if link != nil {
		quote(f, *link)
	} else if f.Certainty == report.Confirmed {
		f.Certainty = report.Likely
	}
	for _, r := range d.Allowed {
		quote(f, r.Quote)
	}
	line := "sshd: ALL"
	source := ""
	if v.q.Client.IsValid() {
		if source = v.q.Client.Unmap().String(); v.q.Client.Unmap().Is6() {
			source = "[" + source + "]"
		}
		line = "sshd: " + source
	}
	step := do("sed -i "+shquote.Word("1i "+line)+" /etc/hosts.allow", "sed -i '1d' /etc/hosts.allow")
	step.Act = &report.Action{Kind: report.ActHostsAllow, Source: strings.Trim(source, "[]")}
	if v.q.Client.IsValid() {
		step.Act.Opens = v.q.Client.Unmap().String()
	}
	if f.Cause == "client-banned" { // what bans writes its line again, and takes it out itself
		return
	}
	mend(f, "Let the client in by a line at the head of /etc/hosts.allow.", step)
}

// wrapperFinding: with a client asked about, the rules say yes, no, or that it
// hangs on the client's name. Without one they say for how many.
func (v *view) wrapperFinding(p *part, d facts.Decision) *report.Finding {
	place := fmt.Sprintf("%s line %d", d.Rule.Quote.Source, d.Rule.Quote.Line)
	switch {
	case d.Denied == facts.Everyone && v.q.Client.IsValid():
		return p.found("tcp-wrappers-deny", report.Blocking, "%s shuts %s out of SSH: sshd accepts the connection, waits five seconds and drops it.", place, v.q.Client)
	case d.Denied == facts.Everyone:
		return p.found("tcp-wrappers-deny", report.Blocking, "%s shuts every client out of SSH: sshd accepts the connection, waits five seconds and drops it.", place)
	case v.q.Client.IsValid():
		f := p.found("tcp-wrappers-deny", report.Degrading, "%s may shut %s out of SSH: that depends on %s, which is not looked up here.", place, v.q.Client, unlooked(d.Rule.Clients))
		f.Certainty = report.Possible
		return f
	case len(d.Allowed) > 0 || strings.Contains(strings.ToUpper(strings.Join(d.Rule.Clients, " ")), "ALL EXCEPT"):
		return p.found("tcp-wrappers-deny", report.Degrading, "%s shuts every client out of SSH that no other rule lets in.", place)
	}
	return p.found("tcp-wrappers-deny", report.Note, "%s shuts some clients out of SSH.", place)
}

// unlooked names what a rule goes by that is not looked up: a netgroup, a file of
// patterns, the client's own name or user.
func unlooked(words []string) string {
	for _, w := range words {
		switch {
		case strings.HasPrefix(w, "@"):
			return "the netgroup " + w[1:] + " (getent netgroup " + w[1:] + ")"
		case strings.HasPrefix(w, "/"):
			return "the patterns in " + w
		case strings.Contains(w, "@"):
			return "the user at the client (" + w + ")"
		case strings.HasPrefix(w, "."):
			return "whether the client's name ends in " + w
		}
	}
	return "the client's name"
}
