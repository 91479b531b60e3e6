package explain

import (
	"slices"
	"strings"

	"sshwhy/internal/report"
)

// askedPort is the port the text is about: of a failed connection, of a
// command, or 22.
func (rd *reading) askedPort() int {
	for _, id := range [...]string{"connection-refused", "connection-timed-out", "host-unreachable"} {
		if c := rd.get(id); c != nil && portOf(c.caps["port"]) != 0 {
			return portOf(c.caps["port"])
		}
	}
	for _, a := range rd.attempts {
		if a.port != 0 {
			return a.port
		}
	}
	return 22
}

// droppedPackets: the kernel's log of what a rule dropped.
func (rd *reading) droppedPackets() {
	for _, d := range rd.tools.dropped {
		if d.port == rd.askedPort() {
			rd.add("firewall-iptables", report.Likely, scoreRule, d.line, nil)
			return
		}
	}
}

func (rd *reading) hostsDeny() {
	if at := rd.tools.hostsDeny; at >= 0 {
		rd.add("tcp-wrappers-deny", report.Likely, scoreRule, at, nil)
	}
}

// packageRules: what dpkg, rpm and their kin say of the server's package.
func (rd *reading) packageRules() {
	switch t := &rd.tools; t.pkg {
	case "gone":
		rd.add("sshd-not-installed", report.Confirmed, scoreRule, t.pkgLine, nil)
	case "broken":
		rd.add("sshd-broken", report.Confirmed, scoreRule, t.pkgLine, nil)
	}
}

// noProcess: a list of processes or sockets without sshd's.
func (rd *reading) noProcess() {
	if t := &rd.tools; t.absent >= 0 && len(t.listeners) == 0 {
		rd.add("service-stopped", report.Likely, scoreRoot, t.absent, nil)
	}
}

// notRunning are the causes that a server which runs disproves.
var notRunning = []string{"sshd-not-installed", "service-stopped", "service-failed", "service-masked", "service-start-limit"}

func (rd *reading) unitRules() {
	running := false
	for _, u := range rd.tools.units {
		if sshUnit(u.name) && strings.HasPrefix(u.active, "active") {
			running = true
		}
	}
	for _, u := range rd.tools.units {
		if !sshUnit(u.name) {
			continue
		}
		caps := map[string]string{"unit": u.name}
		socket := strings.HasSuffix(u.name, ".socket")
		switch {
		case u.enabled == "masked":
			rd.add("service-masked", report.Confirmed, scoreRule, u.line, caps)
		case strings.HasPrefix(u.active, "inactive") && socket:
			if !running {
				rd.add("socket-stopped", report.Likely, scoreRule, u.line, caps)
			}
		case strings.HasPrefix(u.active, "inactive") && !u.triggered && !running:
			if !rd.succeeded() { // a server per connection: its main unit need not be active
				rd.add("service-stopped", report.Confirmed, scoreRule, u.line, caps)
			}
		case strings.HasPrefix(u.active, "failed") && socket:
			rd.add("socket-failed", report.Confirmed, scoreRule-1, u.line, caps)
		case strings.HasPrefix(u.active, "failed"), strings.HasPrefix(u.active, "activating (auto-restart)"):
			rd.add("service-failed", report.Confirmed, scoreRule-1, u.line, caps)
		case u.enabled == "disabled" && (strings.HasPrefix(u.active, "active") || u.active == "") && !u.triggered:
			rd.add("service-disabled", report.Confirmed, scoreNote, u.line, caps).impact = report.Latent
		}
	}
	if running {
		for _, id := range notRunning {
			if c := rd.get(id); c != nil && c.certainty != report.Confirmed {
				rd.drop(id)
			}
		}
	}
}

func (rd *reading) listenerRules() {
	asked := rd.askedPort()
	var open, loop, other, byName *listener
	for i := range rd.tools.listeners {
		l := &rd.tools.listeners[i]
		daemon := strings.HasPrefix(l.prog, "sshd") || strings.HasPrefix(l.prog, "dropbear") || l.prog == "systemd" || l.prog == ""
		switch {
		case portOf(l.port) == asked && !loopback(l.addr):
			open = l
		case portOf(l.port) == asked:
			loop = l
		case strings.HasPrefix(l.prog, "sshd") && !loopback(l.addr):
			byName = l
		case l.prog == "" && loopback(l.addr) && portOf(l.port) != 22:
			other = l
		}
		_ = daemon
	}
	refused := rd.get("connection-refused")
	switch {
	case open != nil:
		return
	case loop != nil:
		cert := report.Likely
		if strings.HasPrefix(loop.prog, "sshd") {
			cert = report.Confirmed
		}
		rd.add("listen-loopback-only", cert, scoreRule, loop.line, map[string]string{"addr": loop.addr, "port": loop.port})
	case byName != nil:
		c := rd.add("port-nondefault", report.Confirmed, scoreRule, byName.line, map[string]string{"port": byName.port})
		if refused == nil && !rd.has("connection-timed-out") {
			c.impact = report.Note // the owner may well ask for that port
		}
	case refused != nil && other != nil && len(rd.tools.listeners) == 1:
		rd.add("listen-loopback-only", report.Likely, scoreRule, other.line, map[string]string{"addr": other.addr, "port": other.port})
	case refused != nil && rd.tools.listed >= 0 && len(rd.tools.listeners) > 2:
		rd.add("service-stopped", report.Likely, scoreRoot, rd.tools.listed, nil)
	}
}

