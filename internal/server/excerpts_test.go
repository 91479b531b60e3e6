package server

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"sshwhy/internal/evidence"
)

// Somebody put the private half of his key where the public one belongs: the
// finding says so, and shows none of it.
func TestPrivateKeyAsAuthorizedKey(t *testing.T) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(key, "alice@web1")
	if err != nil {
		t.Fatal(err)
	}
	text := "ssh-ed25519 AAAA broken\n" + string(pem.EncodeToMemory(block))
	b := recorded(t, "access-keys-missing")
	meta := evidence.Meta{Type: "file", Mode: 0o600, UID: 1000, GID: 1000, Size: int64(len(text))}
	const path = "/home/alice/.ssh/authorized_keys"
	b.Put(evidence.File(path), evidence.Result{Status: evidence.Known, Data: []byte(text), Meta: &meta})
	b.Put(evidence.Stat(path), evidence.Result{Status: evidence.Known, Meta: &meta})
	f := cause(Diagnose(b, user("alice"), "test"), "authorized-keys-missing")
	if f == nil || len(f.Evidence) < 3 {
		t.Fatalf("%+v", f)
	}
	for _, e := range f.Evidence {
		for _, line := range strings.Split(text, "\n")[2:5] {
			if strings.Contains(e.Excerpt, line[:20]) {
				t.Errorf("line %d shows %q", e.Line, e.Excerpt)
			}
		}
	}
	if !strings.Contains(f.Evidence[0].Excerpt, "AAAA broken") || !strings.Contains(f.Evidence[1].Excerpt, "redacted") {
		t.Errorf("%+v", f.Evidence)
	}
}
