package walk

import (
	"crypto/ed25519"
	"crypto/sha256"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/net/dns/dnsmessage"

	"sshwhy/internal/client"
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
		k := &client.KeyDNS{Wanted: "true", TrustAD: tt.library}
		if err := readSSHFP(k, 7, sshfpReply(t, 7, tt.vouched, tt.records...)); err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		compareSSHFP(k.Records, key)
		if k.Matches() != tt.matches || k.Trusted() != tt.trusted || k.Code != "NOERROR" {
			t.Errorf("%s: matches %v, trusted %v: %+v", tt.name, k.Matches(), k.Trusted(), k)
		}
	}
	if err := readSSHFP(new(client.KeyDNS), 8, sshfpReply(t, 7, true, good)); err == nil {
		t.Error("an answer to another question was taken")
	}
}

// FuzzKeyDNS holds that no packet of a name server does harm.
func FuzzKeyDNS(f *testing.F) {
	f.Add(sshfpReply(f, 7, true, []byte{4, 2, 1, 2, 3}))
	f.Add([]byte{0, 7, 0x80})
	f.Fuzz(func(t *testing.T, packet []byte) {
		k := &client.KeyDNS{}
		if readSSHFP(k, 7, packet) == nil && (len(k.Records) > maxSSHFP || k.Code == "") {
			t.Errorf("%+v", k)
		}
	})
}
