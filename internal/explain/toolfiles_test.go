package explain

import (
	"net/netip"
	"os"
	"testing"

	"strings"

	"sshwhy/internal/report"
)

// TestToolOutputs: outputs of real tools on a real machine, prompts and commands
// left in, as somebody would paste them; each machine was broken in one way.
// denied and refused are what the visitor saw, where the paste holds that, too.
func TestToolOutputs(t *testing.T) {
	const denied, refused, silent = "$ ssh USER@192.0.2.10\nUSER@192.0.2.10: Permission denied (publickey).\n",
		"$ ssh alice@192.0.2.10\nssh: connect to host 192.0.2.10 port 22: Connection refused\n", "$ ssh alice@192.0.2.10\nssh: connect to host 192.0.2.10 port 22: Connection timed out\n"
	for _, c := range []struct{ file, before, user, client, want string }{
		{"home-writable", denied, "alice", "", "authorized-keys-permissions"},
		{"keys-of-root", denied, "alice", "", "authorized-keys-permissions"},
		{"keys-missing", denied, "dave", "", "authorized-keys-missing"},
		{"keys-fine", "", "", "", ""},
		{"shell-nologin", "", "", "", "shell-invalid"},
		{"shell-nologin", denied, "erin", "", "shell-invalid"},
		{"home-gone", denied, "carol", "", "home-missing"},
		{"account-missing", denied, "eve", "", "user-unknown"},
		{"locked-no-pam", denied, "dave", "", "account-locked"},
		{"loopback", refused, "", "", "listen-loopback-only"},
		{"loopback-u", refused, "", "", "listen-loopback-only"},
		{"port-2222", refused, "", "", "port-nondefault"},
		{"port-2222", "", "", "", ""},
		{"config-match", denied, "alice", "", "user-not-allowed"},
		{"config-broken", "", "", "", "sshd-config-invalid"},
		{"healthy", "", "", "", ""},
		{"healthy", "", "", "192.0.2.77", ""},
		{"ufw-some", silent, "", "", "firewall-ufw"},
		{"ufw-some", "", "", "198.51.100.7", ""},
		{"ufw-some", "", "", "203.0.113.7", "firewall-ufw"},
		{"ufw-some-iptables", silent, "", "", "firewall-ufw"},
		{"ufw-some-iptables", "", "", "198.51.100.7", ""},
		{"ufw-some-s", "", "", "203.0.113.7", "firewall-ufw"},
		{"ufw-some-s", "", "", "198.51.100.7", ""},
		{"ufw-some-nft", "", "", "203.0.113.7", "firewall-ufw"},
		{"ufw-some-nft", "", "", "198.51.100.7", ""},
		{"ufw-open", "", "", "", ""}, {"ufw-open-numbered", "", "", "", ""},
		{"ufw-open-iptables", "", "", "", ""}, {"ufw-open-nft", "", "", "", ""},
		{"ufw-deny-net", "", "", "203.0.113.7", "firewall-ufw"},
		{"ufw-deny-net", "", "", "192.0.2.1", ""},
	} {
		data, err := os.ReadFile("testdata/tools/" + c.file + ".txt")
		if err != nil {
			t.Fatal(err)
		}
		opt := Options{}
		if c.client != "" {
			opt.Client = netip.MustParseAddr(c.client)
		}
		r, err := Explain(strings.NewReader(strings.ReplaceAll(c.before, "USER", c.user)+string(data)), opt)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if len(r.Findings) > 0 && r.Findings[0].Impact == report.Blocking {
			got = r.Findings[0].Cause
		}
		for _, f := range r.Findings {
			if f.Impact == report.Blocking && f.Cause != c.want && f.Certainty == report.Confirmed && f.Cause != "connection-refused" && f.Cause != "connection-timed-out" {
				t.Errorf("%s %s: also %s, which is not broken there", c.file, c.user, f.Cause)
			}
		}
		if got != c.want {
			t.Errorf("%s %s %s: %q, want %q (%s)", c.file, c.user, c.client, got, c.want, r.Headline)
		}
	}
}
