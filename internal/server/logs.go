package server

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"sshwhy/internal/facts"
	"sshwhy/internal/report"
)

// recent is for how many seconds a dropped connection in the log says something
// of the next one: a penalty lasts 10 minutes at most (sshd_config(5),
// PerSourcePenalties max), and crowds of logins come and go as quickly.
const recent = 600

// leastPenalty is how many seconds a penalty lasts at least once it is in force
// (PerSourcePenalties min).
const leastPenalty = 15

// checkDropped looks into the log for connections that sshd itself dropped:
// "drop connection #N from [ADDR]:PORT on [ADDR]:PORT REASON" (sshd.c).
func checkDropped(v *view, p *part) {
	var startups, penalties []facts.Entry
	for _, e := range v.Journal.Entries {
		from, reason, ok := dropped(e.Message)
		if !ok || e.Time == 0 || v.taken == 0 || v.taken-e.Time > recent {
			continue
		}
		switch {
		case strings.Contains(strings.ToLower(reason), "maxstartups"):
			startups = append(startups, e)
		case strings.HasPrefix(reason, "penalty") && (!v.q.Client.IsValid() || from == v.q.Client.Unmap()):
			penalties = append(penalties, e)
		}
	}
	if len(startups) > 0 {
		f := p.found("max-startups", report.Degrading, "sshd dropped %d connections in the last minutes, because too many others were still logging in.", len(startups))
		f.Certainty = report.Likely
		quoteEntries(f, startups[max(0, len(startups)-3):])
		quote(f, v.Effective.Quote("maxstartups")...)
		mend(f, "Find out who connects so often, and keep them out or raise MaxStartups.")
	}
	if len(penalties) > 0 {
		v.penalized(p, penalties)
	}
}

func (v *view) penalized(p *part, entries []facts.Entry) {
	last := entries[len(entries)-1]
	from, reason, _ := dropped(last.Message)
	impact := report.Note
	switch {
	case v.q.Client.IsValid() && v.taken-last.Time < leastPenalty:
		impact = report.Blocking
	case v.q.Client.IsValid():
		impact = report.Degrading
	}
	f := p.found("source-penalized", impact, "sshd keeps %s out for a while (%s).", from, reason)
	f.Certainty = report.Likely // the penalty may be over by now
	quoteEntries(f, entries[max(0, len(entries)-3):])
	quote(f, v.Effective.Quote("persourcepenalties")...)
	mend(f, "Wait until the penalty is over, or restart the service, which forgets it.", v.restart())
}

// dropped reads sshd's line on a connection it dropped.
func dropped(message string) (from netip.Addr, reason string, ok bool) {
	_, rest, ok := strings.Cut(message, "drop connection #")
	_, rest, ok2 := strings.Cut(rest, " from [")
	addr, rest, ok3 := strings.Cut(rest, "]:")
	_, rest, ok4 := strings.Cut(rest, " on [")
	_, reason, ok5 := strings.Cut(rest, " ")
	from, err := netip.ParseAddr(addr)
	return from.Unmap(), reason, ok && ok2 && ok3 && ok4 && ok5 && err == nil && strings.Contains(rest, "]:")
}

// checkBindDenied: sshd was not allowed to open its port. The log of the last
// start says so; whether SELinux or a missing privilege did it, the kernel.
func checkBindDenied(v *view, p *part) {
	if v.service == nil || v.listensAll() {
		return
	}
	var denied []facts.Entry
	for _, e := range v.sinceStart() {
		if strings.Contains(e.Message, "Bind to port ") && strings.HasSuffix(strings.TrimSuffix(e.Message, "."), "Permission denied") {
			denied = append(denied, e)
		}
	}
	if len(denied) == 0 {
		return
	}
	_, rest, _ := strings.Cut(denied[0].Message, "Bind to port ")
	port, _, _ := strings.Cut(rest, " ")
	if v.SELinux.Enforcing {
		v.bindDeniedSELinux(p, port, denied)
		return
	}
	if v.SELinux.AppArmor.Text != "" && len(v.denials("apparmor")) > 0 {
		return // checkAppArmor says more
	}
	f := p.found("bind-no-privilege", v.keepsOut(), "sshd was not allowed to listen on port %s: it runs without root's rights.", port)
	quoteEntries(f, denied)
	quote(f, v.service.Setting("User", "CapabilityBoundingSet", "AmbientCapabilities", "NoNewPrivileges", "DynamicUser")...)
	mend(f, "Let sshd start as root, with CAP_NET_BIND_SERVICE.")
}

// listensAll reports whether SSH is served wherever it is configured to be.
func (v *view) listensAll() bool {
	return !slices.ContainsFunc(v.wantedHere(), func(e facts.Endpoint) bool { return !v.listens(e) })
}

// sinceStart are the entries of the log since the service was last started.
func (v *view) sinceStart() []facts.Entry {
	all := v.Journal.Entries
	for i, e := range slices.Backward(all) {
		if e.Identifier == "systemd" && strings.HasPrefix(e.Message, "Starting ") {
			return all[i:]
		}
	}
	return all
}

// checkReplaced: the file of the running server, or a library it runs with, was
// replaced under it.
func checkReplaced(v *view, p *part) {
	for _, pid := range v.listenerPIDs() {
		proc := v.Processes[pid]
		if strings.HasSuffix(proc.Program, " (deleted)") {
			f := p.found("upgrade-unfinished", report.Degrading, "The running SSH server (pid %d) is an older one than the program on disk, which was replaced under it.", pid)
			f.Certainty = report.Likely
			quote(f, facts.Quote{Source: fmt.Sprintf("/proc/%d/exe", pid), Text: proc.Program})
			mend(f, "Check the configuration and restart the service; open sessions survive that.", checkConfigStep(v), v.restart())
			return
		}
		if len(proc.Replaced) > 0 && strings.HasPrefix(proc.Name, "sshd") {
			// Each connection is served by a program that is started anew and loads
			// what is on disk, so this keeps nobody out.
			f := p.found("upgrade-unfinished", report.Note, "The running SSH server (pid %d) still uses libraries that were replaced on disk since its start (%s): what the upgrade mended in them is not in force for it.", pid, libraries(proc.Replaced))
			quote(f, proc.Replaced[:min(len(proc.Replaced), 3)]...)
			mend(f, "Check the configuration and restart the service; open sessions survive that.", checkConfigStep(v), v.restart())
			return
		}
	}
}

// libraries names the files at the ends of lines of /proc/PID/maps.
func libraries(mapped []facts.Quote) string {
	var names []string
	for _, q := range mapped {
		file := strings.TrimSuffix(q.Text, " (deleted)")
		if name := file[strings.LastIndexByte(file, '/')+1:]; len(names) < 4 && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}
