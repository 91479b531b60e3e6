package client

import (
	"fmt"
	"strings"

	"sshwhy/internal/report"
	"sshwhy/internal/shquote"
)

// forwards judges the forwardings that were asked for; it reports whether they
// stand in the place of a session.
func (d *diagnosis) forwards() bool {
	for _, l := range d.o.Listeners {
		if l.Errno == "" {
			continue
		}
		d.find("forward-bind-failed", report.Confirmed, fmt.Sprintf("The forwarding %q cannot listen here: %s.", l.Option, l.Text),
			[]report.Evidence{{Source: "listen for " + l.Option, Excerpt: l.Text}},
			advice("Use another local port, or end the program that holds this one.", onClient("sudo ss -tlnp")))
		if d.o.Config.Get("exitonforwardfailure") != "yes" {
			d.lowerImpact(report.Degrading)
		}
	}
	o := d.o.Onward
	if o == nil {
		return false
	}
	evidence := []report.Evidence{{Source: "connection onward to " + o.Target, Excerpt: o.Err}}
	switch {
	case o.Err == "":
		d.stage(report.StageSession, report.StatusOK, 0, "connected onward to %s", o.Target)
	case o.Prohibited:
		d.stage(report.StageSession, report.StatusFailed, 0, "%s", o.Err)
		d.find("forwarding-disabled", report.Confirmed, fmt.Sprintf("%s does not allow connections onward to %s (AllowTcpForwarding, PermitOpen, or an option of the key).", d.host, o.Target), evidence,
			&report.Remedy{Kind: report.Open, Summary: "Allow the forwarding on that server, if it is meant to be used so.",
				Steps: []report.Step{onServer("sudo sshd -T | grep -i -E 'forwarding|permitopen'")}})
	default:
		d.stage(report.StageSession, report.StatusFailed, 0, "%s", o.Err)
		for _, b := range onwardErrors {
			if strings.Contains(o.Err, b.words) {
				d.find(b.cause, report.Confirmed, fmt.Sprintf(b.summary, o.Target, d.host), evidence, advice("Look from that machine.", onServer("sshwhy "+shquote.Operand(o.Target))))
				return true
			}
		}
		d.find("connection-refused", report.Likely, fmt.Sprintf("%s cannot connect onward to %s: %s.", d.host, o.Target, o.Err), evidence,
			advice("Look from that machine.", onServer("sshwhy "+shquote.Operand(o.Target))))
	}
	return true
}
