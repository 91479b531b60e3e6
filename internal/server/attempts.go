package server

import (
	"fmt"
	"slices"
	"strings"

	"sshwhy/internal/evidence"
	"sshwhy/internal/facts"
	"sshwhy/internal/report"
)

// What the log says of the visitor: which connections were theirs, and which of
// its lines bear out a finding or name a fault that no setting shows.

// attempts returns the lines of the visitor's connections, oldest first: those
// that name the address and account asked about, and what else the same process
// wrote of the same connection. Nothing where no visitor was asked about.
func (v *view) attempts() []facts.Entry {
	ask := v.q.ask()
	all := slices.Concat(v.Journal.Earlier, v.Journal.Entries)
	listener := v.listenerPIDs()
	type connection struct{ client, user, other bool }
	byPID := map[int]connection{}
	for _, e := range all {
		c := byPID[e.PID]
		c.client = c.client || e.NamesClient(ask)
		c.user = c.user || e.NamesUser(ask)
		c.other = c.other || strings.Contains(e.Message, " user ") || strings.Contains(e.Message, " for ")
		byPID[e.PID] = c
	}
	mine := func(c connection) bool {
		return (c.client || !v.q.Client.IsValid()) && (c.user || v.q.User == "" || v.q.Client.IsValid() && !c.other) && (c.client || c.user)
	}
	var out []facts.Entry
	for _, e := range all {
		c := byPID[e.PID]
		if e.PID == 0 || slices.Contains(listener, e.PID) { // one process, all connections
			c = connection{e.NamesClient(ask), e.NamesUser(ask), strings.Contains(e.Message, " user ")}
		}
		if e.SSH() && mine(c) {
			out = append(out, e)
		}
	}
	return out
}

// proofs are sshd's words about each cause (auth.c, auth2-pubkey.c, session.c,
// libwrap's refused(3), pam_unix(8), pam_nologin(8)).
var proofs = [...]struct {
	cause string
	says  []string
}{
	{"tcp-wrappers-deny", []string{"refused connect from"}},
	{"user-unknown", []string{"Invalid user "}},
	{"user-not-allowed", []string{"not allowed because"}},
	{"root-login-disabled", []string{"ROOT LOGIN REFUSED"}},
	{"account-locked", []string{"account is locked", "has expired (account expired)"}},
	{"password-expired", []string{"expired password for user", "password has expired", "new password required"}},
	{"shell-invalid", []string{"not allowed because shell"}},
	{"nologin-file", []string{"pam_nologin", "by PAM account configuration"}},
	{"authorized-keys-permissions", []string{"bad ownership or modes for", "Could not open"}},
	{"authorized-keys-selinux", []string{"Could not open"}},
	{"authorized-keys-command-failed", []string{"AuthorizedKeysCommand"}},
	{"chroot-permissions", []string{"chroot directory", "chroot("}},
	{"home-missing", []string{"Could not chdir to home directory"}},
	{"password-auth-disabled", []string{"by authenticating user", "from authenticating user"}},
	{"pubkey-auth-disabled", []string{"by authenticating user", "from authenticating user"}},
	{"authorized-keys-missing", []string{"by authenticating user", "from authenticating user"}},
	{"authorized-keys-location", []string{"by authenticating user", "from authenticating user"}},
}

// maxProofs is how many lines of the log are added to one finding.
const maxProofs = 2

// prove adds to each finding the last lines of the log that bear it out: those of
// the visitor's own connections where a visitor was asked about.
func prove(v *view, findings []report.Finding) {
	log := v.Journal.Entries
	if v.q.Client.IsValid() || v.q.User != "" {
		log = v.attempts()
	}
	for i := range findings {
		f := &findings[i]
		left, says := maxProofs, []string(nil)
		for _, x := range proofs {
			if x.cause == f.Cause {
				says = x.says
			}
		}
		var lines []facts.Entry
		for _, e := range slices.Backward(log) {
			said := slices.ContainsFunc(says, func(s string) bool { return strings.Contains(e.Message, s) })
			known := slices.ContainsFunc(f.Evidence, func(x report.Evidence) bool { return x.Excerpt == e.Quote.Text })
			if said && left > 0 {
				if left--; !known {
					lines = append(lines, e)
				}
			}
		}
		slices.Reverse(lines)
		quoteEntries(f, lines)
	}
}

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

// checkAttempts looks at the visitor's last connection where nothing else was
// found that keeps them out. The server is not at fault in most of these, and
// the next try may be another one, so no more than degrading is said.
func checkAttempts(v *view, p *part) {
	if slices.ContainsFunc(p.others, func(f report.Finding) bool {
		return f.Impact == report.Blocking || f.Impact == report.Degrading && slices.Contains(tellMore[:], f.Cause)
	}) {
		return
	}
	last := lastConnection(v.attempts())
	if slices.ContainsFunc(last, func(e facts.Entry) bool { return strings.HasPrefix(e.Message, "Accepted ") }) {
		return
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
		return
	}
}

// maxAttemptLines is how many lines of one connection are shown.
const maxAttemptLines = 5

// lastConnection are the lines of the newest connection: those at the end that
// one process wrote.
func lastConnection(lines []facts.Entry) []facts.Entry {
	if len(lines) == 0 {
		return nil
	}
	pid := lines[len(lines)-1].PID
	return slices.DeleteFunc(slices.Clone(lines), func(e facts.Entry) bool { return e.PID != pid })
}

// visitor names who was asked about.
func (v *view) visitor() string {
	switch {
	case v.q.User == "":
		return v.q.Client.Unmap().String()
	case v.q.Client.IsValid():
		return v.q.User + " from " + v.q.Client.Unmap().String()
	}
	return v.q.User
}

// ago says how long before the look a time was, " (3 hours ago)"; "" where one
// of the two is not known.
func (v *view) ago(at int64) string {
	d := v.taken - at
	for _, u := range [...]struct {
		seconds int64
		name    string
	}{{86400, "days"}, {3600, "hours"}, {60, "minutes"}} {
		if at > 0 && d >= 2*u.seconds {
			return fmt.Sprintf(" (%d %s ago)", d/u.seconds, u.name)
		}
	}
	return ""
}

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
