package firewall

import (
	"slices"
	"strconv"
	"strings"
)

// A SaveLine is a line of iptables-save that stands for one of another tool's listing.
type SaveLine struct {
	Text string
	Line int // index of the line it was made of, -1: of none
}

// A Listed is what a listing of iptables -L says, as iptables-save would.
type Listed struct {
	Save []SaveLine
	// Guessed: without -v the listing leaves interfaces out. A rule that accepts
	// everything and has others behind it is then taken to be the one for the loopback.
	Guessed bool
}

// listedProtocols are what stands in the column prot, also where -n prints
// numbers (iptables 1.8.9 and later).
var listedProtocols = map[string]string{
	"tcp": "tcp", "6": "tcp", "udp": "udp", "17": "udp", "icmp": "icmp", "1": "icmp", "all": "", "0": "",
	"icmpv6": "ipv6-icmp", "ipv6-icmp": "ipv6-icmp", "58": "ipv6-icmp", "sctp": "sctp", "132": "sctp", "esp": "esp", "50": "esp",
	"ah": "ah", "51": "ah", "gre": "gre", "47": "gre", "igmp": "igmp", "2": "igmp", "udplite": "udplite", "ospf": "ospf", "ipencap": "ipencap", "4": "ipencap",
}

// FromListing reads the table filter as `iptables -L` prints it, with or
// without -n, -v and --line-numbers. Blanks may be of any number. What a column
// says that has no option here becomes a match nobody can decide.
func FromListing(lines []string) Listed {
	var out Listed
	var heads, rules []SaveLine
	chain, verbose, numbered := "", false, false
	for i, raw := range lines {
		f := strings.Fields(raw)
		switch {
		case len(f) >= 3 && f[0] == "Chain" && strings.HasPrefix(f[2], "("):
			chain = f[1]
			policy := "-"
			if f[2] == "(policy" && len(f) > 3 {
				policy = strings.TrimRight(f[3], ")")
			}
			heads = append(heads, SaveLine{":" + chain + " " + policy + " [0:0]", i})
		case len(f) >= 5 && slices.Contains(f, "prot") && slices.Contains(f, "destination"):
			verbose, numbered = slices.Contains(f, "pkts"), f[0] == "num"
		case chain == "" || len(f) < 3:
		default:
			if rule, ok := listedRule(f, verbose, numbered); ok {
				rules = append(rules, SaveLine{"-A " + chain + rule, i})
			}
		}
	}
	if len(heads) == 0 {
		return out
	}
	if !verbose {
		out.Guessed = guessLoopback(rules)
	}
	out.Save = append(out.Save, SaveLine{"*filter", -1})
	out.Save = append(out.Save, heads...)
	out.Save = append(out.Save, rules...)
	out.Save = append(out.Save, SaveLine{"COMMIT", -1})
	return out
}

// guessLoopback narrows rules that accept everything, where more rules of their chain follow.
func guessLoopback(rules []SaveLine) bool {
	guessed := false
	for i := range rules {
		head, ok := strings.CutSuffix(rules[i].Text, " -j ACCEPT")
		if !ok || strings.Count(head, " ") != 1 || i+1 == len(rules) || !strings.HasPrefix(rules[i+1].Text, head+" ") {
			continue
		}
		rules[i].Text = head + " -i lo -j ACCEPT"
		guessed = true
	}
	return guessed
}

// listedRule turns the columns of a rule into options.
func listedRule(f []string, verbose, numbered bool) (string, bool) {
	if numbered {
		f = f[1:]
	}
	if verbose {
		if len(f) < 3 {
			return "", false
		}
		f = f[2:]
	}
	target := ""
	if _, isProto := listedProtocols[f[0]]; !isProto || len(f) > 1 && protoToo(f[1]) && f[0] != "all" {
		target, f = f[0], f[1:]
	}
	if len(f) < 3 {
		return "", false
	}
	proto, ok := listedProtocols[f[0]]
	if !ok {
		return "", false
	}
	var b strings.Builder
	if f = f[1:]; f[0] == "--" || f[0] == "-f" || f[0] == "!f" {
		if f[0] == "-f" {
			b.WriteString(" -f")
		}
		f = f[1:]
	}
	in, to := "", ""
	if verbose && len(f) >= 4 {
		in, to, f = f[0], f[1], f[2:]
	}
	if len(f) < 2 {
		return "", false
	}
	addOption(&b, "-s", listedAddress(f[0]))
	addOption(&b, "-d", listedAddress(f[1]))
	addOption(&b, "-i", listedIface(in))
	addOption(&b, "-o", listedIface(to))
	addOption(&b, "-p", proto)
	goesTo := listedMatches(&b, f[2:], &target)
	if target != "" && target != "--" {
		b.WriteString(goesTo + target)
		b.WriteString(rejectWith(f[2:]))
	}
	return b.String(), true
}

func protoToo(s string) bool { _, ok := listedProtocols[s]; return ok }

