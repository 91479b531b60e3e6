package server

import (
	"testing"

	"sshwhy/internal/evidence"
	"sshwhy/internal/report"
)

// Tailscale cannot be had without an account: what it says is written after the
// definition of its status (ipnstate.Status, ipnstate.PeerStatus).
func TestTailscaleSSH(t *testing.T) {
	const link = `[{"ifname":"eth0","flags":["UP","LOWER_UP"],"operstate":"UP","addr_info":[{"family":"inet","local":"198.51.100.10","prefixlen":24,"scope":"global"}]},
{"ifname":"tailscale0","flags":["POINTOPOINT","UP","LOWER_UP"],"operstate":"UNKNOWN","addr_info":[{"family":"inet","local":"100.101.102.103","prefixlen":32,"scope":"global"}]}]`
	for _, c := range []struct {
		says   string
		query  Query
		impact report.Impact
	}{
		{"{\n\"Self\": {\"TailscaleIPs\": [\"100.101.102.103\"],\n\"sshHostKeys\": [\n\"ssh-ed25519 AAAA\"]}}", Query{}, report.Note},
		{"{\n\"Self\": {\"TailscaleIPs\": [\"100.101.102.103\"],\n\"sshHostKeys\": [\n\"ssh-ed25519 AAAA\"]}}", client("100.64.0.9"), report.Degrading},
		{"{\n\"Self\": {\"TailscaleIPs\": [\"100.101.102.103\"],\n\"sshHostKeys\": [\n\"ssh-ed25519 AAAA\"]}}", client("192.0.2.2"), ""},
		{`{"Self": {"TailscaleIPs": ["100.101.102.103"]}}`, Query{}, ""},
		{`failed to connect to local tailscaled`, Query{}, ""},
	} {
		b := recorded(t, "healthy-plain")
		b.PutKey("cmd:ip -j addr", evidence.Result{Status: evidence.Known, Data: []byte(link)})
		fill(b, c.query, map[string]string{"cmd:tailscale status": c.says, "cmd:fail2ban-client": "[[]]"})
		f := cause(Diagnose(b, c.query, "test"), "port-in-use")
		if got := f != nil; got != (c.impact != "") || got && (f.Impact != c.impact || len(f.Evidence) != 2) {
			t.Errorf("%q, %v: %+v", c.says, c.query.Client, f)
		}
	}
}
