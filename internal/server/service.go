package server

import (
	"fmt"
	"slices"
	"strings"

	"sshwhy/internal/facts"
	"sshwhy/internal/report"
	"sshwhy/internal/shquote"
)

// serviceStage: does something run, or stand ready to run, the SSH server?
func serviceStage() stage {
	return stage{name: report.StageService, detail: serviceDetail, checks: []check{
		{nil, checkManager},
		{causes{"service-masked"}, checkMasked},
		{causes{"service-failed", "service-start-limit"}, checkFailed},
		{causes{"service-failed"}, checkStuck},
		{causes{"service-stopped", "service-failed", "service-condition-unmet"}, checkStopped},
		{causes{"service-disabled"}, checkEnabled},
		{causes{"socket-failed", "socket-stopped", "socket-trigger-limit"}, checkSocketUnit},
		{causes{"unit-invalid"}, checkLoaded},
		{causes{"sshd-hung"}, checkHung},
		{causes{"sshd-hung"}, checkFrozen},
		{causes{"unit-sandbox"}, checkSandbox},
		{causes{"config-not-applied"}, checkApplied},
		{causes{"config-not-applied"}, checkChanged},
		{causes{"upgrade-unfinished"}, checkReplaced},
	}}
}

func serviceDetail(v *view) string {
	switch {
	case v.socketActive():
		return v.socket.Name + " listens and starts the server when someone connects"
	case v.serviceActive():
		return fmt.Sprintf("%s is active, pid %s", v.service.Name, v.service.Props["MainPID"])
	case len(v.ours) > 0 && len(v.ours[0].Owners) > 0:
		o := v.ours[0].Owners[0]
		return fmt.Sprintf("%s runs, pid %d", o.Name, o.PID)
	}
	return ""
}

// checkManager says what is known of whatever starts services here.
func checkManager(v *view, p *part) {
	if !v.hasServer() {
		p.skipped = "no SSH server is installed"
		return
	}
	switch {
	case v.System.Init == facts.InitSystemd && !v.Units.Known():
		p.cannot("service", "systemd could not be asked: "+v.Units.Reason)
	case v.WSL.Here():
		p.also("service", "this is WSL without systemd, where nothing starts services: judged by processes and sockets alone")
		p.also("Windows", "its firewall and its port forward to WSL stand before this machine and cannot be seen from here")
	case v.System.Init == facts.InitNone:
		p.also("service", "no service manager runs here that sshwhy knows (process 1 is "+orUnknown(v.System.PID1)+"): judged by processes and sockets alone")
	}
}

func checkMasked(v *view, p *part) {
	for _, u := range []*facts.Unit{v.service, v.socket} {
		if u == nil || !u.Masked() || u == v.socket && (v.serving() || !v.socketNeeded()) {
			continue
		}
		f := p.found("service-masked", v.keepsOut(), "%s is masked: systemd refuses to start it.", u.Name)
		quote(f, u.Quote("LoadState", "UnitFileState", "FragmentPath", "ActiveState"))
		steps := []report.Step{v.unmask(u)}
		mend(f, "Take the mask off and start it. Somebody masked it on purpose: ask why first.", append(steps, v.revive()...)...)
	}
}

// unmask takes a mask off: the one in /run, which lasts until the next boot, by
// an option of its own.
func (v *view) unmask(u *facts.Unit) report.Step {
	s := unit(report.VerbUnmask, u.Name)
	if u.Props["UnitFileState"] == "masked-runtime" {
		s.Do, s.Undo = "systemctl unmask --runtime "+u.Name, "systemctl mask --runtime "+u.Name
	}
	s.Act.Opens = "everyone who may log in by SSH: the server runs again"
	return s
}

// socketNeeded: where the service requires the socket unit (Ubuntu), a masked
// socket keeps the service from starting, too.
func (v *view) socketNeeded() bool {
	return v.service == nil || !v.service.Enabled() ||
		slices.ContainsFunc(v.service.Setting("Requires"), func(q facts.Quote) bool { return strings.Contains(q.Text, v.socket.Name) }) ||
		strings.Contains(v.socket.Props["RequiredBy"], v.service.Name)
}

