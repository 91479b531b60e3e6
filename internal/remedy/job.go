package remedy

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"sshwhy/internal/report"
)

// What systemd is told to do becomes a job, and a job has no end of its own: a
// unit may take for ever to start (TimeoutStartSec=infinity), or wait for
// another one that does. Here each has a limit, and is cancelled where the
// limit is over: left alone, it would start the unit after the undo.

// carry runs the command of a unit's step. A start that failed is tried once
// more: it may have joined one that was under way (Restart=) with what was
// there before the fix, and the one that begins now decides.
func (d *unitDoer) carry(ctx context.Context, s *System) error {
	argv, err := d.argv()
	if err != nil {
		return err
	}
	r, err := s.run(ctx, argv...)
	if err == nil || d.init != initSystemd {
		return err
	}
	if r.Code == -1 {
		return d.hung(ctx, s, err)
	}
	if d.verb != report.VerbStart {
		return err
	}
	s.ask(ctx, "systemctl", string(report.VerbResetFailed), "--", d.unit)
	if r, err = s.run(ctx, argv...); r.Code == -1 {
		return d.hung(ctx, s, err)
	}
	return err
}

// hung cancels the jobs of a unit whose command did not come back, and says
// what it hangs in. err is what is known without.
func (d *unitDoer) hung(ctx context.Context, s *System, err error) error {
	ctx = context.WithoutCancel(ctx) // Ctrl-C is one of the reasons to be here
	job := unitProperties(s.ask(ctx, "systemctl", "show", "-p", "Job,ActiveState,SubState,ControlPID,MainPID,"+
		"ExecCondition,ExecStartPre,ExecStart,ExecStartPost,ExecReload,ExecStop,ExecStopPost", "--", d.unit).Output)
	if n := job["Job"]; n != "" && n != "0" {
		s.run(ctx, "systemctl", "cancel", n) //nolint:errcheck // it may just have ended
	}
	if job["ActiveState"] == "" {
		return err // systemd itself does not answer
	}
	return fmt.Errorf("the %s of %s was not over after %s and is given up: %s", d.verb, d.unit, commandTime, job.hangsIn())
}

// unitProps are properties of one unit as systemctl show prints them.
type unitProps map[string]string

func unitProperties(text string) unitProps {
	out := unitProps{}
	for line := range strings.Lines(text) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			out[key] = strings.TrimSpace(out[key] + "\n" + value) // Exec…= stands once per command
		}
	}
	return out
}

// hangsIn names the command that runs now, as the unit's file has it. A unit
// that has not begun to move waits for others, which its dependencies name.
func (p unitProps) hangsIn() string {
	state := p["ActiveState"] + " (" + p["SubState"] + ")"
	for _, key := range [...]string{"ExecCondition", "ExecStartPre", "ExecStart", "ExecStartPost", "ExecReload", "ExecStop", "ExecStopPost"} {
		for line := range strings.Lines(p[key]) {
			pid := execField(line, "pid")
			if pid != "0" && pid != "" && (pid == p["ControlPID"] || pid == p["MainPID"]) {
				return fmt.Sprintf("it is %s and runs %s=%s", state, key, execField(line, "argv[]"))
			}
		}
	}
	switch p["ActiveState"] {
	case "inactive", "failed", "active":
		return fmt.Sprintf("it is %s and waits for other units (systemctl list-jobs shows them)", state)
	}
	return "it is " + state
}

// execField is one field of a command line as systemd prints it:
// "{ path=/bin/sleep ; argv[]=/bin/sleep infinity ; … ; pid=412 ; … }".
func execField(line, name string) string {
	for field := range strings.SplitSeq(strings.Trim(strings.TrimSpace(line), "{}"), " ; ") {
		if value, ok := strings.CutPrefix(strings.TrimSpace(field), name+"="); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// maskPlaces are where systemctl(1) mask puts its links: for good, and until
// the next boot. It takes each off by an option of its own.
var maskPlaces = [...]struct {
	dir     string
	runtime bool
}{{"/etc/systemd/system", false}, {"/run/systemd/system", true}}

// expandUnmask makes one step for each mask that lies on a unit.
func expandUnmask(st *Step, d *unitDoer) ([]*Step, error) {
	var out []*Step
	for _, place := range maskPlaces {
		if !isMask(filepath.Join(place.dir, d.unit)) {
			continue
		}
		c, one := *st, *d
		one.runtime = place.runtime
		option := ""
		if place.runtime {
			option = "--runtime "
		}
		c.doer, c.Do, c.Undo = &one, "systemctl unmask "+option+d.unit, "systemctl mask "+option+d.unit
		out = append(out, &c)
	}
	if len(out) == 0 {
		return nil, errors.New("the mask is neither in /etc/systemd/system nor in /run/systemd/system, where systemctl could take it off")
	}
	return out, nil
}

// isMask says whether a unit's file masks it: it leads to /dev/null, or is
// empty (systemd.unit(5)).
func isMask(path string) bool {
	if to, err := os.Readlink(path); err == nil {
		return to == "/dev/null"
	}
	fi, err := os.Lstat(path)
	return err == nil && fi.Mode().IsRegular() && fi.Size() == 0
}
