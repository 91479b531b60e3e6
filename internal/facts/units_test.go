package facts

import "testing"

// TestUnitOnItsWay: the states that systemd's service.c has between up and down.
func TestUnitOnItsWay(t *testing.T) {
	for _, c := range []struct {
		active, sub, restarts   string
		failed, retried, moving bool
		doing                   string
	}{
		{"failed", "failed", "5", true, false, false, ""},
		{"activating", "auto-restart", "0", true, true, true, ""},
		{"activating", "auto-restart-queued", "7", true, true, true, ""}, // systemd 254 and later
		{"activating", "start-pre", "3", true, true, true, "ExecStartPre"},
		{"activating", "start-pre", "0", false, false, true, "ExecStartPre"},
		{"deactivating", "stop-post", "0", false, false, true, "ExecStopPost"},
		{"active", "running", "1", false, false, false, ""},
		{"reloading", "reload", "0", false, false, false, ""},
		{"inactive", "dead", "0", false, false, false, ""},
	} {
		u := Unit{Props: map[string]string{"ActiveState": c.active, "SubState": c.sub, "NRestarts": c.restarts}}
		if u.Failed() != c.failed || u.Retried() != c.retried || u.Moving() != c.moving || u.Doing() != c.doing {
			t.Errorf("%s (%s), %s restarts: failed %v, retried %v, moving %v, doing %q", c.active, c.sub, c.restarts, u.Failed(), u.Retried(), u.Moving(), u.Doing())
		}
	}
}

// TestLogBeforeAFix: what was said of a login before a fix is left out, and
// what is about the server stays.
func TestLogBeforeAFix(t *testing.T) {
	var j Journal
	for _, e := range []struct {
		at      int64
		by, say string
	}{
		{100, "sshd-session", "fatal: Access denied for user alice by PAM account configuration [preauth]"},
		{100, "sshd", "Server listening on 0.0.0.0 port 22."},
		{100, "sshd", "/etc/ssh/sshd_config: line 3: Bad configuration option: Prot"},
		{100, "sshd", "drop connection #0 from [192.0.2.2]:40000 on [198.51.100.10]:22 penalty: failed authentication"},
		{100, "systemd", "ssh.service: Failed with result 'exit-code'."},
		{100, "sshd-session", "Could not open user 'alice' authorized keys '/home/alice/.ssh/authorized_keys': Permission denied"},
		{101, "sshd-session", "refused connect from 192.0.2.2 (192.0.2.2)"},
		{0, "sshd", "User alice from 192.0.2.2 not allowed because not listed in AllowUsers"},
	} {
		j.Entries = append(j.Entries, Entry{Time: e.at, Identifier: e.by, Message: e.say})
	}
	if n := len(j.SinceChange(0).Entries); n != 8 {
		t.Errorf("without a fix: %d lines, want all 8", n)
	}
	left := j.SinceChange(100).Entries
	if len(left) != 6 || left[0].Message[:6] != "Server" || left[4].Time != 101 || left[5].Time != 0 {
		t.Errorf("after a fix at 100: %d lines, %+v", len(left), left)
	}
}
