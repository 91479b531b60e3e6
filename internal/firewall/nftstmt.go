package firewall

import (
	"net/netip"
)

// idleStatements change nothing about a new connection's fate: they count, log,
// copy, or concern connections that exist already (flowtables, which only hold
// established ones).
var idleStatements = map[string]bool{
	"counter": true, "log": true, "dup": true, "last": true, "flow": true, "comment": true,
	"ct helper": true, "ct timeout": true, "ct expectation": true, "secmark": true, "optstrip": true, "reset": true,
}

// statement reads one statement (libnftables-json(5), STATEMENTS). active tells
// whether it can matter to a packet's fate other than by deciding a match.
func (sc nftScope) statement(raw any) (s step, active bool) {
	if w, ok := raw.(string); ok { // old versions print some verdicts as strings
		raw = map[string]any{w: nil}
	}
	name, arg := only(raw)
	if idleStatements[name] {
		return nil, false
	}
	if v, ok := verdictOf(raw); ok {
		return v, true
	}
	written := composeStatement(raw)
	switch name {
	case "match":
		return sc.matchOf(arg), false
	case "limit", "ct count", "connlimit", "meter":
		return undecided(Why{What: written, Rate: true}), false
	case "quota": // what went before decides, and it does not come back
		return undecided(Why{What: written}), false
	case "synproxy": // it answers the first packet itself, and calls the server once the client answered back
		return verdictStep{verb: doAccept}, true
	case "vmap":
		return sc.vmapOf(arg, written), true
	case "mangle":
		return changeOf(arg), true
	case "notrack":
		return changeStep{func(_ *run, st *state) {
			if st.ct == ctNone {
				st.ct = ctUntracked
			}
		}}, true
	case "set", "map":
		return sc.setUpdate(arg, written), true
	case "dnat", "redirect":
		return natOf(sc, name, arg, written), true
	case "snat", "masquerade":
		return changeThenAccept{}, true
	case "xt":
		return opaqueStep{Why{What: "an iptables expression that nft cannot show (" + str(arg, "name") + ")"}}, true
	}
	return opaqueStep{Why{What: written}}, true
}

// undecided is a match that state or chance decides.
func undecided(w Why) step {
	return matchStep{func(*run, *state) split { return split{why: w} }}
}

// verdictOf reads a verdict statement.
func verdictOf(raw any) (verdictStep, bool) {
	name, arg := only(raw)
	if s, ok := raw.(string); ok {
		name = s
	}
	switch name {
	case "accept":
		return verdictStep{verb: doAccept}, true
	case "drop":
		return verdictStep{verb: doDrop}, true
	case "return":
		return verdictStep{verb: doReturn}, true
	case "continue":
		return verdictStep{verb: doContinue}, true
	case "jump":
		return verdictStep{verb: doJump, target: str(arg, "target")}, true
	case "goto":
		return verdictStep{verb: doGoto, target: str(arg, "target")}, true
	case "reject":
		return rejectOf(arg)
	case "queue":
		return verdictStep{verb: doSteal, why: "queue: a program decides"}, true
	case "fwd":
		return verdictStep{verb: doSteal, why: "fwd: given to another interface"}, true
	}
	return verdictStep{}, false
}

// rejectOf reads `reject [with …]`. A type for one IP version makes the rule
// one for that version only; nft omits the test for it.
func rejectOf(arg any) (verdictStep, bool) {
	typ, code := str(arg, "type"), str(arg, "expr")
	if code == "" {
		code = "port-unreachable"
	}
	v := verdictStep{verb: doReject}
	switch typ {
	case "tcp reset":
		v.reject = func(Family) (RejectWith, bool) { return WithReset, true }
	case "", "icmpx":
		v.reject = func(f Family) (RejectWith, bool) { return icmpxCode(code), true }
	case "icmp":
		v.reject = func(f Family) (RejectWith, bool) { return icmpCode(code), f == IPv4 }
	case "icmpv6":
		v.reject = func(f Family) (RejectWith, bool) { return icmpv6Code(code), f == IPv6 }
	default:
		return v, false
	}
	return v, true
}

func icmpCode(code string) RejectWith {
	switch code {
	case "net-unreachable", "host-unreachable", "prot-unreachable", "port-unreachable", "net-prohibited", "host-prohibited", "admin-prohibited":
		return RejectWith(code)
	}
	return RejectWith("icmp code " + code)
}

