package client

import (
	"fmt"
	"slices"
	"strings"

	"sshwhy/internal/report"
	"sshwhy/internal/shquote"
)

// auth judges the attempt to log in.
func (d *diagnosis) auth() {
	l := d.o.Login
	if d.o.NoAuth && d.o.HostKey != nil && d.o.HostKey.Type != "" && !d.stop {
		d.stage(report.StageAuth, report.StatusSkipped, 0, "not asked for")
		d.stop = true
		return
	}
	if d.skipped(report.StageAuth, l != nil) {
		return
	}
	if o := d.o.OwnSSH; o != nil {
		d.ownSSH(o)
		return
	}
	d.keyFaults(l)
	switch {
	case l.OK:
		d.stage(report.StageAuth, report.StatusOK, l.Ms, "%s logged in %s", l.User, d.with())
		d.slowLogin(l)
	case l.End == EndCancelled:
		d.stage(report.StageAuth, report.StatusUnknown, l.Ms, "not complete before it was stopped")
	case l.End == EndDisconnect && strings.Contains(l.Err, "Too many authentication failures"):
		d.tooMany(l)
	case l.End == EndTimeout || (l.End == EndClosed || l.End == EndReset) && d.loginTime(l) >= graceEnd:
		d.stage(report.StageAuth, report.StatusFailed, l.Ms, "not complete in time")
		d.find("auth-timeout", report.Likely, fmt.Sprintf("%s does not complete the login of %s within %s.", d.host, l.User, seconds(l.Ms)),
			d.loginEvidence(l), advice("Look on the server what the login waits for: its name server, PAM or a network file system.", onConsole()))
	case l.End == EndFlood:
		d.stage(report.StageAuth, report.StatusFailed, l.Ms, "%s", l.Err)
		d.find("session-refused", report.Likely, fmt.Sprintf("%s does not come to an end of the login of %s: %s.", d.host, l.User, l.Err),
			d.loginEvidence(l), advice("What answers there is no usual SSH server: look at the machine itself.", onConsole()))
	case l.End != "":
		d.stage(report.StageAuth, report.StatusFailed, l.Ms, "%s", l.Err)
		d.find("session-refused", report.Likely, fmt.Sprintf("%s ends the connection while %s logs in%s: %s. An account rule (PAM, an expired account, a penalty) is likely.", d.host, l.User, l.lastWords(), l.Err),
			d.loginEvidence(l), advice("The server's log names the reason.", onConsole()))
	default:
		d.notLoggedIn(l)
	}
}

// lastWords are the last ones that the server said before it ended the login: what
// PAM has to say of an account comes there (sshd, auth-pam.c).
func (l *Login) lastWords() string {
	said := lastLine(l.Late)
	if said == "" {
		return ""
	}
	return fmt.Sprintf(" and says %q", said)
}

// with says how a login succeeded.
func (l *Login) with() string {
	for _, k := range l.Keys {
		if k.State == KeyAccepted {
			return "with " + k.Label()
		}
	}
	return "without being asked for anything"
}

// Label names a key for a person.
func (k Key) Label() string {
	switch {
	case k.File != "" && k.Agent:
		return k.File + " (from the agent)"
	case k.File != "":
		return k.File
	case k.Comment != "":
		return fmt.Sprintf("the agent's key %q", k.Comment)
	default:
		return "the agent's key " + k.Fingerprint
	}
}

// named is the key's name alone.
func (k Key) named() string {
	if k.File == "" && k.Comment != "" {
		return fmt.Sprintf("%q", k.Comment)
	}
	if k.File != "" {
		return k.File
	}
	return k.Fingerprint
}

// interactive are the methods that need somebody who types, as far as both
// sides allow them and ssh would ask.
func (l *Login) interactive() []string {
	if l.Batch || l.Nobody {
		return nil
	}
	left := l.Left
	if left == nil {
		left = l.Allowed
	}
	return slices.DeleteFunc(slices.Clone(left), func(m string) bool {
		return m != "password" && m != "keyboard-interactive" || !slices.Contains(l.Ours, m)
	})
}

