//go:build linux

package kerneltest

import (
	"fmt"
	"strings"
)

// nftTable is a table in the making.
type nftTable struct {
	g         *gen
	family    string
	chains    int // regular chains c0 … ; a rule in ci jumps to cj, j > i, only
	v4sets    []string
	v6sets    []string
	portsets  []string
	concat4   []string
	vmapPort  []string
	vmapAddr4 []string
	dnatPort  []string
}

func (g *gen) nftRuleset() string {
	var b strings.Builder
	for i := range 1 + g.IntN(3) {
		family := pick(g, []string{"inet", "inet", "inet", "ip", "ip", "ip6", "netdev"})
		t := &nftTable{g: g, family: family}
		fmt.Fprintf(&b, "table %s t%d {\n", family, i)
		t.sets(&b)
		t.chains = g.IntN(5)
		for c := t.chains - 1; c >= 0; c-- {
			fmt.Fprintf(&b, " chain c%d {\n%s }\n", c, t.rules(c+1, 4))
		}
		for n := range 1 + g.IntN(3) {
			t.base(&b, n)
		}
		b.WriteString("}\n")
	}
	return b.String()
}

func (t *nftTable) base(b *strings.Builder, n int) {
	g := t.g
	hook, dev, typ := pick(g, []string{"input", "input", "input", "prerouting"}), "", "filter"
	if t.family == "netdev" || t.family == "inet" && g.one(12) {
		hook, dev = "ingress", " device \"s0\""
	} else if g.one(5) && t.family != "netdev" {
		typ, hook = "nat", pick(g, []string{"prerouting", "prerouting", "input"})
	}
	prio := g.prio()
	if typ == "nat" || hook == "ingress" {
		prio = g.IntN(190) - 199 + n // nat chains must come after conntrack
		if hook == "ingress" {
			prio = g.IntN(500)
		}
	}
	policy := "accept"
	if typ == "filter" && g.one(4) {
		policy = "drop"
	}
	fmt.Fprintf(b, " chain b%d {\n  type %s hook %s%s priority %d; policy %s;\n", n, typ, hook, dev, prio, policy)
	switch {
	case typ == "nat":
		b.WriteString(t.natRules(hook))
	case hook == "ingress" && t.family == "inet": // much is not supported there
		early := &nftTable{g: g, family: "netdev", v4sets: t.v4sets, portsets: t.portsets}
		b.WriteString(early.rules(0, 5))
	default:
		b.WriteString(t.rules(0, 7))
	}
	b.WriteString(" }\n")
}

func (t *nftTable) v4() bool { return t.family != "ip6" }
func (t *nftTable) v6() bool { return t.family != "ip" }

// sets makes named sets and maps.
func (t *nftTable) sets(b *strings.Builder) {
	g := t.g
	add := func(list *[]string, prefix, body string) {
		name := fmt.Sprintf("%s%d", prefix, len(*list))
		*list = append(*list, name)
		kind := "set"
		if strings.Contains(body, " : ") {
			kind = "map"
		}
		fmt.Fprintf(b, " %s %s { %s }\n", kind, name, body)
	}
	if t.v4() && g.one(2) {
		add(&t.v4sets, "s4_", "type ipv4_addr; elements = { "+g.distinct(4, ", ", func() string { return pick(g, addrs4) })+" }")
	}
	if t.v4() && g.one(2) {
		add(&t.v4sets, "s4_", "type ipv4_addr; flags interval; auto-merge; elements = { "+g.distinct(4, ", ", func() string {
			return pick(g, append([]string{"10.1.2.3-10.1.2.9", "192.0.2.0-192.0.2.80"}, nets4[:6]...))
		})+" }")
	}
	if t.v6() && g.one(2) {
		add(&t.v6sets, "s6_", "type ipv6_addr; flags interval; auto-merge; elements = { "+g.distinct(3, ", ", func() string { return pick(g, append(nets6[:4:4], addrs6...)) })+" }")
	}
	if g.one(2) {
		add(&t.portsets, "sp_", "type inet_service; flags interval; auto-merge; elements = { "+g.distinct(3, ", ", func() string {
			if g.one(2) {
				return g.portRange("-")
			}
			return g.port()
		})+" }")
	}
	if t.v4() && g.one(3) {
		add(&t.concat4, "cc_", "type ipv4_addr . inet_service; flags interval; elements = { "+g.distinct(2, ", ", func() string {
			return pick(g, []string{"10.1.2.0/24", "192.0.2.10", "198.51.100.0/24", "203.0.113.5"}) + " . " + pick(g, []string{"22", "80", "2222"})
		})+" }")
	}
	if g.one(3) {
		add(&t.vmapPort, "vp_", "type inet_service : verdict; elements = { "+g.distinctKeys(3, g.port, func() string { return pick(g, []string{"accept", "drop", "return", "continue"}) })+" }")
	}
	if t.v4() && g.one(3) {
		add(&t.vmapAddr4, "va_", "type ipv4_addr : verdict; flags interval; elements = { "+g.distinctKeys(3, func() string {
			return pick(g, []string{"10.1.2.3", "10.1.2.4", "192.0.2.0/25", "198.51.100.0/24", "172.16.0.0/12", "203.0.113.5"})
		}, func() string { return pick(g, []string{"accept", "drop", "return"}) })+" }")
	}
	if t.family == "ip" && g.one(3) {
		add(&t.dnatPort, "dn_", "type inet_service : inet_service; elements = { "+g.distinctKeys(3, g.port, g.port)+" }")
	}
}