func icmpv6Code(code string) RejectWith {
	switch code {
	case "no-route":
		return WithNetUnreach
	case "addr-unreachable":
		return WithHostUnreach
	case "port-unreachable", "admin-prohibited", "policy-fail", "reject-route":
		return RejectWith(code)
	}
	return RejectWith("icmpv6 code " + code)
}

// icmpxCode translates nft's family-neutral codes (nft_reject_icmpx_code).
func icmpxCode(code string) RejectWith {
	if code == "no-route" {
		return WithNetUnreach
	}
	return icmpCode(code)
}

// vmapOf reads a verdict map.
func (sc nftScope) vmapOf(arg any, written string) step {
	m, _ := arg.(map[string]any)
	ops := operands(m["key"])
	v := vmapStep{key: keyFunc(ops), name: written}
	if name, ok := m["data"].(string); ok {
		v.set = sc.set(name)
		return v
	}
	_, elems := only(m["data"])
	set := readSet(listOf(elems), typesOf(ops), "verdict")
	v.set = func(*run) *Set { return set }
	return v
}

// setUpdate reads `add|update @set { key [limit …] }`: it changes the set for
// packets to come, and matches unless a statement in it says otherwise.
func (sc nftScope) setUpdate(arg any, written string) step {
	m, _ := arg.(map[string]any)
	name, _ := m["set"].(string)
	if name == "" {
		name, _ = m["map"].(string)
	}
	set := sc.set(name)
	_, stmt := m["stmt"]
	for _, s := range listOf(m["stmt"]) {
		if n, _ := only(s); idleStatements[n] {
			stmt = false
		}
	}
	op := str(arg, "op")
	elem := m["elem"]
	if n, inner := only(elem); n == "elem" {
		in, _ := inner.(map[string]any)
		elem = in["val"]
	}
	key := keyFunc(operands(elem))
	return matchStep{func(r *run, st *state) split {
		if _, ok := key(r, st); ok.tri == No {
			return ok
		}
		s := set(r)
		if s == nil || stmt {
			return limitedBy(written)
		}
		r.touched[s] = true
		if op != "delete" && s.size > 0 && s.count()+1 > s.size {
			return limitedBy(written + " (the set is full)")
		}
		if op == "delete" {
			return perhaps(written)
		}
		return sure(Yes)
	}}
}

// changeOf reads a mangle statement. A value that the packet does not have ends
// the rule (NFT_BREAK), as in a match: `meta mark set ct mark` before conntrack.
func changeOf(arg any) step {
	m, _ := arg.(map[string]any)
	val := valueOperand(m["value"])
	return both{matchStep{func(r *run, st *state) split {
		if _, ok := val.eval(r, st); ok.tri == No {
			return ok
		}
		return sure(Yes)
	}}, effectOf(arg, m, val)}
}

// both is two steps in a row.
type both struct{ first, second step }

func (c both) do(r *run, in flow) []flow {
	var out []flow
	for _, f := range c.first.do(r, in) {
		out = append(out, c.second.do(r, f)...)
	}
	return out
}

// effectOf is what a mangle statement does to marks, ports and addresses.
func effectOf(arg any, m map[string]any, val operand) step {
	number := func(r *run, st *state) markValue {
		v, ok := val.eval(r, st)
		if ok.tri != Yes || v.kind != numValue || v.lo != v.hi {
			return markValue{unknown: true}
		}
		return markValue{v: uint32(v.lo)}
	}
	name, key := only(m["key"])
	switch name + " " + str(key, "key") + str(key, "protocol") + str(key, "field") {
	case "meta mark":
		return changeStep{func(r *run, st *state) { st.mark = number(r, st) }}
	case "ct mark":
		return changeStep{func(r *run, st *state) {
			if st.ct == ctNew || st.ct == ctEstablished {
				st.ctMark = number(r, st)
			}
		}}
	case "meta pkttype":
		return changeStep{func(_ *run, st *state) { st.pktOther = true }}
	case "payload tcpdport", "payload thdport":
		return changeStep{func(r *run, st *state) {
			if n := number(r, st); n.unknown {
				st.dport = span16{0, 65535}
			} else {
				st.dport = span16{uint16(n.v), uint16(n.v)}
			}
		}}
	case "payload ipsaddr", "payload ip6saddr":
		return changeStep{func(_ *run, st *state) { st.srcUnknown = true }}
	case "payload ipdaddr", "payload ip6daddr", "payload tcpsport", "payload thsport", "ct zone", "meta l4proto", "meta protocol":
		return opaqueStep{Why{What: composeStatement(map[string]any{"mangle": arg})}}
	}
	return changeStep{func(*run, *state) {}} // priorities, ttl, dscp, nftrace: nothing branches on them here
}

