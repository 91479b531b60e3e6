package server

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"sshwhy/internal/facts"
	"sshwhy/internal/report"
)

// words of sshd that name a fault of one connection, in the order in which a
// connection meets them (kex.c, sshd.c, auth2-pubkey.c, auth.c, packet.c).
var failures = [...]struct {
	says   string // in one line of the log …
	also   string // … together with this
	cause  string
	means  string // what it means, after "The last try of X failed: "
	remedy string
}{
	{"Unable to negotiate with", "no matching key exchange", "no-common-kex", "its program and this server have no key exchange method in common", "Update the older of the two programs, or let KexAlgorithms allow a method that both know."},
	{"Unable to negotiate with", "no matching host key type", "no-common-host-key", "its program takes no type of host key that this server has", "Update the older of the two programs, or make a host key of a type that both know."},
	{"Unable to negotiate with", "no matching cipher", "no-common-cipher", "its program and this server have no cipher in common", "Update the older of the two programs, or let Ciphers allow one that both know."},
	{"Unable to negotiate with", "no matching MAC", "no-common-mac", "its program and this server have no MAC in common", "Update the older of the two programs, or let MACs allow one that both know."},
	{"Corrupted MAC on input", "", "corrupted-mac", "a packet arrived damaged", "Look at the network between the two, and for a program that changes its packets."},
	{"not in PubkeyAccepted", "", "no-mutual-signature", "the key would need a signature algorithm that this server does not accept", "Update the visitor's program, or use an Ed25519 key; ssh-rsa with SHA-1 is refused since OpenSSH 8.8."},
	{"refusing RSA key: Invalid key length", "", "rsa-key-too-small", "its RSA key is shorter than this server takes (RequiredRSASize)", "Make a new key (ssh-keygen -t ed25519), and put its public half there."},
	{"Certificate invalid", "", "certificate-expired", "the certificate offered is not valid here", "Have the certificate renewed, for the right principal."},
	{"maximum authentication attempts exceeded", "", "too-many-keys", "it offered more keys or passwords than MaxAuthTries allows", "Offer the one right key: ssh -o IdentitiesOnly=yes -i KEY."},
	{"Timeout before authentication", "", "auth-timeout", "it did not log in within LoginGraceTime", "See what the login waited for: a password that nobody typed, or a lookup that hangs."},
	{"AuthorizedKeysCommand", "status", "authorized-keys-command-failed", "AuthorizedKeysCommand ended with an error", "Run the command as AuthorizedKeysCommandUser and see what it says."},
	{"openpty", "", "pty-allocation-failed", "this server could not give it a terminal", "See that devpts is mounted on /dev/pts and that ptys are left (/proc/sys/kernel/pty)."},
	{"account temporarily locked", "", "account-locked", "pam_faillock has locked the account's password after some wrong ones", "Log in with a key, wait, or forget the failures: faillock --user NAME --reset."},
	{"Failed password for", "", "password-rejected", "the password was wrong, or this account takes none", "Set a new password with passwd, or use a key."},
}

// tellMore are findings about the visitor that say more than the last try does.
var tellMore = [...]string{"no-auth-method", "pam-denied", "account-locked", "user-not-allowed", "tcp-wrappers-deny", "authorized-keys-selinux"}

// checkLastTry hears the visitor's last word in the log where nothing else was
// found that keeps them out. Where sshd names a fault that is mostly not the
// server's, and that the next try may not have, no more than degrading is said.
func checkLastTry(v *view, p *part) {
	if slices.ContainsFunc(p.others, func(f report.Finding) bool {
		return f.Impact == report.Blocking || f.Impact == report.Degrading && slices.Contains(tellMore[:], f.Cause)
	}) {
		return
	}
	last := lastConnection(v.attempts())
	if slices.ContainsFunc(last, func(e facts.Entry) bool { return strings.HasPrefix(e.Message, "Accepted ") }) {
		last = nil
	}
	for _, x := range failures {
		i := slices.IndexFunc(last, func(e facts.Entry) bool {
			return strings.Contains(e.Message, x.says) && strings.Contains(e.Message, x.also)
		})
		if i < 0 || slices.ContainsFunc(p.others, func(f report.Finding) bool { return f.Cause == x.cause }) {
			continue
		}
		f := p.found(x.cause, report.Degrading, "The last try of %s%s failed: %s.", v.visitor(), v.ago(last[i].Time), x.means)
		f.Certainty = report.Likely
		quoteEntries(f, last[max(0, len(last)-maxAttemptLines):])
		advise(f, x.remedy)
		v.stillLacking(f, last[i])
		return
	}
	v.unexplained(p)
}

// maxAttemptLines is how many lines of one connection are shown.
const maxAttemptLines = 5

// offers are the lists that two programs settle on before a login, by the words
// that sshd has for the one they have nothing of in common (kex.c).
var offers = [...]struct{ says, keyword string }{
	{"no matching key exchange", "kexalgorithms"}, {"no matching host key type", "hostkeyalgorithms"},
	{"no matching cipher", "ciphers"}, {"no matching MAC", "macs"},
}

