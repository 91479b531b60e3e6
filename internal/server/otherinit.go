package server

import (
	"fmt"
	"strings"

	"sshwhy/internal/facts"
	"sshwhy/internal/report"
	"sshwhy/internal/shquote"
)

// The service stage where the init is not systemd: sysvinit, OpenRC, runit, and
// containers and WSL machines in which nothing starts services at all. Those
// managers remember little: of a server that does not run, mostly only that.

// stoppedScript looks at a server that does not run.
func (v *view) stoppedScript(p *part) {
	switch {
	case !v.Listeners.Origin.Known():
		p.cannot("service", "could not see whether sshd listens: "+v.Listeners.Origin.Reason)
		return
	case len(v.Listeners.On(v.q.Client, v.port)) > 0 && !v.Listeners.Owners:
		p.cannot("service", "something listens on the port; whose it is needs root to see")
		return
	case v.NotToBeRun.Known() && v.Script.Name == "ssh":
		v.notToBeRun(p)
		return
	}
	s := v.Script
	var f *report.Finding
	switch {
	case s.State == facts.StateStarted && s.Dir != "" && !v.startWouldFail() && v.endedByOrder():
		p.cannot("service", fmt.Sprintf("%s says that runit has started %s, and it does not listen yet: look again in a few seconds", s.Quote.Source, s.Name))
		return
	case s.State == facts.StateCrashed:
		f = p.found("service-failed", report.Blocking, "The SSH server died: OpenRC started %s, and its process is gone.", s.Name)
	case (s.State == facts.StateFailed || s.State == facts.StateStarted) && s.Dir != "":
		f = p.found("service-failed", report.Blocking, "runit starts %s again and again, and it ends at once%s.", s.Name, v.lastWords())
	case s.State == facts.StateFailed:
		f = p.found("service-failed", report.Blocking, "OpenRC could not start %s.", s.Name)
	case v.startWouldFail():
		// sysvinit does not remember whether it was stopped or failed; the
		// cause that another check names keeps it from starting either way.
		f = p.found("service-failed", report.Blocking, "The SSH server does not run, and would not start%s.", v.lastWords())
		f.Certainty = report.Likely
	default:
		f = p.found("service-stopped", report.Blocking, "The SSH server is installed and does not run.")
		if s.State == facts.StateUnseen {
			f.Summary = fmt.Sprintf("The SSH server does not run: runit does not know its service, since %s does not exist.", s.Link)
		}
	}
	quote(f, s.Quote)
	if f.Cause == "service-failed" {
		quote(f, s.Log...)
	}
	if s.State == facts.StateUnseen {
		quote(f, facts.Quote{Source: s.Dir, Text: "exists"}, facts.Quote{Source: "stat " + s.Link, Text: "No such file or directory"})
	}
	quote(f, facts.Quote{Source: v.Listeners.Origin.Source, Text: v.listenText()})
	switch {
	case f.Cause == "service-failed" && s.State != facts.StateCrashed:
		advise(f, "Mend what keeps it from running, then start it again.", v.startScript())
	case v.System.Init == facts.InitNone && s.Name == "":
		mend(f, "Start the SSH server; in a container, make it part of what the container runs, or it is gone after the next start.", v.startScript())
	default:
		mend(f, "Start the SSH server.", v.startScript())
	}
}

// lastWords is the last thing a runit service wrote of its own before it ended; what its
// scripts say at each start and end is left out.
func (v *view) lastWords() string {
	for i := len(v.Script.Log) - 1; i >= 0; i-- {
		_, words, ok := strings.Cut(v.Script.Log[i].Text, " ") // svlogd puts the time first
		if ok && words != "" && !strings.HasSuffix(words, " Stopped") && !strings.HasPrefix(words, "Starting ") {
			return ": " + strings.TrimSuffix(words, ".")
		}
	}
	return ""
}

// endedByOrder reports whether a runit service that was seen between its start and its
// listening tells of no failure: its log is empty, or ends with a good start or an ordered end.
// One look cannot tell such a start from the next of many.
func (v *view) endedByOrder() bool {
	last := v.lastWords()
	return last == "" || strings.Contains(last, "Received signal 15") || strings.HasPrefix(last, ": Server listening on ")
}

// startWouldFail reports whether another check names what keeps sshd from starting.
func (v *view) startWouldFail() bool {
	if _, broken := v.Test.ConfigBroken(); broken {
		return true
	}
	for _, kind := range []facts.ProblemKind{facts.ProblemNoHostKeys, facts.ProblemPrivsepUser} {
		if _, is := v.Test.First(kind); is && v.Root {
			return true
		}
	}
	if _, is := v.Test.First(facts.ProblemPrivsepDir); is && !v.madeAtStart() {
		return true
	}
	if v.Test.Broken() {
		return true
	}
	free := 0
	for _, e := range v.want {
		if len(v.overlapping(e)) == 0 && (e.Addr.IsUnspecified() || !v.Links.Origin.Known() || v.Links.Has(e.Addr)) {
			free++
		}
	}
	return len(v.want) > 0 && free == 0 && !v.otherServer()
}

// otherServer reports whether the service here is not OpenSSH's.
func (v *view) otherServer() bool {
	return v.Script.Name != "" && v.Script.Name != "ssh" && v.Script.Name != "sshd"
}

// notToBeRun: Debian's init script and runit directory honour the file as its unit does.
func (v *view) notToBeRun(p *part) {
	file := v.NotToBeRun.Source
	f := p.found("service-condition-unmet", report.Blocking, "The file %s keeps the SSH server from being started.", file)
	quote(f, facts.Quote{Source: "stat " + file, Text: "exists"}, v.Script.Quote)
	rm := do("rm "+shquote.Operand(file), "touch "+shquote.Operand(file))
	rm.Act = &report.Action{Kind: report.ActRemove, Path: file, Opens: "everyone who may log in by SSH: the server runs again"}
	mend(f, "Remove the file and start the server. Somebody put it there on purpose: ask why first.", rm, v.startScript())
}

