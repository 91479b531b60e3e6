package firewall

import (
	"net/netip"
	"strconv"
	"strings"
)

// idleTargets do not end a rule's walk and change nothing that rules branch on.
var idleTargets = map[string]bool{
	"LOG": true, "NFLOG": true, "ULOG": true, "TRACE": true, "AUDIT": true, "CHECKSUM": true, "TCPMSS": true, "TTL": true, "HL": true,
	"DSCP": true, "TOS": true, "ECN": true, "CLASSIFY": true, "TEE": true, "LED": true, "RATEEST": true, "SECMARK": true,
	"CONNSECMARK": true, "IDLETIMER": true, "TCPOPTSTRIP": true, "HMARK": false,
}

// iptTarget reads -j TARGET or -g CHAIN; nil is a target without effect here.
func iptTarget(f Family, t *iptTable, s section) []step {
	if _, ok := t.index[s.module]; ok {
		verb := doJump
		if s.kind == "-g" {
			verb = doGoto
		}
		return []step{verdictStep{verb: verb, target: s.module}}
	}
	if idleTargets[s.module] {
		return nil
	}
	switch s.module {
	case "ACCEPT":
		return []step{verdictStep{verb: doAccept}}
	case "DROP":
		return []step{verdictStep{verb: doDrop}}
	case "RETURN":
		return []step{verdictStep{verb: doReturn}}
	case "REJECT":
		return []step{iptReject(f, s)}
	case "MARK":
		return []step{markTarget(s)}
	case "CONNMARK":
		return []step{connmarkTarget(s)}
	case "NOTRACK":
		return []step{notrack()}
	case "CT":
		for _, o := range s.opts {
			switch o.name {
			case "--notrack":
				return []step{notrack()}
			case "--zone", "--zone-orig", "--zone-reply":
				return []step{opaqueStep{Why{What: s.String()}}}
			}
		}
		return nil
	case "DNAT", "REDIRECT":
		return []step{iptNAT(f, s)}
	case "SNAT", "MASQUERADE", "NETMAP":
		if s.module == "NETMAP" {
			return []step{opaqueStep{Why{What: s.String()}}}
		}
		return []step{changeThenAccept{}}
	case "SET":
		return []step{setTarget(s)}
	case "SYNPROXY": // it answers the first packet itself, and calls the server once the client answered back
		return []step{verdictStep{verb: doAccept}}
	case "NFQUEUE", "QUEUE":
		return []step{verdictStep{verb: doSteal, why: s.String() + ": a program decides"}}
	}
	return []step{opaqueStep{Why{What: s.String()}}}
}

// iptReject reads REJECT; its default is port-unreachable.
func iptReject(f Family, s section) step {
	with := WithPortUnreach
	for _, o := range s.opts {
		if o.name != "--reject-with" {
			continue
		}
		code := o.arg(0)
		switch {
		case code == "tcp-reset" || code == "tcp-rst":
			with = WithReset
		case f == IPv4:
			with = icmpCode(strings.TrimPrefix(code, "icmp-"))
			if code == "icmp-proto-unreachable" {
				with = WithProtUnreach
			}
		default:
			code = strings.TrimPrefix(code, "icmp6-")
			if code == "adm-prohibited" {
				code = "admin-prohibited"
			}
			with = icmpv6Code(code)
		}
	}
	return verdictStep{verb: doReject, reject: func(Family) (RejectWith, bool) { return with, true }}
}

func notrack() step {
	return changeStep{func(_ *run, st *state) {
		if st.ct == ctNone {
			st.ct = ctUntracked
		}
	}}
}

// markTarget reads MARK: --set-xmark clears the bits of the mask and XORs the value.
func markTarget(s section) step {
	if len(s.opts) == 1 {
		v, mask, ok1 := parseMark(s.opts[0].arg(0))
		and, xor, ok2 := markOp(s.opts[0].name, v, mask)
		if ok1 && ok2 {
			return changeStep{func(_ *run, st *state) { st.mark.v = st.mark.v&and ^ xor }}
		}
	}
	return changeStep{func(_ *run, st *state) { st.mark = markValue{unknown: true} }}
}

