package firewall

import (
	"net/netip"
	"slices"
	"strings"
)

// AddrSet is an immutable set of IP addresses: sorted, disjoint, not adjacent
// ranges. IPv4 addresses sort before IPv6 ones; IPv4-mapped ones do not occur.
//
// A large set from which one address after another is taken (a chain of many
// rules) keeps what is missing apart in cut, so that not every step copies it all.
type AddrSet struct {
	ranges []addrRange
	cut    []addrRange // sorted, disjoint; each lies within one of ranges
}

// A set of more than manyRanges keeps up to mostCuts cuts.
const (
	manyRanges = 256
	mostCuts   = 512
)

// flat returns the set's ranges, with nothing cut out of them.
func (s AddrSet) flat() []addrRange {
	if len(s.cut) == 0 {
		return s.ranges
	}
	return minus(s.ranges, s.cut)
}

type addrRange struct{ from, to netip.Addr }

var (
	all4 = rangeSet(netip.IPv4Unspecified(), netip.AddrFrom4([4]byte{255, 255, 255, 255}))
	all6 = rangeSet(netip.IPv6Unspecified(), lastOf(netip.PrefixFrom(netip.IPv6Unspecified(), 0)))
)

// AllOf returns every address of the family.
func AllOf(f Family) AddrSet {
	if f == IPv6 {
		return all6
	}
	return all4
}

// PrefixSet returns the addresses of a prefix.
func PrefixSet(p netip.Prefix) AddrSet {
	p = p.Masked()
	if !p.IsValid() {
		return AddrSet{}
	}
	return rangeSet(p.Addr(), lastOf(p))
}

// rangeSet returns the addresses from a to b, both included; it is empty where
// the ends are of different families or in the wrong order.
func rangeSet(a, b netip.Addr) AddrSet {
	if !a.IsValid() || a.BitLen() != b.BitLen() || b.Less(a) {
		return AddrSet{}
	}
	return AddrSet{ranges: []addrRange{{a, b}}}
}

// unionOf builds a set from ranges in any order, overlapping or not.
func unionOf(rs []addrRange) AddrSet {
	slices.SortFunc(rs, func(x, y addrRange) int { return x.from.Compare(y.from) })
	out := rs[:0:0]
	for _, r := range rs {
		if n := len(out); n > 0 && touches(out[n-1].to, r.from) {
			if out[n-1].to.Less(r.to) {
				out[n-1].to = r.to
			}
			continue
		}
		out = append(out, r)
	}
	return AddrSet{ranges: out}
}

// touches reports whether a range that ends at to and one that starts at from
// (not before the first one's start) make one range.
func touches(to, from netip.Addr) bool {
	if to.BitLen() != from.BitLen() {
		return false
	}
	return !to.Less(from) || to.Next() == from
}

