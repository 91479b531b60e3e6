package server

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"sshwhy/internal/facts"
)

func TestHeadMatches(t *testing.T) {
	client, own := netip.MustParseAddr("192.0.2.2"), netip.MustParseAddr("198.51.100.10")
	in := newHead(true, client, own, 0, 22)
	anyone := newHead(true, netip.Addr{}, own, 0, 22)
	in6 := newHead(false, netip.MustParseAddr("2001:db8:1::2"), netip.MustParseAddr("2001:db8:2::10"), 0, 22)
	for _, c := range []struct {
		name     string
		h        head
		protocol string
		kind     string
		terms    string
		want     tri
	}{
		{"the port", in, "ip", "u32", "match 00000016/0000ffff at 20", yes},
		{"another port", in, "ip", "u32", "match 00000017/0000ffff at 20", no},
		{"tcp", in, "ip", "u32", "match 00060000/00ff0000 at 8; match 00000016/0000ffff at 20", yes},
		{"udp", in, "ip", "u32", "match 00110000/00ff0000 at 8; match 00000016/0000ffff at 20", no},
		{"the client's network", in, "ip", "u32", "match c0000200/ffffff00 at 12", yes},
		{"another network", in, "ip", "u32", "match cb007100/ffffff00 at 12", no},
		{"somebody's network", anyone, "ip", "u32", "match c0000200/ffffff00 at 12", maybe},
		{"the source port", in, "ip", "u32", "match 00160000/ffff0000 at 20", maybe},
		{"the time to live", in, "ip", "u32", "match 01000000/ff000000 at 8", maybe},
		{"before the header", in, "ip", "u32", "match 00000000/ffffffff at -14", maybe},
		{"something new", in, "ip", "u32", "match x", maybe},
		{"the other family", in6, "ip", "u32", "match 00000016/0000ffff at 20", no},
		{"the port of IPv6", in6, "ipv6", "u32", "match 00000016/0000ffff at 40", yes},
		{"ARP", in, "arp", "matchall", "", no},
		{"everything", in, "all", "matchall", "", yes},
		{"flower", in, "ip", "flower", "eth_type ipv4; ip_proto tcp; dst_port 22; not_in_hw", yes},
		{"flower, other port", in, "ip", "flower", "ip_proto tcp; dst_port 23", no},
		{"flower, the client", in, "ip", "flower", "src_ip 192.0.2.0/24", yes},
		{"flower, new key", in, "ip", "flower", "ip_proto tcp; moon_phase full", maybe},
		{"a program", in, "all", "bpf", "", maybe},
	} {
		f := facts.TCFilter{Protocol: c.protocol, Kind: c.kind}
		if c.terms != "" {
			f.Terms = strings.Split(c.terms, "; ")
		}
		if got := c.h.matches(f); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestFates(t *testing.T) {
	for action, want := range map[string]string{
		"gact action drop": "drops", "gact action pass": "passes", "mirred (Egress Redirect to device lo) stolen": "sends elsewhere",
		"mirred (Egress Mirror to device lo) pipe": "", "skbedit mark 1 pipe": "", "police 0x1 rate 1Kbit burst 10Kb": "maybe", "newaction": "maybe", "": "maybe",
	} {
		if got := fateOf([]string{action}); got != want {
			t.Errorf("%q: %q, want %q", action, got, want)
		}
	}
	if fateOf(nil) != "" {
		t.Error("a filter without actions ends nothing")
	}
}

// What is there and not understood is told, and what is understood and harmless is not.
func TestPacketPathIsClosed(t *testing.T) {
	client := netip.MustParseAddr("192.0.2.2")
	queue := func(kind, text string) facts.Queue {
		return facts.Queue{Kind: kind, Device: "eth0", Root: true, Quote: facts.Quote{Source: "tc qdisc show", Text: text}}
	}
	for _, c := range []struct {
		name   string
		change func(*facts.Facts)
		cause  string // "": told; "-": nothing
	}{
		{"as it is", func(*facts.Facts) {}, "-"},
		{"shaping", func(f *facts.Facts) { f.Traffic.Queues = []facts.Queue{queue("htb", "")} }, "-"},
		{"a new queue", func(f *facts.Facts) { f.Traffic.Queues = []facts.Queue{queue("lottery", "")} }, ""},
		{"loss", func(f *facts.Facts) { f.Traffic.Queues = []facts.Queue{queue("netem", "netem loss 5%")} }, ""},
		{"all lost", func(f *facts.Facts) { f.Traffic.Queues = []facts.Queue{queue("netem", "netem loss 100%")} }, "traffic-control-drop"},
		{"a program", func(f *facts.Facts) {
			f.Traffic.Filters = []facts.TCFilter{{Device: "eth0", Incoming: true, Protocol: "all", Kind: "bpf"}}
		}, ""},
		{"another port passes first", func(f *facts.Facts) {
			f.Traffic.Filters = []facts.TCFilter{
				{Device: "eth0", Incoming: true, Protocol: "ip", Kind: "matchall", Actions: []string{"gact action pass"}},
				{Device: "eth0", Incoming: true, Protocol: "ip", Kind: "matchall", Actions: []string{"gact action drop"}},
			}
		}, "-"},
		{"another interface", func(f *facts.Facts) {
			f.Traffic.Filters = []facts.TCFilter{{Device: "eth7", Incoming: true, Protocol: "all", Kind: "matchall", Actions: []string{"gact action drop"}}}
		}, "-"},
		{"XDP", func(f *facts.Facts) { f.ReplyPath.Links = []facts.LinkDetail{{Name: "eth0", XDP: true}} }, ""},
		{"VRF", func(f *facts.Facts) { f.ReplyPath.Links = []facts.LinkDetail{{Name: "eth0", VRF: "blue"}} }, ""},
		{"ARP off", func(f *facts.Facts) {
			f.ReplyPath.Links = []facts.LinkDetail{{Name: "eth0", Ether: true, NoARP: true}}
		}, "neighbour-broken"},
		{"a tunnel has no ARP", func(f *facts.Facts) {
			f.ReplyPath.Links = []facts.LinkDetail{{Name: "eth0", NoARP: true, Kind: "wireguard"}}
		}, "-"},
		{"a policy for others", func(f *facts.Facts) {
			f.IPsec.Policies = []facts.IPsecPolicy{{Src: netip.MustParsePrefix("203.0.113.0/24"), Dst: netip.MustParsePrefix("0.0.0.0/0"), Direction: "in", Block: true}}
		}, "-"},
		{"a policy that blocks", func(f *facts.Facts) {
			f.IPsec.Policies = []facts.IPsecPolicy{{Src: netip.MustParsePrefix("192.0.2.0/24"), Dst: netip.MustParsePrefix("0.0.0.0/0"), Direction: "in", Block: true}}
		}, "ipsec-policy"},
		{"a tunnel", func(f *facts.Facts) {
			f.IPsec.States = 2
			f.IPsec.Policies = []facts.IPsecPolicy{{Src: netip.MustParsePrefix("0.0.0.0/0"), Dst: netip.MustParsePrefix("192.0.2.0/24"), Direction: "out", Demands: true}}
		}, ""},
		{"the client's address here", func(f *facts.Facts) {
			f.Links.All[0].Addrs = append(f.Links.All[0].Addrs, facts.LinkAddr{Addr: client, Prefix: 32, Scope: "global"})
		}, "address-conflict"},
		{"a rule by port", func(f *facts.Facts) {
			f.ReplyPath.Asked, f.ReplyPath.Forbidden = 1, []facts.Quote{{Source: "ip route get", Text: "Invalid argument"}}
		}, "route-missing"},
	} {
		b := recorded(t, "healthy-plain")
		q := Query{Client: client}
		f := facts.Parse(b, q.ask())
		f.Route = facts.RouteTo{Origin: facts.Origin{Status: "known"}, Device: "eth0"}
		c.change(f)
		v := newView(f, b, q)
		var p part
		for _, check := range networkStage().checks {
			check.run(v, &p)
		}
		var causes []string
		for _, x := range p.findings {
			causes = append(causes, x.Cause)
		}
		switch {
		case c.cause == "-" && len(p.findings)+len(p.incomplete) > 0,
			c.cause == "" && (len(p.findings) > 0 || len(p.incomplete) == 0),
			len(c.cause) > 1 && !slices.Equal(causes, []string{c.cause}):
			t.Errorf("%s: %v %v, want %q", c.name, causes, p.incomplete, c.cause)
		}
	}
}
