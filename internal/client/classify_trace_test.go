package client

import (
	"net/netip"
	"strings"
	"testing"
)

// TestDiagnoseTrace: a drop is said to be on the way only where a router answers for
// the other port and not for this one, behind every router that answers for both.
func TestDiagnoseTrace(t *testing.T) {
	r := func(n byte) netip.Addr { return netip.AddrFrom4([4]byte{198, 51, 100, n}) }
	var nobody netip.Addr
	both := func(n byte) Hop { return Hop{Asked: r(n), Other: r(n)} }
	for _, tt := range []struct {
		name  string
		hops  []Hop
		cause string
		words string
	}{
		{"lost at the first router", []Hop{{nobody, r(1)}, {nobody, r(2)}}, "port-blocked-on-path", "at 198.51.100.1, the first"},
		{"lost at or behind the first", []Hop{both(1), {nobody, r(2)}, {nobody, r(3)}}, "port-blocked-on-path", "at 198.51.100.1, the first router on the way, or right behind"},
		{"a silent router between", []Hop{both(1), {nobody, nobody}, {nobody, r(3)}}, "port-blocked-on-path", "at 198.51.100.1"},
		{"every router answers for both", []Hop{both(1), both(2)}, "connection-timed-out", ""},
		{"one router was slow to answer", []Hop{{nobody, r(1)}, both(2)}, "connection-timed-out", ""},
		{"no router between", nil, "connection-timed-out", ""},
		{"routers that never answer", []Hop{{nobody, nobody}, {nobody, nobody}}, "connection-timed-out", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := recorded(silentAt(testV4))
			o.OtherPorts = []Attempt{refusedAt(netip.AddrPortFrom(testV4.Addr(), 2222))}
			o.Trace = &Trace{Asked: testV4, Other: 2222, Distance: len(tt.hops) + 1, Hops: tt.hops}
			got := Diagnose(o, "test")
			if blocking(got) != tt.cause || !strings.Contains(got.Headline, tt.words) {
				t.Errorf("got %q, want %q: %s", blocking(got), tt.cause, got.Headline)
			}
			// What this machine drops itself never leaves it: that explains more.
			o.RetransFail = 6
			if got := Diagnose(o, "test"); blocking(got) != "local-firewall" {
				t.Errorf("with a local drop: %q", blocking(got))
			}
		})
	}
}
