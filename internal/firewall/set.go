package firewall

import (
	"cmp"
	"net/netip"
	"slices"
	"sort"
)

// Set is a named or anonymous set or map.
type Set struct {
	Name  string
	elems []elem
	// plain holds the elements of a set of single addresses that carry nothing
	// else: the usual large ones, kept small and searched fast.
	plain AddrSet
	// index finds elements whose first part is one exact number or one address.
	index map[indexKey][]int32
	loose []int32 // the elements that the index cannot hold
	// size is the most elements it may have; 0 is no limit known.
	size   int
	broken string // what could not be read of it; "" where all could
}

// elem is an element of a set or map.
type elem struct {
	key     []pattern
	nomatch bool   // ipset: an exception
	stmt    string // a limit or quota of its own decides whether it matches
	rate    bool
	do      *verdictStep // verdict map
	data    []value      // other map
}

type indexKey struct {
	n uint64
	a netip.Addr
}

// indexFrom is the number of elements from which an index pays.
const indexFrom = 32

// finish makes the set fast to search; call it when all elements are in.
func (s *Set) finish(plain []addrRange) {
	s.plain = unionOf(plain)
	slices.SortStableFunc(s.elems, func(a, b elem) int { // the catch-all element comes last
		switch {
		case a.key[0].any == b.key[0].any:
			return 0
		case b.key[0].any:
			return -1
		}
		return 1
	})
	if len(s.elems) < indexFrom {
		return
	}
	s.index = map[indexKey][]int32{}
	for i, e := range s.elems {
		if k, ok := exactKey(e.key[0]); ok {
			s.index[k] = append(s.index[k], int32(i))
		} else {
			s.loose = append(s.loose, int32(i))
		}
	}
}

func exactKey(p pattern) (indexKey, bool) {
	switch {
	case p.unknown || p.any:
	case p.kind == numValue && p.lo == p.hi:
		return indexKey{n: p.lo}, true
	case p.kind == addrValue && p.from == p.to:
		return indexKey{a: p.from}, true
	}
	return indexKey{}, false
}

// candidates calls f with every element that may match the key.
func (s *Set) candidates(key []value, f func(*elem) bool) {
	v := key[0]
	if s.index == nil || v.kind != numValue && v.kind != addrValue || v.lo != v.hi {
		for i := range s.elems {
			if !f(&s.elems[i]) {
				return
			}
		}
		return
	}
	for _, list := range [][]int32{s.index[indexKey{n: v.lo, a: v.addr}], s.loose} {
		for _, i := range list {
			if !f(&s.elems[i]) {
				return
			}
		}
	}
}

// hit is an element that matches, certainly or perhaps, for some addresses.
type hit struct {
	elem *elem
	at   split
}

// lookup returns the elements that the key hits. all is the set of addresses
// in question.
func (s *Set) lookup(key []value, all AddrSet) []hit {
	var hits []hit
	s.candidates(key, func(e *elem) bool {
		at := e.holds(key, all)
		if !at.sets && at.tri == No || at.sets && at.may.IsEmpty() {
			return true
		}
		hits = append(hits, hit{e, at})
		return at.sets || at.tri != Yes || e.key[0].any
	})
	return hits
}

// holds reports whether the element matches the key.
func (e *elem) holds(key []value, all AddrSet) split {
	if len(key) != len(e.key) {
		return perhaps("a key of another length")
	}
	at := sure(Yes)
	for i, p := range e.key {
		at = at.and(p.holds(key[i]), all)
		if !at.sets && at.tri == No {
			return at
		}
	}
	if e.stmt != "" {
		at = at.and(split{why: Why{What: e.stmt, Rate: e.rate}}, all)
	}
	return at
}

// has answers whether the key is in the set.
func (s *Set) has(key []value, all AddrSet) split {
	out := sure(No)
	if len(key) == 1 {
		switch key[0].kind {
		case remoteValue:
			out = bySet(s.plain.Intersect(all))
		case addrValue:
			out = sure(boolTri(s.plain.Contains(key[0].addr)))
		case someAddr:
			if !s.plain.IsEmpty() {
				out = perhaps("this machine's address")
			}
		}
	}
	if out.tri == Yes {
		return out
	}
	var yes, may []addrRange
	for _, h := range s.lookup(key, all) {
		if h.at.sets {
			yes = append(yes, h.at.sure.flat()...)
			may = append(may, h.at.may.flat()...)
			if out.why.What == "" {
				out.why = h.at.why
			}
			continue
		}
		out = out.or(h.at, all)
	}
	if may != nil {
		out = out.or(split{sets: true, sure: unionOf(yes), may: unionOf(may), why: out.why}, all)
	}
	if s.broken != "" {
		out = out.or(perhaps(s.broken), all)
	}
	return out
}

// hasMostSpecific is has for ipset's hash:net sets, in which the longest prefix
// decides and may be an exception (ipset(8), nomatch).
func (s *Set) hasMostSpecific(key []value, all AddrSet) split {
	exceptions := false
	for i := range s.elems {
		exceptions = exceptions || s.elems[i].nomatch
	}
	if !exceptions {
		return s.has(key, all)
	}
	order := make([]*elem, len(s.elems))
	for i := range s.elems {
		order[i] = &s.elems[i]
	}
	sort.SliceStable(order, func(i, j int) bool { return order[i].width() > order[j].width() })
	out := sure(No)
	for _, e := range order { // from the widest to the narrowest
		at := e.holds(key, all)
		if e.nomatch {
			out = out.and(at.not(all), all)
		} else {
			out = out.or(at, all)
		}
	}
	if s.broken != "" {
		out = perhaps(s.broken)
	}
	return out
}

// width orders elements by how many addresses their first part has, as the
// number of bits that vary.
func (e *elem) width() int {
	p := e.key[0]
	if p.kind != addrValue || !p.from.IsValid() {
		return 0
	}
	a, b := p.from.AsSlice(), p.to.AsSlice()
	for i := range a {
		if x := a[i] ^ b[i]; x != 0 {
			w := 8 * (len(a) - i - 1)
			for ; x != 0; x >>= 1 {
				w++
			}
			return w
		}
	}
	return 0
}

// Addresses returns the addresses that are alone the key of an element: the
// bans of a ban set.
func (s *Set) Addresses() AddrSet {
	var rs []addrRange
	for _, e := range s.elems {
		if len(e.key) == 1 && e.key[0].kind == addrValue && !e.nomatch {
			rs = append(rs, addrRange{e.key[0].from, e.key[0].to})
		}
	}
	return s.plain.Union(unionOf(rs))
}

// SetNames returns the names of the ruleset's sets as "family table name", sorted.
func (rs *Ruleset) SetNames() []string {
	out := make([]string, 0, len(rs.sets))
	for k := range rs.sets {
		out = append(out, k.family+" "+k.table+" "+k.name)
	}
	slices.SortFunc(out, cmp.Compare[string])
	return out
}

// count is the number of elements, a range counting as one.
func (s *Set) count() int { return len(s.elems) + len(s.plain.flat()) }