// scriptAtBoot looks for a server that the next boot will not start.
func (v *view) scriptAtBoot(p *part) {
	s := v.Script
	if v.WSL.Here() && v.hasServer() && v.WSL.Boot.Text == "" {
		f := p.found("service-disabled", report.Latent, "Nothing starts the SSH server when this WSL machine starts.")
		quote(f, v.WSL.Kernel, facts.Quote{Source: "/proc/1/comm", Text: v.System.PID1})
		advise(f, "Let WSL run systemd (systemd=true under [boot] in /etc/wsl.conf), or start the server there by a command (command=\"service ssh start\"); then restart WSL from Windows (wsl --shutdown).")
		return
	}
	if s.Name == "" || s.Enabled == nil || *s.Enabled || s.State == facts.StateUnseen && !v.serving() {
		return
	}
	f := p.found("service-disabled", report.Latent, "The SSH service %s does not start at boot.", s.Name)
	quote(f, s.AtBoot...)
	switch v.System.Init {
	case facts.InitOpenRC:
		f.Summary = fmt.Sprintf("The SSH service %s is in no runlevel that is entered at boot, so it does not start then.", s.Name)
		quote(f, facts.Quote{Source: s.Origin.Source, Text: "exists"}, facts.Quote{Source: "ls /etc/runlevels/*/" + s.Name, Text: "No such file or directory"})
	case facts.InitRunit:
		if s.Dir != "" {
			quote(f, facts.Quote{Source: s.Dir, Text: "exists"})
			if s.State == facts.StateUnseen {
				quote(f, facts.Quote{Source: "stat " + s.Link, Text: "No such file or directory"})
			}
		}
	default:
		if len(s.AtBoot) == 0 {
			quote(f, facts.Quote{Source: s.Origin.Source, Text: "exists"},
				facts.Quote{Source: "ls /etc/rc" + s.Level + ".d/S??" + s.Name, Text: "No such file or directory"})
		}
	}
	mend(f, "Let it start at boot.", v.enableScript())
}

// startScript starts the server in the language of its manager.
func (v *view) startScript() report.Step {
	s := v.Script
	switch {
	case s.Dir != "" && s.State == facts.StateUnseen:
		return v.enableScript() // runsvdir starts what is linked
	case s.Dir != "":
		return v.script(report.VerbStart, "runit", "sv start "+shquote.Operand(s.Name), "sv stop "+shquote.Operand(s.Name))
	case v.System.Init == facts.InitOpenRC && s.State == facts.StateCrashed:
		// To OpenRC it still counts as started, and a start would do nothing.
		return v.script(report.VerbRestart, "openrc", "rc-service "+shquote.Operand(s.Name)+" restart", "rc-service "+shquote.Operand(s.Name)+" stop")
	case v.System.Init == facts.InitOpenRC:
		name := v.scriptName()
		return v.script(report.VerbStart, "openrc", "rc-service "+shquote.Operand(name)+" start", "rc-service "+shquote.Operand(name)+" stop")
	case s.Name != "":
		return v.script(report.VerbStart, "sysv", "service "+shquote.Operand(s.Name)+" start", "service "+shquote.Operand(s.Name)+" stop")
	}
	return do("mkdir -p /run/sshd && "+shquote.Word(v.sshd()), "kill $(cat /run/sshd.pid)")
}

// restartScript makes the running server take a new configuration.
func (v *view) restartScript() report.Step {
	name := v.scriptName()
	switch {
	case v.Script.Dir != "" && v.Script.State != facts.StateUnseen:
		return v.script(report.VerbRestart, "runit", "sv restart "+shquote.Operand(name), "")
	case v.System.Init == facts.InitOpenRC:
		return v.script(report.VerbRestart, "openrc", "rc-service "+shquote.Operand(name)+" restart", "")
	case v.Script.Name != "" && v.Script.Dir == "":
		return v.script(report.VerbRestart, "sysv", "service "+shquote.Operand(name)+" restart", "")
	}
	return do("kill -HUP $(cat /run/sshd.pid)", "")
}

// enableScript has the server started at boot.
func (v *view) enableScript() report.Step {
	s := v.Script
	switch {
	case s.Dir != "" && s.State == facts.StateUnseen:
		// runsvdir looks every five seconds for what is new.
		step := known([]string{"ln", "-s", s.Dir, s.Link}, []string{"rm", s.Link}, s.Link)
		step.Do += " && sleep 6"
		step.Act.Argv = []string{"sh", "-c", step.Do}
		return step
	case s.Dir != "":
		return known([]string{"rm", s.Dir + "/down"}, []string{"touch", s.Dir + "/down"}, s.Dir+"/down")
	case v.System.Init == facts.InitOpenRC:
		return v.script(report.VerbEnable, "openrc", "rc-update add "+shquote.Operand(s.Name)+" default", "rc-update del "+shquote.Operand(s.Name)+" default")
	case s.Linked: // `update-rc.d NAME defaults` leaves links as they are
		return v.script(report.VerbEnable, "sysv", "update-rc.d "+shquote.Operand(s.Name)+" enable", "update-rc.d "+shquote.Operand(s.Name)+" disable")
	}
	return v.script(report.VerbEnable, "sysv", "update-rc.d "+shquote.Operand(s.Name)+" defaults", "update-rc.d "+shquote.Operand(s.Name)+" remove")
}
