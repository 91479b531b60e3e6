package explain

import (
	"strings"

	"sshwhy/internal/report"
	"sshwhy/internal/sshlog"
)

// portInPath: user@host:2222/path names no port but a path (git-clone(1)); ssh
// then goes to port 22.
func (rd *reading) portInPath() {
	for _, id := range [...]string{"connection-refused", "connection-timed-out", "wrong-host-name", "host-unreachable", "client-config-misdirects"} {
		c := rd.get(id)
		if c == nil || c.caps["port"] != "22" && !strings.HasSuffix(c.caps["addr"], ":22") {
			continue
		}
		for i := range rd.lines {
			if port := scpPort(rd.lines[i].body); port != "" {
				w := rd.add("wrong-port", report.Likely, scoreRule, i, map[string]string{"host": c.caps["host"], "port": "22"})
				w.evidence = append(w.evidence, c.evidence[0])
				rd.drop("wrong-host-name")
				return
			}
		}
	}
}

// scpPort finds user@host:PORT/… in a line.
func scpPort(s string) string {
	for _, w := range strings.Fields(s) {
		if strings.Contains(w, "://") {
			continue
		}
		_, rest, ok := strings.Cut(w, "@")
		if !ok {
			continue
		}
		_, rest, ok = strings.Cut(rest, ":")
		port, _, slash := strings.Cut(rest, "/")
		if ok && slash && portOf(port) > 0 && port != "22" {
			return port
		}
	}
	return ""
}

// shortTimeout: ConnectTimeout of a few seconds, and silence.
func (rd *reading) shortTimeout() {
	c := rd.get("connection-timed-out")
	if c == nil {
		return
	}
	const short = 5 // seconds; a slow VPN or a sleeping host needs more
	for i := range rd.lines {
		_, v, ok := strings.Cut(sshlog.Lower(rd.lines[i].body), "connecttimeout")
		v = strings.TrimLeft(v, "= ")
		n := 0
		for n < len(v) && v[n] >= '0' && v[n] <= '9' {
			n++
		}
		if ok && n > 0 && portOf(v[:n]) > 0 && portOf(v[:n]) <= short {
			rd.add("connect-timeout-too-short", report.Possible, scoreEnd, i, nil)
			return
		}
	}
}

// carrier: ip link or ip addr shows a wired interface without a cable.
func (rd *reading) carrier() {
	for i := range rd.lines {
		s := rd.lines[i].text
		_, name, _ := strings.Cut(s, ": ")
		if !strings.Contains(s, "<NO-CARRIER,") || strings.HasPrefix(name, "docker") || strings.HasPrefix(name, "br-") || strings.HasPrefix(name, "virbr") {
			continue
		}
		rd.add("interface-down", report.Likely, scoreRoot, i, nil)
		return
	}
}

// find returns the index of the first line that contains one of the words, -1
// where none does.
func (rd *reading) find(words ...string) int {
	for i := range rd.lines {
		for _, w := range words {
			if strings.Contains(rd.lines[i].text, w) {
				return i
			}
		}
	}
	return -1
}

// otherPortWorks: port 22 is silent, and the same service answers on port 443:
// the network near the client blocks SSH.
func (rd *reading) otherPortWorks() {
	c := rd.get("connection-timed-out")
	if c == nil {
		return
	}
	if isGitHost(c.caps["host"]) && (c.caps["port"] == "22" || c.caps["port"] == "") {
		// the whole world reaches these on port 22
		rd.add("port-blocked-on-path", report.Likely, scoreRule, c.evidence[0], c.caps)
		return
	}
	works := rd.find("[ssh.github.com]:443", "ssh.github.com:443", "successfully authenticated", "Welcome to GitLab", "altssh.gitlab.com")
	if works < 0 && rd.commandWith("ssh.github.com") >= 0 && rd.find("Permission denied (publickey)") >= 0 {
		works = rd.commandWith("ssh.github.com")
	}
	if works >= 0 {
		rd.add("port-blocked-on-path", report.Likely, scoreRule, c.evidence[0], c.caps)
		rd.get("port-blocked-on-path").evidence = append(rd.get("port-blocked-on-path").evidence, works)
	}
}

