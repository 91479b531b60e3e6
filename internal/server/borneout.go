package server

import (
	"slices"
	"strings"

	"sshwhy/internal/facts"
	"sshwhy/internal/report"
)

// bearing are sshd's words about each cause (auth.c, auth2-pubkey.c, session.c,
// libwrap's refused(3), pam_unix(8), pam_nologin(8)).
var bearing = [...]struct {
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

// maxBearing is how many lines of the log are added to one finding.
const maxBearing = 2

// bearOut adds to each finding the last lines of the log that bear it out: those of
// the visitor's own connections where a visitor was asked about.
func bearOut(v *view, findings []report.Finding) {
	log := v.Journal.Entries
	if v.q.Client.IsValid() || v.q.User != "" {
		log = v.attempts()
	}
	for i := range findings {
		f := &findings[i]
		left, says := maxBearing, []string(nil)
		for _, x := range bearing {
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
