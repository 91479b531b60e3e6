package explain

import (
	"strings"
)

// A droppedPacket is a line of a packet filter's log.
type droppedPacket struct {
	port int
	line int
}

type ufwState struct {
	active, deny int // lines, -1
	rules        []ufwRule
	listed       bool
}

type ufwRule struct {
	to, action, from string
	line             int
}

type firewalldState struct {
	services, ports string
	line            int // -1: not shown
}

// readUfw reads ufw status, verbose or numbered.
func (t *tools) readUfw(i int, s string) bool {
	switch {
	case strings.HasSuffix(s, "Status: active"):
		t.ufw.active = i
	case strings.HasPrefix(s, "Default: "):
		in, _, _ := strings.Cut(strings.TrimPrefix(s, "Default: "), "(incoming)")
		if in = strings.TrimSpace(in); in == "deny" || in == "reject" {
			t.ufw.deny = i
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

// readFirewalld reads firewall-cmd --list-all.
func (t *tools) readFirewalld(i int, s string) bool {
	switch {
	case strings.HasPrefix(s, "services: ") || s == "services:":
		t.firewalld.services, t.firewalld.line = strings.TrimPrefix(s, "services:"), i
	case t.firewalld.line >= 0 && i <= t.firewalld.line+3 && strings.HasPrefix(s, "ports:"):
		t.firewalld.ports = strings.TrimPrefix(s, "ports:")
	default:
		return false
	}
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

// readTables keeps the lines of iptables -S, iptables-save and iptables -L.
func (t *tools) readTables(i int, s string) {
	if strings.HasPrefix(s, "-P ") || strings.HasPrefix(s, "-A ") || strings.HasPrefix(s, "-N ") || strings.HasPrefix(s, ":INPUT ") ||
		strings.HasPrefix(s, "*filter") || strings.HasPrefix(s, "Chain INPUT (policy ") {
		t.tables = append(t.tables, i)
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