// lastOf returns the last address of a masked prefix.
func lastOf(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for i := range b {
		switch bits := p.Bits() - 8*i; {
		case bits <= 0:
			b[i] = 0xff
		case bits < 8:
			b[i] |= 0xff >> bits
		}
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

// IsEmpty reports whether no address is in the set.
func (s AddrSet) IsEmpty() bool {
	// Each cut lies within one range, so fewer cuts than ranges leave something.
	return len(s.ranges) == 0 || len(s.cut) >= len(s.ranges) && len(s.flat()) == 0
}

// Contains reports whether the address is in the set.
func (s AddrSet) Contains(a netip.Addr) bool {
	return within(s.ranges, a) && !within(s.cut, a)
}

func within(rs []addrRange, a netip.Addr) bool {
	i := firstEndingAt(rs, a)
	return i < len(rs) && !a.Less(rs[i].from)
}

// Equal reports whether both sets hold the same addresses.
func (s AddrSet) Equal(o AddrSet) bool { return slices.Equal(s.flat(), o.flat()) }

// Single returns the set's address where it holds exactly one.
func (s AddrSet) Single() (netip.Addr, bool) {
	if rs := s.flat(); len(rs) == 1 && rs[0].from == rs[0].to {
		return rs[0].from, true
	}
	return netip.Addr{}, false
}

// firstEndingAt returns the index of the first range that does not end before a.
func firstEndingAt(rs []addrRange, a netip.Addr) int {
	i, _ := slices.BinarySearchFunc(rs, a, func(r addrRange, a netip.Addr) int { return r.to.Compare(a) })
	return i
}

// Union returns the addresses of either set.
func (s AddrSet) Union(o AddrSet) AddrSet {
	switch {
	case s.IsEmpty():
		return o
	case o.IsEmpty():
		return s
	}
	return unionOf(slices.Concat(s.flat(), o.flat()))
}

// Intersect returns the addresses that are in both sets. It costs the size of
// the smaller set times the logarithm of the larger one, plus the result.
func (s AddrSet) Intersect(o AddrSet) AddrSet {
	if len(o.ranges) > len(s.ranges) {
		s, o = o, s
	}
	var out []addrRange
	for _, r := range o.ranges {
		for i := firstEndingAt(s.ranges, r.from); i < len(s.ranges) && !r.to.Less(s.ranges[i].from); i++ {
			out = append(out, addrRange{later(r.from, s.ranges[i].from), earlier(r.to, s.ranges[i].to)})
		}
	}
	return AddrSet{ranges: minus(minus(out, s.cut), o.cut)}
}

// Minus returns the addresses of s that are not in o.
func (s AddrSet) Minus(o AddrSet) AddrSet {
	gone := s.Intersect(o)
	switch {
	case gone.IsEmpty():
		return s
	case len(s.ranges) > manyRanges && len(s.cut)+len(gone.ranges) <= mostCuts:
		return AddrSet{ranges: s.ranges, cut: insert(s.cut, gone.ranges)}
	}
	return AddrSet{ranges: minus(s.flat(), gone.ranges)}
}

// insert puts ranges among others that they do not overlap.
func insert(into, rs []addrRange) []addrRange {
	out := make([]addrRange, 0, len(into)+len(rs))
	out = append(append(out, into...), rs...)
	slices.SortFunc(out, func(x, y addrRange) int { return x.from.Compare(y.from) })
	return out
}

// minus returns what of rs is in none of cuts; both are sorted and disjoint.
func minus(rs, cuts []addrRange) []addrRange {
	if len(cuts) == 0 || len(rs) == 0 {
		return rs
	}
	out := make([]addrRange, 0, len(rs)+1)
	for _, r := range rs {
		from, open := r.from, true
		for i := firstEndingAt(cuts, r.from); i < len(cuts) && !r.to.Less(cuts[i].from); i++ {
			if from.Less(cuts[i].from) {
				out = append(out, addrRange{from, cuts[i].from.Prev()})
			}
			from, open = cuts[i].to.Next(), cuts[i].to.Less(r.to)
			if !open {
				break
			}
		}
		if open {
			out = append(out, addrRange{from, r.to})
		}
	}
	return out
}

// Some returns an address of the set.
func (s AddrSet) Some() (netip.Addr, bool) {
	if s.IsEmpty() {
		return netip.Addr{}, false
	}
	return s.flat()[0].from, true
}

// shownRanges is how many ranges String names before it only counts them.
const shownRanges = 8

// String names the set for people: "192.0.2.0/24, 198.51.100.1-198.51.100.9",
// "everyone" for a whole family, "nobody" for none, and a count for what is
// beyond a handful.
func (s AddrSet) String() string {
	if s.IsEmpty() {
		return "nobody"
	}
	if s.Equal(all4) || s.Equal(all6) {
		return "everyone"
	}
	if rs := s.flat(); len(rs) > 1 {
		all := all4
		if rs[0].from.Is6() {
			all = all6
		}
		if rest := all.Minus(s).flat(); len(rest) < len(rs) || len(rs) > shownRanges && len(rest) <= shownRanges {
			return "everyone except " + AddrSet{ranges: rest}.list()
		}
	}
	return s.list()
}

func (s AddrSet) list() string {
	var parts []string
	for i, r := range s.flat() {
		if i == shownRanges {
			parts = append(parts, "…")
			break
		}
		parts = append(parts, r.String())
	}
	return strings.Join(parts, ", ")
}

// String writes the range as an address, a prefix, or from-to.
func (r addrRange) String() string {
	if r.from == r.to {
		return r.from.String()
	}
	for bits := r.from.BitLen(); bits >= 0; bits-- {
		p := netip.PrefixFrom(r.from, bits).Masked()
		if p.Addr() != r.from {
			break
		}
		if lastOf(p) == r.to {
			return p.String()
		}
	}
	return r.from.String() + "-" + r.to.String()
}

func later(a, b netip.Addr) netip.Addr {
	if a.Less(b) {
		return b
	}
	return a
}

func earlier(a, b netip.Addr) netip.Addr {
	if b.Less(a) {
		return b
	}
	return a
}

// Share is the part of its family's addresses that the set holds, from 0 to 1.
// Of IPv6, only what is or may be in use counts: 2000::/3.
func (s AddrSet) Share() float64 {
	if s.IsEmpty() {
		return 0
	}
	whole := all4
	if s.ranges[0].from.Is6() {
		whole = PrefixSet(netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20}), 3))
		s = s.Intersect(whole)
	}
	return s.size() / whole.size()
}

// size is the number of addresses, as nearly as a float can say.
func (s AddrSet) size() float64 {
	sum := 0.0
	for _, r := range s.flat() {
		d := 0.0
		a, b := r.from.AsSlice(), r.to.AsSlice()
		for i := range a {
			d = d*256 + float64(b[i]) - float64(a[i])
		}
		sum += d + 1
	}
	return sum
}
