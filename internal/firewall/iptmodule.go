package firewall

import (
	"slices"
	"strings"
)

// moduleTests reads the options of one -m MATCH (iptables-extensions(8)). What is
// not known, of a match or among its options, becomes a test that cannot be decided.
func moduleTests(f Family, s section) []test {
	switch s.module {
	case "comment":
		return nil
	case "quota", "connbytes": // what went before, or comes later in the connection, decides
		return []test{func(*run, *state) split { return perhaps(s.String()) }}
	case "limit", "hashlimit", "connlimit":
		return []test{func(*run, *state) split { return limitedBy(s.String()) }}
	case "recent":
		return []test{recentTest(s)}
	case "conntrack", "state":
		return []test{conntrackTest(s)}
	case "tcp":
		return each(s, tcpTest)
	case "rt", "hbh", "dst", "frag", "mh": // IPv6 headers that our packets do not have
		return []test{always(No)}
	case "udp", "icmp", "icmp6", "sctp", "dccp", "esp", "ah":
		return []test{always(No)}
	case "multiport":
		return each(s, multiportTest)
	case "addrtype":
		return addrtypeTests(f, s)
	case "iprange":
		return each(s, iprangeTest)
	case "mark":
		return each(s, func(o option) test { return markTest(o, false) })
	case "connmark":
		return each(s, func(o option) test { return markTest(o, true) })
	case "set":
		return []test{ipsetTest(f, s)}
	case "pkttype":
		return each(s, func(o option) test {
			if o.name != "--pkt-type" {
				return nil
			}
			return inverted(o.neg, func(r *run, _ *state) split {
				if !r.p.in() {
					return perhaps(o.String())
				}
				return sure(boolTri(o.arg(0) == "unicast" || o.arg(0) == "host"))
			})
		})
	case "owner":
		return each(s, ownerTest)
	case "rpfilter":
		return []test{rpfilterTest(s)}
	case "policy":
		return []test{policyTest(s)}
	}
	return []test{unknownTest(s.String())}
}

// each makes a test of every option; nil from one says that it is not known.
func each(s section, one func(o option) test) []test {
	var out []test
	for _, o := range s.opts {
		t := one(o)
		if t == nil {
			t = unknownTest("-m " + s.module + " " + o.String())
		}
		out = append(out, t)
	}
	return out
}

func tcpTest(o option) test {
	switch o.name {
	case "--dport", "--destination-port":
		return inverted(o.neg, portTest(o.arg(0), dportOf))
	case "--sport", "--source-port":
		return inverted(o.neg, portTest(o.arg(0), sportOf))
	case "--syn":
		return inverted(o.neg, flagsTest("FIN,SYN,RST,ACK", "SYN"))
	case "--tcp-flags":
		return inverted(o.neg, flagsTest(o.arg(0), o.arg(1)))
	}
	return nil
}

// flagsTest compares the TCP flags among mask with comp.
func flagsTest(mask, comp string) test {
	m, ok1 := flagList(mask)
	c, ok2 := flagList(comp)
	if !ok1 || !ok2 {
		return unknownTest("--tcp-flags " + mask + " " + comp)
	}
	flags := tcpField("flags")
	return func(r *run, st *state) split {
		v, _ := flags.eval(r, st)
		return sure(boolTri(v.lo&m == c))
	}
}

func flagList(s string) (mask uint64, ok bool) {
	for _, name := range strings.Split(s, ",") {
		switch name {
		case "ALL":
			mask |= 0x3f
		case "NONE", "":
		default:
			n, known := symbols[dtTCPFlags][strings.ToLower(name)]
			if !known {
				return 0, false
			}
			mask |= n
		}
	}
	return mask, true
}

func multiportTest(o option) test {
	switch o.name {
	case "--dports", "--destination-ports":
		return inverted(o.neg, portTest(o.arg(0), dportOf))
	case "--sports", "--source-ports":
		return inverted(o.neg, portTest(o.arg(0), sportOf))
	case "--ports":
		return inverted(o.neg, portTest(o.arg(0), sportOf, dportOf))
	}
	return nil
}

