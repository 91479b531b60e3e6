package server

import (
	"strings"
	"testing"

	"sshwhy/internal/report"
)

// The bundles documented-*.json were not recorded: they are written after the
// documentation, the package recipes and the unit files of distributions of
// which no real machine was seen. What rpm and pacman print in them was taken
// from the real programs on scratch databases. Like the recorded ones they hold
// only what differs from healthy-plain.json.
func TestDocumentedMachines(t *testing.T) {
	for _, c := range []struct {
		name     string
		blocking string
		also     string
		answer   string
		step     string // a command that must stand in the first remedy
	}{
		{name: "fedora-healthy", answer: "Nothing on this machine"},
		{name: "fedora-not-installed", blocking: "sshd-not-installed", answer: "No SSH server is installed", step: "dnf install -y openssh-server"},
		{name: "arch-healthy", answer: "Nothing on this machine"},
		{name: "arch-never-started", blocking: "service-stopped", also: "service-disabled", answer: "sshd.service is not running", step: "systemctl start sshd.service"},
		{name: "opensuse-healthy", answer: "Nothing on this machine"},
		{name: "opensuse-config-unknown-keyword", blocking: "sshd-config-invalid", answer: `did you mean "PermitRootLogin"`, step: "systemctl start sshd.service"},
		{name: "alpine-healthy", answer: "Nothing on this machine"},
		{name: "alpine-never-started", blocking: "service-stopped", also: "service-disabled", answer: "does not run", step: "rc-service sshd start"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := recorded(t, "documented-"+c.name)
			if missing := Manifest(Query{}).Missing(b); len(missing) > 0 {
				t.Errorf("not written: %v", missing)
			}
			rep := Diagnose(b, Query{}, "test")
			var blocking, also, steps []string
			for _, f := range rep.Findings {
				if f.Impact == report.Blocking {
					blocking = append(blocking, f.Cause)
				} else {
					also = append(also, f.Cause)
				}
			}
			if len(rep.Findings) > 0 && rep.Findings[0].Remedy != nil {
				for _, s := range rep.Findings[0].Remedy.Steps {
					steps = append(steps, s.Do)
				}
			}
			if got := strings.Join(blocking, " "); got != c.blocking {
				t.Errorf("blocking %q, want %q (%s)", got, c.blocking, rep.Headline)
			}
			if got := strings.Join(also, " "); got != c.also {
				t.Errorf("also %q, want %q", got, c.also)
			}
			if !strings.Contains(rep.Headline, c.answer) {
				t.Errorf("the answer %q does not hold %q; unknown: %v", rep.Headline, c.answer, rep.Incomplete)
			}
			if c.step != "" && !strings.Contains(strings.Join(steps, "\n"), c.step) {
				t.Errorf("the remedy %q lacks %q", steps, c.step)
			}
			checkHonest(t, rep)
		})
	}
}
