package walk

import (
	"encoding/hex"
	"net/netip"
	"os"
	"testing"
	"time"
)

// TestParseReset reads a reset as it arrived from a Linux host, and what is none.
func TestParseReset(t *testing.T) {
	const packet = "45280028000040003f061de2c633640ac00002020016a7f40000000071b9a4b450140000d9d30000"
	b, err := hex.DecodeString(packet)
	if err != nil {
		t.Fatal(err)
	}
	seen, ok := parseReset4(b)
	if !ok || seen != (seenReset{from: 22, to: 0xa7f4, ttl: 63, class: 0x28}) {
		t.Errorf("got %+v, %v", seen, ok)
	}
	for name, change := range map[string]func([]byte) []byte{
		"cut":       func(b []byte) []byte { return b[:39] },
		"no reset":  func(b []byte) []byte { b[33] = 0x12; return b },
		"IPv6":      func(b []byte) []byte { b[0] = 0x60; return b },
		"no header": func(b []byte) []byte { b[0] = 0x41; return b },
		"too long":  func(b []byte) []byte { b[0] = 0x4f; return b },
	} {
		if got, ok := parseReset4(change(append([]byte(nil), b...))); ok {
			t.Errorf("%s: taken for a reset: %+v", name, got)
		}
	}
}

// TestFINSegment: the checksum of the segment with its IsMarker header comes out as RFC 9293 wants it.
func TestFINSegment(t *testing.T) {
	for _, pair := range [][2]string{{"192.0.2.2:40000", "198.51.100.10:22"}, {"[2001:db8:1::2]:40001", "[2001:db8:2::10]:22"}} {
		from, to := netip.MustParseAddrPort(pair[0]), netip.MustParseAddrPort(pair[1])
		b := finSegment(from, to)
		sum := 6 + len(b)
		for _, part := range [][]byte{from.Addr().AsSlice(), to.Addr().AsSlice(), b} {
			for i := 0; i < len(part); i += 2 {
				sum += int(part[i])<<8 + int(part[i+1])
			}
		}
		for sum > 0xffff {
			sum = sum>>16 + sum&0xffff
		}
		if sum != 0xffff || b[13] != 1 {
			t.Errorf("%s: checksum %#x in % x", pair[0], sum, b)
		}
	}
}

// TestRawSocketSeesResets: a closed port of the loopback answers an attempt and a
// lone FIN with resets that only a kernel makes.
func TestRawSocketSeesResets(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs CAP_NET_RAW")
	}
	for _, addr := range []string{"127.0.0.1", "::1"} {
		peer := netip.MustParseAddr(addr)
		s := listenResets(peer, dialer{})
		if s == nil {
			t.Skipf("no raw socket to %s", addr)
		}
		defer s.close()
		const port = 1 // tcpmux, which nobody runs
		var ours uint16
		dial(t.Context(), netip.AddrPortFrom(peer, port), dialer{limit: time.Second, class: probeClass, from: func(p uint16) { ours = p }})
		s.sendFIN(port)
		s.collect(t.Context(), time.Now().Add(time.Second), func() bool { return len(s.seen) >= 2 })
		if len(s.seen) != 2 {
			t.Fatalf("%s: saw %+v", addr, s.seen)
		}
		for i, to := range []uint16{ours, s.local.Port()} {
			if got := s.seen[i]; got.from != port || got.to != to || !got.probe(false).ByKernel() || got.ttl != 64 {
				t.Errorf("%s: saw %+v", addr, got)
			}
		}
	}
}

// FuzzParseReset holds that no packet makes the readers fail or read beyond it.
func FuzzParseReset(f *testing.F) {
	f.Add([]byte{0x45}, []byte{})
	f.Add(make([]byte, 40), make([]byte, 40))
	f.Add([]byte("\x4f\x28aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"), []byte{0x14, 0, 0, 0, 0, 0, 0, 0, 41, 0, 0, 0, 67, 0, 0, 0, 1, 2, 3, 4})
	f.Fuzz(func(t *testing.T, packet, control []byte) {
		if seen, ok := parseReset4(packet); ok && (seen.class > 255 || seen.ttl > 255) {
			t.Errorf("%+v", seen)
		}
		_, _ = parseReset6(packet, control)
	})
}
