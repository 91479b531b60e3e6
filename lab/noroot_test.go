//go:build linux

package lab

import (
	"encoding/json"
	"strings"
	"testing"

	"sshwhy/internal/report"
)

// TestWithoutRoot looks at a machine as an ordinary user: nothing that could not
// be seen is called fine, and what root would add is said.
func TestWithoutRoot(t *testing.T) {
	tools := setUpFixes(t)
	ctx, w := bootTrixie(t, tools, caseLimit)
	const ask = " --user bob --client 192.0.2.2"
	res := w.Server(ctx, "set +e; su alice -c 'sshwhy server --json"+ask+"' </dev/null")
	var r report.Report
	if err := json.Unmarshal(res.Stdout, &r); err != nil {
		t.Fatal(err, res)
	}
	if r.Verdict != report.VerdictUnknown || res.Exit != r.Verdict.ExitCode() {
		t.Errorf("verdict %s, exit status %d", r.Verdict, res.Exit)
	}
	left := map[string]string{}
	for _, i := range r.Incomplete {
		left[i.Check] = i.Reason
	}
	for _, check := range []string{"configuration", "owner of the listening sockets", "firewall", "sshd's log"} {
		if !strings.Contains(left[check], "root") {
			t.Errorf("%s was left out, because: %q", check, left[check])
		}
	}
	// bob's password and keys are for root only: the access stage must not be called fine.
	for _, s := range r.Stages {
		if s.Stage == report.StageAccess && s.Status == report.StatusOK {
			t.Errorf("access is called fine: %+v, left out: %v", s, left)
		}
	}
	said := string(w.Server(ctx, "set +e; su alice -c 'sshwhy server"+ask+"' </dev/null").Stdout)
	if !strings.Contains(said, "sudo sshwhy server --client 192.0.2.2 --user bob\n") {
		t.Errorf("the command that sees more is not offered:\n%s", said)
	}
	if said = string(w.Server(ctx, "set +e; sshwhy server"+ask+" </dev/null").Stdout); strings.Contains(said, "sudo sshwhy") {
		t.Errorf("root is offered sudo:\n%s", said)
	}
	said = string(w.Server(ctx, "set +e; mv /usr/bin/sudo /root/; su alice -c 'sshwhy server"+ask+"' </dev/null").Stdout)
	if strings.Contains(said, "sudo") || !strings.Contains(said, "needs root") {
		t.Errorf("without sudo:\n%s", said)
	}
}
