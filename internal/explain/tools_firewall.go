package explain

import (
	"slices"
	"strings"
)

// A droppedPacket is a line of a packet filter's log.
type droppedPacket struct {
	port int
	line int
}

type ufwState struct {
	active int // line of "Status: active", -1
	deflt  int // line of "Default: …", -1
	policy string
	rules  []ufwRule
	listed bool
}

type ufwRule struct {
	to, action, from string
	line             int
}

// A firewalldZone is what firewall-cmd --list-all says of one zone.
type firewalldZone struct {
	name, target     string
	ifaces           string
	services, ports  string
	sources          string
	rich             []int // lines of rich rules
	head, line, last int   // lines of its name, of its services and the last one read; -1: not shown
}

// A ruleList is one listing of iptables: its lines, and how they are written.
type ruleList struct {
	lines  []int
	listed bool // iptables -L; otherwise -S or iptables-save
	other  bool // of another table than filter
	v6     bool
}

// readUfw reads ufw status, verbose or numbered.
func (t *tools) readUfw(i int, s string) bool {
	switch {
	case strings.HasSuffix(s, "Status: active"):
		t.ufw.active = i
	case strings.HasPrefix(s, "Default: "):
		in, _, _ := strings.Cut(strings.TrimPrefix(s, "Default: "), "(incoming)")
		if in = strings.TrimSpace(in); in == "deny" || in == "reject" || in == "allow" {
			t.ufw.deflt, t.ufw.policy = i, in
		}
	case strings.HasPrefix(s, "To Action From"):
		t.ufw.listed = true
	case t.ufw.listed:
		return t.readUfwRule(i, s)
	default:
		return false
	}
	return true
}

// ufwActions are the words of the column Action.
var ufwActions = []string{"ALLOW IN", "DENY IN", "REJECT IN", "LIMIT IN", "ALLOW OUT", "DENY OUT", "REJECT OUT", "ALLOW", "DENY", "REJECT", "LIMIT"}

func (t *tools) readUfwRule(i int, s string) bool {
	if strings.HasPrefix(s, "[") {
		if _, rest, ok := strings.Cut(s, "] "); ok {
			s = rest
		}
	}
	for _, a := range ufwActions {
		if to, from, ok := strings.Cut(s, " "+a+" "); ok {
			t.ufw.rules = append(t.ufw.rules, ufwRule{to: to, action: a, from: from, line: i})
			return true
		}
	}
	return strings.HasPrefix(s, "-- ")
}

// readFirewalld reads firewall-cmd --list-all and --list-all-zones.
func (t *tools) readFirewalld(i int, s string) bool {
	name, _, active := strings.Cut(s, " (")
	if active && strings.HasSuffix(s, "active)") && !strings.Contains(name, " ") {
		t.zones = append(t.zones, firewalldZone{name: name, head: i, line: -1, last: i})
		return true
	}
	key, value, ok := strings.Cut(s, ":")
	value = strings.TrimSpace(value)
	if n := len(t.zones); ok && key == "services" && (n == 0 || t.zones[n-1].line >= 0 || i > t.zones[n-1].last+6) {
		t.zones = append(t.zones, firewalldZone{head: -1, line: -1, last: i}) // its name was left out
	}
	n := len(t.zones)
	if n == 0 || i > t.zones[n-1].last+6 {
		return false
	}
	z := &t.zones[n-1]
	switch {
	case strings.HasPrefix(s, "rule "):
		z.rich = append(z.rich, i)
	case !ok:
		return false
	case key == "services":
		z.services, z.line = value, i
	case key == "ports":
		z.ports = value
	case key == "target":
		z.target = value
	case key == "interfaces":
		z.ifaces = value
	case key == "sources":
		z.sources = value
	case !slices.Contains([]string{"icmp-block-inversion", "protocols", "forward", "masquerade", "forward-ports", "source-ports", "icmp-blocks", "rich rules", "ingress-priority", "egress-priority"}, key):
		return false
	}
	z.last = i
	return true
}

// readJail reads fail2ban-client status and its chains in iptables.
func (t *tools) readJail(i int, s string) bool {
	if _, list, ok := strings.Cut(s, "Banned IP list:"); ok {
		if f := strings.Fields(list); len(f) > 0 {
			t.banned = append(t.banned, f...)
			t.jails = append(t.jails, i)
		}
		return true
	}
	if strings.HasPrefix(s, "-A f2b-") && (strings.Contains(s, "-j REJECT") || strings.Contains(s, "-j DROP")) {
		if _, rest, ok := strings.Cut(s, " -s "); ok {
			addr, _, _ := strings.Cut(rest, " ")
			addr, _, _ = strings.Cut(addr, "/")
			t.banned = append(t.banned, addr)
			t.jails = append(t.jails, i)
			return true
		}
	}
	if strings.HasPrefix(s, "Chain f2b-") || strings.HasPrefix(s, "Chain fail2ban-") {
		t.jails = append(t.jails, -i-1) // a head: the rules below decide
		return true
	}
	if n := len(t.jails); n > 0 && t.jails[n-1] < 0 && i <= -t.jails[n-1]+4 {
		f := strings.Fields(s)
		for k, w := range f {
			if (w == "DROP" || w == "REJECT") && k+4 < len(f) {
				t.jails[n-1] = i
				return true
			}
		}
	}
	return false
}

