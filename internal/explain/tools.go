package explain

import (
	"net/netip"
	"strconv"
	"strings"
)

// tools is what the outputs of tools in a text say. Each reader recognises its
// lines by their shape, because a paste seldom holds the command that made them.
type tools struct {
	units     []unitState
	listeners []listener
	listed    int // line of the head of a full listing of sockets, -1 where there is none
	sshd      map[string]setting
	ufw       ufwState
	firewalld firewalldState
	tables    []int // lines of iptables rules
	jails     []int // lines that show an address banned
	banned    []string
	modes     []fileMode
	hostsDeny int // line of hosts.deny that refuses sshd, -1
	dropped   []droppedPacket
	nft       []int // lines of an nftables ruleset
	nftDepth  int
	absent    int    // line that shows that no SSH server listens or runs, -1
	pkgLine   int    // line of the package's state, -1
	pkg       string // gone | broken
	enforcing bool
}

// A droppedPacket is a line of a packet filter's log.
type droppedPacket struct {
	port int
	line int
}

// A unitState is what systemctl status said of one unit.
type unitState struct {
	name, active, result string
	enabled              string // enabled, disabled, masked
	line                 int
	triggered            bool // TriggeredBy: its socket starts it
}

// A listener is one listening TCP socket of ss, netstat or lsof.
type listener struct {
	addr, port, prog string
	line             int
}

// A setting is a line of sshd_config or sshd -T.
type setting struct {
	value string
	line  int
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

// A fileMode is a line of ls -l or namei -l about a file that sshd or ssh is strict about.
type fileMode struct {
	mode, path string
	line       int
}

func readTools(lines []line) tools {
	t := tools{listed: -1, sshd: map[string]setting{}, hostsDeny: -1, absent: -1, pkgLine: -1}
	t.ufw.active, t.ufw.deny, t.firewalld.line = -1, -1, -1
	inHosts, inClientConfig := false, false
	for i := range lines {
		l := &lines[i]
		if l.command != "" {
			t.readSearch(lines, i)
			inHosts = strings.Contains(l.command, "hosts.deny")
			inClientConfig = strings.Contains(l.command, ".ssh/config") || strings.Contains(l.command, "/ssh_config")
			continue
		}
		s := l.text
		if s == "" || l.debug > 0 {
			continue
		}
		if strings.Contains(s, "hosts.deny") {
			inHosts = true
		} else if strings.Contains(s, "hosts.allow") {
			inHosts = false
		}
		switch {
		case t.readPackage(i, s), t.readKernel(i, s), t.readUnit(i, s), t.readListener(i, s), t.readUfw(i, s), t.readFirewalld(i, s), t.readJail(i, s), t.readMode(i, s):
			continue
		}
		t.readTables(i, s)
		t.readNft(i, s)
		if strings.HasPrefix(s, "Host ") || strings.HasPrefix(s, "Match host") {
			inClientConfig = true
		}
		if !inClientConfig {
			t.readSetting(i, s)
		}
		if inHosts && t.hostsDeny < 0 {
			t.readHostsDeny(i, plain(l.raw)) // "sshd: " is no program's name here
		}
		if s == "Enforcing" || strings.HasPrefix(s, "Current mode:") && strings.HasSuffix(s, "enforcing") {
			t.enforcing = true
		}
	}
	return t
}

// sshUnit reports whether a unit is that of an SSH server.
func sshUnit(name string) bool {
	name = strings.TrimSuffix(strings.TrimSuffix(name, ".service"), ".socket")
	return name == "ssh" || name == "sshd" || name == "dropbear" || strings.HasPrefix(name, "sshd@") || strings.HasPrefix(name, "ssh@")
}

// readUnit reads systemctl status (systemctl(1)): a head line, Loaded:, Active:.
func (t *tools) readUnit(i int, s string) bool {
	head := strings.TrimLeft(s, "●○×*↻ ")
	if name, _, ok := strings.Cut(head, " - "); ok && (strings.HasSuffix(name, ".service") || strings.HasSuffix(name, ".socket")) && !strings.Contains(name, " ") {
		t.units = append(t.units, unitState{name: name, line: i})
		return true
	}
	if path := unitPath(s); path != "" && (len(t.units) == 0 || i > t.units[len(t.units)-1].line+2) {
		t.units = append(t.units, unitState{name: path, line: i}) // the head was left out
	}
	if len(t.units) == 0 || i > t.units[len(t.units)-1].line+12 {
		return false
	}
	u := &t.units[len(t.units)-1]
	switch {
	case strings.HasPrefix(s, "ActiveState="):
		u.active, u.line = strings.TrimPrefix(s, "ActiveState="), i
	case strings.HasPrefix(s, "Loaded: "), strings.HasPrefix(s, "loaded ("):
		for _, f := range strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune("; ()", r) }) {
			if (f == "enabled" || f == "disabled" || f == "masked") && u.enabled == "" {
				u.enabled = f
			}
		}
	case strings.HasPrefix(s, "Active: "):
		u.active, _, _ = strings.Cut(strings.TrimPrefix(s, "Active: "), " since")
		u.line = i
	case strings.HasPrefix(s, "TriggeredBy:"):
		u.triggered = true
	default:
		return false
	}
	return true
}

// unitPath finds the unit's name in "loaded (/lib/systemd/system/ssh.service; …".
func unitPath(s string) string {
	if !strings.HasPrefix(s, "Loaded: loaded (") && !strings.HasPrefix(s, "loaded (") {
		return ""
	}
	for _, w := range strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune("; ()/", r) }) {
		if sshUnit(w) && strings.Contains(w, ".") {
			return w
		}
	}
	return ""
}