// distinctKeys makes map elements with different keys.
func (g *gen) distinctKeys(n int, key, val func() string) string {
	seen := map[string]bool{}
	var parts []string
	for range n {
		if k := key(); !seen[k] {
			seen[k] = true
			parts = append(parts, k+" : "+val())
		}
	}
	return strings.Join(parts, ", ")
}

func (t *nftTable) rules(from, most int) string {
	var b strings.Builder
	for range t.g.IntN(most + 1) {
		b.WriteString("  " + t.rule(from) + "\n")
	}
	return b.String()
}

// rule makes a rule that nft will not refuse for contradicting itself.
func (t *nftTable) rule(from int) string {
	for {
		if s := t.anyRule(from); !contradicts(s) {
			return s
		}
	}
}

// contradicts reports whether a rule asks for two protocols at once.
func contradicts(rule string) bool {
	has := func(words ...string) bool {
		for _, w := range words {
			if strings.Contains(" "+rule, " "+w) {
				return true
			}
		}
		return false
	}
	v4 := has("ip ", "with icmp type", "nfproto ipv4", "nfproto != ipv6", "icmp type")
	v6 := has("ip6 ", "with icmpv6", "nfproto ipv6", "nfproto != ipv4", "exthdr")
	tcp := has("tcp ", "th ", "with tcp")
	other := has("udp ", "icmp type echo", "meta l4proto udp", "ip protocol udp", "ip protocol icmp", "meta l4proto !=", "ip protocol !=", "ip6 nexthdr !=") ||
		strings.Contains(rule, "th dport") && has("ip protocol", "ip6 nexthdr")
	two := strings.Count(rule, "l4proto")+strings.Count(rule, "ip protocol")+strings.Count(rule, "ip6 nexthdr") > 1
	other = other && (tcp || has("udp ") && has("icmp type echo"))
	return v4 && v6 || other || two
}

func (t *nftTable) anyRule(from int) string {
	g := t.g
	var parts []string
	for range g.IntN(3) + g.IntN(2) {
		parts = append(parts, t.match())
	}
	if g.IntN(1000) < g.uncertain {
		parts = append(parts, pick(g, []string{"limit rate 5/minute burst 2 packets", "numgen random mod 2 0", "ct count over 3", "tcp option maxseg size 1-500"}))
	}
	if g.one(6) {
		parts = append(parts, "counter")
	}
	if g.one(8) {
		parts = append(parts, pick(g, []string{"meta mark set 0x1", "meta mark set 0x3", "meta mark set meta mark | 0x10", "meta mark set meta mark & 0xfe", "ct mark set 0x7", "meta mark set ct mark"}))
		if t.family == "netdev" {
			parts[len(parts)-1] = "meta mark set 0x1"
		}
	}
	return strings.Join(append(parts, t.verdict(from)), " ")
}