// notLoggedIn is for a login that the server did not grant.
func (d *diagnosis) notLoggedIn(l *Login) {
	var rejected, welcome, partial []Key
	for _, k := range l.Keys {
		switch k.State {
		case KeyRejected, KeyBadSign, KeyNoSign:
			rejected = append(rejected, k)
		case KeyWelcome:
			welcome = append(welcome, k)
		case KeyPartial:
			partial = append(partial, k)
		}
	}
	typed := l.interactive()
	switch {
	case len(welcome) > 0:
		d.needsOwner(l, welcome[0])
	case len(typed) > 0:
		d.passwordAsked(l, typed, rejected, partial)
	case len(partial) > 0:
		d.stage(report.StageAuth, report.StatusFailed, l.Ms, "the key is accepted, and the server wants %s as well", strings.Join(l.Left, " or "))
		d.find("no-auth-method", report.Confirmed,
			fmt.Sprintf("%s accepts the key of %s and wants a second proof (%s), which %s.", d.host, l.User, strings.Join(l.Left, ", "), l.whyNotTried()),
			d.loginEvidence(l), advice("Allow the second method here (PreferredAuthentications, BatchMode no).", onClient(d.ssh("-o BatchMode=no"))))
	case len(rejected) > 0:
		d.stage(report.StageAuth, report.StatusFailed, l.Ms, "%s: every key was rejected", l.User)
		d.rejected(l, rejected)
	case slices.Contains(l.Allowed, "publickey") && slices.Contains(l.Ours, "publickey"):
		d.stage(report.StageAuth, report.StatusFailed, l.Ms, "%s: the server wants a key, and none was offered", l.User)
		d.nothingOffered(l)
	default:
		d.stage(report.StageAuth, report.StatusFailed, l.Ms, "%s: no method in common", l.User)
		d.find("no-auth-method", report.Confirmed,
			fmt.Sprintf("%s lets %s log in by %s only, which %s.", d.host, l.User, list(l.Allowed), l.whyNotTried()),
			d.loginEvidence(l), advice("Allow one of the server's methods here, or another one on the server.", onClient(d.ssh("-v")), onConsole()))
	}
}

// whyNotTried says why ssh does not try what the server still offers.
func (l *Login) whyNotTried() string {
	left := l.Left
	if left == nil {
		left = l.Allowed
	}
	asks := func(m string) bool {
		return (m == "password" || m == "keyboard-interactive") && slices.Contains(l.Ours, m)
	}
	if (l.Batch || l.Nobody) && slices.ContainsFunc(left, asks) {
		return l.whyNobodyAsked() + " ssh asks nobody for"
	}
	return "this ssh may not try (it may use " + list(l.Ours) + ")"
}

// whyNobodyAsked is why ssh can ask nobody.
func (l *Login) whyNobodyAsked() string {
	if l.Batch {
		return "in batch mode"
	}
	return "without a terminal"
}

// needsOwner is for a key that the server takes and that only its owner can use.
func (d *diagnosis) needsOwner(l *Login, k Key) {
	if k.Fault == FaultTouch {
		d.stage(report.StageAuth, report.StatusUnknown, l.Ms, "the server accepts %s, which needs a touch", k.Label())
		d.incomplete("login", "the server accepts "+k.Label()+"; the security key must be touched, which was not asked for")
		return
	}
	summary := fmt.Sprintf("%s accepts the key %s, and its passphrase is needed to use it.", d.host, k.Label())
	steps := []report.Step{onClient("ssh-add " + shquote.Path(k.File))}
	if l.Batch || l.Nobody {
		d.stage(report.StageAuth, report.StatusFailed, l.Ms, "the key needs its passphrase")
		d.find("private-key-passphrase", report.Confirmed, summary+" "+upper(l.whyNobodyAsked())+", nobody can be asked.", d.loginEvidence(l),
			advice("Load the key into the agent first.", steps...))
		return
	}
	d.stage(report.StageAuth, report.StatusUnknown, l.Ms, "the server accepts %s; its passphrase was not asked for", k.Label())
	d.find("private-key-passphrase", report.Confirmed, summary+" ssh will ask for it.", d.loginEvidence(l),
		advice("Type the passphrase, or load the key into the agent once.", steps...))
	d.lowerImpact(report.Note)
	d.incomplete("login", "the passphrase of "+k.Label()+" was not asked for")
}

// passwordAsked is for a server that lets a person type something.
func (d *diagnosis) passwordAsked(l *Login, typed []string, rejected, partial []Key) {
	method := strings.Join(typed, " or ")
	detail := "the server asks for a password, which is not tried"
	if len(partial) > 0 {
		detail = "the key is accepted; the server asks for more (" + method + ")"
	}
	d.stage(report.StageAuth, report.StatusUnknown, l.Ms, "%s: %s", l.User, detail)
	d.incomplete("login", "the server goes on to "+method+", which needs typing and was not tried")
	if len(rejected) > 0 {
		d.rejected(l, rejected)
		d.lowerImpact(report.Degrading)
	}
}

