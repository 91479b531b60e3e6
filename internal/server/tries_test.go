package server

import (
	"encoding/json"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"

	"sshwhy/internal/evidence"
	"sshwhy/internal/facts"
	"sshwhy/internal/report"
)

// logged is a line of the journal; what stands before "|" is its sender: root's
// sshd-session unless it says otherwise.
type logged struct {
	after int64 // seconds after the last change
	pid   int
	text  string
}

// withLog is a healthy machine whose journal holds these lines, and what the
// rules for this visitor are there.
func withLog(t *testing.T, q Query, uid, comm string, lines ...logged) *evidence.Bundle {
	t.Helper()
	b := recorded(t, "healthy-visited") // it knows the account alice
	since, ok := newView(facts.Parse(b, q.ask()), b, q).lastChange()
	if !ok {
		t.Fatal("the recorded machine does not tell when it was changed last")
	}
	var data []byte
	for _, l := range lines {
		line, err := json.Marshal(map[string]string{"MESSAGE": l.text, "SYSLOG_IDENTIFIER": "sshd-session", "_PID": strconv.Itoa(l.pid),
			"_UID": uid, "_COMM": comm, "__REALTIME_TIMESTAMP": strconv.FormatInt((since.At+l.after)*1e6, 10)})
		if err != nil {
			t.Fatal(err)
		}
		data = append(append(data, line...), '\n')
	}
	for _, key := range b.Keys() {
		if strings.HasPrefix(key, "cmd:journalctl -q --no-pager -o json --all -b") {
			b.PutKey(key, evidence.Result{Status: evidence.Known, Data: data})
		}
	}
	return b
}