func (rd *reading) commandWith(word string) int {
	for i := range rd.lines {
		if strings.Contains(rd.lines[i].command, word) {
			return i
		}
	}
	return -1
}

// overcome: a name that nobody knew is behind the writer who came further with
// another name or address.
func (rd *reading) overcome() {
	c := rd.get("name-not-found")
	if c == nil {
		return
	}
	for _, o := range rd.cands {
		if o.attempt > c.attempt && o.impact == report.Blocking && failsAt(o.cause) > failsAt("connection-refused") {
			c.certainty = report.Likely
			c.score = scoreNote
		}
	}
}

// manyFailures: the limit of attempts was reached by wrong passwords or for an
// unknown user, not by too many keys.
func (rd *reading) manyFailures() {
	c := rd.get("too-many-keys")
	if c == nil {
		return
	}
	passwords := 0
	for i := range rd.hits {
		t := rd.hits[i].Row.Pattern.Text
		if strings.HasPrefix(t, "Failed password") || strings.HasPrefix(t, "Failed keyboard-interactive") || strings.HasPrefix(t, "Bad password attempt") {
			passwords++
		}
	}
	if at := rd.find("Permission denied, please try again"); at >= 0 && at < c.where() {
		passwords += 3 // the client was refused with passwords before
	}
	if passwords >= 3 || rd.has("user-unknown") && rd.get("user-unknown").certainty == report.Confirmed {
		c.certainty = report.Possible
	}
}

// askedForHostKey: ssh_askpass was wanted for the question about the host key.
func (rd *reading) askedForHostKey() {
	c := rd.get("askpass-missing")
	if c == nil || len(c.evidence) == 0 {
		return
	}
	if at := rd.find("Host key verification failed"); at > c.evidence[0] && at <= c.evidence[0]+3 {
		rd.drop("askpass-missing")
		rd.add("host-key-unknown", report.Likely, scoreRule, at, nil)
	}
}

// helpers are the programs that stand behind ProxyCommand.
var helpers = []string{"nc", "ncat", "netcat", "connect", "connect-proxy", "corkscrew", "cloudflared", "socat", "aws", "tsh", "session-manager-plugin", "gcloud", "connect.exe", "sh"}

// commandMissing: a program of the ProxyCommand is not there.
func (rd *reading) commandMissing() {
	for i := range rd.hits {
		h := &rd.hits[i]
		if !strings.Contains(h.Row.Pattern.Text, "command not found") {
			continue
		}
		words := strings.Fields(strings.TrimLeft(rd.lines[h.line].text, "["))
		closed := rd.closedAfter(h.line)
		for _, w := range words {
			for _, p := range helpers {
				if strings.Trim(w, ":'\"") == p && closed {
					rd.add("proxy-command-failed", report.Likely, scoreRule, h.line, map[string]string{"command": p})
					return
				}
			}
		}
	}
}

// closedAfter reports whether the connection is said to be closed within the
// next lines.
func (rd *reading) closedAfter(at int) bool {
	for i := at; i < min(at+4, len(rd.lines)); i++ {
		t := rd.lines[i].text
		if strings.Contains(t, "exchange_identification") || strings.Contains(t, "UNKNOWN port 65535") {
			return true
		}
	}
	return false
}

// paramikoBanner: paramiko shows what came in place of a greeting, and its
// traceback whether the peer closed or kept silent.
func (rd *reading) paramikoBanner() {
	at := rd.find("_check_banner", "Error reading SSH protocol banner")
	if at < 0 {
		return
	}
	for i := range rd.hits {
		h := &rd.hits[i]
		if text := h.Get("text"); strings.HasPrefix(h.Row.Pattern.Text, "paramiko.transport: Banner:") && !strings.HasPrefix(text, "SSH-") {
			rd.drop("banner-timeout")
			rd.add("not-ssh", report.Likely, scoreRule, h.line, map[string]string{"text": text})
			return
		}
	}
	eof, timeout := rd.find("EOFError", "ConnectionResetError"), rd.find("socket.timeout", "TimeoutError")
	switch {
	case timeout >= 0:
		rd.add("banner-timeout", report.Likely, scoreRule, timeout, nil)
	case eof >= 0:
		rd.drop("banner-timeout")
		rd.add("closed-before-banner", report.Likely, scoreRule, eof, nil)
	}
}