func iprangeTest(o option) test {
	p, ok := parseRange(o.arg(0))
	if !ok || o.name != "--src-range" && o.name != "--dst-range" {
		return nil
	}
	return inverted(o.neg, func(r *run, st *state) split {
		v, known := r.source(st)
		if o.name == "--dst-range" {
			v, known = r.destination(st)
		}
		if known.tri != Yes {
			return known
		}
		return p.holds(v)
	})
}

func markTest(o option, connection bool) test {
	want, mask, ok := parseMark(o.arg(0))
	if !ok || o.name != "--mark" {
		return nil
	}
	inner := inverted(o.neg, func(_ *run, st *state) split {
		m := st.mark
		if connection {
			m = st.ctMark
		}
		if m.unknown {
			return perhaps(o.String())
		}
		return sure(boolTri(m.v&mask == want))
	})
	return func(r *run, st *state) split {
		if connection && (st.ct == ctNone || st.ct == ctUntracked) {
			return sure(No) // connmark_mt: no conntrack, no match, inverted or not
		}
		return inner(r, st)
	}
}

func ownerTest(o option) test {
	if o.name != "--uid-owner" {
		return nil
	}
	skuid := metaOperand("skuid")
	lo, hi, isRange := strings.Cut(o.arg(0), "-")
	if !isRange {
		hi = lo
	}
	a, ok1 := symbol(dtNum, lo)
	b, ok2 := symbol(dtNum, hi)
	if !ok1 || !ok2 {
		return nil
	}
	return inverted(o.neg, func(r *run, st *state) split {
		v, known := skuid.eval(r, st)
		if known.tri != Yes {
			return known
		}
		return numPattern(a, b).holds(v)
	})
}

// recentTest: --set always matches, and puts the address in a list; the others
// depend on that list.
func recentTest(s section) test {
	counted := strings.Contains(s.String(), "--hitcount")
	for _, o := range s.opts {
		if o.name == "--set" {
			return always(boolTri(!o.neg))
		}
	}
	return func(*run, *state) split { return split{why: Why{What: s.String(), Rate: counted}} }
}

// conntrackTest follows conntrack_mt of xt_conntrack.c: without tracking, only
// --ctstate counts, as INVALID or UNTRACKED.
func conntrackTest(s section) test {
	var states, rest []test
	for _, o := range s.opts {
		switch o.name {
		case "--ctstate", "--state":
			states = append(states, inverted(o.neg, ctStateTest(o.arg(0))))
		default:
			t := ctTest(o)
			if t == nil {
				t = unknownTest("-m conntrack " + o.String())
			}
			rest = append(rest, t)
		}
	}
	return func(r *run, st *state) split {
		out := sure(Yes)
		for _, t := range states {
			out = out.and(t(r, st), AllOf(r.p.Family))
		}
		if st.ct == ctNone || st.ct == ctUntracked {
			if len(states) == 0 {
				return sure(No)
			}
			return out
		}
		for _, t := range rest {
			out = out.and(t(r, st), AllOf(r.p.Family))
		}
		return out
	}
}

func ctStateTest(list string) test {
	var mask uint64
	nat := false
	for _, name := range strings.Split(list, ",") {
		switch n, ok := symbols[dtCtState][strings.ToLower(name)]; {
		case ok:
			mask |= n
		case name == "DNAT" || name == "SNAT":
			nat = nat || name == "DNAT"
		default:
			return unknownTest("--ctstate " + list)
		}
	}
	return func(r *run, st *state) split {
		if nat && st.ct != ctNone && st.ct != ctUntracked {
			status, ok := r.ctStatus(st)
			if ok.tri != Yes {
				return ok
			}
			if status.lo&32 != 0 {
				return sure(Yes)
			}
		}
		return sure(boolTri(st.ct.bits()&mask != 0))
	}
}

