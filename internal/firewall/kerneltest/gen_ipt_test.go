//go:build linux

package kerneltest

import (
	"fmt"
	"strings"
)

// ipsets makes the sets that iptables rules use.
func (g *gen) ipsets() string {
	var b strings.Builder
	add := func(create string, entries ...string) {
		b.WriteString("create " + create + "\n")
		name := strings.Fields(create)[0]
		for _, e := range entries {
			if g.IntN(3) > 0 {
				b.WriteString("add " + name + " " + e + "\n")
			}
		}
	}
	add("ip4 hash:ip family inet", addrs4...)
	add("net4 hash:net family inet", "10.0.0.0/8", "10.1.2.0/24 nomatch", "192.0.2.0/25", "192.0.2.64/26 nomatch", "203.0.113.5")
	add("netport4 hash:net,port family inet", "10.0.0.0/8,tcp:22", "192.0.2.0/24,tcp:80", "203.0.113.5,udp:22", "198.51.100.0/24,tcp:22")
	add("ipport4 hash:ip,port family inet", "10.1.2.3,tcp:22", "192.0.2.10,tcp:22", "192.0.2.77,udp:22")
	add("ports bitmap:port range 0-65535", "22", "80", "2222-3000")
	add("net6 hash:net family inet6", "2001:db8::/32", "2001:db8::/64 nomatch", "fd00::/8")
	add("list4 list:set", "net4", "ip4")
	return b.String()
}

// iptTable is one table in the making.
type iptTable struct {
	g      *gen
	family int
	table  string
	chains int
}

// iptables makes input for iptables-restore or ip6tables-restore.
func (g *gen) iptables(family int) string {
	var b strings.Builder
	tables := map[string][]string{"filter": {"INPUT"}, "mangle": {"PREROUTING", "INPUT"}, "raw": {"PREROUTING"}, "nat": {"PREROUTING", "INPUT"}, "security": {"INPUT"}}
	for _, name := range []string{"raw", "mangle", "nat", "filter", "security"} {
		if name != "filter" && !g.one(4) {
			continue
		}
		t := &iptTable{g: g, family: family, table: name, chains: g.IntN(4)}
		b.WriteString("*" + name + "\n")
		for _, c := range tables[name] {
			policy := "ACCEPT"
			if name != "nat" && g.one(4) {
				policy = "DROP"
			}
			b.WriteString(":" + c + " " + policy + " [0:0]\n")
		}
		for i := range t.chains {
			fmt.Fprintf(&b, ":U%d - [0:0]\n", i)
		}
		for _, c := range tables[name] {
			for range g.IntN(6) {
				b.WriteString("-A " + c + " " + t.rule(0, c) + "\n")
			}
		}
		for i := range t.chains {
			for range g.IntN(4) {
				fmt.Fprintf(&b, "-A U%d %s\n", i, t.rule(i+1, "U"))
			}
		}
		b.WriteString("COMMIT\n")
	}
	return b.String()
}

func (t *iptTable) rule(from int, chain string) string {
	var parts []string
	proto := ""
	if t.g.IntN(4) > 0 {
		proto = pick(t.g, []string{"tcp", "tcp", "tcp", "tcp", "udp", "6", "all"})
		not := ""
		if t.g.one(15) {
			not, proto = "! ", "udp"
		}
		parts = append(parts, not+"-p "+proto)
		if not != "" {
			proto = ""
		}
	}
	once := map[string]bool{} // -s, -d and -i may be given once
	for range t.g.IntN(3) {
		m := t.match(proto == "tcp" || proto == "6")
		word := strings.TrimPrefix(m, "! ")
		if len(word) > 1 && word[1] != 'm' {
			if once[word[:2]] {
				continue
			}
			once[word[:2]] = true
		}
		parts = append(parts, m)
	}
	if t.g.IntN(1000) < t.g.uncertain {
		parts = append(parts, pick(t.g, []string{"-m limit --limit 5/min", "-m statistic --mode random --probability 0.5", "-m connlimit --connlimit-above 3", "-m ttl --ttl-lt 10"}))
		if t.family == 6 {
			parts[len(parts)-1] = "-m limit --limit 5/min"
		}
	}
	return strings.Join(append(parts, t.target(from, chain, proto == "tcp" || proto == "6")), " ")
}

