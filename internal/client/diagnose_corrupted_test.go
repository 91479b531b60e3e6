package client

import "testing"

// TestDiagnoseDamaged: a packet that fails its check is named as that and not as what
// its loss looks like; other ends of a connection are left alone.
func TestDiagnoseDamaged(t *testing.T) {
	for _, tt := range []struct{ err, cause string }{
		{"MAC failure", "corrupted-mac"},
		{"cipher: message authentication failed", "corrupted-mac"},
		{"disconnect, reason 2: Corrupted MAC on input.", "corrupted-mac"},
		{"EOF", "session-refused"},
		{"packet too large", "session-refused"},
	} {
		o := recorded(goodAt(testV4))
		o.HostKey = &HostKey{Type: "ssh-ed25519", Fingerprint: "SHA256:x", Names: []string{"web1"}, Same: []int{0},
			Known: []KnownKey{{File: "known_hosts", Line: 1, Name: "web1", Type: "ssh-ed25519"}}}
		o.Login = &Login{OK: true, User: "alice"}
		o.Session = &Session{Exit: -1, End: EndError, Err: "unexpected packet in response to channel open: <nil>", Fault: tt.err}
		if r := Diagnose(o, "test"); blocking(r) != tt.cause {
			t.Errorf("%s: got %q, want %q", tt.err, blocking(r), tt.cause)
		}
	}
}
