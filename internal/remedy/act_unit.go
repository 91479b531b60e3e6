package remedy

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"sshwhy/internal/report"
)

// Init systems. systemd is known by the directory that sd_booted(3) looks for.
const (
	initSystemd = "systemd"
	initOpenRC  = "openrc"
	initSysV    = "sysv"
	initRunit   = "runit"
)

// unitTrees are where enabling, masking and drop-ins leave their files.
var unitTrees = [...]string{"/etc/systemd/system", "/run/systemd/system", "/etc/runlevels", "/etc/rc0.d", "/etc/rc1.d",
	"/etc/rc2.d", "/etc/rc3.d", "/etc/rc4.d", "/etc/rc5.d", "/etc/rc6.d", "/etc/rcS.d", "/var/service"}

// unitDoer does something to a unit or service.
type unitDoer struct {
	init, unit string
	verb       report.UnitVerb
	runtime    bool // the mask in /run is taken off, not the one in /etc
}

func newUnitDoer(s *System, a report.Action) (*unitDoer, error) {
	d := &unitDoer{init: a.Init, unit: a.Unit, verb: a.Verb}
	if d.init == "" {
		d.init = initSystemd
		if _, err := os.Stat("/run/systemd/system"); err != nil {
			d.init = initSysV
			if s.has("rc-service") {
				d.init = initOpenRC
			} else if s.has("sv") && isDir("/var/service") {
				d.init = initRunit
			}
		}
	}
	if d.unit == "" && d.verb != report.VerbDaemonReload {
		return nil, fmt.Errorf("no unit is named to %s", d.verb)
	}
	if strings.HasPrefix(d.unit, "-") || strings.ContainsAny(d.unit, "/ \n\x00") {
		return nil, fmt.Errorf("%q is no unit's name", d.unit)
	}
	if d.init != initSystemd {
		d.unit, _, _ = strings.Cut(d.unit, ".")
	}
	_, err := d.argv()
	return d, err
}

func isDir(path string) bool {
	fi, err := os.Stat(path)
	return err == nil && fi.IsDir()
}

// argv is the command of the machine's init system.
func (d *unitDoer) argv() ([]string, error) {
	verb := string(d.verb)
	switch d.init {
	case initSystemd:
		if d.verb == report.VerbDaemonReload {
			return []string{"systemctl", verb}, nil
		}
		if d.runtime {
			return []string{"systemctl", verb, "--runtime", "--", d.unit}, nil
		}
		if d.verb == report.VerbWant {
			return []string{"systemctl", verb, "--", "multi-user.target", d.unit}, nil
		}
		return []string{"systemctl", verb, "--", d.unit}, nil
	case initOpenRC:
		switch d.verb {
		case report.VerbEnable:
			return []string{"rc-update", "add", d.unit, "default"}, nil
		case report.VerbDisable:
			return []string{"rc-update", "del", d.unit, "default"}, nil
		case report.VerbResetFailed:
			return []string{"rc-service", d.unit, "zap"}, nil
		case report.VerbStart, report.VerbStop, report.VerbRestart, report.VerbReload:
			return []string{"rc-service", d.unit, verb}, nil
		}
	case initSysV:
		switch d.verb {
		case report.VerbEnable, report.VerbDisable:
			// "enable" turns links round and fails where there are none;
			// "defaults" makes them and leaves those that exist (update-rc.d(8)).
			if links, _ := filepath.Glob("/etc/rc[0-6S].d/[SK][0-9][0-9]" + d.unit); len(links) == 0 && d.verb == report.VerbEnable {
				verb = "defaults"
			}
			return []string{"update-rc.d", d.unit, verb}, nil
		case report.VerbStart, report.VerbStop, report.VerbRestart, report.VerbReload:
			return []string{"service", d.unit, verb}, nil
		}
	case initRunit:
		switch d.verb {
		case report.VerbStart, report.VerbStop, report.VerbRestart, report.VerbReload:
			return []string{"sv", "-w", "30", verb, d.unit}, nil // it waits 7 s unless told
		}
	}
	return nil, fmt.Errorf("%s has no way to %s a service", d.init, d.verb)
}

func (d *unitDoer) touches() ([]string, []string) {
	switch d.verb {
	case report.VerbEnable, report.VerbWant, report.VerbDisable, report.VerbUnmask:
	default:
		return nil, nil
	}
	var trees []string
	all := unitTrees[:]
	if d.init == initSysV {
		all = append(slices.Clone(all), "/etc/init.d") // insserv keeps its .depend files there
	}
	for _, t := range all {
		if real, err := filepath.EvalSymlinks(t); err == nil && !slices.Contains(trees, real) {
			trees = append(trees, real)
		}
	}
	return nil, trees
}

