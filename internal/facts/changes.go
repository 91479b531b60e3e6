package facts

import (
	"fmt"
	"slices"
	"strings"

	"sshwhy/internal/evidence"
)

// Change is when a file was last written that a login depends on.
type Change struct {
	At    int64 // seconds since 1970
	Quote Quote
}

// loginFiles begin the names of files that sshd and what it asks read anew for
// each login, beside sshd_config, which the running server has read before.
var loginFiles = [...]string{
	"/etc/pam.d/", "/etc/pam.conf", "/usr/lib/pam.d/", "/etc/security/", "/etc/hosts.allow", "/etc/hosts.deny",
	"/etc/nsswitch.conf", "/etc/login.", "/etc/nologin", "/run/nologin", "/var/run/nologin", "/etc/shells", "/etc/passwd", "/etc/group", "/etc/shadow",
}

// itemEtc tells when a file that lay directly in /etc was last put there or taken
// away: nologin leaves no other trace when it goes.
var itemEtc = evidence.Stat("/etc")

func wantChange(*evidence.Bundle, Ask) []evidence.Item { return []evidence.Item{itemEtc} }

// parseChange finds the newest of the files that were looked at: until then what
// the log says of logins may no longer hold. Permissions do not count, whose
// changes leave no such time, nor do directories but /etc, whose time changes with every name in them.
func parseChange(b *evidence.Bundle) Change {
	var c Change
	see := func(path string, m *evidence.Meta) {
		if m != nil && (m.Type == "file" || path == itemEtc.Path) && m.MTime > c.At {
			c = Change{At: m.MTime, Quote: Quote{Source: "stat " + path, Text: fmt.Sprintf("mtime %d", m.MTime)}}
		}
	}
	for _, key := range b.Keys() {
		kind, as, path := evidence.CutKey(key)
		if kind == evidence.KindCommand || as == "" && !ofLogins(path) {
			continue
		}
		r := b.Lookup(key)
		see(path, r.Meta)
		for i := range r.Matches {
			see(r.Matches[i].Path, &r.Matches[i].Meta)
		}
	}
	return c
}

// ofLogins reports whether each login goes by a file or a pattern of files, beside
// those that are looked at as the user, which all are.
func ofLogins(path string) bool {
	return path == itemEtc.Path || strings.Contains(path, "/.ssh/") ||
		slices.ContainsFunc(loginFiles[:], func(f string) bool { return strings.HasPrefix(path, f) })
}
