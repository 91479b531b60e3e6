package remedy

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"sshwhy/internal/report"
)

// early takes back what programs did, last first, before the files are put
// back: so their own state (a daemon's, the kernel's) follows, and the files
// then become what they were to the byte.
func (u *undo) early(ctx context.Context) {
	for i := range slices.Backward(u.steps) {
		st := &u.steps[i]
		var err error
		switch {
		case st.act.Kind == kindHold:
			stopTimer(ctx, u.s, st.act.Unit)
		case st.act.Kind == kindUndo:
			err = u.redo(ctx, st.act.Of)
		case st.act.Kind == "nft":
			err = undoNft(ctx, u.s, st.act)
		case st.act.Kind == "install":
			err = u.uninstall(ctx, st)
		default:
			for _, argv := range slices.Backward(st.act.Inverses) {
				if _, rerr := u.s.run(ctx, argv...); rerr != nil {
					err = rerr
				}
			}
		}
		// A step that was cut short may have left nothing to take back, and
		// its program says so; what really differs, the comparison of late finds.
		if err != nil && st.Done && len(u.rec.approved) == 0 {
			u.left = append(u.left, err.Error())
		}
	}
}

// late brings units and firewalls to what they were, now that their files are.
func (u *undo) late(ctx context.Context) {
	before := u.probesBefore()
	if u.unitFilesChanged() && u.s.has("systemctl") && isDir("/run/systemd/system") {
		u.reload(ctx, before)
	}
	// Sockets sort before services: stopped first they start none, started
	// first they are there for the service that requires them.
	keys := slices.SortedFunc(maps.Keys(before), func(a, b string) int {
		as, bs := strings.HasSuffix(a, ".socket"), strings.HasSuffix(b, ".socket")
		switch {
		case as && !bs:
			return -1
		case bs && !as:
			return 1
		}
		return strings.Compare(a, b)
	})
	for _, k := range keys { // a socket does not start beside its own running service
		name, unit, _ := strings.Cut(k, ":")
		if !isInit(name) || running(before[k]) || !running(activeState(ctx, u.s, name, unit)) {
			continue
		}
		if why := u.couldNotStart(ctx, unit, before[k]); why != "" && !u.rollback {
			u.left = append(u.left, fmt.Sprintf("%s runs on: %s, and stopping what works is no way back", unit, why))
			u.spared[k] = true
			continue
		}
		u.stop(ctx, name, unit, before[k])
	}
	for _, k := range keys {
		name, unit, _ := strings.Cut(k, ":")
		switch {
		case name == "rules":
			u.rules(ctx, unit, before[k])
		case isInit(name) && !u.spared[k]:
			u.unit(ctx, name, unit, before[k])
		}
	}
}

// probesBefore are the states outside of files before the fix.
func (u *undo) probesBefore() map[string]string {
	before := map[string]string{}
	for _, st := range u.steps {
		for k, v := range st.before.Probes {
			if _, ok := before[k]; !ok {
				before[k] = v
			}
		}
	}
	return before
}

// couldNotStart says why what was there before the fix is no server that was
// stopped, but one that could not run: its files are back, and that is all.
func (u *undo) couldNotStart(ctx context.Context, unit, was string) string {
	if was == "failed" {
		return "it had failed before the fix"
	}
	if isSSH(unit) && !strings.HasSuffix(unit, ".socket") {
		if says, err := sshdSays(ctx, usualMain(), nil); err == nil && len(says) > 0 {
			return "sshd refuses the configuration from before the fix"
		}
	}
	return ""
}

func isInit(name string) bool {
	return name == initSystemd || name == initOpenRC || name == initSysV || name == initRunit
}

// running says whether a unit in this state serves, or is about to.
func running(state string) bool {
	return state == "active" || state == "activating" || state == "reloading"
}

// unitFilesChanged says whether systemd must read its files again.
func (u *undo) unitFilesChanged() bool {
	for _, st := range u.steps {
		if st.act.Kind == "unit" && st.act.Verb == "daemon-reload" {
			return true
		}
	}
	return slices.ContainsFunc(u.restored, func(p string) bool { return strings.Contains(p, "/systemd/") })
}

// verb does one thing to a unit and says where that fails.
func (u *undo) verb(ctx context.Context, init, unit string, v report.UnitVerb) {
	d := unitDoer{init: init, unit: unit, verb: v}
	if err := d.carry(ctx, u.s); err != nil {
		u.left = append(u.left, err.Error())
	}
}

// stop stops a unit that was not running. One that had failed fails again by
// itself, where the reason is back: nothing else makes it "failed". If it does
// not fail, it is stopped again.
func (u *undo) stop(ctx context.Context, init, unit, was string) {
	u.verb(ctx, init, unit, report.VerbStop)
	if was == "inactive" && init == initSystemd && activeState(ctx, u.s, init, unit) == "failed" {
		u.verb(ctx, init, unit, report.VerbResetFailed) // stopped in the middle of its start
	}
	if was != "failed" || init != initSystemd || strings.HasSuffix(unit, ".socket") {
		return
	}
	if _, err := u.s.run(ctx, "systemctl", "start", "--", unit); err == nil {
		u.verb(ctx, init, unit, report.VerbStop)
	}
}

