package client

import (
	"testing"

	"sshwhy/internal/report"
)

// TestDiagnoseKeyDNS: a difference blocks only where ssh ends because of the key.
func TestDiagnoseKeyDNS(t *testing.T) {
	other := []SSHFP{{Algorithm: 4, Hash: 2, Fingerprint: "42", Other: true}}
	for _, tt := range []struct {
		name   string
		known  bool
		dns    *KeyDNS
		impact report.Impact // of the mismatch; "" none
	}{
		{"not on record", false, &KeyDNS{Wanted: "true", Records: other}, report.Blocking},
		{"on record", true, &KeyDNS{Wanted: "true", Records: other}, report.Degrading},
		{"asked of ourselves", false, &KeyDNS{Records: other}, report.Note},
		{"no record", false, &KeyDNS{Wanted: "true", Code: "NXDOMAIN"}, ""},
	} {
		o := recorded(goodAt(testV4))
		o.HostKey = &HostKey{Type: "ssh-ed25519", Fingerprint: "SHA256:x", Names: []string{"web1"}, Strict: "true", DNS: tt.dns}
		if tt.known {
			o.HostKey.Known, o.HostKey.Same = []KnownKey{{File: "known_hosts", Line: 1, Name: "web1", Type: "ssh-ed25519"}}, []int{0}
		}
		var got report.Impact
		for _, f := range Diagnose(o, "test").Findings {
			if f.Cause == "host-key-dns-mismatch" {
				got = f.Impact
			}
		}
		if got != tt.impact {
			t.Errorf("%s: impact %q, want %q", tt.name, got, tt.impact)
		}
	}
}
