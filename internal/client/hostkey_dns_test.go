package client

import (
	"crypto/ed25519"
	"crypto/sha256"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/net/dns/dnsmessage"

	"sshwhy/internal/report"
)

// sshfpReply is a name server's packet with the given records.
func sshfpReply(t testing.TB, id uint16, vouched bool, records ...[]byte) []byte {
	t.Helper()
	name := dnsmessage.MustNewName("web1.example.org.")
	m := dnsmessage.Message{Header: dnsmessage.Header{ID: id, Response: true, AuthenticData: vouched},
		Questions: []dnsmessage.Question{{Name: name, Type: typeSSHFP, Class: dnsmessage.ClassINET}}}
	m.Answers = append(m.Answers, dnsmessage.Resource{ // an alias comes before what it stands for
		Header: dnsmessage.ResourceHeader{Name: name, Class: dnsmessage.ClassINET}, Body: &dnsmessage.CNAMEResource{CNAME: name}})
	for _, r := range records {
		m.Answers = append(m.Answers, dnsmessage.Resource{Header: dnsmessage.ResourceHeader{Name: name, Class: dnsmessage.ClassINET},
			Body: &dnsmessage.UnknownResource{Type: typeSSHFP, Data: r}})
	}
	b, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestKeyDNS holds the comparison to OpenSSH's: one record of the key, and none of
// its kind for another one; DNS alone is believed only where it is vouched for and
// the C library may say so.
func TestKeyDNS(t *testing.T) {
	public, _, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(key.Marshal())
	good := append([]byte{4, 2}, sum[:]...)
	bad := append([]byte{4, 2}, make([]byte, 32)...)
	rsa := append([]byte{1, 2}, make([]byte, 32)...)
	odd := []byte{4, 9, 1, 2, 3}
	for _, tt := range []struct {
		name             string
		records          [][]byte
		vouched, library bool
		matches, trusted bool
	}{
		{"the key's", [][]byte{good}, false, true, true, false},
		{"the key's, vouched for", [][]byte{good}, true, true, true, true},
		{"vouched for, and the library hides it", [][]byte{good}, true, false, true, false},
		{"another key's", [][]byte{bad}, true, true, false, false},
		{"both", [][]byte{good, bad}, true, true, false, false},
		{"the key's and one of another kind", [][]byte{rsa, good}, true, true, true, true},
		{"only one of another kind", [][]byte{rsa}, true, true, false, false},
		{"a hash that nobody knows", [][]byte{odd}, true, true, false, false},
		{"cut short", [][]byte{{4, 2}}, true, true, false, false},
	} {
		k := &KeyDNS{Wanted: "true", TrustAD: tt.library}
		if err := k.read(7, sshfpReply(t, 7, tt.vouched, tt.records...)); err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		k.compare(key)
		if k.matches() != tt.matches || k.trusted() != tt.trusted || k.Code != "NOERROR" {
			t.Errorf("%s: matches %v, trusted %v: %+v", tt.name, k.matches(), k.trusted(), k)
		}
	}
	if err := new(KeyDNS).read(8, sshfpReply(t, 7, true, good)); err == nil {
		t.Error("an answer to another question was taken")
	}
}

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

// FuzzKeyDNS holds that no packet of a name server does harm.
func FuzzKeyDNS(f *testing.F) {
	f.Add(sshfpReply(f, 7, true, []byte{4, 2, 1, 2, 3}))
	f.Add([]byte{0, 7, 0x80})
	f.Fuzz(func(t *testing.T, packet []byte) {
		k := &KeyDNS{}
		if k.read(7, packet) == nil && (len(k.Records) > maxSSHFP || k.Code == "") {
			t.Errorf("%+v", k)
		}
	})
}