// unit starts a unit that was running, lets one that runs on read again what
// is put back, and says what is not as before.
func (u *undo) unit(ctx context.Context, init, unit, was string) {
	now := u.settled(ctx, init, unit)
	switch {
	case running(was) && running(now) && u.reread(unit):
		says, err := sshdSays(ctx, sshdConfigs[0], nil)
		switch {
		case isSSH(unit) && (err != nil || len(says) > 0):
			u.left = append(u.left, fmt.Sprintf("%s runs on with the configuration of the fix: sshd refuses the one from before", unit))
		case strings.HasSuffix(unit, ".socket"):
			// It opens anew only while its service does not hold it. Where the fix
			// had stopped that for the same reason, it is stopped for it once more,
			// and comes back with the next connection, or below.
			if service := strings.TrimSuffix(unit, ".socket") + ".service"; u.did(service, report.VerbStop) {
				u.verb(ctx, init, service, report.VerbStop)
			}
			u.verb(ctx, init, unit, report.VerbRestart)
		default:
			u.verb(ctx, init, unit, report.VerbReload)
		}
	case running(was) && !running(now):
		u.verb(ctx, init, unit, report.VerbStart)
	}
	if now = u.settled(ctx, init, unit); now != was && !(running(was) && running(now)) {
		u.left = append(u.left, fmt.Sprintf("%s was %s and is %s", unit, was, now))
	}
}

// settled is the state of a unit once it is on no way any more; a unit that
// systemd tries again and again is waited for until it gives up.
func (u *undo) settled(ctx context.Context, init, unit string) string {
	state := activeState(ctx, u.s, init, unit)
	for range 50 {
		if state != "activating" && state != "deactivating" && state != "reloading" {
			return state
		}
		select {
		case <-ctx.Done():
			return state
		case <-time.After(200 * time.Millisecond):
		}
		state = activeState(ctx, u.s, init, unit)
	}
	return state
}

// did says whether a step of the fix did this to a unit.
func (u *undo) did(unit string, v report.UnitVerb) bool {
	return slices.ContainsFunc(u.steps, func(st stepRecord) bool {
		return st.act.Kind == "unit" && st.act.Unit == unit && st.act.Verb == string(v)
	})
}

// reread says whether the fix made a unit read its configuration anew.
func (u *undo) reread(unit string) bool {
	return slices.ContainsFunc(u.steps, func(st stepRecord) bool {
		return st.act.Kind == "unit" && st.act.Unit == unit && (st.act.Verb == "reload" || st.act.Verb == "restart")
	})
}

// rules compares the running firewall with what it was.
func (u *undo) rules(ctx context.Context, program, was string) {
	probe := iptablesProbe
	if program == "nft" {
		probe = nftProbe
	}
	same := func() bool { return sortedLines(probe(ctx, u.s)["rules:"+program]) == sortedLines(was) }
	if same() {
		return
	}
	if program != "nft" && slices.ContainsFunc(u.steps, func(st stepRecord) bool { return st.act.Kind == "ufw" }) {
		// What is loaded may be more than what was: ufw completes the chains
		// that its own enable had left half empty.
		if u.rulesAreOurs(program) {
			u.load(ctx, program, was)
		} else {
			u.s.run(ctx, "ufw", "reload") //nolint:errcheck // compared below
		}
		if same() {
			return
		}
	}
	u.left = append(u.left, "the running firewall rules ("+program+") are not those from before the fix; what differs may be somebody else's change")
}

// sortedLines makes the order of chains not matter, which says only which of
// them was made first.
func sortedLines(listing string) string {
	lines := strings.Split(listing, "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// rulesAreOurs says whether, when the undo began, the rules were those that
// the fix had left: then nobody else's are lost by loading the ones before.
func (u *undo) rulesAreOurs(program string) bool {
	key := "rules:" + program
	for _, st := range slices.Backward(u.steps) {
		if after, ok := st.after.Probes[key]; ok {
			return u.found[key] == after
		}
		if _, ok := st.before.Probes[key]; ok {
			return false // cut short: who did what since cannot be told
		}
	}
	return false
}

// load makes iptables-restore read what iptables-save had written.
func (u *undo) load(ctx context.Context, program, rules string) {
	restore := strings.TrimSuffix(program, "-save") + "-restore"
	u.s.announce("run " + restore)
	r := u.s.feed(ctx, []byte(rules), restore)
	u.s.announce("ran " + restore)
	if err := r.err(); err != nil {
		u.left = append(u.left, err.Error())
	}
}