func (d *unitDoer) probe(ctx context.Context, s *System) map[string]string {
	out := map[string]string{}
	if d.unit == "" {
		return out
	}
	for _, u := range d.related(ctx, s) {
		out[d.init+":"+u] = activeState(ctx, s, d.init, u)
	}
	return out
}

// related are the unit and those that start and stop with it: a socket and
// its service carry each other.
func (d *unitDoer) related(ctx context.Context, s *System) []string {
	out := []string{d.unit}
	if d.init != initSystemd {
		return out
	}
	r := s.ask(ctx, "systemctl", "show", "-p", "Triggers", "-p", "TriggeredBy", "-p", "Requires", "-p", "RequiredBy",
		"-p", "ConflictedBy", "-p", "Conflicts", "--", d.unit)
	for line := range strings.Lines(r.Output) {
		_, list, _ := strings.Cut(strings.TrimSpace(line), "=")
		for _, u := range strings.Fields(list) {
			if isSSH(u) && !strings.Contains(u, "@") && !slices.Contains(out, u) {
				out = append(out, u)
			}
		}
	}
	return out
}

// activeState is "active", "inactive", "failed" or what else the init system
// says of a service; a unit on its way is waited for, not long.
func activeState(ctx context.Context, s *System, init, unit string) string {
	switch init {
	case initSystemd:
		r := s.ask(ctx, "systemctl", "is-active", "--", unit)
		return strings.TrimSpace(r.Output)
	case initOpenRC:
		if s.ask(ctx, "rc-service", unit, "status").Code == 0 {
			return "active"
		}
	case initRunit:
		if strings.HasPrefix(s.ask(ctx, "sv", "status", unit).Output, "run:") {
			return "active"
		}
	default:
		if s.ask(ctx, "service", unit, "status").Code == 0 {
			return "active"
		}
	}
	return "inactive"
}

func (d *unitDoer) record() act {
	// systemctl writes links one by one, so that a crash can leave any of them.
	return act{Kind: "unit", Unit: d.unit, Verb: string(d.verb), Init: d.init, Loose: true}
}

func (d *unitDoer) check(ctx context.Context, s *System) error {
	argv, err := d.argv()
	if err != nil {
		return err
	}
	if !s.has(argv[0]) {
		return fmt.Errorf("%s is not installed", argv[0])
	}
	if os.Geteuid() != 0 {
		return fmt.Errorf("needs root")
	}
	_, trees := d.touches()
	if len(trees) > 0 {
		if err := s.writable(trees[0]); err != nil {
			return err
		}
	}
	return d.spareSessions(ctx, s)
}

// spareSessions refuses to stop a service whose stop ends the sessions in it,
// the operator's own among them. With KillMode=process, which every packaged
// sshd has, they live on.
func (d *unitDoer) spareSessions(ctx context.Context, s *System) error {
	if d.init != initSystemd || !isSSH(d.unit) || (d.verb != report.VerbRestart && d.verb != report.VerbStop) {
		return nil
	}
	if strings.HasSuffix(d.unit, ".socket") {
		return nil
	}
	r := s.ask(ctx, "systemctl", "show", "-p", "KillMode", "--value", "--", d.unit)
	mode := strings.TrimSpace(r.Output)
	cgroup, _ := os.ReadFile("/proc/self/cgroup")
	if mode == "control-group" && strings.Contains(string(cgroup), "/"+d.unit) {
		return fmt.Errorf("%s of %s would end the connection this is run over (KillMode=%s)", d.verb, d.unit, mode)
	}
	return nil
}

func (d *unitDoer) do(ctx context.Context, s *System) error {
	if isSSH(d.unit) && (d.verb == report.VerbRestart || d.verb == report.VerbReload) {
		// A restart with a configuration that sshd refuses would end the
		// server that still runs on the old one.
		if says, err := sshdSays(ctx, sshdConfigs[0], nil); err == nil && len(says) > 0 {
			return fmt.Errorf("not done, since sshd would not come back: %s", strings.Join(says, "; "))
		}
	}
	if err := d.carry(ctx, s); err != nil {
		return err
	}
	if d.verb == report.VerbStart || d.verb == report.VerbRestart {
		return d.came(ctx, s)
	}
	return nil
}

// came says whether a started unit is active: systemctl start answers success
// too where a condition kept the unit from starting (distros.md: rc 0,
// ConditionResult=no).
func (d *unitDoer) came(ctx context.Context, s *System) error {
	for try := 1; ; try++ {
		state := activeState(ctx, s, d.init, d.unit)
		if state == "active" || state == "reloading" {
			return nil
		}
		if d.init == initSystemd && state != "activating" || try == cameTries { // activating, its job over: tried again and again
			return fmt.Errorf("%s is %s after the %s", d.unit, state, d.verb)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(cameWait):
		}
	}
}

// Init scripts judge by a pid file, which sshd writes after it has gone to the
// background: their answer right after the start may be too early.
const (
	cameTries = 8
	cameWait  = 250 * time.Millisecond
)
