package server

import (
	"fmt"
	"slices"
	"strings"

	"sshwhy/internal/facts"
	"sshwhy/internal/firewall"
	"sshwhy/internal/report"
	"sshwhy/internal/shquote"
)

// Who else holds the port: a program that starts others (inetd, a socket unit),
// the helper that publishes a container's port, a program inside a container,
// another SSH server than the service's.

// publishers are the helpers that carry a host's port into a container.
var publishers = []string{"docker-proxy", "rootlessport", "rootlesskit", "slirp4netns", "pasta", "pasta.avx2"}

// startedFor returns what is started for each connection to a listener.
func (v *view) startedFor(l facts.Listener) (facts.Behind, bool) {
	for _, x := range v.Behind {
		if x.Port == l.Port && (l.OwnedBy(x.By) || x.By == "systemd" && len(l.Owners) > 0 && l.Owners[0].PID == 1) {
			return x, true
		}
	}
	return facts.Behind{}, false
}

// perConnection reports whether sshd is started anew for each connection by
// something else than its own socket unit: what keeps it from starting then
// keeps everyone out although the port is open.
func (v *view) perConnection() bool {
	return len(v.ours) > 0 && !slices.ContainsFunc(v.ours, func(l facts.Listener) bool {
		x, ok := v.startedFor(l)
		return !ok || !strings.HasPrefix(x.Program, "sshd")
	})
}

// servedByOther reports whether SSH is served by something that no unit or
// script of the service needs to start: inetd, a socket unit of another name.
func (v *view) servedByOther() bool {
	return len(v.ours) > 0 && !slices.ContainsFunc(v.ours, func(l facts.Listener) bool {
		_, ok := v.startedFor(l)
		return !ok
	})
}

// whose names a process with its unit, its container or what it stands for.
func (v *view) whose(o facts.Owner, port int) string {
	s := fmt.Sprintf("pid %d", o.PID)
	for _, x := range v.Behind {
		switch {
		case x.Port != port:
		case x.By == "systemd" && o.PID == 1:
			return s + ", for " + x.Unit
		case x.By == o.Name:
			return s + ", which starts " + x.Program + " for each connection"
		}
	}
	proc, ok := v.Processes[o.PID]
	switch {
	case slices.Contains(publishers, o.Name):
		s += ", which publishes a container's port"
		if to := flagValue(proc.Command, "-container-ip"); to != "" {
			s += fmt.Sprintf(", %s port %s", to, flagValue(proc.Command, "-container-port"))
		}
	case ok && proc.Container != "":
		s += " in the " + proc.Container
	case ok && proc.Unit != "":
		s += " of " + proc.Unit
	}
	if ok && proc.UID > 0 {
		s += fmt.Sprintf(", run by uid %d", proc.UID)
	}
	return s
}

// flagValue is the word after a flag in a command line.
func flagValue(command, flag string) string {
	words := strings.Fields(command)
	if i := slices.Index(words, flag); i >= 0 && i+1 < len(words) {
		return words[i+1]
	}
	return ""
}

// quoteOwner shows who holds a listener.
func (v *view) quoteOwner(f *report.Finding, l facts.Listener) {
	quote(f, l.Quote)
	if x, ok := v.startedFor(l); ok {
		quote(f, x.Quote)
	}
	o := l.Owners[0]
	if proc, ok := v.Processes[o.PID]; ok {
		quote(f, facts.Quote{Source: fmt.Sprintf("/proc/%d/cmdline", o.PID), Text: proc.Command}, proc.Cgroup)
	}
}

