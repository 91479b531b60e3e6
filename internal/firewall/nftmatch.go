package firewall

import (
	"math"
	"net/netip"
	"strings"
)

// nftScope is where an nftables rule stands: its sets and chains are those of its table.
type nftScope struct{ family, table string }

// set returns a named set of the scope's table, when the rule is evaluated.
func (sc nftScope) set(name string) func(r *run) *Set {
	key := setKey{sc.family, sc.table, strings.TrimPrefix(name, "@")}
	return func(r *run) *Set { return r.rs.sets[key] }
}

// keyFunc joins operands to the key of a set.
func keyFunc(ops []operand) func(r *run, st *state) ([]value, split) {
	return func(r *run, st *state) ([]value, split) {
		key := make([]value, len(ops))
		ok := sure(Yes)
		for i, o := range ops {
			v, s := o.eval(r, st)
			switch {
			case s.tri == No:
				return nil, s
			case s.tri == Maybe:
				ok = s
			}
			key[i] = v
		}
		return key, ok
	}
}

// matchOf reads a match statement.
func (sc nftScope) matchOf(raw any) step {
	m, _ := raw.(map[string]any)
	op, _ := m["op"].(string)
	left, right := m["left"], m["right"]
	ops := operands(left)
	written := composeMatch(m)

	var match func(r *run, st *state) split
	name, arg := only(right)
	list, isList := right.([]any)
	switch s, _ := right.(string); {
	case strings.HasPrefix(s, "@"):
		match = inSet(ops, sc.set(s), written)
	case op == "in" || op == "!" || isList && op != "==" || isList && bitType(ops[0].typ):
		match = bits(ops[0], flagBits(right, ops[0].typ), written)
		if op == "!" || op == "!=" {
			op = "!="
		}
	case ops[0].typ == dtCtStatus: // exactly equal, with bits that only the kernel sees (IPS_DST_NAT_DONE)
		match = func(*run, *state) split { return perhaps(written) }
	case name == "set":
		set := readSet(listOf(arg), typesOf(ops), "")
		match = inSet(ops, func(*run) *Set { return set }, written)
	case isList:
		set := readSet(list, typesOf(ops), "")
		match = inSet(ops, func(*run) *Set { return set }, written)
	default:
		match = compare(ops, op, right, written)
	}
	switch op {
	case "==", "in", "<", ">", "<=", ">=":
	case "!=":
		match = negated(ops, match)
	default:
		match = func(*run, *state) split { return perhaps(written) }
	}
	return matchStep{match}
}

func bitType(t dtype) bool { return t == dtCtState || t == dtCtStatus || t == dtTCPFlags }

func typesOf(ops []operand) []dtype {
	out := make([]dtype, len(ops))
	for i, o := range ops {
		out[i] = o.typ
	}
	return out
}

// negated turns a match around; a packet without the field still does not match.
func negated(ops []operand, match func(*run, *state) split) func(*run, *state) split {
	return func(r *run, st *state) split {
		for _, o := range ops {
			if _, s := o.eval(r, st); s.tri == No {
				return s
			}
		}
		return match(r, st).not(AllOf(r.p.Family))
	}
}

// inSet matches what is in a set.
func inSet(ops []operand, set func(*run) *Set, written string) func(*run, *state) split {
	keyOf := keyFunc(ops)
	return func(r *run, st *state) split {
		key, ok := keyOf(r, st)
		if ok.tri != Yes {
			return ok
		}
		s := set(r)
		if s == nil {
			return perhaps(written)
		}
		out := s.has(key, AllOf(r.p.Family))
		if r.touched[s] && (out.sets || out.tri == No) {
			out = out.or(perhaps(written+", a set that rules write to"), AllOf(r.p.Family))
		}
		return out
	}
}

// bits matches where any bit of mask is set.
func bits(o operand, mask pattern, written string) func(*run, *state) split {
	return func(r *run, st *state) split {
		v, ok := o.eval(r, st)
		switch {
		case ok.tri != Yes:
			return ok
		case mask.unknown || v.kind != numValue || v.lo != v.hi:
			return perhaps(written)
		}
		return sure(boolTri(v.lo&mask.lo != 0))
	}
}

// compare matches one value (or the parts of a concatenation) by op.
func compare(ops []operand, op string, right any, written string) func(*run, *state) split {
	pats := patterns(right, typesOf(ops))
	if len(pats) == 1 && pats[0].kind == numValue && !pats[0].unknown {
		switch p := &pats[0]; {
		case op == "<" && p.lo > 0:
			*p = numPattern(0, p.lo-1)
		case op == "<=":
			*p = numPattern(0, p.hi)
		case op == ">" && p.hi < math.MaxUint64:
			*p = numPattern(p.hi+1, math.MaxUint64)
		case op == ">=":
			*p = numPattern(p.lo, math.MaxUint64)
		case op == "<" || op == ">":
			return func(*run, *state) split { return sure(No) }
		}
	} else if strings.ContainsAny(op, "<>") {
		return func(*run, *state) split { return perhaps(written) }
	}
	keyOf := keyFunc(ops)
	return func(r *run, st *state) split {
		key, ok := keyOf(r, st)
		if ok.tri != Yes {
			return ok
		}
		if len(pats) != len(key) {
			return perhaps(written)
		}
		out := sure(Yes)
		for i, p := range pats {
			if s := p.holds(key[i]); s.why.What == "" && !s.sets && s.tri == Maybe || p.unknown {
				out = out.and(perhaps(written), AllOf(r.p.Family))
			} else {
				out = out.and(s, AllOf(r.p.Family))
			}
		}
		return out
	}
}