// valueOperand reads the value that a statement writes.
func valueOperand(raw any) operand {
	if b, ok := raw.(bool); ok && b {
		return constant(dtNum, 1)
	} else if ok {
		return constant(dtNum, 0)
	}
	return readOperand(raw)
}

// changeThenAccept is snat or masquerade: what it rewrites does not matter to
// who gets in.
type changeThenAccept struct{}

func (changeThenAccept) do(r *run, in flow) []flow {
	in.st.srcNAT = true
	if r.hook == "input" {
		in.st.srcUnknown = true
	}
	r.accept(in, "snat")
	return nil
}

// natOf reads dnat and redirect.
func natOf(sc nftScope, name string, arg any, written string) step {
	m, _ := arg.(map[string]any)
	family, _ := m["family"].(string)
	target := func(r *run, st *state, at AddrSet) []rewrite {
		w := rewrite{at: at, redirect: name == "redirect"}
		to := natTarget{sc: sc, r: r, st: st, at: at, written: written}
		if a, ok := m["addr"]; ok {
			return to.addresses(a, m["port"], w)
		}
		return to.ports(m["port"], w)
	}
	n := natStep{rewrite: target}
	if (family == "ip" || family == "ip6") && sc.family == "inet" {
		f := map[string]Family{"ip": IPv4, "ip6": IPv6}[family]
		n.rewrite = func(r *run, st *state, at AddrSet) []rewrite {
			if r.p.Family != f {
				return []rewrite{{at: at, noMatch: true}}
			}
			return target(r, st, at)
		}
	}
	return n
}

// natTarget works out where a nat statement sends a packet.
type natTarget struct {
	sc      nftScope
	r       *run
	st      *state
	at      AddrSet
	written string
}

func (t natTarget) unknown(w rewrite) []rewrite {
	w.unknown = t.written
	return []rewrite{w}
}

// addresses reads the address part: a constant, or a map to an address or to
// an address and a port.
func (t natTarget) addresses(a, port any, w rewrite) []rewrite {
	if name, arg := only(a); name == "map" {
		return t.fromMap(arg, w, func(data []value, w rewrite) []rewrite {
			if len(data) == 0 || data[0].kind != addrValue || len(data) > 2 || len(data) == 2 && port != nil {
				return t.unknown(w)
			}
			w.addr = data[0].addr
			if len(data) == 2 {
				w.port = uint16(data[1].lo)
				return []rewrite{w}
			}
			return t.ports(port, w)
		})
	}
	s, _ := a.(string)
	to, err := netip.ParseAddr(s)
	if err != nil {
		return t.unknown(w)
	}
	w.addr = to
	return t.ports(port, w)
}

// ports reads the port part.
func (t natTarget) ports(port any, w rewrite) []rewrite {
	switch x := port.(type) {
	case nil:
		return []rewrite{w}
	case float64:
		w.port = uint16(x)
		return []rewrite{w}
	}
	if name, arg := only(port); name == "map" {
		return t.fromMap(arg, w, func(data []value, w rewrite) []rewrite {
			if len(data) != 1 || data[0].kind != numValue {
				return t.unknown(w)
			}
			w.port = uint16(data[0].lo)
			return []rewrite{w}
		})
	}
	return t.unknown(w)
}

// fromMap looks the packet up in a map, and goes on for each element it may hit.
func (t natTarget) fromMap(arg any, w rewrite, each func([]value, rewrite) []rewrite) []rewrite {
	m, _ := arg.(map[string]any)
	ops := operands(m["key"])
	key, ok := keyFunc(ops)(t.r, t.st)
	if ok.tri == No {
		return []rewrite{{at: w.at, noMatch: true}}
	}
	var set *Set
	if name, isName := m["data"].(string); isName {
		set = t.sc.set(name)(t.r)
	} else if _, elems := only(m["data"]); elems != nil {
		set = readSet(listOf(elems), typesOf(ops), "any")
	}
	if ok.tri == Maybe || set == nil || set.broken != "" {
		return t.unknown(w)
	}
	var out []rewrite
	var certain []addrRange
	for _, h := range set.lookup(key, w.at) {
		at := h.at.spread(w.at)
		if !at.may.Equal(at.sure) || h.elem.key[0].any {
			return t.unknown(w)
		}
		certain = append(certain, at.sure.flat()...)
		next := w
		next.at = at.sure
		out = append(out, each(h.elem.data, next)...)
	}
	return append(out, rewrite{at: w.at.Minus(unionOf(certain)), noMatch: true})
}