// readKernel reads what a packet filter logged: "… DROP … SRC=… PROTO=TCP … DPT=22 …".
func (t *tools) readKernel(lines []line, i int) bool {
	s := lines[i].text
	if strings.Contains(s, "SRC=") && !strings.Contains(s, "DPT=") && i+1 < len(lines) {
		s += lines[i+1].text // a long line that was wrapped, in the middle of a word mostly
	}
	if !strings.Contains(s, "PROTO=TCP") || !strings.Contains(s, "SRC=") {
		return false
	}
	before, _, _ := strings.Cut(s, "SRC=")
	up := strings.ToUpper(before)
	if strings.Contains(up, "UFW") || !strings.Contains(up, "DROP") && !strings.Contains(up, "REJECT") && !strings.Contains(up, "BLOCK") && !strings.Contains(up, "DENY") {
		return false
	}
	_, after, ok := strings.Cut(s, "DPT=")
	if ok {
		port, _, _ := strings.Cut(after, " ")
		t.dropped = append(t.dropped, droppedPacket{portOf(port), i})
	}
	return ok
}

// readNft keeps the lines of nft list ruleset.
func (t *tools) readNft(i int, s string) {
	if strings.HasPrefix(s, "table ") && strings.HasSuffix(s, "{") {
		t.nftDepth = 1
		t.nft = append(t.nft, i)
		return
	}
	if t.nftDepth == 0 {
		return
	}
	t.nft = append(t.nft, i)
	if strings.HasSuffix(s, "{") {
		t.nftDepth++
	}
	if strings.HasPrefix(s, "}") {
		t.nftDepth--
	}
}

// readTables keeps the lines of iptables -S, iptables-save and iptables -L. A
// listing that begins anew is another one.
func (t *tools) readTables(i int, s, command string) {
	head := strings.HasPrefix(s, "Chain ") && strings.Contains(s, " (") && strings.HasSuffix(s, ")")
	save := strings.HasPrefix(s, "-P ") || strings.HasPrefix(s, "-A ") || strings.HasPrefix(s, "-N ") || strings.HasPrefix(s, "*") && len(s) < 12 || s == "COMMIT" ||
		strings.HasPrefix(s, ":") && strings.HasSuffix(s, "]") && strings.Contains(s, " [")
	begins := strings.HasPrefix(s, "Chain INPUT (") || strings.HasPrefix(s, "-P INPUT ") || s == "*filter"
	n := len(t.tables)
	switch {
	case begins, n == 0 && (head || save), n > 0 && save && t.tables[n-1].listed, n > 0 && head && !t.tables[n-1].listed:
		if s == "*filter" && n > 0 && !t.tables[n-1].listed && t.tables[n-1].other {
			t.tables[n-1].other = false // iptables-save gives all tables in a row
			break
		}
		t.tables = append(t.tables, ruleList{listed: head, other: strings.Contains(command, " nat") || strings.Contains(command, " mangle") ||
			strings.Contains(command, " raw") || s == "*nat" || s == "*mangle" || s == "*raw", v6: strings.Contains(command, "ip6tables")})
		n++
	case n == 0:
		return
	case t.tables[n-1].listed: // rows follow their head until a line is empty
		if last := t.tables[n-1].lines; !head && i > last[len(last)-1]+1 {
			return
		}
	case !save:
		return
	}
	l := &t.tables[max(n, len(t.tables))-1]
	l.lines = append(l.lines, i)
	if strings.Contains(s, "::/0") {
		l.v6 = true
	}
}

// readHostsDeny reads "sshd: ALL" (hosts_access(5)).
func (t *tools) readHostsDeny(i int, s string) {
	daemon, clients, ok := strings.Cut(s, ":")
	if !ok {
		return
	}
	daemon = strings.ToLower(strings.TrimSpace(daemon))
	if (daemon == "sshd" || daemon == "all") && strings.HasPrefix(strings.ToUpper(strings.TrimSpace(clients)), "ALL") {
		t.hostsDeny = i
	}
}
