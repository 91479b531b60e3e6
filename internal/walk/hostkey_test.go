package walk

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sshwhy/internal/report"
)

// watchedAgent is an agent's socket that counts who asks it.
func watchedAgent(t *testing.T) (path string, asked func() int) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "agent")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	calls := make(chan struct{}, 64)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			calls <- struct{}{}
			_ = c.Close()
		}
	}()
	return path, func() int { return len(calls) }
}

// TestUnknownHostKey: where ssh would ask about a host, nothing is offered, asked or
// run before a person has said yes; and nothing is ever recorded.
func TestUnknownHostKey(t *testing.T) {
	servers := map[string]realServer{
		"":                        startSSHD(t, "LogLevel DEBUG1"),
		"ssh itself would log in": startSSHD(t, "LogLevel DEBUG1", "KexAlgorithms sntrup761x25519-sha512@openssh.com"),
	}
	say := func(answer bool) func(context.Context, HostKeyQuestion) bool {
		return func(context.Context, HostKeyQuestion) bool { return answer }
	}
	for _, tt := range []struct {
		name, server string
		ask          func(context.Context, HostKeyQuestion) bool
		strict       string
		batch        bool
		login        bool
		verdict      report.Verdict
		causes       string // blocking
	}{
		{"nobody is asked", "", nil, "ask", false, false, report.VerdictUnknown, ""},
		{"no", "", say(false), "ask", false, false, report.VerdictUnknown, ""},
		{"yes", "", say(true), "ask", false, true, report.VerdictOK, ""},
		{"batch mode", "", say(true), "ask", true, false, report.VerdictBroken, "host-key-unknown"},
		{"strictly", "", say(true), "yes", false, false, report.VerdictBroken, "host-key-unknown"},
		{"accept-new", "", nil, "accept-new", false, true, report.VerdictOK, ""},
		{"off", "", nil, "no", false, true, report.VerdictOK, ""},
		{"no key exchange of ours", "ssh itself would log in", say(true), "ask", false, false, report.VerdictUnknown, ""},
		{"no key exchange of ours, strictly", "ssh itself would log in", nil, "yes", false, false, report.VerdictUnknown, ""},
		{"no key exchange of ours, accept-new", "ssh itself would log in", nil, "accept-new", false, true, report.VerdictOK, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := servers[tt.server]
			records := s.write(t, "nothing", "")
			agent, asked := watchedAgent(t)
			before := len(s.tryRead("log"))
			args := []string{"-o", "UserKnownHostsFile=" + records, "-o", "StrictHostKeyChecking=" + tt.strict, "-o", "IdentityAgent=" + agent, "-i", s.dir + "/id"}
			if tt.batch {
				args = append(args, "-o", "BatchMode=yes")
			}
			_, r := s.walk(t, Options{Ask: tt.ask}, args...)
			if r.Verdict != tt.verdict || blocking(r) != tt.causes {
				t.Errorf("verdict %s, causes %q: %s", r.Verdict, blocking(r), r.Headline)
			}
			log := s.tryRead("log")[before:]
			if got := strings.Contains(log, "Accepted publickey"); got != tt.login {
				t.Errorf("logged in: %v", got)
			}
			if !tt.login && (strings.Contains(log, "userauth-request") || asked() > 0) {
				t.Errorf("offered something; the agent was asked %d times:\n%s", asked(), log)
			}
			if text := s.tryRead("nothing"); text != "" {
				t.Errorf("recorded %q", text)
			}
		})
	}
}

// TestRevokedHostKeys: what ssh makes of a list of revoked keys, sshwhy does.
func TestRevokedHostKeys(t *testing.T) {
	s := startSSHD(t)
	host, other := s.read(t, "host.pub"), s.read(t, "other.pub")
	file := func(name, text string) string { return s.write(t, "revoked-"+name, text) }
	s.keygen(t, "-k", "-f", "krl", "host.pub")
	s.keygen(t, "-k", "-f", "krl-other", "other.pub")
	if err := os.Mkdir(s.dir+"/dir", 0o700); err != nil {
		t.Fatal(err)
	}
	for name, path := range map[string]string{
		"list": file("list", host), "another key's": file("other", other), "both": file("both", "# these\n\n"+other+host),
		"indented": file("indented", "  \t"+host), "garbage before": file("before", "garbage\n"+host), "garbage behind": file("behind", host+"garbage\n"),
		"garbage": file("garbage", "garbage\n"), "options": file("options", "no-pty "+host), "a line of known_hosts": file("known", "* "+host),
		"empty": file("empty", ""), "null": "/dev/null", "missing": s.dir + "/nowhere", "directory": s.dir + "/dir",
		"krl": s.dir + "/krl", "another krl": s.dir + "/krl-other", "half a krl": file("half", s.read(t, "krl")[:30]),
		"a line that is cut": file("cut", host[:40]+"\n"), "a space in its name": file("a space", host),
	} {
		t.Run(name, func(t *testing.T) {
			option := "RevokedHostKeys=\"" + path + "\""
			o, r := s.walk(t, Options{}, "-o", option, "-i", s.dir+"/id")
			real := exec.Command("ssh", append(append([]string{}, o.Args...), "-o", "BatchMode=yes", o.Typed, "true")...)
			out, err := real.CombinedOutput()
			if works := err == nil; works != (r.Verdict == report.VerdictOK) {
				t.Errorf("ssh logs in: %v (%s); sshwhy: %s %q", works, out, r.Verdict, r.Headline)
			}
			if err != nil && o.OwnSSH == nil && blocking(r) != "host-key-revoked" {
				t.Errorf("%q: %s", blocking(r), r.Headline)
			}
			if o.OwnSSH == nil && err != nil && o.Login != nil {
				t.Error("something was offered to a host whose key is revoked")
			}
		})
	}
}
