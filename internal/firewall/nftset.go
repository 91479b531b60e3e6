package firewall

import "strings"

// nftTypes are the data types of set definitions (nft(8), SETS; nft describe).
var nftTypes = map[string]dtype{
	"ipv4_addr": dtAddr, "ipv6_addr": dtAddr, "inet_service": dtPort, "inet_proto": dtProto, "ifname": dtName,
	"iface_index": dtName, "mark": dtNum, "ct_state": dtCtState, "ct_status": dtCtStatus, "ct_dir": dtCtDir, "ether_addr": dtEther,
	"ether_type": dtEtherType, "nf_proto": dtNfproto, "fib_addrtype": dtFibType, "pkt_type": dtPktType, "tcp_flag": dtTCPFlags,
	"boolean": dtNum, "integer": dtNum, "uid": dtNum, "gid": dtNum, "devgroup": dtNum, "realm": dtNum, "classid": dtNum,
}

// setTypes reads the type of a set: a name, a list of names, "a . b", or since
// nft 1.1 an expression whose type it is.
func setTypes(raw any) []dtype {
	switch x := raw.(type) {
	case string:
		var out []dtype
		for _, name := range strings.Split(x, " . ") {
			t, ok := nftTypes[strings.TrimSpace(name)]
			if !ok {
				t = dtUnknown
			}
			out = append(out, t)
		}
		return out
	case []any:
		var out []dtype
		for _, y := range x {
			out = append(out, setTypes(y)...)
		}
		return out
	case map[string]any:
		if inner, ok := x["typeof"]; ok {
			return typesOf(operands(inner))
		}
	}
	return []dtype{dtUnknown}
}

// readSet reads the elements of a set, or those of a map whose data has type
// mapType: "verdict", or that of a value.
func readSet(elems []any, types []dtype, mapType string) *Set {
	s := &Set{}
	var plain []addrRange
	for _, raw := range elems {
		e, ok := readElem(raw, types, mapType)
		if !ok {
			s.broken = "a set element: " + compact(raw)
			continue
		}
		if len(e.key) == 1 && e.key[0].kind == addrValue && !e.key[0].unknown && mapType == "" && e.stmt == "" {
			plain = append(plain, addrRange{e.key[0].from, e.key[0].to})
			continue
		}
		s.elems = append(s.elems, e)
	}
	s.finish(plain)
	return s
}

// readElem reads one element: a key, or [key, data], either wrapped in "elem"
// where it has a timeout, a comment or a statement of its own.
func readElem(raw any, types []dtype, mapType string) (elem, bool) {
	key := raw
	var e elem
	if mapType != "" {
		pair, _ := raw.([]any)
		if len(pair) != 2 {
			return e, false
		}
		key = pair[0]
		if mapType == "verdict" {
			v, ok := verdictOf(pair[1])
			if !ok {
				v = verdictStep{verb: doSteal, why: compact(pair[1])}
			}
			e.do = &v
		} else if !e.readData(pair[1], setTypes(mapType)) {
			return e, false
		}
	}
	if name, arg := only(key); name == "elem" {
		m, _ := arg.(map[string]any)
		key = m["val"]
		for _, k := range []string{"limit", "ct count", "quota"} {
			if m[k] != nil {
				e.stmt, e.rate = k+" of a set element", true
			}
		}
		for k := range m {
			switch k {
			case "val", "timeout", "expires", "comment", "counter", "last", "limit", "ct count", "quota":
			default:
				e.stmt = k + " of a set element"
			}
		}
	}
	if key == "*" { // the catch-all element of an interval set
		for range max(1, len(types)) {
			e.key = append(e.key, pattern{any: true})
		}
		return e, true
	}
	e.key = patterns(key, types)
	return e, true
}

func (e *elem) readData(raw any, types []dtype) bool {
	for _, p := range patterns(raw, types) {
		switch {
		case p.unknown:
			return false
		case p.kind == addrValue && p.from == p.to:
			e.data = append(e.data, addr(p.from))
		case p.kind == numValue && p.lo == p.hi:
			e.data = append(e.data, num(p.lo))
		default:
			return false
		}
	}
	return true
}
