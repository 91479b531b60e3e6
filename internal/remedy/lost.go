package remedy

import (
	"context"
	"strings"
	"time"
)

// lostWait is how long the listener of a unit that systemd lost may take to end.
const lostWait = 5 * time.Second

// reload has systemd read its unit files again. When the name under which it had
// loaded a running unit goes with them (the alias sshd.service, as enable made
// it), systemd 257 takes the unit for stopped while its process lives on, and a
// start fails at the port it holds. Then that process alone is ended, so that the
// unit can start: sshd's sessions are processes of their own and stay.
func (u *undo) reload(ctx context.Context, before map[string]string) {
	pids := map[string]string{}
	for k, state := range before {
		name, unit, _ := strings.Cut(k, ":")
		if name == initSystemd && running(state) && running(activeState(ctx, u.s, name, unit)) {
			r := u.s.ask(ctx, "systemctl", "show", "--property=MainPID", "--value", "--", unit)
			pids[unit] = strings.TrimSpace(r.Output)
		}
	}
	_, err := u.s.run(ctx, "systemctl", "daemon-reload")
	u.check(err)
	for unit, pid := range pids {
		if pid == "" || pid == "0" || running(activeState(ctx, u.s, initSystemd, unit)) || !u.belongs(ctx, pid, unit) {
			continue
		}
		_, err := u.s.run(ctx, "kill", "-TERM", pid)
		u.check(err)
		for end := time.Now().Add(lostWait); time.Now().Before(end) && u.belongs(ctx, pid, unit) && ctx.Err() == nil; {
			time.Sleep(20 * time.Millisecond)
		}
	}
}

// belongs says whether the process lives in the unit's control group.
func (u *undo) belongs(ctx context.Context, pid, unit string) bool {
	r := u.s.ask(ctx, "cat", "/proc/"+pid+"/cgroup")
	return r.Code == 0 && strings.Contains(r.Output, "/"+unit)
}