func ctTest(o option) test {
	switch o.name {
	case "--ctproto":
		n, ok := symbol(dtProto, o.arg(0))
		if !ok {
			return nil
		}
		return inverted(o.neg, always(boolTri(n == 6)))
	case "--ctdir":
		return inverted(o.neg, func(r *run, _ *state) split {
			return sure(boolTri(r.p.isReply() == (o.arg(0) == "REPLY")))
		})
	case "--ctorigsrc", "--ctorigdst":
		p, ok := parsePrefix(o.arg(0))
		if !ok {
			return nil
		}
		key := map[string]string{"--ctorigsrc": "saddr", "--ctorigdst": "daddr"}[o.name]
		return inverted(o.neg, valueTest(trackedOperand(key, "original"), prefixPattern(p)))
	case "--ctorigsrcport", "--ctorigdstport":
		p, ok := parsePorts(o.arg(0))
		if !ok {
			return nil
		}
		key := map[string]string{"--ctorigsrcport": "proto-src", "--ctorigdstport": "proto-dst"}[o.name]
		return inverted(o.neg, valueTest(trackedOperand(key, "original"), p))
	}
	return nil
}

// valueTest compares an operand with a pattern.
func valueTest(op operand, p pattern) test {
	return func(r *run, st *state) split {
		v, ok := op.eval(r, st)
		if ok.tri != Yes {
			return ok
		}
		return p.holds(v)
	}
}

// addrtypeTests reads -m addrtype. For IPv6 the kernel asks differently
// (match_type6 of xt_addrtype.c): a local address is a unicast one too.
func addrtypeTests(f Family, s section) []test {
	for _, o := range s.opts {
		if strings.HasPrefix(o.name, "--limit-iface") {
			return []test{unknownTest(s.String())}
		}
	}
	return each(s, func(o option) test {
		src := o.name == "--src-type"
		if !src && o.name != "--dst-type" {
			return nil
		}
		types := strings.Split(strings.ToLower(o.arg(0)), ",")
		return inverted(o.neg, func(r *run, st *state) split {
			v, ok := r.typeOfDst(st, false)
			if src {
				v, ok = r.typeOfSrc(st)
			}
			if ok.tri != Yes {
				return ok
			}
			if f == IPv6 {
				return type6(v.lo, types, o.String())
			}
			for _, t := range types {
				if n, known := symbols[dtFibType][t]; !known {
					return perhaps(o.String())
				} else if n == v.lo {
					return sure(Yes)
				}
			}
			return sure(No)
		})
	})
}

func type6(is uint64, types []string, written string) split {
	out := sure(Yes)
	for _, t := range types {
		switch t {
		case "multicast":
			out = out.and(sure(boolTri(is == fibMulticast)), all6)
		case "unicast":
			out = out.and(sure(boolTri(is != fibMulticast)), all6)
		case "local":
			if len(types) > 1 && slices.Contains(types, "anycast") || slices.Contains(types, "unreachable") {
				return perhaps(written)
			}
			out = out.and(sure(boolTri(is == fibLocal)), all6)
		default:
			return perhaps(written)
		}
	}
	return out
}

// rpfilterTest matches a packet that passes the reverse path test.
func rpfilterTest(s section) test {
	invert := false
	for _, o := range s.opts {
		switch o.name {
		case "--invert":
			invert = true
		case "--validmark", "--loose":
		default:
			return unknownTest(s.String())
		}
	}
	return inverted(invert, func(r *run, _ *state) split {
		if r.p.RoutedBack == Maybe {
			return perhaps(s.String())
		}
		return sure(r.p.RoutedBack)
	})
}

// policyTest asks for IPsec.
func policyTest(s section) test {
	for _, o := range s.opts {
		if o.name == "--pol" && !o.neg {
			return func(r *run, _ *state) split {
				r.assume("the packet does not come through IPsec")
				return sure(boolTri(o.arg(0) == "none"))
			}
		}
	}
	return unknownTest(s.String())
}
