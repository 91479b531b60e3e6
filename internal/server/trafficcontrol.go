package server

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"sshwhy/internal/evidence"
	"sshwhy/internal/facts"
	"sshwhy/internal/report"
)

// headers is how much of a packet's head tc's u32 may look at here: IPv6 and the ports.
const headers = 44

// head is the beginning of a packet, from its IP header on, and which of its bits are known.
type head struct {
	v4          bool
	src, dst    netip.Addr // invalid: any
	sport       int        // 0: any
	dport       int
	bits, known [headers]byte
}

// newHead makes the head of a packet of TCP.
func newHead(v4 bool, src, dst netip.Addr, sport, dport int) head {
	h := head{v4: v4, src: src, dst: dst, sport: sport, dport: dport}
	put := func(at int, b ...byte) {
		for i, c := range b {
			h.bits[at+i], h.known[at+i] = c, 0xff
		}
	}
	port := func(at, n int) {
		if n != 0 {
			put(at, byte(n>>8), byte(n))
		}
	}
	addr := func(at int, a netip.Addr) {
		if a.IsValid() {
			put(at, a.AsSlice()...)
		}
	}
	if v4 { // a header without options (RFC 791)
		put(0, 0x45)
		put(9, 6)
		addr(12, src)
		addr(16, dst)
		port(20, sport)
		port(22, dport)
		return h
	}
	h.bits[0], h.known[0] = 0x60, 0xf0
	put(6, 6)
	addr(8, src)
	addr(24, dst)
	port(40, sport)
	port(42, dport)
	return h
}

// harmlessQueues are queueing disciplines that only order and slow down.
var harmlessQueues = []string{
	"noqueue", "pfifo_fast", "pfifo", "bfifo", "mq", "mqprio", "fq", "fq_codel", "codel", "cake", "sfq", "tbf", "htb", "hfsc", "prio",
	"drr", "qfq", "pie", "fq_pie", "red", "ets", "clsact", "ingress", "noop", "cbs", "etf", "taprio",
}

// checkTrafficControl follows the visitor's packet and the answer through what tc
// has on the interface: filters at its ingress and egress, and its queues.
func checkTrafficControl(v *view, p *part) {
	t := v.Traffic
	if t.Origin.Unseen() {
		p.also("traffic control", t.Origin.Reason)
		return
	}
	if t.Origin.Status == evidence.Absent || v.loopbackClient() {
		return // who has no tc has hardly set anything with it
	}
	for _, o := range t.Unread {
		p.also("traffic control", o.Source+": "+o.Reason)
	}
	for _, q := range t.Queues {
		switch {
		case !v.carries(q.Device) || slices.Contains(harmlessQueues, q.Kind):
		case q.Kind == "blackhole":
			f := p.found("traffic-control-drop", report.Blocking, "The queue of %s drops every packet that is to leave by it (qdisc blackhole).", q.Device)
			quote(f, q.Quote)
			adviseTC(f, "tc qdisc del dev "+q.Device+" root")
		case q.Kind == "netem" && strings.Contains(q.Quote.Text, "loss 100%"):
			f := p.found("traffic-control-drop", report.Blocking, "The queue of %s loses every packet that is to leave by it (qdisc netem).", q.Device)
			quote(f, q.Quote)
			adviseTC(f, "tc qdisc del dev "+q.Device+" root")
		default:
			p.also("traffic control", fmt.Sprintf("the queue of %s (qdisc %s) may lose packets; that is not simulated", q.Device, q.Kind))
		}
	}
	for _, h := range v.heads() {
		v.throughFilters(p, h, true)
		answer := newHead(h.v4, h.dst, h.src, h.dport, 0)
		v.throughFilters(p, answer, false)
	}
}

// carries reports whether the visitor's packets, or anybody's, go by the interface.
func (v *view) carries(device string) bool {
	if v.q.Client.IsValid() && v.Route.Device != "" {
		return device == v.Route.Device
	}
	return slices.ContainsFunc(v.Links.All, func(k facts.Link) bool { return k.Name == device && !k.Loopback && len(k.Addrs) > 0 })
}

// heads are the first packets to look at: one for each family in which others reach
// this machine; where the visitor is known, of his.
func (v *view) heads() []head {
	var out []head
	for _, v4 := range []bool{true, false} {
		c := v.q.Client.Unmap().WithZone("")
		if v.q.Client.IsValid() && c.Is4() != v4 {
			continue
		}
		outer := v.Links.Outer()
		if i := slices.IndexFunc(outer, func(a netip.Addr) bool { return a.Is4() == v4 }); i >= 0 {
			if !v.q.Client.IsValid() {
				c = netip.Addr{}
			}
			out = append(out, newHead(v4, c, outer[i], 0, v.port))
		}
	}
	return out
}

// throughFilters asks the filters of each interface in turn what becomes of a packet.
func (v *view) throughFilters(p *part, h head, incoming bool) {
	done := map[string]bool{} // interfaces where the packet's fate is known
	for _, f := range v.Traffic.Filters {
		if f.Incoming != incoming || done[f.Device] || !v.carries(f.Device) {
			continue
		}
		fate := fateOf(f.Actions)
		match := h.matches(f)
		if match == no || fate == "" && f.Kind != "bpf" {
			continue
		}
		if fate == "passes" {
			done[f.Device] = match == yes
			continue
		}
		where := "leaves by"
		if incoming {
			where = "comes in by"
		}
		if match == maybe || fate == "maybe" || f.Kind == "bpf" {
			p.cannot("traffic control", fmt.Sprintf("a filter of tc (%s) may stop what %s %s; whether it does is not known", f.Kind, where, f.Device))
			continue
		}
		if dev := v.shapedBy(f); dev != "" {
			p.also("traffic control", "what "+where+" "+f.Device+" goes through "+dev+", which gives it back unless its queues and filters keep it")
			continue
		}
		done[f.Device] = true
		x := p.found("traffic-control-drop", report.Blocking, "A filter of tc %s what %s %s for port %d.", fate, where, f.Device, v.port)
		quote(x, f.Quote)
		adviseTC(x, "tc filter del dev "+f.Device+" "+map[bool]string{true: "ingress", false: "egress"}[incoming]+" pref "+preference(f))
	}
}

