package explain

import (
	"net/netip"
	"strconv"
	"strings"

	"sshwhy/internal/sshlog"
)

// tools is what the outputs of tools in a text say. Each reader recognises its
// lines by their shape, because a paste seldom holds the command that made them.
type tools struct {
	units     []unitState
	listeners []listener
	listed    int // line of the head of a full listing of sockets, -1 where there is none
	sshd      map[string]setting
	ufw       ufwState
	zones     []firewalldZone
	tables    []ruleList
	rules     map[int]bool // lines of either kind of listing
	jails     []int        // lines that show an address banned
	banned    []string
	modes     []fileMode
	hostsDeny int // line of hosts.deny that refuses sshd, -1
	dropped   []droppedPacket
	nft       []int // lines of an nftables ruleset
	nftDepth  int
	absent    int    // line that shows that no SSH server listens or runs, -1
	pkgLine   int    // line of the package's state, -1
	pkg       string // gone | broken
}

// A unitState is what systemctl status said of one unit.
type unitState struct {
	name, active string
	enabled      string // enabled, disabled, masked
	line         int
	triggered    bool // TriggeredBy: its socket starts it
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

// A fileMode is a line of ls -l or namei -l about a file that sshd or ssh is strict about.
type fileMode struct {
	mode, path string
	line       int
}

func readTools(lines []line) tools {
	t := tools{listed: -1, sshd: map[string]setting{}, hostsDeny: -1, absent: -1, pkgLine: -1}
	t.ufw.active, t.ufw.deflt = -1, -1
	inHosts, inClientConfig := false, false
	command := ""
	for i := range lines {
		l := &lines[i]
		if l.command != "" {
			command = l.command
			t.readSearch(lines, i)
			inHosts = strings.Contains(l.command, "hosts.deny")
			inClientConfig = strings.Contains(l.command, ".ssh/config") || strings.Contains(l.command, "/ssh_config") || strings.Contains(l.command, "ssh -G")
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
		case t.readPackage(i, s), t.readKernel(lines, i), t.readUnit(i, s), t.readListener(i, s), t.readUfw(i, s), t.readFirewalld(i, s), t.readJail(i, s), t.readMode(i, s):
			continue
		}
		t.readTables(i, s, command)
		t.readNft(i, s)
		if strings.HasPrefix(s, "Host ") || strings.HasPrefix(s, "Match host") || clientsOwn(s) {
			inClientConfig = true
		}
		if !inClientConfig {
			t.readSetting(i, s)
		}
		if inHosts && t.hostsDeny < 0 {
			t.readHostsDeny(i, sshlog.Plain(l.body)) // "sshd: " is no program's name here
		}
	}
	t.markRules()
	return t
}

// clientsOwn reports whether a line is one of ssh -G that sshd does not have.
func clientsOwn(s string) bool {
	for _, k := range [...]string{"hostname ", "identityfile ", "stricthostkeychecking ", "userknownhostsfile ", "proxyjump "} {
		if strings.HasPrefix(s, k) {
			return true
		}
	}
	return false
}

// any reports whether the text holds the output of a tool.
func (t *tools) any() bool {
	return len(t.units)+len(t.listeners)+len(t.zones)+len(t.tables)+len(t.nft)+len(t.modes)+len(t.jails) > 0 || t.ufw.active >= 0 || t.listed >= 0 || t.pkgLine >= 0
}

// isRule reports whether a line is one of a firewall's rules: what it would log
// is no message.
func (t *tools) isRule(i int) bool { return t.rules[i] }

// markRules remembers which lines are rules.
func (t *tools) markRules() {
	t.rules = map[int]bool{}
	for _, i := range t.nft {
		t.rules[i] = true
	}
	for k := range t.tables {
		for _, i := range t.tables[k].lines {
			t.rules[i] = true
		}
	}
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
		if a, p, ok := cutLast(w, ":"); ok && l.port == "" && p != "*" && p != "" && (p == "ssh" || sshlog.Digits(p)) {
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

// strictKeywords are the settings of sshd that decide about a login or a
// listener, in lower case (sshd_config(5)).
var strictKeywords = map[string]bool{
	"passwordauthentication": true, "kbdinteractiveauthentication": true, "challengeresponseauthentication": true,
	"pubkeyauthentication": true, "permitrootlogin": true, "allowusers": true, "denyusers": true, "allowgroups": true, "denygroups": true,
	"authorizedkeysfile": true, "listenaddress": true, "port": true, "addressfamily": true, "authenticationmethods": true,
	"allowtcpforwarding": true, "loglevel": true, "disableforwarding": true, "maxstartups": true, "maxauthtries": true,
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
	if key == "port" && !sshlog.Digits(strings.TrimSpace(value)) {
		return
	}
	if _, seen := t.sshd[key]; !seen {
		t.sshd[key] = setting{strings.TrimSpace(value), i}
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