// The lines are those of sshd 9.2 and 10.0, and of PAM's modules with them.
func TestHowATryEnded(t *testing.T) {
	both := Query{User: "alice", Client: netip.MustParseAddr("192.0.2.2")}
	for _, c := range []struct {
		name  string
		q     Query
		lines []string
		want  ending
	}{
		{"in", both, []string{"Accepted publickey for alice from 192.0.2.2 port 41474 ssh2: ED25519 SHA256:x", "pam_unix(sshd:session): session opened for user alice(uid=1000) by alice(uid=0)"}, letIn},
		{"in, and thrown out", both, []string{"Accepted publickey for alice from 192.0.2.2 port 41474 ssh2: ED25519 SHA256:x", "error: PAM: pam_open_session(): Permission denied"}, refused},
		{"another address", both, []string{"Accepted publickey for alice from 192.0.2.3 port 1 ssh2", "Connection from 192.0.2.2"}, untold},
		{"gave up", both, []string{"Connection closed by authenticating user alice 192.0.2.2 port 41480 [preauth]"}, turnedAway},
		{"left early", both, []string{"Connection closed by 192.0.2.2 port 41480 [preauth]"}, untold},
		{"PAM", both, []string{"Failed none for alice from 192.0.2.2 port 1 ssh2", "fatal: Access denied for user alice by PAM account configuration [preauth]"}, refused},
		{"a list", both, []string{"User alice from 192.0.2.2 not allowed because listed in DenyUsers"}, refused},
		{"a crash", both, []string{"fatal: chroot(\"/run/sshd\"): Operation not permitted [preauth]", "Connection from 192.0.2.2 port 2"}, refused},
		{"a crash for nobody known", user("alice"), []string{"fatal: userauth_pubkey: parse publickey packet: incomplete message [preauth]", "Connection closed by authenticating user alice 203.0.113.9 port 2 [preauth]"}, turnedAway},
		{"a name that says so", user("alice"), []string{"Invalid user alice Access denied for user alice by PAM from 203.0.113.9 port 3"}, untold},
		{"a name like a line", user("alice"), []string{"Invalid user Accepted publickey for alice from 192.0.2.2 port 1 from 203.0.113.9 port 3", "Failed password for invalid user x from 203.0.113.9 port 3 ssh2"}, untold},
	} {
		var lines []logged
		for _, l := range c.lines {
			lines = append(lines, logged{1, 7, l})
		}
		b := withLog(t, c.q, "0", "sshd-session", lines...)
		v := newView(facts.Parse(b, c.q.ask()), b, c.q)
		got := untold
		for _, try := range v.tries() {
			got = try.end
		}
		if got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// TestTheLastWord: a login after the last change proves, a refusal that no check
// explains blocks, and neither does from before the change, or by a forged line.
func TestTheLastWord(t *testing.T) {
	const in = "Accepted publickey for alice from 192.0.2.2 port 41474 ssh2: ED25519 SHA256:x"
	const denied = "fatal: Access denied for user alice by PAM account configuration [preauth]"
	const out = "pam_unix(sshd:session): session closed for user alice"
	both := Query{User: "alice", Client: netip.MustParseAddr("192.0.2.2")}
	from := logged{1, 9, "Connection from 192.0.2.2 port 41475 on 198.51.100.10 port 22"}
	for _, c := range []struct {
		name  string
		uid   string
		comm  string
		lines []logged
		proof string // how the proof begins
		cause string // of the first blocking finding
	}{
		{"a login", "0", "sshd-session", []logged{{1, 7, in}, {1, 7, out}}, "login of alice from 192.0.2.2", ""},
		{"a login before the change", "0", "sshd-session", []logged{{-5, 7, in}, {-5, 7, out}}, "the server answered", ""},
		{"root's logger", "0", "logger", []logged{{1, 7, in}}, "the server answered", ""},
		{"a login in which a session hung", "0", "sshd-session", []logged{{1, 7, in}, {9, 7, out}}, "", ""},
		{"a login without an end", "0", "sshd-session", []logged{{1, 7, in}}, "", ""},
		{"one that left early after a login", "0", "sshd-session", []logged{{1, 7, in}, {1, 7, out}, {3, 9, "Connection closed by 192.0.2.2 port 41475 [preauth]"}}, "", ""},
		{"a refusal after a login", "0", "sshd-session", []logged{{1, 7, in}, {2, 9, denied}, {2, 9, from.text}}, "", "pam-denied"},
		{"a login after a refusal", "0", "sshd-session", []logged{{1, 9, denied}, from, {2, 7, in}, {2, 7, out}}, "login of alice from 192.0.2.2", ""},
		{"a refusal by a list that is in no file", "0", "sshd-session", []logged{{1, 9, "User alice from 192.0.2.2 not allowed because listed in DenyUsers"}}, "", "refused-unexplained"},
		{"a refusal by what leaves no time", "0", "sshd-session", []logged{{1, 9, "Authentication refused: bad ownership or modes for directory /home/alice"},
			{1, 9, "Connection closed by authenticating user alice 192.0.2.2 port 41475 [preauth]"}}, "", ""},
		{"an unknown refusal", "0", "sshd-session", []logged{from, {1, 9, "error: Error checking authentication key ED25519 SHA256:x in revoked keys file /etc/ssh/krl: invalid format"}}, "", "refused-unexplained"},
		{"an unknown refusal before the change", "0", "sshd-session", []logged{{-9, 9, from.text}, {-9, 9, "error: Error checking authentication key ED25519 SHA256:x in revoked keys file /etc/ssh/krl: invalid format"}}, "", ""},
	} {
		rep := Diagnose(withLog(t, both, c.uid, c.comm, c.lines...), both, "test")
		cause, proof := "", ""
		if len(rep.Findings) > 0 && rep.Findings[0].Impact == report.Blocking {
			cause = rep.Findings[0].Cause
		}
		if rep.Proof != nil {
			proof = rep.Proof.How
		}
		if cause != c.cause || !strings.HasPrefix(proof, c.proof) || (proof == "") != (c.proof == "") {
			t.Errorf("%s: %s, cause %q, proof %q: %s %v", c.name, rep.Verdict, cause, proof, rep.Headline, rep.Incomplete)
		}
		if len(rep.Timeline) != len(slices.CompactFunc(slices.Clone(c.lines), func(a, b logged) bool { return a.pid == b.pid })) {
			t.Errorf("%s: the timeline is %v", c.name, rep.Timeline)
		}
	}
}
