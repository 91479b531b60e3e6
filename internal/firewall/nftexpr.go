package firewall

import (
	"fmt"
	"slices"
)

// operand is an expression of nftables that has a value for a packet. Its
// answer is Yes with the value; No where the packet has no such thing (then the
// rule does not match, whatever it compares with: NFT_BREAK); Maybe where the
// value is not known.
type operand struct {
	typ  dtype
	eval func(r *run, st *state) (value, split)
}

// known makes an operand of a function that always has a value.
func known(t dtype, f func(r *run, st *state) value) operand {
	return operand{t, func(r *run, st *state) (value, split) { return f(r, st), sure(Yes) }}
}

// constant is an operand that is the same for every packet.
func constant(t dtype, n uint64) operand {
	return known(t, func(*run, *state) value { return num(n) })
}

// missing is an operand that our packets do not have.
func missing() operand {
	return operand{dtUnknown, func(*run, *state) (value, split) { return value{}, sure(No) }}
}

// mystery is an operand whose value nobody can tell.
func mystery(what string) operand {
	return operand{dtUnknown, func(*run, *state) (value, split) { return value{}, perhaps(what) }}
}

// onlyFor makes the operand one that only packets of a family have.
func (o operand) onlyFor(f Family) operand {
	inner := o.eval
	o.eval = func(r *run, st *state) (value, split) {
		if r.p.Family != f {
			return value{}, sure(No)
		}
		return inner(r, st)
	}
	return o
}

// operands reads a left-hand side: one operand, or those of a concatenation.
func operands(raw any) []operand {
	if name, arg := only(raw); name == "concat" {
		list, _ := arg.([]any)
		out := make([]operand, 0, len(list))
		for _, x := range list {
			out = append(out, readOperand(x))
		}
		if len(out) > 0 {
			return out
		}
	}
	return []operand{readOperand(raw)}
}

// only returns the single member of a JSON object.
func only(raw any) (name string, arg any) {
	m, ok := raw.(map[string]any)
	if !ok || len(m) != 1 {
		return "", nil
	}
	for k, v := range m {
		return k, v
	}
	return "", nil
}

// str returns a string member of a JSON object.
func str(raw any, key string) string {
	m, _ := raw.(map[string]any)
	s, _ := m[key].(string)
	return s
}

// readOperand reads one expression (libnftables-json(5), EXPRESSIONS).
func readOperand(raw any) operand {
	name, arg := only(raw)
	switch name {
	case "payload":
		return payloadOperand(arg)
	case "meta":
		return metaOperand(str(arg, "key"))
	case "ct":
		return ctOperand(str(arg, "key"), str(arg, "dir"))
	case "fib":
		return fibOperand(arg)
	case "exthdr":
		return exthdrOperand(arg)
	case "&", "|", "^", "<<", ">>":
		return binaryOperand(name, arg)
	case "numgen", "jhash", "symhash":
		return mystery(name + ", which is chance")
	case "":
		if v, ok := literal(raw); ok {
			return known(dtNum, func(*run, *state) value { return v })
		}
		return mystery(compact(raw))
	}
	return mystery(compact(raw))
}

// payloadOperand reads a header field.
func payloadOperand(arg any) operand {
	proto, field := str(arg, "protocol"), str(arg, "field")
	switch proto {
	case "ip":
		return ipField(field, IPv4).onlyFor(IPv4)
	case "ip6":
		return ipField(field, IPv6).onlyFor(IPv6)
	case "tcp", "th":
		return tcpField(field)
	case "ether":
		if field == "type" {
			return etherType()
		}
		return mystery("ether " + field)
	case "vlan":
		return mystery("vlan " + field)
	case "udp", "udplite", "sctp", "dccp", "icmp", "icmpv6", "igmp", "ah", "esp", "comp", "gre", "gretap", "vxlan", "geneve", "arp", "dns":
		return missing()
	case "":
		return rawPayload(arg)
	}
	return mystery(compact(arg))
}

