package client

import (
	"fmt"
	"strings"

	"sshwhy/internal/report"
	"sshwhy/internal/shquote"
)

// ownSSH judges a login that the user's own ssh made in our place. Its exit
// status alone decides: what its words mean is not read here.
func (d *diagnosis) ownSSH(o *OwnSSH) {
	l := d.o.Login
	switch {
	case l.OK:
		d.stage(report.StageAuth, report.StatusOK, l.Ms, "%s logged in by ssh itself, which has %s", l.User, o.Why)
		if s := d.o.Session; s != nil && s.Ran { // its time holds the command's, which did nothing
			d.slowLogin(l)
		}
		return
	case o.End == EndCancelled:
		d.stage(report.StageAuth, report.StatusUnknown, o.Ms, "not complete before it was stopped")
		return
	case o.Exit == 255 && len(l.interactive()) > 0:
		d.stage(report.StageAuth, report.StatusUnknown, o.Ms, "%s: the server asks for a password, which is not tried", l.User)
		d.incomplete("login", "the server goes on to "+strings.Join(l.interactive(), " or ")+", which needs typing and was not tried")
		d.stop = true
		return
	case o.Exit == 255:
		d.stage(report.StageAuth, report.StatusUnknown, o.Ms, "ssh itself was run and failed")
	default:
		d.stage(report.StageAuth, report.StatusUnknown, o.Ms, "ssh itself was run: %s", o.Err)
	}
	d.stop = true
	if d.noDevice(o) {
		return
	}
	reason := "sshwhy lacks " + o.Why + ", so ssh itself was run: "
	if o.Exit == 255 {
		reason += "it failed and said " + fmt.Sprintf("%q", lastLine(withoutDebug(o.Said)))
	} else {
		reason += o.Err
	}
	d.incomplete("login by ssh itself", reason) // whoever can read its words settles it: see package joined
}

// noDevice names a security key that is not there, in ssh's words:
// signing failed for ED25519-SK "FILE": device not found (sshconnect2.c, ssh-sk.c).
func (d *diagnosis) noDevice(o *OwnSSH) bool {
	for _, k := range d.o.Login.Keys {
		if k.Fault != FaultTouch {
			continue
		}
		for line := range strings.Lines(o.Said) {
			if strings.Contains(line, "signing failed for ") && strings.Contains(line, "device not found") && strings.Contains(line, k.File) {
				d.find("agent-refused", report.Confirmed,
					fmt.Sprintf("%s accepts the key %s, which only works together with its security key, and no such device is found here.", d.host, k.Label()),
					[]report.Evidence{{Source: "ssh -v, run by sshwhy", Excerpt: strings.TrimSpace(line)}, {Source: k.File, Excerpt: k.Type + " " + k.Fingerprint}},
					advice("Plug the security key in, or use another key.", onClient("ssh-keygen -lf "+shquote.Path(k.File)), onClient(d.ssh(""))))
				return true
			}
		}
	}
	return false
}

// with says how the login succeeded.
func (d *diagnosis) with() string {
	if d.o.OwnSSH != nil {
		return "by ssh itself"
	}
	return d.o.Login.with()
}

// withoutDebug drops the debug lines of `ssh -v`.
func withoutDebug(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "debug") && !strings.HasPrefix(line, "OpenSSH_") {
			b.WriteString(line)
		}
	}
	return b.String()
}
