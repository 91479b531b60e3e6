package walk

import (
	"fmt"
	"strings"
	"testing"

	"sshwhy/internal/client"
	"sshwhy/internal/report"
)

// jumpConfig is a configuration for the test's server as host and jump host.
func (s realServer) jumpConfig(t *testing.T, key string) string {
	t.Helper()
	return s.write(t, "config-"+key, strings.Join([]string{
		"Host *", "IdentityFile " + s.dir + "/" + key, "IdentitiesOnly yes", "UserKnownHostsFile " + s.dir + "/known_hosts",
		"GlobalKnownHostsFile none", "User " + s.user, "Host target", "HostName 127.0.0.1", "Port " + s.port,
		"Host jump", "HostName 127.0.0.1", "Port " + s.port, "Host closed", "HostName 127.0.0.1", "Port 1", "",
	}, "\n"))
}

// TestJump goes over a real jump host to a real target, and fails at each of the
// places where it can fail.
func TestJump(t *testing.T) {
	s := startSSHD(t)
	for _, tt := range []struct {
		name, key, jump, host string
		verdict               report.Verdict
		cause, words          string
	}{
		{"good", "id", "jump", "target", report.VerdictOK, "", "All is well"},
		{"two hops", "id", "jump,jump", "target", report.VerdictOK, "", "All is well"},
		{"jump host refuses", "id", "closed", "target", report.VerdictBroken, "jump-host-failed", "refuses connections on port 1"},
		{"second hop refuses", "id", "jump,closed", "target", report.VerdictBroken, "jump-host-failed", "refuses"},
		{"jump host rejects the key", "other", "jump", "target", report.VerdictBroken, "jump-host-failed", "rejects every key"},
		{"target refuses", "id", "jump", "closed", report.VerdictBroken, "connection-refused", "jump host jump"},
		{"target unknown", "id", "jump", "no-such-host.invalid", report.VerdictBroken, "", "jump"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := Walk(t.Context(), Options{Args: []string{"-F", s.jumpConfig(t, tt.key), "-J", tt.jump}, Host: tt.host, NoOtherPorts: true, Version: "test", alone: new(bool)}, nil)
			r := client.Diagnose(o, "test")
			if r.Verdict != tt.verdict || tt.cause != "" && blocking(r) != tt.cause || !strings.Contains(r.Headline, tt.words) {
				t.Errorf("%s %s: %s", r.Verdict, blocking(r), r.Headline)
			}
		})
	}
}

func TestProxyCommand(t *testing.T) {
	s := startSSHD(t)
	conf := s.jumpConfig(t, "id")
	for _, tt := range []struct {
		name, command string
		cause, words  string
	}{
		{"good", "ssh -F " + conf + " -W %h:%p jump", "", "All is well"},
		{"not there", "/no/such/program %h %p", "proxy-command-failed", "not found"},
		{"fails", "sh -c 'echo it is broken >&2; exit 3'", "proxy-command-failed", "it is broken"},
		{"silent", "sleep 60", "proxy-command-failed", "carried nothing"},
		{"no ssh", "echo hello", "closed-before-banner", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("SHELL", "/bin/sh")
			opt := Options{Args: []string{"-F", conf, "-o", "ProxyCommand=" + tt.command}, Host: "target", Version: "test", alone: new(bool)}
			if tt.name == "silent" {
				opt.Timeout = 1e9
			}
			r := client.Diagnose(Walk(t.Context(), opt, nil), "test")
			if blocking(r) != tt.cause || !strings.Contains(r.Headline, tt.words) {
				t.Errorf("%s: %s", blocking(r), r.Headline)
			}
		})
	}
}

// TestHopArgs takes hops apart as a user writes them and as ssh -G prints them.
func TestHopArgs(t *testing.T) {
	for hop, want := range map[string]string{
		"jump":                              "jump []",
		"alice@jump:2222":                   "jump [-l alice -p 2222]",
		"alice@[198.51.100.10]":             "198.51.100.10 [-l alice]",
		"[198.51.100.10]:2222":              "198.51.100.10 [-p 2222]",
		"alice@[2001:db8:2::10]:2222":       "2001:db8:2::10 [-l alice -p 2222]",
		"ssh://alice@jump:22":               "jump [-l alice -p 22]",
		"a[b":                               "a[b []",
		"ssh://alice@[198.51.100.10]:22000": "198.51.100.10 [-l alice -p 22000]",
	} {
		host, args := hopArgs(hop)
		if got := fmt.Sprint(host, " ", args); got != want {
			t.Errorf("%s: %s, want %s", hop, got, want)
		}
	}
}
