package client

import (
	"strings"
	"testing"

	"sshwhy/internal/report"
	"sshwhy/internal/sshwire"
)

// TestSymptomsOfMildFaults: a key that the agent refuses to sign with is not one that
// the server rejects, whether or not a password may still be typed.
func TestSymptomsOfMildFaults(t *testing.T) {
	for name, allowed := range map[string][]string{"only keys": {"publickey"}, "a password too": {"publickey", "password"}} {
		t.Run(name, func(t *testing.T) {
			o := recorded(goodAt(testV4))
			o.Banner = &Banner{Ident: sshwire.Ident{Line: "SSH-2.0-OpenSSH_9.2p1", Protocol: "2.0", Software: "OpenSSH_9.2p1"}, Ms: 20}
			o.Kex = &Kex{Server: &sshwire.KexInit{}}
			o.HostKey = &HostKey{Type: "ssh-ed25519", Names: []string{"web1"}, Known: []KnownKey{{Name: "web1"}}, Same: []int{0}}
			o.Login = &Login{User: "alice", Allowed: allowed, Ours: []string{"publickey", "password"},
				Agent: &Agent{Socket: "/run/agent"},
				Keys:  []Key{{Agent: true, Comment: "work", Type: "ssh-ed25519", State: KeyBadSign, Detail: "agent: failed"}}}
			var causes []string
			for _, f := range Diagnose(o, "test").Findings {
				if f.Impact != report.Note {
					causes = append(causes, f.Cause)
				}
			}
			if got := strings.Join(causes, " "); got != "agent-refused" {
				t.Errorf("found %q, want agent-refused alone", got)
			}
		})
	}
}
