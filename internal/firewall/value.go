package firewall

import (
	"net/netip"
	"strings"
)

// kind is the sort of a value.
type valueKind uint8

const (
	numValue    valueKind = iota // lo..hi; what a packet has may be a range too (an unknown source port)
	addrValue                    // an address
	textValue                    // a name: an interface, a MAC address
	remoteValue                  // the address of the other end, which is a set
	someName                     // an interface whose name is not known, but not the loopback
	someAddr                     // an address of this machine that is not known: of one host, not a loopback one
)

// value is what an expression gives for a packet, or one part of a key.
type value struct {
	kind   valueKind
	lo, hi uint64
	addr   netip.Addr
	text   string
}

func num(n uint64) value { return value{lo: n, hi: n} }

func numRange(s span16) value { return value{lo: uint64(s.lo), hi: uint64(s.hi)} }

func addr(a netip.Addr) value { return value{kind: addrValue, addr: a.Unmap()} }

func text(s string) value { return value{kind: textValue, text: s} }

// pattern is what a value is compared with.
type pattern struct {
	kind     valueKind
	lo, hi   uint64
	from, to netip.Addr
	text     string
	wild     bool // text is the beginning of the name
	any      bool // matches everything
	unknown  bool // could not be read: the comparison cannot be decided
}

func numPattern(lo, hi uint64) pattern { return pattern{lo: lo, hi: hi} }

func addrPattern(from, to netip.Addr) pattern {
	return pattern{kind: addrValue, from: from, to: to}
}

// prefixPattern matches the addresses of p.
func prefixPattern(p netip.Prefix) pattern {
	p = p.Masked()
	return addrPattern(p.Addr(), lastOf(p))
}

// namePattern matches a name, or with a final wildcard all names that begin so.
func namePattern(s, wildcard string) pattern {
	if head, ok := strings.CutSuffix(s, wildcard); ok {
		return pattern{kind: textValue, text: head, wild: true}
	}
	return pattern{kind: textValue, text: s}
}

// split is the answer to a match: the addresses for which it certainly holds,
// and those for which it holds or may hold. Where the remote address plays no
// role, the answer is one Tri for all.
type split struct {
	tri  Tri
	sets bool // sure and may count instead of tri
	sure AddrSet
	may  AddrSet
	why  Why // what made it uncertain
}

func sure(t Tri) split           { return split{tri: t} }
func perhaps(what string) split  { return split{tri: Maybe, why: Why{What: what}} }
func limitedBy(why string) split { return split{tri: Maybe, why: Why{What: why, Rate: true}} }
func bySet(s AddrSet) split      { return split{sets: true, sure: s, may: s} }
func boolTri(b bool) Tri {
	if b {
		return Yes
	}
	return No
}

// not turns the match around, among the addresses of all.
func (s split) not(all AddrSet) split {
	if !s.sets {
		s.tri = s.tri.Not()
		return s
	}
	s.sure, s.may = all.Minus(s.may), all.Minus(s.sure)
	return s
}

// and holds where both hold.
func (s split) and(o split, all AddrSet) split {
	if !s.sets && !o.sets {
		switch {
		case s.tri == No || o.tri == No:
			return sure(No)
		case s.tri == Yes:
			return o
		case o.tri == Yes:
			return s
		}
		s.why.Rate = s.why.Rate && o.why.Rate
		return s
	}
	a, b := s.spread(all), o.spread(all)
	a.sure, a.may = a.sure.Intersect(b.sure), a.may.Intersect(b.may)
	if a.why.What == "" {
		a.why = b.why
	}
	return a
}

// or holds where either holds.
func (s split) or(o split, all AddrSet) split {
	if !s.sets && !o.sets {
		switch {
		case s.tri == Yes || o.tri == Yes:
			return sure(Yes)
		case s.tri == No:
			return o
		}
		return s
	}
	a, b := s.spread(all), o.spread(all)
	a.sure, a.may = a.sure.Union(b.sure), a.may.Union(b.may)
	if a.why.What == "" {
		a.why = b.why
	}
	return a
}

// spread writes a plain answer as sets.
func (s split) spread(all AddrSet) split {
	if s.sets {
		return s
	}
	out := split{sets: true, why: s.why}
	switch s.tri {
	case Yes:
		out.sure, out.may = all, all
	case Maybe:
		out.may = all
	}
	return out
}

var broadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// holds compares one value with one pattern.
func (p pattern) holds(v value) split {
	switch {
	case p.unknown:
		return perhaps(p.text)
	case p.any:
		return sure(Yes)
	case v.kind == remoteValue && p.kind == addrValue:
		return bySet(rangeSet(p.from, p.to))
	case v.kind == someName && p.kind == textValue:
		if p.text == "lo" && !p.wild {
			return sure(No)
		}
		return perhaps("the interface the packet comes by")
	case v.kind == someAddr && p.kind == addrValue:
		if !p.from.IsValid() || p.from.IsMulticast() || p.from.IsLoopback() || p.from == broadcast {
			return sure(No)
		}
		return perhaps("this machine's address")
	case v.kind != p.kind:
		return perhaps("a comparison of different types")
	}
	switch v.kind {
	case addrValue:
		if v.addr.BitLen() != p.from.BitLen() {
			return sure(No)
		}
		return sure(boolTri(!v.addr.Less(p.from) && !p.to.Less(v.addr)))
	case textValue:
		if p.wild {
			return sure(boolTri(strings.HasPrefix(v.text, p.text)))
		}
		return sure(boolTri(v.text == p.text))
	}
	switch {
	case v.lo >= p.lo && v.hi <= p.hi:
		return sure(Yes)
	case v.hi < p.lo || v.lo > p.hi:
		return sure(No)
	}
	return perhaps("the client's port")
}