// markOp gives the new mark as old & and ^ xor (iptables-extensions(8), MARK).
func markOp(name string, v, mask uint32) (and, xor uint32, ok bool) {
	switch name {
	case "--set-xmark":
		return ^mask, v, true
	case "--set-mark":
		return ^(mask | v), v, true
	case "--and-mark":
		return v, 0, true
	case "--or-mark":
		return ^v, v, true
	case "--xor-mark":
		return ^uint32(0), v, true
	}
	return 0, 0, false
}

// connmarkTarget reads CONNMARK.
func connmarkTarget(s section) step {
	nf, ct := ^uint32(0), ^uint32(0)
	what := ""
	for _, o := range s.opts {
		switch o.name {
		case "--nfmask", "--ctmask", "--mask":
			m, _, ok := parseMark(o.arg(0))
			if !ok {
				what = "?"
			}
			if o.name != "--ctmask" {
				nf = m
			}
			if o.name != "--nfmask" {
				ct = m
			}
		case "--save-mark", "--restore-mark":
			what = o.name
		default:
			v, mask, ok := parseMark(o.arg(0))
			and, xor, known := markOp(o.name, v, mask)
			if ok && known {
				return changeStep{func(_ *run, st *state) {
					if st.ct != ctNone && st.ct != ctUntracked {
						st.ctMark.v = st.ctMark.v&and ^ xor
					}
				}}
			}
			what = "?"
		}
	}
	return changeStep{func(_ *run, st *state) {
		if st.ct == ctNone || st.ct == ctUntracked {
			return
		}
		switch what {
		case "--save-mark":
			st.ctMark = markValue{v: st.ctMark.v&^ct ^ st.mark.v&nf, unknown: st.mark.unknown || st.ctMark.unknown}
		case "--restore-mark":
			st.mark = markValue{v: st.mark.v&^nf ^ st.ctMark.v&ct, unknown: st.mark.unknown || st.ctMark.unknown}
		default:
			st.ctMark = markValue{unknown: true}
			st.mark = markValue{unknown: true}
		}
	}}
}

// iptNAT reads DNAT and REDIRECT.
func iptNAT(f Family, s section) step {
	w := rewrite{redirect: s.module == "REDIRECT"}
	for _, o := range s.opts {
		switch o.name {
		case "--to-destination":
			if !w.destination(o.arg(0)) || FamilyOf(w.addr) != f && w.addr.IsValid() {
				w.unknown = s.String()
			}
		case "--to-ports":
			n, err := strconv.ParseUint(o.arg(0), 10, 16)
			if err != nil {
				w.unknown = s.String()
			}
			w.port = uint16(n)
		default:
			w.unknown = s.String()
		}
	}
	return natStep{rewrite: func(_ *run, _ *state, at AddrSet) []rewrite {
		w := w
		w.at = at
		return []rewrite{w}
	}}
}

// destination reads "addr", "addr:port", "[addr]:port" or ":port".
func (w *rewrite) destination(s string) bool {
	if a, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil {
		w.addr = a
		return true
	}
	if port, ok := strings.CutPrefix(s, ":"); ok {
		n, err := strconv.ParseUint(port, 10, 16)
		w.port = uint16(n)
		return err == nil
	}
	ap, err := netip.ParseAddrPort(s)
	w.addr, w.port = ap.Addr(), ap.Port()
	return err == nil
}

// setTarget reads SET, which changes a set for packets to come.
func setTarget(s section) step {
	return changeStep{func(r *run, _ *state) {
		for _, o := range s.opts {
			if set := r.rs.ipsets[o.arg(0)]; set != nil {
				r.touched[set] = true
			}
		}
	}}
}
