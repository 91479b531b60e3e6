package firewall

import (
	"math/rand/v2"
	"net/netip"
	"testing"
)

// model is a set of the last 11 bits of an address, kept the plain way.
type model [2048]bool

func at(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}) }

// TestSetsAgainstPlainOnes does the same to address sets and to arrays of bits.
// Many small pieces bring it to where large sets keep their cuts apart.
func TestSetsAgainstPlainOnes(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		var set AddrSet
		var bits model
		for step := range 600 {
			from := r.IntN(len(bits))
			to := min(len(bits)-1, from+r.IntN([]int{1, 2, 200}[r.IntN(3)]))
			other := rangeSet(at(from), at(to))
			if r.IntN(3) == 0 {
				other = other.Union(rangeSet(at(5), at(5)))
			}
			var obits model
			for i := range obits {
				obits[i] = i >= from && i <= to || other.Contains(at(i)) && i == 5
			}
			switch op := r.IntN(40); {
			case op < 14:
				set = set.Union(other)
				for i := range bits {
					bits[i] = bits[i] || obits[i]
				}
			case op < 39:
				set = set.Minus(other)
				for i := range bits {
					bits[i] = bits[i] && !obits[i]
				}
			default:
				set = set.Union(set.Intersect(other)).Minus(AddrSet{})
				if step%3 == 0 { // begin anew, in many pieces
					var rs []addrRange
					for i := range bits {
						if bits[i] = i%3 != 0; bits[i] {
							rs = append(rs, addrRange{at(i), at(i)})
						}
					}
					set = unionOf(rs)
				}
			}
			if step%20 == 0 {
				same(t, set, &bits)
			}
		}
	}
}

func same(t *testing.T, set AddrSet, bits *model) {
	t.Helper()
	n := 0
	for i := range bits {
		if set.Contains(at(i)) != bits[i] {
			t.Fatalf("%v: contained %v, want %v", at(i), !bits[i], bits[i])
		}
		if bits[i] {
			n++
		}
	}
	if set.IsEmpty() != (n == 0) || int(set.size()) != n {
		t.Fatalf("empty %v, size %v; want %d", set.IsEmpty(), set.size(), n)
	}
	flat := set.flat()
	for i := 1; i < len(flat); i++ {
		if !flat[i-1].to.Less(flat[i].from) {
			t.Fatalf("ranges out of order: %v", flat)
		}
	}
}

func TestAddrSetWords(t *testing.T) {
	set := func(ss ...string) AddrSet {
		var out AddrSet
		for _, s := range ss {
			p, _ := parsePrefix(s)
			out = out.Union(PrefixSet(p))
		}
		return out
	}
	for _, c := range []struct {
		set  AddrSet
		want string
	}{
		{AddrSet{}, "nobody"},
		{all4, "everyone"},
		{all6, "everyone"},
		{set("192.0.2.0/25", "192.0.2.128/25"), "192.0.2.0/24"},
		{set("192.0.2.1", "192.0.2.2"), "192.0.2.1-192.0.2.2"},
		{set("10.0.0.0/8", "2001:db8::1"), "10.0.0.0/8, 2001:db8::1"},
		{all4.Minus(set("192.0.2.7")), "everyone except 192.0.2.7"},
		{all6.Minus(set("2001:db8::/32")), "everyone except 2001:db8::/32"},
	} {
		if got := c.set.String(); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
	if got := all4.Minus(set("0.0.0.0/2")).Share(); got != 0.75 {
		t.Errorf("share %v", got)
	}
}