func ipField(field string, f Family) operand {
	switch field {
	case "saddr":
		return operand{dtAddr, func(r *run, st *state) (value, split) { return r.source(st) }}
	case "daddr":
		return operand{dtAddr, func(r *run, st *state) (value, split) { return r.destination(st) }}
	case "protocol", "nexthdr":
		return constant(dtProto, 6)
	case "version":
		return constant(dtNum, uint64(f))
	case "hdrlength":
		return constant(dtNum, 5)
	}
	return mystery("ip " + field)
}

// source is the packet's source address, which may be a set.
func (r *run) source(st *state) (value, split) {
	switch {
	case st.srcUnknown:
		return value{}, perhaps("a source address that was rewritten")
	case st.src.IsValid():
		return addr(st.src), sure(Yes)
	case r.p.in():
		return value{kind: remoteValue}, sure(Yes)
	}
	return value{kind: someAddr}, sure(Yes)
}

// destination is the packet's destination address, which may be a set.
func (r *run) destination(st *state) (value, split) {
	switch {
	case st.dstUnknown:
		return value{}, perhaps("the address that redirect chose")
	case st.dst.IsValid():
		return addr(st.dst), sure(Yes)
	case !r.p.in():
		return value{kind: remoteValue}, sure(Yes)
	}
	return value{kind: someAddr}, sure(Yes)
}

// Flags of the packets we follow.
const (
	flagSYN = 2
	flagACK = 16
)

func tcpField(field string) operand {
	switch field {
	case "sport":
		return known(dtPort, func(_ *run, st *state) value { return numRange(st.sport) })
	case "dport":
		return known(dtPort, func(_ *run, st *state) value { return numRange(st.dport) })
	case "flags":
		return known(dtTCPFlags, func(r *run, _ *state) value {
			if r.p.isReply() {
				return num(flagSYN | flagACK)
			}
			return num(flagSYN)
		})
	case "urgptr":
		return constant(dtNum, 0)
	}
	return mystery("tcp " + field)
}

func etherType() operand {
	return known(dtEtherType, func(r *run, _ *state) value {
		if r.p.Family == IPv6 {
			return num(0x86dd)
		}
		return num(0x0800)
	})
}

// rawPayload reads @th,0,16 and its like: the ports, which nft prints so where
// it has no name for them.
func rawPayload(arg any) operand {
	m, _ := arg.(map[string]any)
	off, ok1 := m["offset"].(float64)
	length, ok2 := m["len"].(float64)
	if m["base"] == "th" && ok1 && ok2 && length == 16 {
		switch off {
		case 0:
			return tcpField("sport")
		case 16:
			return tcpField("dport")
		}
	}
	return mystery(compact(arg))
}

// metaOperand reads meta information (nft(8), META EXPRESSIONS).
func metaOperand(key string) operand {
	switch key {
	case "l4proto":
		return constant(dtProto, 6)
	case "nfproto":
		return known(dtNfproto, func(r *run, _ *state) value {
			if r.p.Family == IPv6 {
				return num(10)
			}
			return num(2)
		})
	case "protocol":
		return etherType()
	case "iif", "iifname", "oif", "oifname":
		in := key[0] == 'i'
		return operand{dtName, func(r *run, _ *state) (value, split) { return r.ifname(in) }}
	case "mark":
		return operand{dtNum, func(_ *run, st *state) (value, split) { return st.mark.value("the packet's mark") }}
	case "pkttype":
		return operand{dtPktType, func(r *run, st *state) (value, split) {
			if !r.p.in() || st.pktOther {
				return value{}, perhaps("meta pkttype")
			}
			return num(0), sure(Yes)
		}}
	case "skuid":
		return operand{dtNum, func(r *run, _ *state) (value, split) {
			switch {
			case r.p.Path == Incoming:
				return value{}, sure(No) // a SYN has no socket yet
			case r.p.Path == Outgoing && r.p.UID != nil:
				return num(uint64(*r.p.UID)), sure(Yes)
			}
			return value{}, perhaps("meta skuid")
		}}
	case "skgid":
		return operand{dtNum, func(r *run, _ *state) (value, split) {
			if r.p.Path == Incoming {
				return value{}, sure(No)
			}
			return value{}, perhaps("meta skgid")
		}}
	case "secpath", "ipsec":
		return known(dtNum, func(r *run, _ *state) value {
			r.assume("the packet does not come through IPsec")
			return num(0)
		})
	}
	return mystery("meta " + key)
}