// jailRules: an address that is banned. Whose it is, the asker knows; where the
// text shows a client that does not get in, it is likely that one.
func (rd *reading) jailRules() {
	for _, i := range rd.tools.jails {
		if i < 0 {
			continue
		}
		cert := report.Likely
		caps := map[string]string{}
		for _, a := range rd.tools.banned {
			if rd.opt.Client.IsValid() && a == rd.opt.Client.String() {
				cert = report.Confirmed
				caps["addr"] = a
			}
		}
		if rd.opt.Client.IsValid() && cert != report.Confirmed && len(rd.tools.banned) > 0 {
			continue // it is not among those banned
		}
		rd.add("client-banned", cert, scoreRule, i, caps)
	}
}

// modeRules: files that others can write, where sshd is strict about it
// (sshd_config(5), StrictModes), and private keys that others can read.
func (rd *reading) modeRules() {
	for _, m := range rd.tools.modes {
		name := m.path[strings.LastIndex(m.path, "/")+1:]
		groupWrite, otherWrite := m.mode[5] == 'w', m.mode[8] == 'w'
		switch {
		case name == ".ssh" || name == "authorized_keys":
			if groupWrite || otherWrite {
				rd.add("authorized-keys-permissions", report.Likely, scoreRule, m.line, map[string]string{"file": m.path})
			}
		case strings.HasPrefix(name, "ssh_host_") && strings.HasSuffix(name, "_key") && (m.mode[4] == 'r' && m.mode[5] == 'w' || m.mode[7] == 'r'):
			rd.add("host-key-permissions", report.Likely, scoreRule, m.line, map[string]string{"file": m.path})
		}
	}
}

// settingRules: what the server's configuration explains of a refused login.
func (rd *reading) settingRules() {
	c := rd.tools.sshd
	denied := rd.find("Permission denied (")
	user := ""
	if denied >= 0 {
		for i := range rd.hits {
			if u, _, ok := cutLast(rd.hits[i].Get("userhost"), "@"); ok {
				user = u
			}
		}
	}
	no := func(key string) (int, bool) { s, ok := c[key]; return s.line, ok && strings.EqualFold(s.value, "no") }
	if at, off := no("passwordauthentication"); off && denied >= 0 && !strings.Contains(rd.lines[denied].text, "password") {
		rd.add("password-auth-disabled", report.Likely, scoreRoot, at, nil)
	}
	if at, off := no("pubkeyauthentication"); off {
		rd.add("pubkey-auth-disabled", report.Likely, scoreRule, at, nil)
	}
	if at, off := no("permitrootlogin"); off && (user == "root" || rd.rootTried()) {
		rd.add("root-login-disabled", report.Confirmed, scoreRule, at, map[string]string{"user": "root"})
	}
	if s, ok := c["allowusers"]; ok && user != "" && denied >= 0 && !allowedUser(s.value, user) {
		rd.add("user-not-allowed", report.Confirmed, scoreRule, s.line, map[string]string{"user": user})
	}
	refused := rd.has("connection-refused")
	if s, ok := c["listenaddress"]; ok && refused && loopback(strings.Trim(strings.TrimSuffix(s.value, ":22"), "[]")) {
		rd.add("listen-loopback-only", report.Likely, scoreRule, s.line, map[string]string{"addr": s.value})
	}
	if s, ok := c["listenaddress"]; ok && len(s.value) > 3 {
		host := ""
		for _, id := range [...]string{"connection-refused", "connection-timed-out"} {
			if cand := rd.get(id); cand != nil {
				host = cand.caps["host"]
			}
		}
		if v4 := strings.Contains(s.value, "."); host != "" && v4 && strings.Count(host, ":") > 1 {
			rd.add("listen-one-family", report.Likely, scoreRule, s.line, nil)
		}
	}
	if s, ok := c["port"]; ok && refused && portOf(s.value) != 0 && portOf(s.value) != rd.askedPort() {
		rd.add("port-nondefault", report.Likely, scoreRule, s.line, map[string]string{"port": s.value})
	}
}

// rootTried reports whether the text shows an attempt to log in as root. A
// prompt of root's shell is none.
func (rd *reading) rootTried() bool {
	for i := range rd.lines {
		l := &rd.lines[i]
		if l.command == "" && (strings.Contains(l.text, "Failed password for root") || strings.Contains(l.text, "root@") && (strings.Contains(l.text, "'s password") || strings.Contains(l.text, "Permission denied"))) {
			return true
		}
	}
	return slices.ContainsFunc(rd.attempts, func(a *attempt) bool { return a.user == "root" })
}

// allowedUser reports whether AllowUsers may let a user in: patterns and
// user@host entries count as yes.
func allowedUser(list, user string) bool {
	for _, p := range strings.Fields(list) {
		name, _, _ := strings.Cut(p, "@")
		if name == user || strings.ContainsAny(name, "*?") {
			return true
		}
	}
	return false
}