// checkFailed looks at a service that systemd could not start or keep running.
func checkFailed(v *view, p *part) {
	u := v.service
	if u == nil || !u.Failed() || u.Masked() {
		return
	}
	if v.socket != nil && v.socket.Failed() && v.socket.Props["Result"] == "service-start-limit-hit" {
		return // the socket gave up because of it, and its finding tells both
	}
	impact := v.keepsOut()
	if v.idle() {
		impact = report.Latent // the socket will start it again; whether that works, the other checks say
	}
	attempt := v.Journal.Attempt(u.Name)
	said := facts.Said(attempt)
	limit := v.Journal.Last(1, u.Name+": Start request repeated too quickly")
	if u.Props["Result"] == "start-limit-hit" || len(limit) > 0 && v.mendedSince(said) {
		f := p.found("service-start-limit", impact, "systemd gave up on %s after repeated starts or failures, and waits to be told to try again.", u.Name)
		quote(f, u.Quote("ActiveState", "SubState", "Result", "NRestarts", "StartLimitBurst"))
		quoteEntries(f, attempt)
		quoteEntries(f, limit)
		mend(f, "Clear the count of failures and start it again.", v.revive()...)
		return
	}
	words := "failed"
	switch n := u.Int("NRestarts"); {
	case u.Retried() && n > 1:
		words = fmt.Sprintf("fails and is started again and again (%d times so far)", n)
	case u.Retried():
		words = "fails and is started again"
	}
	f := p.found("service-failed", impact, "%s %s%s.", u.Name, words, v.failureWords(said))
	quote(f, u.Quote("ActiveState", "SubState", "Result", "ExecMainCode", "ExecMainStatus", "NRestarts"))
	quoteEntries(f, attempt)
	advise(f, "Mend what its log names (journalctl -u "+u.Name+"), then start it again.", v.revive()...)
	if v.Journal.Origin.Unseen() {
		p.also("log of "+u.Name, v.Journal.Origin.Reason)
	}
}

// stuckAfter is how many seconds a unit may be on its way before it is said to
// hang: sshd itself is up within one, a slow check before it within a few.
const stuckAfter = 10

// checkStuck looks at a service that neither comes up nor goes down.
func checkStuck(v *view, p *part) {
	u := v.service
	if u == nil || !u.Moving() || u.Failed() || v.serving() && !v.idle() {
		return
	}
	way := "is being started"
	if u.Props["ActiveState"] == "deactivating" {
		way = "is being stopped"
	}
	since := v.System.Uptime - float64(u.Int("StateChangeTimestampMonotonic"))/1e6
	if v.System.Uptime == 0 || since < stuckAfter {
		p.cannot("service", fmt.Sprintf("%s %s at this moment (%s): ask again when that is over", u.Name, way, u.Props["SubState"]))
		return
	}
	f := p.found("service-failed", v.keepsOut(), "%s %s since %.0f s and hangs in the state %s.", u.Name, way, since, u.Props["SubState"])
	quote(f, u.Quote("ActiveState", "SubState", "StateChangeTimestampMonotonic"), v.System.UpBy)
	var commands []facts.Quote
	if u.Doing() != "" {
		commands = u.Setting(u.Doing())
	}
	quote(f, commands...)
	quoteEntries(f, v.Journal.Attempt(u.Name))
	if len(commands) == 1 {
		f.Summary = fmt.Sprintf("%s %s since %.0f s and hangs in %s.", u.Name, way, since, strings.TrimSpace(commands[0].Text))
	}
	advise(f, "See why that command does not end (systemctl status "+u.Name+" names its process), or take it out of the unit; then start the service again.")
}

// mendedSince reports whether what the last start complained of is something
// that sshd's own check sees, and does not see any more.
func (v *view) mendedSince(said []facts.Entry) bool {
	if !v.Test.Origin.Known() {
		return false
	}
	for _, e := range said {
		if pr, ok := e.Complaint(); ok && pr.Kind != facts.ProblemPrivsepDir {
			_, still := v.Test.First(pr.Kind)
			return !still
		}
	}
	return false
}

// failureWords is the last thing the service itself logged before it failed.
func (v *view) failureWords(said []facts.Entry) string {
	if len(said) > 0 {
		return ": " + strings.TrimSuffix(said[len(said)-1].Message, ".")
	}
	if r := v.service.Props["Result"]; r != "" && r != "success" {
		return " (" + r + ")"
	}
	return ""
}

// checkStopped looks at a service that is simply not running.
func checkStopped(v *view, p *part) {
	if v.serving() || !v.hasServer() || v.socketActive() {
		return
	}
	if v.System.Init == facts.InitSystemd {
		v.stoppedUnit(p)
		return
	}
	v.stoppedScript(p)
}