// rejected is for keys that the server does not take for this user.
func (d *diagnosis) rejected(l *Login, keys []Key) {
	names := make([]string, 0, len(keys))
	for _, k := range keys[:min(len(keys), 6)] {
		names = append(names, k.Label())
	}
	for _, k := range keys {
		if line := d.o.Config.PolicyLine("pubkeyacceptedalgorithms"); k.State == KeyNoSign && line != nil {
			d.find("crypto-policy", report.Confirmed,
				fmt.Sprintf("%s would take the key %s, but only with signatures of the outdated kind ssh-rsa (SHA-1), which the crypto policy of this machine forbids.", d.host, k.Label()),
				append(d.loginEvidence(l), report.Evidence{Source: line.File, Line: line.Line, Excerpt: line.Text}),
				advice("Use a key of type ed25519 or ECDSA; or choose another policy for the whole machine.", onClient("ssh-keygen -t ed25519"), onClient("update-crypto-policies --show")))
			return
		}
		if k.State == KeyNoSign {
			d.find("no-mutual-signature", report.Confirmed,
				fmt.Sprintf("%s would take the key %s, but only with signatures of the outdated kind ssh-rsa (SHA-1), which this ssh does not make.", d.host, k.Label()),
				d.loginEvidence(l), advice("Use a key of type ed25519; or allow the old signatures for this host until its server is updated.",
					onClient("ssh-keygen -t ed25519"), onClient(d.ssh("-o PubkeyAcceptedAlgorithms=+ssh-rsa"))))
			return
		}
		if k.Cert != nil {
			d.certRejected(l, k)
			return
		}
	}
	if user := expectedUser(d.host); user != "" && user != l.User {
		d.find("wrong-user", report.Likely, fmt.Sprintf("%s rejects the keys of %s: there everybody logs in as %s.", d.host, l.User, user),
			d.loginEvidence(l), advice("Log in as "+user+".", onClient(d.ssh("-l "+user))))
		return
	}
	d.find("publickey-rejected", report.Confirmed,
		fmt.Sprintf("%s rejects every key offered for %s (%s): the user name is wrong, or none of these keys is in that account's authorized_keys, or the server may not read it.",
			d.host, l.User, strings.Join(names, ", ")),
		d.loginEvidence(l),
		advice("Check the user name; then have the public key added on the server, or let the server say why it does not take it.",
			d.showPublicKey(keys[0]), onServer("sudo sshwhy server --user "+shquote.Word(l.User))))
}

// showPublicKey shows the public half of a key, to be added on the server.
func (d *diagnosis) showPublicKey(k Key) report.Step {
	if k.File == "" {
		return onClient("ssh-add -L")
	}
	return onClient("ssh-keygen -yf " + shquote.Path(k.File))
}

// expectedUser is the one login name of the great Git hosts.
func expectedUser(host string) string {
	switch strings.ToLower(host) {
	case "github.com", "ssh.github.com", "gitlab.com", "altssh.gitlab.com", "bitbucket.org", "altssh.bitbucket.org", "ssh.dev.azure.com", "codeberg.org", "aur.archlinux.org":
		if strings.EqualFold(host, "aur.archlinux.org") {
			return "aur"
		}
		return "git"
	}
	return ""
}

// noPassword says why the password, which the server would take, is not asked for.
func (l *Login) noPassword() string {
	if !slices.Contains(l.Allowed, "password") && !slices.Contains(l.Allowed, "keyboard-interactive") || !l.Batch && !l.Nobody {
		return ""
	}
	return "; " + l.whyNobodyAsked() + " ssh asks for no password either"
}