// windowsKeys: Windows' sshd reads an administrator's keys from ProgramData,
// and its permissions are no SELinux labels.
func (rd *reading) windowsKeys() {
	if at := rd.find("matching key found", "Accepted publickey for", "Accepted key "); at >= 0 {
		for _, id := range [...]string{"authorized-keys-missing", "authorized-keys-location"} {
			if c := rd.get(id); c != nil && c.where() < at {
				rd.drop(id)
			}
		}
	}
	if c := rd.get("authorized-keys-missing"); c != nil {
		for _, i := range c.evidence {
			if strings.Contains(rd.lines[i].text, "administrators_authorized_keys") {
				rd.add("authorized-keys-location", report.Confirmed, scoreRule, i, c.caps)
				rd.drop("authorized-keys-missing")
				break
			}
		}
	}
	if c := rd.get("authorized-keys-selinux"); c != nil && strings.Contains(c.caps["file"], `\`) {
		rd.drop("authorized-keys-selinux")
		rd.add("authorized-keys-permissions", report.Confirmed, scoreRule, c.evidence[0], c.caps)
	}
}

// hostKeyOrKex: libssh2 does not say what it could not agree on; the lines
// around may.
func (rd *reading) hostKeyOrKex() {
	k, h := rd.get("no-common-kex"), rd.get("no-common-host-key")
	if k == nil || h == nil || k.certainty != report.Likely || h.certainty != report.Likely {
		return
	}
	if rd.find("hostkey type", "host key algo", "host key type", "HostKeyAlgorithms") >= 0 {
		h.score = scoreRule
	}
}

// promptOnly: the question about a new host's key is the last that is said.
func (rd *reading) promptOnly() {
	at := rd.find("can't be established")
	if at < 0 || len(rd.cands) > 0 || rd.succeeded() || rd.find("Permanently added", "'s password:", "Last login:") >= 0 {
		return
	}
	rd.add("host-key-unknown", report.Likely, scoreRule, at, nil)
}

// gitGreeting: a Git host refuses a terminal and greets; that is success.
func (rd *reading) gitGreeting() {
	c := rd.get("pty-allocation-failed")
	if c == nil {
		return
	}
	if at := rd.find("successfully authenticated", "Welcome to GitLab", "logged in as"); at >= 0 && at <= c.where()+4 {
		rd.drop("pty-allocation-failed")
	}
}

// chdirOnly: a session goes on where its home is missing (session.c: a warning),
// so what else ended it is the cause.
func (rd *reading) chdirOnly() {
	c := rd.get("home-missing")
	if c == nil || !strings.Contains(rd.lines[c.where()].text, "Could not chdir to home directory") {
		return
	}
	for _, o := range rd.cands {
		if o != c && o.impact == report.Blocking && !o.fromEnd && o.certainty == report.Confirmed && o.attempt == c.attempt && failsAt(o.cause) >= failsAt("session-refused") {
			c.impact = report.Note
		}
	}
}

// ruleLost: a rule of iptables lives until the machine restarts, unless it is
// saved to the file that is loaded then (iptables-save alone only prints).
func (rd *reading) ruleLost() {
	rule, restart := -1, false
	for i := range rd.lines {
		s := rd.lines[i].command
		switch {
		case strings.Contains(s, "netfilter-persistent"), strings.Contains(s, "iptables-save >"), strings.Contains(s, "iptables save"), strings.Contains(s, "iptables-save -f"):
			return
		case strings.Contains(s, "iptables -") && strings.Contains(s, " INPUT ") && strings.Contains(s, "-j ACCEPT") && strings.Contains(s+" ", "--dport "+itoa(rd.askedPort())+" "):
			rule = i
		case rule >= 0 && (strings.Contains(sshlog.Lower(rd.lines[i].body), "reboot") || strings.Contains(sshlog.Lower(rd.lines[i].body), "restart")):
			restart = true
		}
	}
	if rule >= 0 && restart {
		c := rd.add("firewall-not-persistent", report.Likely, scoreRule, rule, nil)
		c.impact = report.Blocking
	}
}