// ifname is the interface the packet comes in by (or goes out by); the other
// side of it has no name (nft_meta_store_ifname).
func (r *run) ifname(in bool) (value, split) {
	if in != r.p.in() {
		return text(""), sure(Yes)
	}
	name := r.p.Iface
	if r.here.chain.Family == "bridge" || r.p.BridgePort != "" && r.hook == "ingress" {
		name = r.p.BridgePort
	}
	if name == "" {
		return value{kind: someName}, sure(Yes)
	}
	return text(name), sure(Yes)
}

func (m markValue) value(what string) (value, split) {
	if m.unknown {
		return value{}, perhaps(what)
	}
	return num(uint64(m.v)), sure(Yes)
}

// fibOperand reads a route look-up.
func fibOperand(arg any) operand {
	result, flags := str(arg, "result"), strs(arg, "flags")
	switch {
	case result == "type" && slices.Contains(flags, "daddr"):
		return operand{dtFibType, func(r *run, st *state) (value, split) { return r.typeOfDst(st, slices.Contains(flags, "iif")) }}
	case result == "type" && slices.Contains(flags, "saddr"):
		return operand{dtFibType, func(r *run, st *state) (value, split) { return r.typeOfSrc(st) }}
	case (result == "oif" || result == "oifname") && slices.Contains(flags, "saddr") && slices.Contains(flags, "iif"):
		return operand{dtNum, func(r *run, st *state) (value, split) {
			switch r.p.RoutedBack {
			case Yes:
				return num(1), sure(Yes)
			case No:
				return num(0), sure(Yes)
			}
			return value{}, perhaps("the route back to the client (fib)")
		}}
	}
	return mystery(fmt.Sprintf("fib %v %s", flags, result))
}

const (
	fibUnicast   = 1
	fibLocal     = 2
	fibBroadcast = 3
	fibMulticast = 5
)

func (r *run) typeOfDst(st *state, onIface bool) (value, split) {
	if !r.p.in() {
		return value{}, perhaps("fib daddr type")
	}
	if r.isLocal(st) != Yes {
		return value{}, perhaps("fib daddr type")
	}
	if onIface && (len(r.p.IfaceAddrs) == 0 || !slices.Contains(r.p.IfaceAddrs, st.dst)) {
		return value{}, perhaps("whether the address is one of the interface")
	}
	return num(fibLocal), sure(Yes)
}

func (r *run) typeOfSrc(st *state) (value, split) {
	switch {
	case !st.src.IsValid() && r.p.in():
		r.assume("the client's address is an ordinary unicast one of another machine")
	case !r.p.in():
		return num(fibLocal), sure(Yes)
	case st.src.IsMulticast():
		return num(fibMulticast), sure(Yes)
	case st.src.IsLoopback() || slices.Contains(r.p.Locals, st.src):
		return num(fibLocal), sure(Yes)
	}
	return num(fibUnicast), sure(Yes)
}

// exthdrOperand reads an IPv6 extension header, which our packets do not have.
func exthdrOperand(arg any) operand {
	if str(arg, "field") != "" {
		return missing()
	}
	return constant(dtNum, 0).onlyFor(IPv6)
}

// strs returns a member that is a string or a list of strings.
func strs(raw any, key string) []string {
	m, _ := raw.(map[string]any)
	var out []string
	for _, x := range listOf(m[key]) {
		if s, ok := x.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

// listOf returns a JSON value that may be one thing or a list of things as a
// list: nft's JSON has changed from one to the other between versions.
func listOf(raw any) []any {
	switch x := raw.(type) {
	case nil:
		return nil
	case []any:
		return x
	}
	return []any{raw}
}