func (t *iptTable) match(tcp bool) string {
	g := t.g
	not := pick(g, []string{"", "", "", "! "})
	addr, net := addrs4, nets4
	if t.family == 6 {
		addr, net = addrs6, nets6
	}
	all := []func() string{
		func() string {
			return "-m conntrack " + not + "--ctstate " + pick(g, []string{"NEW", "ESTABLISHED,RELATED", "INVALID", "NEW,DNAT", "UNTRACKED", "DNAT"})
		},
		func() string { return "-m state --state " + pick(g, []string{"NEW", "RELATED,ESTABLISHED"}) },
		func() string { return "-m conntrack " + not + "--ctorigdstport " + g.port() },
		func() string {
			return "-m addrtype " + not + "--dst-type " + pick(g, []string{"LOCAL", "LOCAL", "MULTICAST"})
		},
		func() string {
			return "-m mark " + not + "--mark " + pick(g, []string{"0x1", "0x0/0x1", "0x3/0x3", "0x10/0xf0"})
		},
		func() string { return "-m connmark " + not + "--mark " + pick(g, []string{"0x0", "0x7"}) },
		func() string { return "-m pkttype " + not + "--pkt-type " + pick(g, []string{"unicast", "broadcast"}) },
		func() string { return `-m comment --comment "a \"quoted\" - --dport 22 -j DROP"` },
		func() string { return "-m policy --dir in --pol none" },
	}
	if tcp {
		for range 3 {
			all = append(all,
				func() string { return "-m tcp " + not + "--dport " + g.port() },
				func() string { return "-m tcp " + not + "--dport " + g.portRange(":") },
				func() string { return "-m multiport " + not + "--dports " + g.some(1, 3, ",", g.port) },
				func() string {
					return "-m multiport " + not + "--dports " + g.port() + "," + pick(g, []string{"20:25", "80:2222", "2000:3000", "1:1023"})
				},
				func() string { return "-m multiport " + not + "--ports " + g.port() },
			)
		}
		all = append(all,
			func() string { return "-m tcp " + not + "--syn" },
			func() string {
				return "-m tcp " + not + "--tcp-flags " + pick(g, []string{"SYN,ACK SYN", "ALL SYN", "ALL NONE", "SYN,RST SYN,RST", "FIN NONE"})
			},
			func() string {
				return "-m tcp " + not + "--sport " + pick(g, []string{"1024:65535", ":1023", "32768:60999"})
			},
		)
	}
	var out string
	general := []func() string{
		func() string { return not + "-s " + pick(g, addr) },
		func() string { return not + "-s " + pick(g, net) },
		func() string { return not + "-i " + pick(g, []string{"s0", "s+", "eth0", "lo"}) },
	}
	if t.family == 4 {
		all = append(all,
			func() string { return "-m iprange " + not + "--src-range 10.1.2.3-192.0.2.10" },
			func() string {
				return "-m set " + not + "--match-set " + pick(g, []string{"ip4 src", "net4 src", "netport4 src,dst", "ipport4 src,dst", "ports dst", "list4 src"})
			},
			func() string {
				return "-m set " + not + "--match-set " + pick(g, []string{"ip4 src", "net4 src", "netport4 src,dst"})
			},
			func() string {
				return "-m addrtype " + not + "--src-type " + pick(g, []string{"LOCAL", "UNICAST", "UNICAST,MULTICAST"})
			},
		)
		general = append(general, func() string { return not + "-d " + pick(g, []string{server4, server4b, "10.99.0.0/24"}) },
			func() string { return "-s 10.0.0.1/255.0.0.255" }, func() string { return "! -f" })
	} else {
		all = append(all, func() string { return "-m set " + not + "--match-set net6 src" })
	}
	if g.IntN(3) == 0 {
		out = pick(g, general)()
	} else {
		out = pick(g, all)()
	}
	return out
}

func (t *iptTable) target(from int, chain string, tcp bool) string {
	g := t.g
	if from < t.chains && g.one(3) {
		return pick(g, []string{"-j", "-j", "-g"}) + fmt.Sprintf(" U%d", from+g.IntN(t.chains-from))
	}
	if g.one(8) {
		return pick(g, []string{"-j LOG --log-prefix \"x: \"", "", "-j MARK --set-xmark 0x1/0xff", "-j MARK --set-mark 0x10/0xf0", "-j CONNMARK --set-mark 7", "-j CONNMARK --save-mark", "-j CONNMARK --restore-mark", "-j MARK --or-mark 0x2"}[g.IntN(2):])
	}
	all := []string{"-j ACCEPT", "-j ACCEPT", "-j RETURN"}
	if t.table != "nat" {
		all = append(all, "-j DROP", "-j DROP")
	}
	if t.table == "filter" {
		codes := []string{"icmp-net-unreachable", "icmp-host-unreachable", "icmp-proto-unreachable", "icmp-port-unreachable", "icmp-net-prohibited", "icmp-host-prohibited", "icmp-admin-prohibited"}
		if t.family == 6 {
			codes = []string{"icmp6-no-route", "icmp6-adm-prohibited", "icmp6-addr-unreachable", "icmp6-port-unreachable", "icmp6-policy-fail", "icmp6-reject-route"}
		}
		all = append(all, "-j REJECT", "-j REJECT --reject-with "+pick(g, codes), "-j REJECT --reject-with "+pick(g, codes))
		if tcp {
			all = append(all, "-j REJECT --reject-with tcp-reset")
		}
	}
	if t.table == "raw" {
		all = append(all, "-j CT --notrack")
	}
	if t.table == "nat" && chain == "PREROUTING" && tcp {
		all = append(all, "-j REDIRECT --to-ports "+g.port(), "-j REDIRECT --to-ports "+g.port())
		if t.family == 4 {
			all = append(all, "-j DNAT --to-destination "+pick(g, []string{server4b + ":22", server4b, ":2222", "10.99.0.50:22"}))
		}
	}
	return pick(g, all)
}