func (v *view) stoppedUnit(p *part) {
	u := v.service
	switch {
	case u != nil && u.Active() && u.Props["SubState"] == "exited" && v.Listeners.Origin.Known():
		f := p.found("service-stopped", report.Blocking, "systemd counts %s as active although its program has ended (%s), and no SSH server runs.", u.Name, u.Props["SubState"])
		quote(f, u.Quote("ActiveState", "SubState", "Type", "RemainAfterExit", "MainPID", "Result"))
		quote(f, facts.Quote{Source: v.Listeners.Origin.Source, Text: v.listenText()})
		advise(f, "Start it anew, and see whether it stays; then look in its unit (Type, RemainAfterExit, ExecStart) for why systemd takes its end for health.", v.restart())
		return
	case !v.Units.Known() || u != nil && (u.Failed() || u.Masked() || u.Active() || u.Moving()):
		return
	case u == nil && !v.socketMode():
		f := p.found("service-stopped", report.Blocking, "An SSH server is installed, but no unit of systemd starts it.")
		quote(f, facts.Quote{Source: v.Units.Source, Text: "LoadState=not-found"})
		advise(f, "Install the SSH server's package again, so that its unit comes back.")
		return
	case v.socketMode() || u == nil:
		return
	}
	never := u.Props["ConditionTimestampMonotonic"] == "0" || u.Props["ConditionTimestampMonotonic"] == ""
	if v.NotToBeRun.Known() || u.Props["ConditionResult"] == "no" && !never {
		v.unmetCondition(p)
		return
	}
	f := p.found("service-stopped", report.Blocking, "%s is not running, so nothing answers SSH clients.", u.Name)
	quote(f, u.Quote("LoadState", "ActiveState", "SubState", "Result", "UnitFileState"))
	mend(f, "Start the SSH service.", v.start())
}

func (v *view) unmetCondition(p *part) {
	u := v.service
	f := p.found("service-condition-unmet", report.Blocking, "%s is never started, because a condition of its unit is not met.", u.Name)
	quote(f, u.Quote("ActiveState", "ConditionResult"))
	if v.NotToBeRun.Known() {
		f.Summary = fmt.Sprintf("The file %s keeps %s from being started.", v.NotToBeRun.Source, u.Name)
		quote(f, facts.Quote{Source: "stat " + v.NotToBeRun.Source, Text: "exists"})
		rm := do("rm "+shquote.Operand(v.NotToBeRun.Source), "touch "+shquote.Operand(v.NotToBeRun.Source))
		rm.Act = &report.Action{Kind: report.ActRemove, Path: v.NotToBeRun.Source, Opens: "everyone who may log in by SSH: the server runs again"}
		mend(f, "Remove the file and start the service. Somebody put it there on purpose: ask why first.", rm, v.start())
		return
	}
	f.Certainty = report.Likely
	for _, file := range u.Files {
		for i, line := range file.Lines {
			if strings.HasPrefix(strings.TrimSpace(line), "Condition") {
				quote(f, facts.Quote{Source: file.Path, Line: i + 1, Text: line})
			}
		}
	}
	advise(f, "Meet the condition, or change it with systemctl edit "+u.Name+".")
}

// checkEnabled looks for a server that will not come back after a reboot.
func checkEnabled(v *view, p *part) {
	if v.servedByOther() {
		return // what listens is started by something else
	}
	if v.System.Init != facts.InitSystemd {
		v.scriptAtBoot(p)
		return
	}
	if !v.Units.Known() || v.service == nil || v.service.Enabled() || v.service.Masked() ||
		v.socket != nil && v.socket.Enabled() || slices.ContainsFunc(v.Services, facts.Unit.Enabled) ||
		slices.ContainsFunc(v.Sockets, facts.Unit.Enabled) {
		return
	}
	u := v.service
	if v.socketActive() {
		u = v.socket
	}
	f := p.found("service-disabled", report.Latent, "%s does not start at boot.", u.Name)
	quote(f, u.Quote("UnitFileState", "ActiveState"))
	if v.serviceActive() && u == v.service {
		mend(f, "Let it start at boot.", wanted(u.Name))
		return
	}
	mend(f, "Let it start at boot.", unit(report.VerbEnable, u.Name))
}

// checkHung looks for a listener whose process does not run: connections are
// accepted by the kernel, and nobody answers them.
func checkHung(v *view, p *part) {
	pids := v.listenerPIDs()
	for _, pid := range pids {
		proc, ok := v.Processes[pid]
		if !ok || proc.State == "" || !strings.ContainsAny(proc.State, "TtZXD") {
			continue
		}
		words := map[string]string{"T": "is stopped", "t": "is held by a debugger", "Z": "is dead (a zombie)", "X": "is dead", "D": "is stuck in the kernel"}
		f := p.found("sshd-hung", report.Blocking, "The SSH server (%s, pid %d) %s: connections are queued and never answered.", proc.Name, pid, words[proc.State])
		quote(f, proc.Quote)
		for _, l := range v.ours {
			quote(f, l.Quote)
		}
		switch proc.State {
		case "T":
			cont := do(fmt.Sprintf("kill -CONT %d", pid), fmt.Sprintf("kill -STOP %d", pid))
			cont.Act = &report.Action{Kind: report.ActCommand, Argv: strings.Fields(cont.Do), Inverse: strings.Fields(cont.Undo)}
			mend(f, "Let the process go on.", cont)
		case "D":
			f.Certainty = report.Likely
			advise(f, "A process in this state waits for the kernel, mostly for a disk or a network file system. See what it waits for, then restart the service.", v.restart())
		default:
			mend(f, "Restart the SSH service.", v.restart())
		}
		return
	}
}
