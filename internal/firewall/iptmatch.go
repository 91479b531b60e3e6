package firewall

import (
	"net/netip"
	"strconv"
	"strings"
)

// test is one condition of an iptables rule.
type test = func(r *run, st *state) split

// compileIpt reads one rule. idle is set where it has no effect on a packet's fate.
func compileIpt(family string, t *iptTable, line string) (steps []step, idle bool) {
	f := IPv4
	if family == "ip6" {
		f = IPv6
	}
	idle = true
	for _, s := range sections(line) {
		switch s.kind {
		case "":
			for _, o := range s.opts {
				steps = append(steps, matchStep{generalTest(f, o)})
			}
		case "-m":
			for _, m := range moduleTests(f, s) {
				steps = append(steps, matchStep{m})
			}
			idle = idle && s.module != "recent" && s.module != "set"
		default:
			if target := iptTarget(f, t, s); target != nil {
				steps = append(steps, target...)
				idle = false
			}
		}
	}
	return conjoin(steps), idle
}

// unknownTest is a condition that nobody here knows.
func unknownTest(what string) test { return func(*run, *state) split { return perhaps(what) } }

// inverted turns a test around where neg is set.
func inverted(neg bool, t test) test {
	if !neg {
		return t
	}
	return func(r *run, st *state) split { return t(r, st).not(AllOf(r.p.Family)) }
}

// always is a test with a fixed answer.
func always(t Tri) test { return func(*run, *state) split { return sure(t) } }

// generalTest reads an option that needs no -m (iptables(8), PARAMETERS).
func generalTest(f Family, o option) test {
	switch o.name {
	case "-p", "--protocol":
		n, ok := symbol(dtProto, o.arg(0))
		switch {
		case o.arg(0) == "all" || ok && n == 0:
			return inverted(o.neg, always(Yes))
		case ok:
			return inverted(o.neg, always(boolTri(n == 6)))
		}
	case "-s", "--source", "-d", "--destination":
		if test, ok := addressTest(f, o.name[1] == 's' || strings.HasPrefix(o.name, "--s"), o.arg(0)); ok {
			return inverted(o.neg, test)
		}
	case "-i", "--in-interface", "-o", "--out-interface":
		in := o.name == "-i" || o.name == "--in-interface"
		p := namePattern(o.arg(0), "+")
		return inverted(o.neg, func(r *run, _ *state) split {
			v, ok := r.ifname(in)
			if ok.tri != Yes {
				return ok
			}
			return p.holds(v)
		})
	case "-f", "--fragment":
		return always(boolTri(o.neg)) // a SYN is never a second fragment
	}
	return unknownTest(o.String())
}

// addressTest reads "ADDR", "ADDR/LEN" or "ADDR/MASK".
func addressTest(f Family, src bool, s string) (test, bool) {
	side := func(r *run, st *state) (value, split) {
		if src {
			return r.source(st)
		}
		return r.destination(st)
	}
	if p, ok := parsePrefix(s); ok {
		if FamilyOf(p.Addr()) != f {
			return nil, false
		}
		pat := prefixPattern(p)
		return func(r *run, st *state) split {
			v, ok := side(r, st)
			if ok.tri != Yes {
				return ok
			}
			return pat.holds(v)
		}, true
	}
	a, m, ok := strings.Cut(s, "/")
	want, err1 := netip.ParseAddr(a)
	mask, err2 := netip.ParseAddr(m)
	if !ok || err1 != nil || err2 != nil {
		return nil, false
	}
	masked := binary("&", operand{dtAddr, side}, known(dtAddr, func(*run, *state) value { return addr(mask) }), s)
	return func(r *run, st *state) split {
		v, ok := masked.eval(r, st)
		if ok.tri != Yes {
			return ok
		}
		return addrPattern(want, want).holds(v)
	}, true
}

// parsePrefix reads an address, a prefix, or an address with a mask of leading ones.
func parsePrefix(s string) (netip.Prefix, bool) {
	if a, err := netip.ParseAddr(s); err == nil {
		return netip.PrefixFrom(a, a.BitLen()), a.Zone() == ""
	}
	if p, err := netip.ParsePrefix(s); err == nil {
		return p.Masked(), true
	}
	a, m, ok := strings.Cut(s, "/")
	addr, err1 := netip.ParseAddr(a)
	mask, err2 := netip.ParseAddr(m)
	if !ok || err1 != nil || err2 != nil || addr.BitLen() != mask.BitLen() {
		return netip.Prefix{}, false
	}
	bits := 0
	for _, b := range mask.AsSlice() {
		for i := 7; i >= 0 && b>>i&1 == 1; i-- {
			bits++
		}
		if b != 0xff {
			break
		}
	}
	p := netip.PrefixFrom(addr, bits)
	if lead := netip.PrefixFrom(lastOf(netip.PrefixFrom(zeroOf(mask), 0)), bits).Masked().Addr(); lead != mask {
		return netip.Prefix{}, false
	}
	return p.Masked(), true
}

func zeroOf(a netip.Addr) netip.Addr {
	if a.Is4() {
		return netip.IPv4Unspecified()
	}
	return netip.IPv6Unspecified()
}

// parseRange reads "a-b" of addresses.
func parseRange(s string) (pattern, bool) {
	x, y, ok := strings.Cut(s, "-")
	if !ok {
		y = x
	}
	a, err1 := netip.ParseAddr(x)
	b, err2 := netip.ParseAddr(y)
	return addrPattern(a, b), err1 == nil && err2 == nil && a.BitLen() == b.BitLen()
}

// parsePorts reads "22", "22:80", ":80", "22:" or a name.
func parsePorts(s string) (pattern, bool) {
	x, y, ok := strings.Cut(s, ":")
	if !ok {
		y = x
	}
	lo, hi := uint64(0), uint64(65535)
	good := true
	if x != "" {
		lo, good = symbol(dtPort, x)
	}
	if y != "" && good {
		hi, good = symbol(dtPort, y)
	}
	return numPattern(lo, hi), good && hi <= 65535
}

// portTest compares the client's or the server's port with a list.
func portTest(list string, sides ...func(*state) span16) test {
	var pats []pattern
	for _, s := range strings.Split(list, ",") {
		p, ok := parsePorts(s)
		if !ok {
			return unknownTest("port " + s)
		}
		pats = append(pats, p)
	}
	return func(r *run, st *state) split {
		out := sure(No)
		for _, side := range sides {
			for _, p := range pats {
				out = out.or(p.holds(numRange(side(st))), all4)
			}
		}
		return out
	}
}

func sportOf(st *state) span16 { return st.sport }
func dportOf(st *state) span16 { return st.dport }

// parseMark reads "value" or "value/mask", as iptables writes marks.
func parseMark(s string) (v, mask uint32, ok bool) {
	a, b, cut := strings.Cut(s, "/")
	x, err := strconv.ParseUint(a, 0, 32)
	if err != nil {
		return 0, 0, false
	}
	if !cut {
		return uint32(x), ^uint32(0), true
	}
	y, err := strconv.ParseUint(b, 0, 32)
	return uint32(x), uint32(y), err == nil
}
