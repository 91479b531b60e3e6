package explain

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"sshwhy/internal/evidence"
	"sshwhy/internal/facts"
	"sshwhy/internal/sshconf"
	"sshwhy/internal/sshlog"
)

// A machine is what a text shows of the machine that is to be logged in to: the
// outputs of its tools, each as the item of a bundle that it would be there, and the
// line of the text that each piece came from.
type machine struct {
	facts.Pasted
	at      map[string]int       // a piece, as the checks quote it → its line
	dir     string               // of the listing of files at hand
	trace   string               // namei: the path so far
	owners  map[string][2]string // path → its user and group
	match   string               // arguments of the Match block at hand
	keys    map[string]bool
	ports   map[string]int // how many lines of Port and of ListenAddress there were
	command string
	strict  bool // the lines at hand are known to be of sshd_config or sshd -T
	foreign bool // the lines at hand are of the client's configuration
}

// readMachine goes through the text once, for the user it is about.
func (rd *reading) readMachine() *machine {
	m := &machine{at: map[string]int{}, owners: map[string][2]string{}, keys: map[string]bool{}, ports: map[string]int{}}
	m.Files = map[string]*evidence.Meta{}
	m.User = rd.userAskedFor()
	for i := range rd.lines {
		l := &rd.lines[i]
		if l.command != "" {
			m.begin(l.command)
			continue
		}
		s := l.text
		if s == "" || l.debug > 0 || l.prog != "" {
			continue
		}
		if m.passwd(i, s) || m.state(i, s) || m.groups(s) || m.file(i, s) {
			continue
		}
		m.setting(i, s, sshlog.Plain(l.body))
	}
	m.listening(rd)
	m.units(rd)
	m.home()
	m.number()
	m.noAccount(rd)
	return m
}

// userAskedFor is the account that the text is about, "" where it does not say.
func (rd *reading) userAskedFor() string {
	for i := range rd.hits {
		if u, _, ok := cutLast(rd.hits[i].Get("userhost"), "@"); ok && u != "" {
			return u
		}
	}
	for _, a := range rd.attempts {
		if a.user != "" {
			return a.user
		}
	}
	for i := range rd.lines { // "getent passwd alice", "passwd -S alice"
		f := strings.Fields(rd.lines[i].command)
		if len(f) > 0 && f[0] == "sudo" {
			f = f[1:]
		}
		if len(f) == 3 && (f[0] == "getent" && f[1] == "passwd" || f[0] == "passwd" && (f[1] == "-S" || f[1] == "--status")) {
			return f[2]
		}
	}
	return ""
}

// begin is a new command: what follows is its output.
func (m *machine) begin(command string) {
	m.command, m.dir, m.trace, m.match = command, "", "", ""
	m.strict = strings.Contains(command, "sshd_config") || strings.Contains(command, "sshd -T") || strings.Contains(command, "sshd -G")
	m.foreign = strings.Contains(command, ".ssh/config") || strings.Contains(command, "/ssh_config") || strings.Contains(command, "ssh -G ")
	f := strings.Fields(command)
	if len(f) > 0 && f[0] == "sudo" {
		f = f[1:]
	}
	if len(f) > 1 && f[0] == "ls" && !strings.HasPrefix(f[len(f)-1], "-") && !slices.ContainsFunc(f, func(w string) bool { return strings.HasPrefix(w, "-") && strings.Contains(w, "d") }) {
		m.dir = m.absolute(f[len(f)-1])
	}
}

// absolute resolves ~ and $HOME by the account's home, as far as that is known.
func (m *machine) absolute(p string) string {
	home := m.homeDir()
	for _, tilde := range [...]string{"~" + m.User + "/", "~/", "$HOME/"} {
		if rest, ok := strings.CutPrefix(p, tilde); ok && home != "" {
			return path.Join(home, rest)
		}
	}
	if home != "" && (p == "~" || p == "$HOME" || p == "~"+m.User) {
		return home
	}
	if strings.HasPrefix(p, "/") {
		return path.Clean(p)
	}
	return ""
}

func (m *machine) homeDir() string {
	if f := strings.Split(m.Passwd, ":"); len(f) == 7 {
		return f[5]
	}
	switch m.User {
	case "":
		return ""
	case "root":
		return "/root"
	}
	return "/home/" + m.User
}

// passwd reads alice:x:1000:1000:Alice:/home/alice:/bin/bash.
func (m *machine) passwd(i int, s string) bool {
	f := strings.Split(s, ":")
	if len(f) != 7 || !sshlog.Digits(f[2]) || !sshlog.Digits(f[3]) || !strings.HasPrefix(f[5], "/") || f[0] == "" || strings.ContainsAny(f[0], " /\"'") {
		return false
	}
	if m.User == "" && strings.Contains(m.command, f[0]) {
		m.User = f[0]
	}
	if f[0] != m.User || m.Passwd != "" {
		return true
	}
	f[1] = "x" // as the parser quotes it
	m.Passwd = strings.Join(f, ":")
	m.at[m.Passwd] = i
	return true
}

