package render

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"sshwhy/internal/report"
)

// TestCommandsWorkFromTheTop: with two faults at once nothing is started before
// the last of them is mended, and nothing is lost.
func TestCommandsWorkFromTheTop(t *testing.T) {
	unit := func(verb report.UnitVerb) report.Step {
		return report.Step{Do: "systemctl " + string(verb) + " ssh.service", Where: report.OnServer,
			Act: &report.Action{Kind: report.ActUnit, Unit: "ssh.service", Verb: verb}}
	}
	plain := func(do string) report.Step { return report.Step{Do: do, Where: report.OnServer} }
	finding := func(cause string, steps ...report.Step) report.Finding {
		return report.Finding{Cause: cause, Impact: report.Blocking, Certainty: report.Confirmed, Summary: cause + ".",
			Evidence: []report.Evidence{{Source: "x", Excerpt: "y"}}, Remedy: &report.Remedy{Kind: report.Repair, Summary: "Mend it.", Steps: steps}}
	}
	for _, c := range []struct {
		findings []report.Finding
		want     []string
	}{
		{[]report.Finding{
			finding("sshd-broken", plain("dpkg --configure openssh-server"), unit(report.VerbStart)),
			finding("service-masked", unit(report.VerbUnmask), unit(report.VerbStart)),
		}, []string{"dpkg --configure openssh-server", "systemctl unmask ssh.service", "systemctl start ssh.service"}},
		{[]report.Finding{
			finding("service-masked", unit(report.VerbUnmask), unit(report.VerbStart)),
			finding("listen-loopback-only", plain("sed -i 1d /etc/ssh/sshd_config"), plain("sshd -t"), unit(report.VerbRestart)),
			finding("tcp-wrappers-deny", plain("sed -i '1i sshd: ALL' /etc/hosts.allow")),
		}, []string{"systemctl unmask ssh.service", "sed -i 1d /etc/ssh/sshd_config", "sshd -t", "systemctl restart ssh.service", "sed -i '1i sshd: ALL' /etc/hosts.allow"}},
		{[]report.Finding{finding("service-stopped", unit(report.VerbStart))}, []string{"systemctl start ssh.service"}},
	} {
		var b bytes.Buffer
		r := &report.Report{Verdict: report.VerdictBroken, Headline: "x", Findings: c.findings}
		if err := Terminal(&b, r, Options{Width: 100}); err != nil {
			t.Fatal(err)
		}
		var got []string
		for line := range strings.Lines(b.String()) {
			if command, ok := strings.CutPrefix(strings.TrimSpace(line), "$ "); ok {
				got = append(got, command)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("got  %q\nwant %q", got, c.want)
		}
		if parts := len(c.findings) > 1; parts != strings.Contains(b.String(), "Go on below") {
			t.Errorf("where commands are left for later, it is said:\n%s", b.String())
		}
	}
}