// adviseFreePort: which of the two programs is to have the port is the owner's
// choice, so this is never done automatically.
func (v *view) adviseFreePort(f *report.Finding, l facts.Listener) {
	o := l.Owners[0]
	proc := v.Processes[o.PID]
	x, behind := v.startedFor(l)
	what, steps := o.Name, []report.Step(nil)
	switch {
	case behind && x.By == "systemd":
		what = x.Unit
		steps = append(steps, do("systemctl stop "+shquote.Operand(x.Unit), "systemctl start "+shquote.Operand(x.Unit)))
	case behind:
		what = fmt.Sprintf("%s (line %d of %s)", x.Program, x.Quote.Line, x.Quote.Source)
	case slices.Contains(publishers, o.Name):
		what = "the container's published port"
		steps = append(steps, do(fmt.Sprintf("docker ps --filter publish=%d", l.Port), ""))
	case proc.Container != "":
		what = "the " + proc.Container
	case strings.HasSuffix(proc.Unit, ".service") && !strings.HasPrefix(proc.Unit, "user@"): // which is all of a user's
		steps = append(steps, do("systemctl stop "+shquote.Operand(proc.Unit), "systemctl start "+shquote.Operand(proc.Unit)))
	case o.PID > 1:
		steps = append(steps, do(fmt.Sprintf("kill %d", o.PID), ""))
	}
	advise(f, fmt.Sprintf("Let one of the two have port %d: move %s to another port or stop it, then start SSH.", l.Port, what), append(steps, v.revive()...)...)
}

// checkOtherServer looks for another SSH server where the service's own is to
// listen: visitors are served, though not by the one that is configured.
func checkOtherServer(v *view, p *part) {
	u := v.service
	if u == nil || u.Active() || u.Masked() || v.socketActive() || !v.Listeners.Owners {
		return
	}
	for _, e := range v.wantedHere() {
		for _, l := range v.ours {
			if l.Port != e.Port || len(l.Owners) == 0 || !(l.V4() && e.V4() || l.V6() && e.V6()) {
				continue
			}
			o := l.Owners[0]
			if !u.Failed() && !u.Enabled() || v.Processes[o.PID].Unit == u.Name {
				continue // the service is not meant to have the port
			}
			f := p.found("port-in-use", report.Latent, "Port %d is held by another SSH server, %s (%s), and not by %s, which does not run.", e.Port, o.Name, v.whose(o, l.Port), u.Name)
			v.quoteOwner(f, l)
			quote(f, u.Quote("ActiveState", "SubState", "MainPID"))
			quoteEntries(f, v.Journal.Last(1, "Address already in use"))
			advise(f, fmt.Sprintf("Logins work, by the other server's settings. To have those of %s, end the other one from a console, then start it.", u.Name),
				do(fmt.Sprintf("kill %d", o.PID), ""), v.start())
			return
		}
	}
}

// publishingChains begin the names of the chains in which container runtimes
// publish ports by rules alone (Docker, Podman's netavark, the CNI port mapper).
var publishingChains = []string{"DOCKER", "NETAVARK-", "nv_", "CNI-", "CNI_"}

// published: the port was given to a container by rules that rewrite the packets'
// destination, so that no program of this machine listens there.
func (pf *packetFilter) published(v *firewall.Verdict, c decider, impact report.Impact) bool {
	if v.Rule == nil || c.owner.Manager != firewall.ByDocker &&
		!slices.ContainsFunc(publishingChains, func(name string) bool { return strings.HasPrefix(v.Chain.Name, name) }) {
		return false
	}
	if slices.ContainsFunc(pf.part.findings, func(f report.Finding) bool { return f.Cause == "port-in-use" }) {
		return true // the other family
	}
	port := v.Port
	if port == 0 {
		port = uint16(pf.port)
	}
	f := pf.part.found("port-in-use", impact, "Port %d of this machine is published for a container: rules of its runtime send what comes in on to %s port %d, past the SSH server.", pf.port, v.To, port)
	pf.evidenceOf(f, v)
	advise(f, fmt.Sprintf("Let one of the two have port %d: publish the container's port under another number, or stop the container.", pf.port),
		do(fmt.Sprintf("docker ps --filter publish=%d", pf.port), ""))
	return true
}