func addOption(b *strings.Builder, name, value string) {
	if value == "" {
		if strings.HasSuffix(name, "port") { // a range that could not be read
			b.WriteString(" -m listed --port")
		}
		return
	}
	if module, opt, ok := strings.Cut(name, " --"); ok {
		b.WriteString(" " + module)
		name = "--" + opt
	}
	if v, neg := strings.CutPrefix(value, "!"); neg {
		b.WriteString(" !")
		value = v
	}
	b.WriteString(" " + name + " " + value)
}

// listedAddress is "" for any address. A host's name says nothing here, so it
// becomes an address that no visitor has.
func listedAddress(s string) string {
	switch s {
	case "anywhere", "0.0.0.0/0", "::/0", "anywhere/0":
		return ""
	case "localhost", "localhost.localdomain":
		return "127.0.0.1"
	}
	return s
}

func listedIface(s string) string {
	if s == "*" || s == "any" {
		return ""
	}
	return s
}

// rejectWith finds how a packet is answered.
func rejectWith(extra []string) string {
	if i := slices.Index(extra, "reject-with"); i >= 0 && i+1 < len(extra) {
		return " --reject-with " + extra[i+1]
	}
	return ""
}

// listedMatches writes what stands behind the addresses as options. It returns
// how the rule goes to its target.
func listedMatches(b *strings.Builder, extra []string, target *string) string {
	goesTo := " -j "
	for i := 0; i < len(extra); i++ {
		w := extra[i]
		next := ""
		if i+1 < len(extra) {
			next = extra[i+1]
		}
		key, value, colon := strings.Cut(w, ":")
		switch {
		case w == "[goto]":
			goesTo = " -g "
		case w == "/*":
			for i < len(extra) && extra[i] != "*/" {
				i++
			}
		case w == "reject-with", w == "to", w == "redir":
			i++
		case w == "tcp" || w == "udp": // the match's name, before its ports
		case colon && (key == "dpt" || key == "dpts") && value != "":
			addOption(b, "-m tcp --dport", listedPort(value))
		case colon && (key == "spt" || key == "spts") && value != "":
			addOption(b, "-m tcp --sport", listedPort(value))
		case w == "multiport":
			kind := map[string]string{"dports": "--dports", "sports": "--sports", "ports": "--ports"}[next]
			if kind != "" && i+2 < len(extra) {
				list := strings.Split(extra[i+2], ",")
				for k := range list {
					list[k] = listedPort(list[k])
				}
				addOption(b, "-m multiport "+kind, strings.Join(list, ","))
				i += 2
			}
		case w == "state" || w == "ctstate":
			addOption(b, "-m conntrack --ctstate", next)
			i++
		case colon && key == "flags" && value == "FIN,SYN,RST,ACK/SYN" || w == "flags:0x17/0x02":
			b.WriteString(" --syn")
		case w == "limit:":
			b.WriteString(" -m limit --limit 3/min")
			i = len(extra)
		case w == "match-set" && i+2 < len(extra):
			b.WriteString(" -m set --match-set " + next + " " + extra[i+2])
			i += 2
		case w == "LOG" || w == "prefix" || *target == "LOG" || *target == "NFLOG":
			return goesTo
		case w == "ADDRTYPE":
			b.WriteString(" -m addrtype --dst-type " + extra[len(extra)-1])
			i = len(extra)
		case w == "icmp" || w == "icmptype" || w == "ipv6-icmp" || w == "ipv6-icmptype":
			return goesTo // the protocol alone keeps it from us
		case w == "":
		default:
			b.WriteString(" -m listed --as " + strings.Trim(w, `"\`))
			return goesTo
		}
	}
	return goesTo
}

// services are the names of ports that listings without -n are full of
// (services(5)).
var services = map[string]string{
	"ftp-data": "20", "ftp": "21", "ssh": "22", "telnet": "23", "smtp": "25", "domain": "53", "http": "80", "www": "80", "pop3": "110",
	"sunrpc": "111", "ntp": "123", "imap2": "143", "imap": "143", "snmp": "161", "ldap": "389", "https": "443", "submissions": "465", "submission": "587",
	"ldaps": "636", "imaps": "993", "pop3s": "995", "mysql": "3306", "ms-wbt-server": "3389", "postgresql": "5432", "http-alt": "8080", "webcache": "8080",
}

// listedPort gives services their numbers. A name that is not known is some
// other service's port, so one that nobody asks for; as the end of a range it
// says nothing ("").
func listedPort(s string) string {
	s, neg := strings.CutPrefix(s, "!")
	lo, hi, isRange := strings.Cut(s, ":")
	a, aok := portNumber(lo)
	b, bok := portNumber(hi)
	switch {
	case isRange && !(aok && bok):
		return ""
	case isRange:
		a += ":" + b
	case !aok:
		a = "1"
	}
	if neg {
		return "!" + a
	}
	return a
}

func portNumber(s string) (string, bool) {
	if n, ok := services[s]; ok {
		return n, true
	}
	_, err := strconv.ParseUint(s, 10, 16)
	return s, err == nil
}
