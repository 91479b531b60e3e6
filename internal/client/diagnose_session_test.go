package client

import (
	"testing"

	"sshwhy/internal/report"
)

// TestDiagnoseForcedProgram: a program of the server's choice that does what it is there for
// keeps nobody out; one that cannot be run does. The words are those of sshd 10.0, bash and
// dash, and of Debian's gitolite.
func TestDiagnoseForcedProgram(t *testing.T) {
	for _, tt := range []struct {
		exit   int
		said   string
		impact report.Impact
	}{
		{1, "/opt/sh/bash: Permission denied", report.Blocking},
		{1, "/usr/local/bin/bash5: Exec format error", report.Blocking},
		{1, "/usr/local/bin/mysh: No such file or directory", report.Blocking},
		{126, "bash: line 1: /usr/local/bin/menu: Permission denied", report.Blocking},
		{127, "sh: 1: gitolite-shel: not found", report.Blocking},
		{1, "", report.Blocking},
		{1, "PTY allocation request failed on channel 0", report.Degrading},
		{1, "/srv/menu: closed for today", report.Degrading},
		{255, "FATAL: unknown git/gitolite command", report.Degrading},
		{0, "hello alice, this is gitolite3", report.Note},
	} {
		o := recorded(goodAt(testV4))
		o.HostKey = &HostKey{Type: "ssh-ed25519", Fingerprint: "SHA256:x", Names: []string{"web1"}, Same: []int{0},
			Known: []KnownKey{{File: "known_hosts", Line: 1, Name: "web1", Type: "ssh-ed25519"}}}
		o.Login = &Login{OK: true, User: "alice"}
		o.Session = &Session{Opened: true, Exit: tt.exit, Output: tt.said, Shell: &Shell{Ended: true, Exit: tt.exit, Output: tt.said}}
		r := Diagnose(o, "test")
		if len(r.Findings) == 0 || r.Findings[0].Cause != "session-refused" || r.Findings[0].Impact != tt.impact {
			t.Errorf("%d %q: want %s, got %+v", tt.exit, tt.said, tt.impact, r.Findings)
		}
	}
}