// shapedBy is the intermediate device (ifb) that a filter sends packets through, which puts
// them back where they came from while it is up; "" is none.
func (v *view) shapedBy(f facts.TCFilter) string {
	for _, k := range v.ReplyPath.Links {
		up := slices.ContainsFunc(v.Links.All, func(l facts.Link) bool { return l.Name == k.Name && l.Up })
		sends := slices.ContainsFunc(f.Actions, func(a string) bool { return strings.Contains(a, "edirect to device "+k.Name+")") })
		if k.Kind == "ifb" && up && sends {
			return k.Name
		}
	}
	return ""
}

func adviseTC(f *report.Finding, command string) {
	advise(f, "Take it away where it was set; somebody set it on purpose: ask why first. Until the next boot: "+command+".")
}

func preference(f facts.TCFilter) string {
	_, rest, _ := strings.Cut(f.Quote.Text, " pref ")
	n, _, _ := strings.Cut(rest, " ")
	return n
}

// fateOf is what actions do with a packet (tc-actions(8)): "drops", "sends elsewhere",
// "passes", "maybe"; "" where it goes on to the next filter.
func fateOf(actions []string) string {
	for _, a := range actions {
		switch kind, _, _ := strings.Cut(a, " "); {
		case strings.HasPrefix(a, "gact action drop"), strings.HasPrefix(a, "gact action shot"):
			return "drops"
		case strings.HasPrefix(a, "gact action pass"), strings.HasPrefix(a, "gact action ok"):
			return "passes"
		case strings.HasPrefix(a, "mirred") && strings.Contains(strings.ToLower(a), "redirect"):
			return "sends elsewhere"
		case kind == "mirred" || kind == "skbedit" || kind == "gact" || kind == "connmark" || kind == "ctinfo" || kind == "sample":
			// a copy, a mark: the packet itself goes on
		default: // police, pedit, nat, bpf, ct, vlan, …
			return "maybe"
		}
	}
	return ""
}

// matches reports whether a filter takes the packet.
func (h head) matches(f facts.TCFilter) tri {
	if f.Protocol != "all" && (f.Protocol == "ip") != h.v4 || f.Protocol != "all" && f.Protocol != "ip" && f.Protocol != "ipv6" {
		return no
	}
	result := yes
	switch f.Kind {
	case "matchall":
		return yes
	case "u32", "flower":
	default:
		return maybe
	}
	seen := false
	for _, term := range f.Terms {
		m := maybe
		if f.Kind == "u32" {
			if !strings.HasPrefix(term, "match ") {
				continue
			}
			m = h.matchU32(term)
		} else {
			m = h.matchFlower(term)
		}
		seen = true
		result = bothOf(result, m)
	}
	if !seen && f.Kind == "u32" {
		return maybe
	}
	return result
}

// bothOf is the answer of two conditions that must both hold.
func bothOf(a, b tri) tri {
	switch {
	case a == no || b == no:
		return no
	case a == maybe || b == maybe:
		return maybe
	}
	return yes
}

// matchU32 reads "match 00000016/0000ffff at 20" (tc-u32(8)): four bytes, a mask, and
// where they stand from the IP header on.
func (h head) matchU32(term string) tri {
	f := strings.Fields(term)
	if len(f) != 4 || f[2] != "at" {
		return maybe
	}
	words, mask, ok := strings.Cut(f[1], "/")
	value, err := strconv.ParseUint(words, 16, 32)
	bits, err2 := strconv.ParseUint(mask, 16, 32)
	at, err3 := strconv.Atoi(f[3])
	if !ok || err != nil || err2 != nil || err3 != nil || at < 0 || at+4 > headers {
		return maybe
	}
	have, known := binary.BigEndian.Uint32(h.bits[at:]), binary.BigEndian.Uint32(h.known[at:])
	switch {
	case (have^uint32(value))&uint32(bits)&known != 0:
		return no
	case uint32(bits)&^known != 0:
		return maybe
	}
	return yes
}

// matchFlower reads one key of tc-flower(8).
func (h head) matchFlower(term string) tri {
	key, value, _ := strings.Cut(term, " ")
	port := func(n int) tri {
		want, err := strconv.Atoi(value)
		if err != nil || n == 0 {
			return maybe
		}
		return triOf(want == n)
	}
	addr := func(a netip.Addr) tri {
		want, err := netip.ParsePrefix(value)
		if one, err2 := netip.ParseAddr(value); err2 == nil {
			want, err = netip.PrefixFrom(one, one.BitLen()), nil
		}
		if err != nil || !a.IsValid() {
			return maybe
		}
		return triOf(want.Contains(a))
	}
	switch key {
	case "not_in_hw", "in_hw", "skip_hw", "skip_sw", "in_hw_count", "used_hw_stats":
		return yes
	case "eth_type":
		return triOf(value == "ipv4" && h.v4 || value == "ipv6" && !h.v4)
	case "ip_proto":
		return triOf(value == "tcp")
	case "dst_port":
		return port(h.dport)
	case "src_port":
		return port(h.sport)
	case "src_ip":
		return addr(h.src)
	case "dst_ip":
		return addr(h.dst)
	}
	return maybe
}
