package client

import (
	"fmt"
	"strings"

	"sshwhy/internal/report"
	"sshwhy/internal/shquote"
)

// indirect judges the way over a jump host or a proxy command.
func (d *diagnosis) indirect() {
	if d.stop {
		return
	}
	if j := d.o.Jump; j != nil {
		d.jumped(j)
	}
	if p := d.o.Proxy; p != nil && !d.stop {
		d.proxied(p)
	}
}

// jumped takes over the diagnosis of the jump host.
func (d *diagnosis) jumped(j *Jump) {
	sub := Diagnose(j.Walk, d.r.Tool.Version)
	switch sub.Verdict {
	case report.VerdictBroken:
		d.stop = true
		first := sub.Findings[0]
		evidence := append([]report.Evidence{{Source: "diagnosis of the jump host " + j.Hop, Excerpt: first.Cause + ": " + first.Summary}}, first.Evidence...)
		d.find("jump-host-failed", first.Certainty, fmt.Sprintf("The way to %s leads over %s, and it fails there: %s", d.host, j.Hop, first.Summary), evidence, first.Remedy)
	case report.VerdictUnknown:
		d.stop = true
		d.incomplete("jump host", fmt.Sprintf("the way leads over %s: %s", j.Hop, sub.Headline))
		d.r.Incomplete = append(d.r.Incomplete, sub.Incomplete...)
	default:
		for _, f := range sub.Findings {
			f.Summary = "Jump host: " + f.Summary
			d.r.Findings = append(d.r.Findings, f)
		}
	}
}

// proxied judges a proxy that carried nothing.
func (d *diagnosis) proxied(p *Proxy) {
	b := d.o.Banner
	if b != nil && (b.End == "" || b.Ident.Bytes > 0 || b.End == EndCancelled) {
		return
	}
	said := strings.TrimSpace(p.Stderr)
	evidence := []report.Evidence{{Source: p.Command, Excerpt: strings.TrimSpace(fmt.Sprintf("%s\nexit %d %s", said, p.Exit, p.Err))}}
	if d.o.Jump != nil {
		if d.onwardFailed(said, evidence) {
			d.stop = true
			return
		}
	}
	d.stop = true
	why := lastLine(said)
	switch {
	case p.Exit < 0 && p.Err != "":
		why = "it could not be started: " + p.Err
	case p.Exit < 0 && why == "":
		why = "it carried nothing"
	case why == "":
		why = fmt.Sprintf("it ended with %d and said nothing", p.Exit)
	}
	d.find("proxy-command-failed", report.Confirmed,
		fmt.Sprintf("The command that is to carry the connection to %s fails: %s.", d.host, strings.TrimSuffix(why, ".")), evidence,
		advice("Run the command by hand; it should print a line that begins with SSH-2.0.", onClient(p.Command)))
}

// onwardErrors are the words in which ssh -W reports what the jump host met, from the
// error numbers that the jump host's sshd sends along (channels.c).
var onwardErrors = [...]struct{ words, cause, summary string }{
	{"administratively prohibited", "forwarding-disabled", "The jump host %[2]s does not allow connections onward to %[1]s (AllowTcpForwarding, PermitOpen)."},
	{"Connection refused", "connection-refused", "%[1]s refuses the connection that the jump host %[2]s makes to it: most likely no SSH server is listening there."},
	{"Connection timed out", "connection-timed-out", "Nothing answers at %[1]s when the jump host %[2]s connects to it."},
	{"No route to host", "host-unreachable", "The jump host %[2]s cannot find %[1]s on its network."},
	{"Network is unreachable", "network-unreachable-remote", "The jump host %[2]s has no route to %[1]s."},
	{"Name or service not known", "name-not-found", "The jump host %[2]s does not know a host called %[1]s."},
	{"Temporary failure in name resolution", "name-server-unreachable", "No name server answers the jump host %[2]s when it looks for %[1]s."},
}

// onwardFailed names what the jump host met on its way to the target.
func (d *diagnosis) onwardFailed(said string, evidence []report.Evidence) bool {
	for _, b := range onwardErrors {
		if !strings.Contains(said, b.words) {
			continue
		}
		d.find(b.cause, report.Confirmed, fmt.Sprintf(b.summary, d.host, d.o.Jump.Hop), evidence,
			advice("Look from the jump host.", report.Step{Do: "ssh " + shquote.Operand(d.o.Jump.Hop) + " then: ssh -v " + shquote.Operand(d.host), Where: report.OnClient}, onConsole()))
		return true
	}
	return false
}

// byProxy adds the line of a step that a proxy takes in our place.
func (d *diagnosis) byProxy(stage string) bool {
	switch {
	case d.o.Jump == nil && d.o.Proxy == nil:
		return false
	case d.stop && d.blocked() && stage == report.StageConnect:
		d.stage(stage, report.StatusFailed, 0, "%s", d.r.Findings[len(d.r.Findings)-1].Summary)
	case d.stop && stage == report.StageConnect:
		d.stage(stage, report.StatusUnknown, 0, "the jump host was not passed")
	case d.stop:
		d.stage(stage, report.StatusSkipped, 0, "")
	case d.o.Jump != nil:
		d.stage(stage, report.StatusOK, 0, "over the jump host %s", d.o.Jump.Hop)
	default:
		d.stage(stage, report.StatusOK, 0, "by the proxy command")
	}
	return true
}

func lastLine(s string) string {
	if i := strings.LastIndexByte(strings.TrimSpace(s), '\n'); i >= 0 {
		return strings.TrimSpace(s[i+1:])
	}
	return strings.TrimSpace(s)
}
