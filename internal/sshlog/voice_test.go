package sshlog

import "testing"

// TestVoices: a line of a program that is known holds no words of another.
func TestVoices(t *testing.T) {
	m := mustLoad(t)
	for _, c := range []struct {
		line string
		want string // the pattern of what is found, "" for nothing
	}{
		{"ssh: connect to host web1 port 22: Connection refused", "connect to host {host} port {port}: {reason}"},
		{"curl: (7) Failed to connect: Connection refused", ""},
		{"psql: error: connection to server failed: Connection refused", ""},
		{"deploy: giving up: Connection refused", "Connection refused"},
		{"Nov 20 10:00:00 web1 dovecot[9]: lmtp: Connection refused", ""},
		{"Nov 20 10:00:00 web1 sshd[9]: pam_ldap(sshd:auth): failed to bind: Connection timed out", ""},
		{"error: failed to start SSH connection to 'builder1'", ""},
		{"Nov 20 10:00:00 web1 systemd[1]: Failed to start OpenBSD Secure Shell server.", "Failed to start OpenBSD Secure Shell server"},
		{"Nov 20 10:00:00 web1 CRON[1]: Connection closed by 192.0.2.7 port 22", ""},
		{"Nov 20 10:00:00 web1 myscript[1]: Connection closed by 192.0.2.7 port 22", "Connection closed by {ip} port {port}"},
	} {
		l := Clean(c.line)
		got := ""
		if hits := m.FindSaid(l.Text, m.Speaker(l.Prog, l.Text)); len(hits) > 0 {
			got = hits[0].Row.Pattern.Text
		}
		if got != c.want {
			t.Errorf("%q: found %q, want %q", c.line, got, c.want)
		}
	}
	for i := range m.rows {
		if r := &m.rows[i]; len(r.SaidBy) == 0 {
			t.Errorf("%s: nobody is named who says %q", r.Table, r.Pattern.Text)
		}
	}
}
