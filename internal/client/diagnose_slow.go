package client

import (
	"fmt"

	"sshwhy/internal/report"
)

// slowLogin is for a login that works and takes long before its first answer.
func (d *diagnosis) slowLogin(l *Login) {
	const slow = 3000
	phases := []struct {
		ms   float64
		what string
	}{
		{l.FirstMs, "before the server's first word about the login: a look-up of the client's name (UseDNS) or GSSAPI is likely"},
		{l.Ms - l.FirstMs, "while the key and the account are checked: PAM, or a program that looks up accounts or keys, is likely"},
		{0, "after the login, until a command ran: PAM's session modules (pam_systemd, pam_mount), the home on a network, or start-up files of the shell"},
	}
	if o := d.o.Session; o != nil && o.Ran && d.o.OwnSSH == nil {
		phases[2].ms = o.Ms
	}
	total, longest := 0.0, phases[0]
	for _, p := range phases {
		total += p.ms
		if p.ms > longest.ms {
			longest = p
		}
	}
	if total < slow {
		return
	}
	d.find("login-slow", report.Likely, fmt.Sprintf("Logging in to %s takes %s, of which %s pass %s.", d.host, seconds(total), seconds(longest.ms), longest.what),
		[]report.Evidence{{Source: "login at " + d.o.Chosen, Excerpt: fmt.Sprintf("first answer after %.0f ms, logged in after %.0f ms, a command had run %.0f ms later", l.FirstMs, l.Ms, phases[2].ms)}},
		advice("On the server look at what takes the time.", onConsole()))
	d.lowerImpact(report.Degrading)
}
