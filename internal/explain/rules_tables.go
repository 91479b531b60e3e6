package explain

import (
	"strings"

	"sshwhy/internal/firewall"
	"sshwhy/internal/report"
)

// tableRules give iptables -S or iptables-save to the reader of the live
// machine's rules, and ask it about one packet.
func (rd *reading) tableRules() {
	var b strings.Builder
	b.WriteString("*filter\n")
	at, rules := -1, 0
	for _, i := range rd.tools.tables {
		s := rd.lines[i].text
		switch {
		case strings.HasPrefix(s, "-P "):
			f := strings.Fields(s)
			if len(f) == 3 {
				b.WriteString(":" + f[1] + " " + f[2] + " [0:0]\n")
			}
		case strings.HasPrefix(s, "-N "):
			b.WriteString(":" + strings.TrimPrefix(s, "-N ") + " - [0:0]\n")
		case strings.HasPrefix(s, ":INPUT "), strings.HasPrefix(s, "-A "):
			b.WriteString(s + "\n")
		case strings.HasPrefix(s, "Chain INPUT (policy "):
			rd.listedTable(i)
			continue
		default:
			continue
		}
		rules++
		if at < 0 || strings.Contains(s, "INPUT") && !strings.Contains(s, "ACCEPT") && strings.Contains(rd.lines[at].text, "ACCEPT") {
			at = i
		}
	}
	if rules < 2 {
		return
	}
	b.WriteString("COMMIT\n")
	rs, problems := firewall.Read(firewall.Sources{Legacy4: []byte(b.String())})
	if len(problems) > 0 {
		return
	}
	p := firewall.Packet{Path: firewall.Incoming, Family: firewall.IPv4, Dport: uint16(rd.askedPort()), Iface: "eth0"}
	if rd.opt.Client.Is4() {
		p.Src = rd.opt.Client
	}
	v := rs.Evaluate(p)
	if v.Kind == firewall.Drop || v.Kind == firewall.Reject {
		if i := rd.ruleLine(&v); i >= 0 {
			at = i
		}
		rd.add("firewall-iptables", report.Confirmed, scoreRule, at, nil)
	}
}

// ruleLine finds the line of the rule or policy that decided.
func (rd *reading) ruleLine(v *firewall.Verdict) int {
	for _, i := range rd.tools.tables {
		s := rd.lines[i].text
		if v.Rule != nil && strings.TrimSpace(v.Rule.Text) == s {
			return i
		}
		if v.Rule == nil && v.Chain != nil && (strings.HasPrefix(s, "-P "+v.Chain.Name+" ") || strings.HasPrefix(s, ":"+v.Chain.Name+" ")) {
			return i
		}
	}
	return -1
}

// listedTable reads iptables -L: the first rule of chain INPUT that is about
// the port, or about everything, decides.
func (rd *reading) listedTable(head int) {
	policy, _, _ := strings.Cut(strings.TrimPrefix(rd.lines[head].text, "Chain INPUT (policy "), ")")
	policy, _, _ = strings.Cut(policy, " ")
	port := rd.askedPort()
	name := ""
	if port == 22 {
		name = "dpt:ssh"
	}
	for i := head + 1; i < len(rd.lines); i++ {
		s := rd.lines[i].text
		if s == "" || strings.HasPrefix(s, "Chain ") || rd.lines[i].command != "" {
			break
		}
		f := " " + s + " "
		toPort := strings.Contains(f, " dpt:"+itoa(port)+" ") || name != "" && strings.Contains(f, " "+name+" ")
		if strings.Contains(f, " ctstate ") || strings.Contains(f, " state ") && !strings.Contains(f, "NEW") || strings.Contains(f, " lo ") {
			continue
		}
		general := !strings.Contains(f, "dpt") && !strings.Contains(f, "dports") && !strings.Contains(f, " icmp ") && !strings.Contains(f, " udp ") &&
			!strings.Contains(f, "match-set") && !strings.Contains(f, "limit")
		accept := strings.Contains(f, " ACCEPT ")
		block := strings.Contains(f, " DROP ") || strings.Contains(f, " REJECT ")
		anywhere := strings.Contains(f, " anywhere anywhere ") || strings.Contains(f, " 0.0.0.0/0 0.0.0.0/0 ")
		switch {
		case !accept && !block:
			if general && !strings.HasPrefix(s, "target") && !strings.HasPrefix(s, "pkts") {
				return // a chain of its own, which is not shown here
			}
			continue
		case !toPort && !(general && anywhere):
			continue
		case accept && anywhere:
			if toPort || strings.Contains(s, " all ") && !strings.Contains(s, "-- lo") {
				return
			}
		case block && anywhere:
			rd.add("firewall-iptables", report.Likely, scoreRule, i, nil)
			return
		}
	}
	if policy == "DROP" || policy == "REJECT" {
		rd.add("firewall-iptables", report.Likely, scoreRule, head, nil)
	}
}

// nftRules follow the chains that hook input, as far as their rules are plain:
// each must let the port pass, and one that does not is enough.
func (rd *reading) nftRules() {
	port := itoa(rd.askedPort())
	base, policy, at, decided := false, "", -1, false
	block := func(i int) { rd.add("firewall-nftables", report.Likely, scoreRule, i, nil) }
	for _, i := range rd.tools.nft {
		s := rd.lines[i].text
		switch {
		case strings.HasPrefix(s, "chain "):
			base, policy, at, decided = false, "", -1, false
		case strings.HasPrefix(s, "type filter hook input"):
			base, at = true, i
			if strings.Contains(s, "policy drop") {
				policy = "drop"
			}
		case s == "}":
			if base && !decided && policy == "drop" {
				block(at)
				return
			}
			base = false
		case base && !decided:
			switch nftVerdict(s, port) {
			case "accept", "unknown":
				decided = true
			case "drop":
				block(i)
				return
			}
		}
	}
}

// nftVerdict says what a rule of nft's does with a new connection to a port:
// accept, drop, "" (it does not match) or unknown.
func nftVerdict(s, port string) string {
	f := " " + strings.NewReplacer(",", " ", "{", " ", "}", " ").Replace(s) + " "
	verdict := ""
	switch {
	case strings.Contains(f, " jump ") || strings.Contains(f, " goto ") || strings.Contains(f, " vmap "):
		return "unknown"
	case strings.Contains(f, " accept "):
		verdict = "accept"
	case strings.Contains(f, " drop ") || strings.Contains(f, " reject "):
		verdict = "drop"
	default:
		return ""
	}
	for _, narrow := range [...]string{" established ", " related ", " invalid ", "iif ", "iifname ", "icmp", "udp ", "limit ", "saddr ", "ip protocol", "l4proto", "sport ", "pkttype"} {
		if strings.Contains(f, narrow) {
			return ""
		}
	}
	if _, ports, ok := strings.Cut(f, "dport "); ok {
		if strings.Contains(ports, " "+port+" ") || strings.HasPrefix(ports, port+" ") || port == "22" && (strings.Contains(" "+ports, " ssh ")) {
			return verdict
		}
		if strings.Contains(ports, "-") || strings.Contains(ports, "!=") || strings.Contains(ports, "@") {
			return "unknown"
		}
		return ""
	}
	return verdict
}

func itoa(n int) string {
	if n < 10 {
		return string(rune('0' + n))
	}
	return itoa(n/10) + string(rune('0'+n%10))
}
