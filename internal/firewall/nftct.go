package firewall

// ctOperand reads what connection tracking knows (nft(8), CONNTRACK EXPRESSIONS).
func ctOperand(key, dir string) operand {
	if key == "state" {
		return known(dtCtState, func(_ *run, st *state) value { return num(st.ct.bits()) })
	}
	o := trackedOperand(key, dir)
	inner := o.eval
	o.eval = func(r *run, st *state) (value, split) {
		if st.ct == ctNone || st.ct == ctUntracked {
			return value{}, sure(No) // nft_ct_get_eval: no conntrack, no match
		}
		return inner(r, st)
	}
	return o
}

// bits is the packet's ct state as nftables counts it; without any tracking it
// is "invalid" (nft_ct_get_eval).
func (c ctState) bits() uint64 {
	switch c {
	case ctNew:
		return 8
	case ctEstablished:
		return 2
	case ctUntracked:
		return 64
	}
	return 1
}

func trackedOperand(key, dir string) operand {
	switch key {
	case "mark":
		return operand{dtNum, func(_ *run, st *state) (value, split) { return st.ctMark.value("the connection's mark") }}
	case "direction":
		return known(dtCtDir, func(r *run, _ *state) value {
			if r.p.isReply() {
				return num(1)
			}
			return num(0)
		})
	case "status":
		return operand{dtCtStatus, func(r *run, st *state) (value, split) { return r.ctStatus(st) }}
	case "l3proto":
		return metaOperand("nfproto")
	case "protocol":
		return constant(dtProto, 6)
	case "zone":
		return constant(dtNum, 0)
	}
	if dir != "original" {
		return mystery("ct " + dir + " " + key)
	}
	switch key {
	case "saddr", "ip saddr", "ip6 saddr":
		return ofFamily(key, operand{dtAddr, func(r *run, _ *state) (value, split) {
			st := r.p.start()
			if r.p.isReply() {
				return r.destination(&st)
			}
			return r.source(&st)
		}})
	case "daddr", "ip daddr", "ip6 daddr":
		return ofFamily(key, operand{dtAddr, func(r *run, _ *state) (value, split) {
			st := r.p.start()
			if r.p.isReply() {
				return r.source(&st)
			}
			return r.destination(&st)
		}})
	case "proto-src", "proto-dst":
		client := key == "proto-src"
		return known(dtPort, func(r *run, _ *state) value {
			st := r.p.start()
			if client != r.p.isReply() {
				return numRange(st.sport)
			}
			return numRange(st.dport)
		})
	}
	return mystery("ct " + dir + " " + key)
}

// ofFamily restricts "ip saddr" and "ip6 saddr" to their family.
func ofFamily(key string, o operand) operand {
	switch {
	case len(key) > 4 && key[:4] == "ip6 ":
		return o.onlyFor(IPv6)
	case len(key) > 3 && key[:3] == "ip ":
		return o.onlyFor(IPv4)
	}
	return o
}

// ctStatus is the connection's status while its first packet is on its way: it
// is neither confirmed nor answered; dnat is set where the destination differs.
func (r *run) ctStatus(st *state) (value, split) {
	if r.p.isReply() || st.dstUnknown || st.srcNAT {
		return value{}, perhaps("ct status")
	}
	start := r.p.start()
	if st.dstNAT && (st.dst != start.dst || st.dport != start.dport) {
		return num(32), sure(Yes)
	}
	return num(0), sure(Yes)
}