// readListener reads ss -tln, netstat -tln and lsof -i.
func (t *tools) readListener(i int, s string) bool {
	if strings.HasPrefix(s, "State Recv-Q") || strings.HasPrefix(s, "Netid State") || strings.HasPrefix(s, "Active Internet connections") || strings.HasPrefix(s, "Proto Recv-Q") {
		t.listed = i
		return true
	}
	if !strings.Contains(s, "LISTEN") {
		return false
	}
	f := strings.Fields(s)
	l := listener{line: i}
	for _, w := range f {
		if a, p, ok := cutLast(w, ":"); ok && l.port == "" && p != "*" && p != "" && (p == "ssh" || digits(p)) {
			l.addr, l.port = strings.Trim(a, "[]"), p
		}
	}
	if l.port == "" {
		return false
	}
	if l.port == "ssh" {
		l.port = "22"
	}
	switch last := f[len(f)-1]; {
	case strings.Contains(s, `users:(("`):
		_, l.prog, _ = strings.Cut(s, `users:(("`)
		l.prog, _, _ = strings.Cut(l.prog, `"`)
	case strings.HasSuffix(s, "(LISTEN)"):
		l.prog = f[0]
	case strings.Contains(last, "/"):
		_, l.prog, _ = strings.Cut(last, "/")
	case len(f) > 1 && strings.Contains(f[len(f)-2], "/"): // "123/sshd: /usr/sbin"
		_, l.prog, _ = strings.Cut(f[len(f)-2], "/")
	}
	l.prog = strings.TrimRight(l.prog, ":")
	t.listeners = append(t.listeners, l)
	return true
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

// readPackage reads a line of dpkg -l: the wanted and the actual state, the name
// (dpkg-query(1)).
func (t *tools) readPackage(i int, s string) bool {
	f := strings.Fields(s)
	if len(f) < 3 || len(f[0]) < 2 || len(f[0]) > 3 || f[1] != "openssh-server" && !strings.HasPrefix(f[1], "openssh-server:") {
		return false
	}
	switch f[0][:2] {
	case "un", "rc", "pn", "pc":
		t.pkg, t.pkgLine = "gone", i
	case "iU", "iF", "iH", "iW":
		t.pkg, t.pkgLine = "broken", i
	}
	return strings.Trim(f[0], "abcdefghijklmnopqrstuvwxyzR") == "" || t.pkgLine == i
}

// readSearch reads what a search for a listener or a process did not find: the
// command is there, and the next prompt follows at once.
func (t *tools) readSearch(lines []line, at int) {
	cmd := lines[at].command
	listing := strings.Contains(cmd, "ss ") || strings.Contains(cmd, "netstat ") || strings.Contains(cmd, "lsof ")
	process := strings.HasPrefix(cmd, "ps ") || strings.Contains(cmd, " ps ") || strings.HasPrefix(cmd, "pgrep ")
	_, what, grep := strings.Cut(cmd, "grep ")
	if !grep || !listing && !process || !strings.Contains(what, "22") && !strings.Contains(what, "ssh") {
		return
	}
	found := false
	i := at + 1
	for ; i < len(lines) && lines[i].command == ""; i++ {
		s := lines[i].text
		if strings.HasSuffix(s, "#") || strings.HasSuffix(s, "$") {
			break // an empty prompt
		}
		if s != "" && !strings.Contains(s, "grep ") {
			found = true
		}
	}
	if !found && i < len(lines) && t.absent < 0 {
		t.absent = at
	}
}

// readKernel reads what a packet filter logged: "… DROP … SRC=… PROTO=TCP … DPT=22 …".
func (t *tools) readKernel(i int, s string) bool {
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

// strictKeywords are the settings of sshd that decide about a login or a
// listener, in lower case (sshd_config(5)).
var strictKeywords = map[string]bool{
	"passwordauthentication": true, "kbdinteractiveauthentication": true, "challengeresponseauthentication": true,
	"pubkeyauthentication": true, "permitrootlogin": true, "allowusers": true, "denyusers": true, "allowgroups": true, "denygroups": true,
	"authorizedkeysfile": true, "listenaddress": true, "port": true, "addressfamily": true, "authenticationmethods": true,
	"allowtcpforwarding": true, "disableforwarding": true, "maxstartups": true, "maxauthtries": true,
}

// readSetting reads a line of sshd_config or sshd -T; of several, the first
// counts, as for sshd.
func (t *tools) readSetting(i int, s string) {
	key, value, ok := strings.Cut(s, " ")
	if !ok || value == "" {
		return
	}
	key = strings.ToLower(key)
	if !strictKeywords[key] || len(strings.Fields(value)) > 6 {
		return
	}
	if key == "port" && !digits(strings.TrimSpace(value)) {
		return
	}
	if _, seen := t.sshd[key]; !seen {
		t.sshd[key] = setting{strings.TrimSpace(value), i}
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

// readMode reads a line of ls -l or namei -l about a home, .ssh or a key file.
func (t *tools) readMode(i int, s string) bool {
	f := strings.Fields(s)
	if len(f) < 4 || len(f[0]) < 10 || !strings.ContainsRune("d-l", rune(f[0][0])) || strings.Trim(f[0][1:10], "rwxsStT-") != "" {
		return false
	}
	t.modes = append(t.modes, fileMode{mode: f[0][:10], path: f[len(f)-1], line: i})
	return true
}

// port is the number of a port, 0 where it is none.
func portOf(s string) int {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil {
		return 0
	}
	return int(n)
}

// loopback reports whether an address of a listing is a loopback address.
func loopback(s string) bool {
	a, err := netip.ParseAddr(strings.TrimPrefix(s, "::ffff:"))
	return err == nil && a.IsLoopback() || s == "localhost"
}
