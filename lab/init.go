//go:build linux

package lab

import (
	"context"
	_ "embed"
	"errors"
	"io"
	"time"
)

//go:embed image/init.sh
var initRecipe []byte

// initImage returns the layers of an image with another init.
func initImage(ctx context.Context, name, suite string, log io.Writer) (string, error) {
	base, err := Image(ctx, suite, log)
	if err != nil || name == "bare" {
		return base, err
	}
	layer, err := cached(ctx, name, initRecipe, base, log)
	return layer + ":" + base, err
}

// initProgram is process 1 of a machine.
type initProgram struct {
	name   string   // as /proc/1/comm says once it is itself
	argv   []string // what nspawn is told to run as process 1; "-b" lets it find the init
	booted string   // a shell script that succeeds when the boot is over, well or badly
}

func (w *World) pid1() initProgram {
	switch w.suite {
	case "sysvinit", "openrc": // Debian's OpenRC is started by sysvinit
		return initProgram{"init", []string{"/sbin/init"}, "test -e /run/lab-booted"}
	case "runit":
		return initProgram{"runit", []string{"/sbin/init"},
			`pidof runsvdir || exit 1; for s in /etc/service/*; do [ ! -e "$s" ] || sv -w 2 check "$s" || true; done
			for i in $(seq 20); do ss -Hltn | grep -q . && break; sv status ssh | grep -q ^run: || break; sleep 0.1; done`}
	case "bare":
		return initProgram{"sleep", []string{"/bin/sh", "-c", "mkdir -p /run/sshd; /usr/sbin/sshd; exec sleep infinity"}, "true"}
	}
	return initProgram{"systemd", []string{"-b"},
		`case $(systemctl is-system-running --wait) in running|degraded|maintenance) ;; *) exit 1 ;; esac`}
}

// waitBooted waits until the boot is over. With systemd that is running, degraded, or
// whatever else is not the beginning of one.
func (w *World) waitBooted(ctx context.Context) error {
	for {
		if res := w.enter(ctx, "sh", "-c", w.pid1().booted); res.Exit == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.New("the machine did not finish its boot in time")
		case <-w.died:
			return errors.New("the machine died while it booted")
		case <-time.After(20 * time.Millisecond):
		}
	}
}