// stillLacking makes a finding blocking where the server's list still has nothing
// of what the visitor's program offered: that program gets in by no other try.
func (v *view) stillLacking(f *report.Finding, e facts.Entry) {
	_, offer, ok := strings.Cut(plainWords(e.Message), "Their offer: ")
	for _, o := range offers {
		list := v.Effective.Fields(o.keyword)
		if !ok || !v.q.Client.IsValid() || !strings.Contains(e.Message, o.says) || len(list) == 0 {
			continue
		}
		has := strings.Split(strings.Join(list, ","), ",")
		if !slices.ContainsFunc(strings.Split(offer, ","), func(a string) bool { return slices.Contains(has, a) }) {
			f.Impact = report.Blocking
			quote(f, v.Effective.Quote(o.keyword)...)
		}
	}
}

// unexplained: the visitor was refused, nothing that a login goes by was changed
// since, and no check says why. So it will be refused again. Where the
// configuration on disk is not the one in force, that may be why.
func (v *view) unexplained(p *part) {
	t, ok := v.lastWord()
	since, known := v.lastChange()
	if !ok || !known || t.word.Time <= since.At || v.q.User == "" || !v.conclusive(t) {
		return
	}
	if t.checked != "" && !slices.Contains(dated[:], t.checked) {
		return
	}
	for _, f := range p.others {
		if f.Cause == "config-not-applied" && f.Remedy != nil {
			g := p.found(f.Cause, report.Blocking, "%s was refused %s by the configuration that the running SSH server has read; what stands in the files since is not in force.", v.visitor(), v.when(t.word.Time))
			g.Certainty, g.Remedy = report.Likely, f.Remedy
			g.Evidence = slices.Clone(f.Evidence)
			quoteEntries(g, t.lines[max(0, len(t.lines)-maxAttemptLines):])
			return
		}
	}
	words := fmt.Sprintf("%s was refused %s%s, and nothing that was found here says why: %s.",
		v.visitor(), v.when(t.word.Time), v.ago(t.word.Time), strings.TrimSuffix(plainWords(t.word.Message), "."))
	if t.end == turnedAway {
		words = fmt.Sprintf("%s tried to log in %s%s, and no key that was offered was taken; which ones they were, the log does not say, and there is no other way in.",
			v.visitor(), v.when(t.word.Time), v.ago(t.word.Time))
	}
	f := p.found("refused-unexplained", report.Blocking, "%s", words)
	f.Certainty = report.Likely
	quoteEntries(f, t.lines[max(0, len(t.lines)-maxAttemptLines):])
	quote(f, since.Quote)
	if t.end == turnedAway {
		advise(f, "Compare the visitor's key (ssh-keygen -lf, there) with those of the account, or ask again with its fingerprint (--key). If it is the right one, have sshd say more (LogLevel DEBUG3), let the visitor try again, and read what it logs.",
			do("journalctl -n 50 _COMM=sshd + _COMM=sshd-session + _COMM=sshd-auth", ""))
		return
	}
	advise(f, "Look at what these lines name; have sshd say more (LogLevel DEBUG3), let the visitor try again, and read what it logs.",
		do("journalctl -n 50 _COMM=sshd + _COMM=sshd-session + _COMM=sshd-auth", ""))
}

// dated are the causes that hang on files alone whose changes leave a time behind: a check
// that finds none of them after such a refusal has read another configuration than sshd.
var dated = [...]string{"user-not-allowed", "root-login-disabled", "tcp-wrappers-deny"}

// conclusive reports whether the try shows that the next one ends in the same way.
// One that was turned away with what it offered does only where nothing else could
// be offered: a person who is asked for a password may give up, and come back.
func (v *view) conclusive(t try) bool {
	switch t.end {
	case refused:
		return true
	case turnedAway:
		return v.q.Client.IsValid() && v.known() && v.passwordWay() == no
	}
	return false
}

// lastChange is when something was last changed that logins go by, as far as it
// leaves a time behind: the boot, the start or reload of the server, a fix, a file
// that each login reads. ok is false where that cannot be told.
func (v *view) lastChange() (c facts.Change, ok bool) {
	if v.taken == 0 || v.System.Uptime == 0 {
		return c, false
	}
	c = facts.Change{At: v.taken - int64(v.System.Uptime), Quote: v.System.UpBy}
	at, reads := v.readConfigAt()
	switch {
	case reads && at > c.At:
		c = facts.Change{At: at}
	case !reads && !v.idle() && !v.perConnection():
		return c, false
	case !reads: // sshd is started for each connection, and reads its files then
		for _, name := range slices.Sorted(maps.Keys(v.Config.ModTimes)) {
			if m := v.Config.ModTimes[name]; m > c.At {
				c = facts.Change{At: m, Quote: facts.Quote{Source: "stat " + name, Text: fmt.Sprintf("mtime %d", m)}}
			}
		}
	}
	if v.Changed.At > c.At {
		c = v.Changed
	}
	if v.q.Changed > c.At {
		c = facts.Change{At: v.q.Changed}
	}
	return c, true
}
