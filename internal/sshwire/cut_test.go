package sshwire

import (
	"bytes"
	"testing"

	"sshwhy/internal/cuttest"
)

func lineReaders(testing.TB) map[string]cuttest.Reader {
	return map[string]cuttest.Reader{
		"a connection": func(b []byte) {
			r := NewReader(bytes.NewReader(b))
			if _, err := r.ReadIdent(); err == nil {
				_, _, _ = r.ReadKexInit()
			}
		},
		"packets":      func(b []byte) { _, _, _ = NewReader(bytes.NewReader(b)).ReadKexInit() },
		"ParseKexInit": func(b []byte) { _, _ = ParseKexInit(append([]byte{msgKexInit}, b...)) },
		"disconnect":   func(b []byte) { _ = parseDisconnect(b) },
		"CutString":    func(b []byte) { _, _, _ = CutString(b) },
	}
}

// TestCutLines: a peer may say any line, and stop anywhere in it.
func TestCutLines(t *testing.T) { cuttest.All(t, lineReaders(t)) }

// TestCutPackets: the same for what it says in packets.
func TestCutPackets(t *testing.T) {
	whole := append([]byte("SSH-2.0-x\r\n"), packet(kexInit("curve25519-sha256,ecdh-sha2-nistp256", "ssh-ed25519"))...)
	for n := range whole {
		for _, r := range lineReaders(t) {
			r(whole[:n])
			r(whole[n:])
		}
	}
}

func FuzzLines(f *testing.F) { cuttest.Fuzz(f, lineReaders(f)) }
