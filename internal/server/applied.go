package server

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"sshwhy/internal/facts"
	"sshwhy/internal/report"
)

// slack is how many seconds after the server's start a file may be dated without
// being taken for a later change: times are counted in whole seconds, and the clock
// and the time since boot are not read in one moment.
const slack = 3

// checkChanged looks for configuration files that are younger than the server
// which runs: what was changed in them is not in force, and every check here
// that goes by the files may be wrong about it. What was changed is not known,
// so this is no more than worth knowing.
func checkChanged(v *view, p *part) {
	since, ok := v.readConfigAt()
	if !ok || slices.ContainsFunc(p.findings, func(f report.Finding) bool { return f.Cause == "config-not-applied" }) {
		return
	}
	if v.otherStartups(p) {
		return
	}
	var younger []string
	for _, name := range slices.Sorted(maps.Keys(v.Config.ModTimes)) {
		if v.Config.ModTimes[name] > since+slack {
			younger = append(younger, name)
		}
	}
	if len(younger) == 0 {
		return
	}
	impact := report.Note
	if v.q.User != "" {
		impact = report.Latent // the settings asked about may be the ones not in force
	}
	f := p.found("config-not-applied", impact, "%s was changed after the SSH server last read its configuration: what was changed there is not in force yet.", strings.Join(younger, " and "))
	f.Certainty = report.Possible
	for _, name := range younger {
		quote(f, facts.Quote{Source: "stat " + name, Text: fmt.Sprintf("mtime %d; the server read its configuration at %d (seconds since 1970)", v.Config.ModTimes[name], since)})
	}
	mend(f, "Check the configuration and restart the service; open sessions survive that.", checkConfigStep(v), v.restart())
}

// readConfigAt is when the running server last read its configuration, in
// seconds since 1970: when its process started, or was last told to reload.
func (v *view) readConfigAt() (at int64, ok bool) {
	booted := float64(v.taken) - v.System.Uptime
	if at, ok = v.startedAt(); !ok || v.idle() {
		return 0, false
	}
	if v.serviceActive() { // a reload changes the unit's state for a moment
		at = max(at, int64(booted+float64(v.service.Int("StateChangeTimestampMonotonic"))/1e6))
	}
	for _, e := range v.Journal.Entries { // sshd.c: what it logs when it gets SIGHUP by hand
		if strings.HasPrefix(e.Message, "Received SIGHUP") {
			at = max(at, e.Time)
		}
	}
	return at, true
}

// startedAt is when the process that listens for SSH was started, in seconds since 1970.
func (v *view) startedAt() (at int64, ok bool) {
	if v.taken == 0 || v.System.Uptime == 0 {
		return 0, false
	}
	for _, pid := range v.listenerPIDs() {
		if proc := v.Processes[pid]; strings.HasPrefix(proc.Name, "sshd") && proc.Started > 0 && proc.Started <= v.System.Uptime {
			return int64(float64(v.taken) - v.System.Uptime + proc.Started), true
		}
	}
	return 0, false
}

// otherStartups compares the one setting that a running sshd shows in its title,
// "sshd: … [listener] 0 of 10-100 startups" (MaxStartups' begin and max, since
// OpenSSH 8.2), with what the configuration on disk says: a difference is
// certain to mean that the server has not read it.
func (v *view) otherStartups(p *part) bool {
	want := strings.Split(v.Effective.Value("maxstartups"), ":") // 10:30:100
	if len(want) != 3 || v.idle() {
		return false
	}
	for _, pid := range v.listenerPIDs() {
		proc := v.Processes[pid]
		_, rest, ok := strings.Cut(proc.Command, "[listener] ")
		_, rest, ok2 := strings.Cut(rest, " of ")
		runs, _, ok3 := strings.Cut(rest, " startups")
		if !ok || !ok2 || !ok3 || strings.Contains(runs, " ") || runs == want[0]+"-"+want[2] {
			continue
		}
		f := p.found("config-not-applied", report.Latent, "The running SSH server does not use the configuration on disk: it counts MaxStartups %s, and the files say %s.", runs, strings.Join(want, ":"))
		quote(f, facts.Quote{Source: fmt.Sprintf("/proc/%d/cmdline", pid), Text: proc.Command})
		quote(f, v.Effective.Quote("maxstartups")...)
		v.quoteSetting(f, "MaxStartups")
		mend(f, "Check the configuration and restart the service; open sessions survive that.", checkConfigStep(v), v.restart())
		return true
	}
	return false
}

// checkApplied looks for a configuration that the running server does not use:
// it listens elsewhere than its configuration says, or systemd has not read its
// unit files again.
func checkApplied(v *view, p *part) {
	for _, u := range []*facts.Unit{v.service, v.socket} {
		if u == nil || u.Props["NeedDaemonReload"] != "yes" || !u.Active() && u.Name == dropbearUnit {
			continue
		}
		f := p.found("config-not-applied", report.Latent, "The files of %s were changed, and systemd has not read them again.", u.Name)
		quote(f, u.Quote("NeedDaemonReload", "DropInPaths", "FragmentPath"))
		mend(f, "Let systemd read its unit files again.", daemonReload())
		return
	}
	if !v.Effective.Origin.Known() || !v.serving() || v.socketActive() {
		return
	}
	var missing []facts.Endpoint
	for _, e := range v.want {
		if !v.listens(e) && v.Links.Has(e.Addr) || e.Addr.IsUnspecified() && !v.listens(e) && len(v.foreign(e.Addr, e.Port)) == 0 {
			missing = append(missing, e)
		}
	}
	if len(missing) == 0 || v.bindFailed() || !v.byService() {
		return
	}
	f := p.found("config-not-applied", v.unserved(missing), "The configuration says to listen on %s, and the running server listens on %s: it was not restarted since.",
		endpointList(missing), listenerList(v.ours))
	quote(f, v.Effective.Quote("listenaddress")...)
	for _, d := range append(v.Config.Global("Port"), v.Config.Global("ListenAddress")...) {
		quote(f, d.Quote)
	}
	for _, l := range v.ours {
		quote(f, l.Quote)
	}
	mend(f, "Check the configuration and restart the service.", checkConfigStep(v), v.restart())
}

// byService reports whether our listeners belong to OpenSSH's sshd.
func (v *view) byService() bool {
	return slices.ContainsFunc(v.ours, func(l facts.Listener) bool { return l.OwnedBy("sshd") || v.guessed })
}