// nothingOffered is for a server that wants a key while ssh has none to offer.
func (d *diagnosis) nothingOffered(l *Login) {
	if d.blocked() {
		return // the fault of the key itself was already named
	}
	if len(l.Unlisted) > 0 {
		k := l.Unlisted[0]
		d.find("key-not-offered", report.Likely,
			fmt.Sprintf("%s wants a key, and ssh offers none: %s is there, but has no name that ssh looks for, and no option names it.", d.host, k.File),
			append(d.loginEvidence(l), report.Evidence{Source: k.File, Excerpt: strings.TrimSpace(k.Type + " " + k.Fingerprint)}),
			advice("Name the key with -i or IdentityFile.", onClient(d.ssh("-i "+shquote.Path(k.File)))))
		return
	}
	if a := l.Agent; a != nil && a.Err == "" && a.Keys == 0 {
		d.find("agent-unreachable", report.Likely,
			fmt.Sprintf("%s wants a key, and ssh offers none: the key agent answers and holds no key (or is locked), and there is no key file that ssh looks for.", d.host),
			d.loginEvidence(l), advice("Load the key into the agent (ssh-add -X if it is locked), or name its file with -i.", onClient("ssh-add -l"), onClient("ssh-add ~/.ssh/id_ed25519")))
		return
	}
	if l.OnlyNamed && l.Agent != nil && l.Agent.Keys > 0 {
		d.find("key-not-offered", report.Likely,
			fmt.Sprintf("%s wants a key, and ssh offers none: the agent has %d, but IdentitiesOnly allows only those that IdentityFile names.", d.host, l.Agent.Keys),
			d.loginEvidence(l), advice("Name the public key with IdentityFile, or leave out IdentitiesOnly.", onClient("ssh-add -l")))
		return
	}
	d.find("no-auth-method", report.Confirmed,
		fmt.Sprintf("%s wants a key of %s, and there is no key here that ssh could offer%s.", d.host, l.User, l.noPassword()),
		d.loginEvidence(l), advice("Use the key that belongs to this account (-i FILE), or make one and have its public half added on the server.",
			onClient("ssh-keygen -t ed25519"), onClient("cat ~/.ssh/id_ed25519.pub")))
}

// tooMany is for a server that ends the connection after so many keys.
func (d *diagnosis) tooMany(l *Login) {
	offered := 0
	for _, k := range l.Keys {
		if k.State != "" {
			offered++
		}
	}
	d.stage(report.StageAuth, report.StatusFailed, l.Ms, "disconnected after %d keys", offered)
	d.find("too-many-keys", report.Confirmed,
		fmt.Sprintf("%s ends the connection after %d keys that it does not take (MaxAuthTries), before the right one could be offered.", d.host, offered),
		d.loginEvidence(l),
		&report.Remedy{Kind: report.Repair, Summary: "Offer only the right key.",
			Steps: []report.Step{onClient(d.ssh("-o IdentitiesOnly=yes -i ~/.ssh/id_ed25519"))}})
}

// graceEnd is how long, in ms, a login must have taken for its sudden end to be
// the end of the server's patience (LoginGraceTime) and not a refusal.
const graceEnd = 3500

// loginTime is how long, in ms, the server had waited for the login: its clock runs
// from the connection on.
func (d *diagnosis) loginTime(l *Login) float64 {
	total := l.Ms
	if d.o.Kex != nil {
		total += d.o.Kex.Ms
	}
	if d.o.HostKey != nil {
		total += d.o.HostKey.Ms
	}
	return total
}

// blocked reports whether a blocking finding was made.
func (d *diagnosis) blocked() bool {
	return slices.ContainsFunc(d.r.Findings, func(f report.Finding) bool { return f.Impact == report.Blocking })
}

func list(words []string) string {
	if len(words) == 0 {
		return "none at all"
	}
	return strings.Join(words, ", ")
}

// loginEvidence is what both sides offered and how each key was taken.
func (d *diagnosis) loginEvidence(l *Login) []report.Evidence {
	out := []report.Evidence{{Source: "login at " + d.o.Chosen, Excerpt: lines("user "+l.User, "server allows "+list(l.Allowed), "ssh may try "+list(l.Ours))}}
	if l.Late != "" && !l.OK {
		out = append(out, report.Evidence{Source: "login at " + d.o.Chosen, Excerpt: strings.TrimSpace(l.Late)})
	}
	if l.Err != "" {
		out = append(out, report.Evidence{Source: "login at " + d.o.Chosen, Excerpt: l.Err})
	}
	if l.Agent != nil {
		said := fmt.Sprintf("%d keys", l.Agent.Keys)
		if l.Agent.Err != "" {
			said = l.Agent.Err
		}
		out = append(out, report.Evidence{Source: "agent " + l.Agent.Socket, Excerpt: said})
	}
	for _, k := range l.Keys[:min(len(l.Keys), 10)] {
		words := []string{k.Type, k.Fingerprint, k.Comment}
		if k.Fault != "" {
			words = append(words, string(k.Fault))
		}
		if k.Cert != nil {
			words = append(words, k.Cert.words())
		}
		words = append(words, string(k.State))
		source := k.File
		if source == "" {
			source = "agent"
		}
		out = append(out, report.Evidence{Source: source, Excerpt: strings.Join(slices.DeleteFunc(words, func(w string) bool { return w == "" }), " ")})
	}
	return out
}