// state reads passwd -S: "alice L 2026-11-20 0 99999 7 -1".
func (m *machine) state(i int, s string) bool {
	f := strings.Fields(s)
	if len(f) < 3 || !slices.Contains([]string{"P", "L", "NP", "PS", "LK"}, f[1]) || len(f[2]) < 8 || strings.Trim(f[2], "0123456789-/") != "" {
		return false
	}
	if m.User == "" {
		m.User = f[0]
	}
	if f[0] == m.User && m.State == "" {
		m.State = s
		m.at[s] = i
	}
	return true
}

// groups reads id: "uid=1000(alice) gid=1000(alice) groups=1000(alice),27(sudo)".
func (m *machine) groups(s string) bool {
	if !strings.HasPrefix(s, "uid=") || !strings.Contains(s, ") gid=") {
		return false
	}
	name, _, _ := strings.Cut(s[strings.IndexByte(s, '(')+1:], ")")
	_, list, ok := strings.Cut(s, "groups=")
	if !ok || name != m.User {
		return true
	}
	for _, g := range strings.Split(list, ",") {
		if _, g, ok := strings.Cut(g, "("); ok {
			m.Groups = append(m.Groups, strings.TrimRight(g, ") "))
		}
	}
	return true
}

// serverKeyword reports whether a word is a keyword of sshd_config(5) that does something.
func serverKeyword(word string) bool {
	k, ok := sshconf.Lookup(sshconf.Server, word)
	return ok && !k.Retired
}

// setting reads a line of sshd_config or of sshd -T. Of several the first
// counts, as for sshd; those of a Match block count for the user it names.
func (m *machine) setting(i int, s, raw string) {
	key, value, ok := strings.Cut(s, " ")
	if !ok || m.foreign || strings.HasPrefix(s, "#") || len(m.Config) >= maxPastedLines {
		return
	}
	key = strings.ToLower(strings.TrimSuffix(key, ":"))
	if key == "host" || clientsOwn(s) {
		m.foreign = true
		return
	}
	if !m.strict && !strictKeywords[key] && key != "match" || !serverKeyword(key) || len(strings.Fields(value)) > 12 {
		return
	}
	if key == "match" {
		m.match = value
		if strings.EqualFold(value, "all") {
			m.match = ""
		}
	}
	if key == "port" || key == "listenaddress" {
		if m.ports[key]++; m.ports[key] > maxPastedPorts {
			return
		}
	}
	m.Config = append(m.Config, s)
	m.at[facts.PastedConfig()+":"+strconv.Itoa(len(m.Config))] = i
	if key == "match" || key == "port" || key == "listenaddress" || !m.concerns() {
		return
	}
	many := key == "allowusers" || key == "denyusers" || key == "allowgroups" || key == "denygroups"
	if many && m.match == "" || !m.keys[key] {
		line := key + " " + strings.TrimSpace(value)
		m.Dump = append(m.Dump, line)
		if _, known := m.at[line]; !known {
			m.at[line] = i
		}
	}
	m.keys[key] = true
}

// concerns reports whether the Match block at hand is for the account in question.
func (m *machine) concerns() bool {
	if m.match == "" {
		return true
	}
	f := strings.Fields(m.match)
	return len(f) == 2 && strings.EqualFold(f[0], "user") && m.User != "" && slices.Contains(strings.Split(f[1], ","), m.User)
}

// listening writes what ss, netstat or lsof list as ss -Hltnp does.
func (m *machine) listening(rd *reading) {
	for _, l := range rd.tools.listeners[:min(len(rd.tools.listeners), maxPastedSockets)] {
		addr := l.addr
		if strings.Contains(addr, ":") {
			addr = "[" + addr + "]"
		}
		line := "LISTEN 0 128 " + addr + ":" + l.port + " *:*"
		if l.prog != "" {
			m.Owners = true
			line += ` users:(("` + strings.Trim(l.prog, `"`) + `",pid=4711,fd=3))`
		}
		m.Listening = append(m.Listening, line)
		m.at[line] = l.line
	}
}

// units writes what systemctl status says as systemctl show does.
func (m *machine) units(rd *reading) {
	var b strings.Builder
	for _, u := range rd.tools.units[:min(len(rd.tools.units), maxPastedUnits)] {
		if !sshUnit(u.name) || u.active == "" {
			continue
		}
		state, sub, _ := strings.Cut(u.active, " (")
		load, file := "loaded", u.enabled
		if file == "masked" {
			load = "masked"
		}
		b.WriteString("Id=" + u.name + "\nLoadState=" + load + "\nActiveState=" + state + "\nSubState=" + strings.TrimSuffix(sub, ")") + "\nUnitFileState=" + file + "\n\n")
		m.at["systemctl show "+u.name] = u.line
	}
	m.Units = b.String()
}

// home makes the account's line where the text shows its files and no more, and
// says that sshd looks where it usually does.
func (m *machine) home() {
	home := m.homeDir()
	keys := path.Join(home, ".ssh/authorized_keys")
	if _, shown := m.Files[keys]; home == "" || !shown {
		return
	}
	if m.Passwd == "" {
		uid := strconv.Itoa(m.uid())
		m.Passwd = m.User + ":x:" + uid + ":" + uid + "::" + home + ":/bin/sh"
	}
	if !m.keys["authorizedkeysfile"] {
		m.Dump = append(m.Dump, "authorizedkeysfile .ssh/authorized_keys")
	}
}