// patterns reads a right-hand side for each part of the key.
func patterns(raw any, types []dtype) []pattern {
	if name, arg := only(raw); name == "concat" {
		list, _ := arg.([]any)
		out := make([]pattern, 0, len(list))
		for i, x := range list {
			t := dtUnknown
			if i < len(types) {
				t = types[i]
			}
			out = append(out, readPattern(x, t))
		}
		return out
	}
	t := dtUnknown
	if len(types) > 0 {
		t = types[0]
	}
	return []pattern{readPattern(raw, t)}
}

// readPattern reads an immediate value, a prefix or a range.
func readPattern(raw any, t dtype) pattern {
	unknown := pattern{unknown: true, text: compact(raw)}
	switch x := raw.(type) {
	case string:
		return readName(x, t)
	case bool:
		if x {
			return numPattern(1, 1)
		}
		return numPattern(0, 0)
	case float64:
		if x >= 0 && x == math.Trunc(x) && x < 1<<53 && t != dtAddr && t != dtName {
			return numPattern(uint64(x), uint64(x))
		}
		return unknown
	}
	name, arg := only(raw)
	switch name {
	case "prefix":
		m, _ := arg.(map[string]any)
		n, _ := m["len"].(float64)
		a, err := netip.ParseAddr(str(arg, "addr"))
		if err == nil && n == math.Trunc(n) && n >= 0 && int(n) <= a.BitLen() {
			return prefixPattern(netip.PrefixFrom(a, int(n)))
		}
	case "range":
		ends, _ := arg.([]any)
		if len(ends) != 2 {
			break
		}
		a, b := readPattern(ends[0], t), readPattern(ends[1], t)
		if a.unknown || b.unknown || a.kind != b.kind {
			break
		}
		return pattern{kind: a.kind, lo: a.lo, hi: b.hi, from: a.from, to: b.to}
	case "|":
		return flagBits(arg, t)
	}
	return unknown
}

// readName reads a string: an address, an interface, or a symbol.
func readName(s string, t dtype) pattern {
	switch t {
	case dtName:
		return namePattern(s, "*")
	case dtEther:
		return pattern{kind: textValue, text: strings.ToLower(s)}
	case dtUnknown:
		if n, ok := symbol(t, s); ok {
			return numPattern(n, n)
		}
	default:
		if n, ok := symbol(t, s); ok && t != dtAddr {
			return numPattern(n, n)
		}
	}
	if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" {
		return addrPattern(a, a)
	}
	return pattern{unknown: true, text: s}
}

// flagBits joins flag names to a mask.
func flagBits(raw any, t dtype) pattern {
	mask := numPattern(0, 0)
	for _, x := range listOf(raw) {
		p := readPattern(x, t)
		if p.unknown || p.kind != numValue || p.lo != p.hi {
			return pattern{unknown: true, text: compact(raw)}
		}
		mask.lo |= p.lo
	}
	mask.hi = mask.lo
	return mask
}

// literal reads a number or an address that stands alone.
func literal(raw any) (value, bool) {
	p := readPattern(raw, dtUnknown)
	switch {
	case p.unknown:
		return value{}, false
	case p.kind == addrValue && p.from == p.to:
		return addr(p.from), true
	case p.kind == numValue && p.lo == p.hi:
		return num(p.lo), true
	}
	return value{}, false
}

// binaryOperand reads a bitwise operation with constant or computed sides.
func binaryOperand(op string, raw any) operand {
	list, _ := raw.([]any)
	if len(list) < 2 {
		return mystery(compact(map[string]any{op: raw}))
	}
	out := readOperand(list[0])
	for _, x := range list[1:] {
		out = binary(op, out, maskOperand(x, out.typ), compact(map[string]any{op: raw}))
	}
	return out
}

func maskOperand(raw any, t dtype) operand {
	if name, _ := only(raw); name == "" || name == "|" && bitType(t) {
		if p := flagBits(raw, t); !p.unknown {
			return constant(t, p.lo)
		}
		if v, ok := literal(raw); ok {
			return known(t, func(*run, *state) value { return v })
		}
	}
	return readOperand(raw)
}

func binary(op string, a, b operand, written string) operand {
	return operand{a.typ, func(r *run, st *state) (value, split) {
		x, ok := a.eval(r, st)
		if ok.tri != Yes {
			return x, ok
		}
		y, ok := b.eval(r, st)
		if ok.tri != Yes {
			return y, ok
		}
		if x.kind == addrValue && y.kind == addrValue && op == "&" && x.addr.BitLen() == y.addr.BitLen() {
			p, q := x.addr.AsSlice(), y.addr.AsSlice()
			for i := range p {
				p[i] &= q[i]
			}
			masked, _ := netip.AddrFromSlice(p)
			return addr(masked), sure(Yes)
		}
		if x.kind != numValue || y.kind != numValue || x.lo != x.hi || y.lo != y.hi {
			return value{}, perhaps(written)
		}
		return num(calculate(op, x.lo, y.lo)), sure(Yes)
	}}
}

// calculate does a bitwise operation; shifts stay within the 32 bits of a mark.
func calculate(op string, x, y uint64) uint64 {
	switch op {
	case "&":
		return x & y
	case "|":
		return x | y
	case "^":
		return x ^ y
	case "<<":
		return x << (y & 63) & math.MaxUint32
	}
	return x >> (y & 63)
}