func (t *nftTable) verdict(from int) string {
	g := t.g
	if from < t.chains && g.one(2) {
		return pick(g, []string{"jump", "jump", "goto"}) + fmt.Sprintf(" c%d", from+g.IntN(t.chains-from))
	}
	switch g.IntN(12) {
	case 0, 1, 2:
		return "accept"
	case 3, 4:
		return "drop"
	case 5:
		return "return"
	case 6, 7, 8:
		if t.family != "netdev" {
			return t.reject()
		}
		return "drop"
	case 9:
		if len(t.vmapPort) > 0 {
			return "tcp dport vmap @" + pick(g, t.vmapPort)
		}
		return "tcp dport vmap { 22 : " + t.target(from) + ", 80-443 : drop, 2222 : return }"
	case 10:
		if len(t.vmapAddr4) > 0 {
			return "ip saddr vmap @" + pick(g, t.vmapAddr4)
		}
		if t.v4() {
			return "ip saddr . tcp dport vmap { 10.1.2.3 . 22 : drop, 192.0.2.10 . 22 : " + t.target(from) + ", 203.0.113.5 . 80 : accept }"
		}
		return "ip6 saddr vmap { 2001:db8::/64 : drop, fd00::/8 : " + t.target(from) + " }"
	}
	return "counter"
}

func (t *nftTable) target(from int) string {
	if from < t.chains {
		return fmt.Sprintf("jump c%d", from+t.g.IntN(t.chains-from))
	}
	return pick(t.g, []string{"accept", "drop", "continue"})
}

func (t *nftTable) reject() string {
	all := []string{"reject", "reject with tcp reset"}
	if t.family == "inet" {
		all = append(all, "reject with icmpx type admin-prohibited", "reject with icmpx type no-route", "reject with icmpx type host-unreachable", "reject with icmpx type port-unreachable")
	}
	if t.v4() {
		for _, c := range []string{"net-unreachable", "host-unreachable", "prot-unreachable", "port-unreachable", "net-prohibited", "host-prohibited", "admin-prohibited"} {
			all = append(all, "reject with icmp type "+c)
		}
	}
	if t.v6() {
		for _, c := range []string{"no-route", "addr-unreachable", "port-unreachable", "admin-prohibited", "policy-fail", "reject-route"} {
			all = append(all, "reject with icmpv6 type "+c)
		}
	}
	return pick(t.g, all)
}

