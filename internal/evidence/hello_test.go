package evidence

import (
	"encoding/binary"
	"strings"
	"testing"
)

// A packet is a multiple of eight bytes long, with four of padding at least (RFC 4253 section 6).
func TestHelloBye(t *testing.T) {
	p := HelloBye()
	if len(p)%8 != 0 || int(binary.BigEndian.Uint32(p)) != len(p)-4 || p[4] < 4 || p[5] != 1 {
		t.Errorf("%d bytes: %q", len(p), p)
	}
	if !strings.Contains(string(p), HelloWords) {
		t.Errorf("%q", p)
	}
}