// match makes one condition.
func (t *nftTable) match() string {
	g := t.g
	not := pick(g, []string{"", "", "", "!= "})
	var all []func() string
	add := func(fs ...func() string) { all = append(all, fs...) }
	add(
		func() string { return "tcp dport " + not + g.port() },
		func() string { return "tcp dport " + not + g.port() },
		func() string { return "tcp dport " + not + g.portRange("-") },
		func() string {
			return "tcp dport " + not + "{ " + g.distinct(3, ", ", g.port) + " }"
		},
		func() string { return "tcp dport " + pick(g, []string{"<", ">", "<=", ">="}) + " " + g.port() },
		func() string { return "tcp sport " + not + "1024-65535" },
		func() string { return "tcp sport " + pick(g, []string{"1-1023", "32768-60999", "1024-32767"}) },
		func() string { return "meta l4proto " + not + pick(g, []string{"tcp", "udp", "{ tcp, udp }", "6"}) },
		func() string { return "meta l4proto { tcp, udp } th dport " + not + g.port() },
		func() string {
			return "tcp flags " + pick(g, []string{"syn", "& (fin|syn|rst|ack) == syn", "& (syn|ack) != syn", "{ syn, syn|ack }", "& syn == 0", "== syn", "!= syn", "fin,rst", "syn,ack"})
		},
		func() string {
			return "iifname " + not + pick(g, []string{`"s0"`, `"s*"`, `"eth0"`, `"lo"`, `{ "s0", "lo" }`, `{ "eth*", "wl*" }`})
		},
		func() string { return "udp dport 22" },
		func() string {
			return "meta mark " + pick(g, []string{not + "0x0", not + "0x1", not + "0x3", not + "0x1-0x5", not + "{ 0x1, 0x7 }", "& 0x1 == 0x1", "& 0xf0 == 0x0"})
		},
		func() string { return "icmp type echo-request" },
	)
	if t.family != "netdev" {
		add(
			func() string { return "oifname " + not + `"eth0"` },
			func() string { return "iif " + not + "s0" },
			func() string {
				return "ct state " + pick(g, []string{"new", "established,related", "new,invalid", "{ new, established }", "invalid", "!= new", "!= established", "untracked", "!= established,related", "!= { established, related }"})
			},
			func() string {
				return "ct state vmap { established : accept, invalid : " + pick(g, []string{"drop", "continue"}) + " } counter"
			},
			func() string { return "ct direction " + pick(g, []string{"original", "reply"}) },
			func() string { return "ct status " + pick(g, []string{"dnat", "dnat,assured", "snat", "assured"}) },
			func() string { return "ct mark " + not + pick(g, []string{"0", "7", "{ 0, 7 }"}) },
			func() string { return "meta l4proto tcp ct original proto-dst " + not + g.port() },
			func() string { return "meta pkttype " + not + pick(g, []string{"host", "broadcast", "multicast"}) },
			func() string {
				return "fib daddr type " + not + pick(g, []string{"local", "unicast", "{ local, broadcast }"})
			},
			func() string { return "fib saddr type " + not + pick(g, []string{"unicast", "local", "multicast"}) },
			func() string { return "fib saddr . iif oif " + pick(g, []string{"missing", "exists"}) },
		)
	}
	if t.family == "inet" {
		add(func() string { return "meta nfproto " + not + pick(g, []string{"ipv4", "ipv6"}) })
	}
	if len(t.portsets) > 0 {
		add(func() string { return "tcp dport " + not + "@" + pick(g, t.portsets) })
	}
	if t.v4() {
		add(
			func() string { return "ip saddr " + not + pick(g, addrs4) },
			func() string { return "ip saddr " + not + pick(g, nets4) },
			func() string { return "ip saddr " + not + "10.1.2.3-192.0.2.10" },
			func() string {
				return "ip saddr " + not + "{ " + g.distinct(4, ", ", func() string { return pick(g, addrs4) }) + " }"
			},
			func() string { return "ip saddr " + not + "{ 10.1.2.0/24, 192.0.2.0/26, 203.0.113.5 }" },
			func() string { return "ip saddr & 0.0.0.1 == 0.0.0.1" },
			func() string {
				return "ip daddr " + not + pick(g, []string{server4, server4b, "10.99.0.0/24", "192.0.2.1"})
			},
			func() string { return "ip protocol " + not + pick(g, []string{"tcp", "udp", "icmp"}) },
			func() string {
				return "ip saddr . tcp dport " + not + "{ 10.1.2.3 . 22, 192.0.2.10 . 80, 10.99.0.2 . 22 }"
			},
			func() string {
				return "ip saddr . ip daddr . meta l4proto " + "{ 10.1.2.3 . 10.99.0.1 . tcp, 192.0.2.10 . 10.99.0.3 . udp }"
			},
		)
		if len(t.v4sets) > 0 {
			add(func() string { return "ip saddr " + not + "@" + pick(g, t.v4sets) }, func() string { return "ip saddr " + not + "@" + pick(g, t.v4sets) })
		}
		if len(t.concat4) > 0 {
			add(func() string { return "ip saddr . tcp dport " + not + "@" + pick(g, t.concat4) })
		}
	}
	if t.v6() {
		add(
			func() string { return "ip6 saddr " + not + pick(g, addrs6) },
			func() string { return "ip6 saddr " + not + pick(g, nets6) },
			func() string {
				return "ip6 saddr " + not + "{ " + g.distinct(3, ", ", func() string { return pick(g, addrs6) }) + " }"
			},
			func() string { return "ip6 nexthdr " + not + "tcp" },
			func() string { return "ip6 daddr " + not + server6 },
			func() string { return "exthdr frag " + pick(g, []string{"exists", "missing"}) },
		)
		if len(t.v6sets) > 0 {
			add(func() string { return "ip6 saddr " + not + "@" + pick(g, t.v6sets) })
		}
	}
	return pick(g, all)()
}

func (t *nftTable) natRules(hook string) string {
	g := t.g
	var b strings.Builder
	for range g.IntN(4) {
		m := t.match()
		for contradicts(m+" tcp ip ") || strings.Contains(m, "ip6") || strings.Contains(m, "l4proto") {
			m = t.match()
		}
		var v string
		switch {
		case hook == "input":
			v = pick(g, []string{"accept", "counter", "return"})
		case len(t.dnatPort) > 0 && g.one(2):
			v = "meta l4proto tcp redirect to :tcp dport map @" + pick(g, t.dnatPort)
		case t.family == "ip" && g.one(3):
			v = "meta l4proto tcp dnat to " + pick(g, []string{server4b, server4b + ":22", server4 + ":2222", "10.99.0.50:22"})
		default:
			v = pick(g, []string{"accept", "return", "counter", "meta l4proto tcp redirect to :" + g.port(), "tcp dport " + g.port() + " redirect to :" + g.port(), "redirect"})
		}
		b.WriteString("  " + m + " " + v + "\n")
	}
	return b.String()
}
