package explain

import (
	"strings"

	"sshwhy/internal/catalog"
	"sshwhy/internal/report"
	"sshwhy/internal/sshconf"
	"sshwhy/internal/sshlog"
)

// weigh makes candidates of one message.
func (rd *reading) weigh(h *hit) {
	if h.Row.Kind == sshlog.Mark || h.Row.Kind == sshlog.Benign || h.Row.Kind == sshlog.Hint || len(h.Row.Causes) == 0 || rd.tools.isRule(h.line) {
		return
	}
	caps := map[string]string{}
	for _, c := range h.Captures {
		if _, ok := caps[c.Name]; !ok && c.Name != "_" {
			name := c.Name
			if name == "ip" {
				name = "addr"
			}
			cutset := "\"'`,:"
			if name == "host" || name == "addr" {
				cutset = "\"'`," // a stray colon is the fault itself
			}
			caps[name] = strings.Trim(c.Value, cutset)
			if name == "file" { // the full stop of a sentence that ends with it
				caps[name] = strings.TrimSuffix(caps[name], ".")
			}
		}
	}
	if h.Row.Table == sshlog.Generic && (rd.lines[h.line].debug > 0 || !rd.aboutSSH(h)) || rd.foreignUnit(h, caps["unit"]) || rd.foreignConnection(h, caps) {
		return
	}
	switch {
	case strings.Contains(caps["file"], "ssh_host_") && h.Row.Causes[0].Cause == "private-key-permissions":
		rd.add("host-key-permissions", report.Confirmed, scoreRoot, h.line, caps)
		return
	case strings.Contains(caps["file"], "authorized_keys") && h.Row.Causes[0].Cause == "private-key-permissions": // Windows has one wording for both
		rd.add("authorized-keys-permissions", report.Confirmed, scoreRoot, h.line, caps)
		return
	case h.Row.Causes[0].Cause == "host-certificate-invalid" && strings.HasPrefix(rd.lines[h.line].prog, "sshd") && h.Row.Stage == report.StageHostKey:
		rd.add("certificate-expired", report.Confirmed, scoreRoot, h.line, caps)
		return
	case h.Row.Causes[0].Cause == sshlog.AtConfig:
		rd.weighConfig(h, caps)
		return
	case h.Row.Stage == report.StageConnect && h.Get("reason") != "" && strings.Contains(h.Row.Pattern.Text, "connect to host"):
		rd.weighErrno(h.line, caps)
		return
	case h.Row.Causes[0].Cause == "sftp-server-missing" && rd.otherSubsystem():
		rd.add("session-refused", report.Likely, scoreRoot, h.line, caps)
		return
	case h.Row.Stage == report.StageResolve && rd.messages.Errno(caps["reason"]) == "AGAIN":
		rd.add("name-server-unreachable", report.Confirmed, scoreRoot, h.line, caps)
		return
	}
	if strings.HasPrefix(rd.lines[h.line].prog, "sshd") && rd.visitor(h, caps) {
		return
	}
	rd.suspects(h, caps)
}

// suspects adds the causes that a message names.
func (rd *reading) suspects(h *hit, caps map[string]string) {
	score := map[sshlog.Kind]int{sshlog.Root: scoreRoot, sshlog.End: scoreEnd, sshlog.Note: scoreNote}[h.Row.Kind]
	for i, s := range h.Row.Causes {
		if s.Cause == "service-failed" && strings.HasSuffix(caps["unit"], ".socket") {
			s.Cause = "socket-failed"
		}
		known := rd.get(s.Cause) != nil
		c := rd.add(s.Cause, s.Certainty, score-i, h.line, caps)
		if !known {
			c.fromEnd = h.Row.Kind == sshlog.End
			if h.Row.Kind == sshlog.Note {
				c.impact = report.Note
			}
		} else if h.Row.Kind == sshlog.Root {
			c.fromEnd, c.impact = false, report.Blocking
		}
		if impact, ok := mild[s.Cause]; ok {
			c.impact = impact
		}
	}
}

// aboutSSH reports whether words that any program may say are about SSH here:
// the text speaks of it somewhere, or the words are nearly all of the line.
func (rd *reading) aboutSSH(h *hit) bool {
	if len(rd.lines[h.line].text) < 2*h.Row.Pattern.Weight() {
		return true
	}
	if rd.ssh == 0 {
		rd.ssh = -1
		for i := range rd.lines {
			l := sshlog.Lower(rd.lines[i].body)
			if strings.Contains(l, "ssh") || strings.Contains(l, "sftp") || strings.Contains(l, "scp") || strings.Contains(l, "port 22") || strings.Contains(l, ":22") || strings.Contains(l, "git@") {
				rd.ssh = 1
				break
			}
		}
	}
	return rd.ssh > 0
}

// foreignUnit reports whether a message of systemd is about another service.
func (rd *reading) foreignUnit(h *hit, unit string) bool {
	if unit == "" && h.Row.Table == "system" && (h.Row.Stage == report.StageService || h.Row.Stage == report.StageSocket) {
		for _, w := range strings.Fields(rd.lines[h.line].text) {
			if w = strings.Trim(w, ":,.'\"()"); strings.HasSuffix(w, ".service") || strings.HasSuffix(w, ".socket") {
				unit = w
			}
		}
		for _, u := range rd.tools.units {
			if unit == "" && u.line <= h.line && h.line <= u.line+12 {
				unit = u.name
			}
		}
	}
	return unit != "" && !strings.Contains(unit, "ssh") && !strings.Contains(unit, "dropbear")
}

// mild are the causes that stop no connection by themselves.
var mild = map[string]report.Impact{
	"login-slow":              report.Degrading,
	"firewall-rate-limited":   report.Degrading,
	"service-disabled":        report.Latent,
	"firewall-not-persistent": report.Latent,
	"known-hosts-permissions": report.Note,
}

// visitor handles what sshd logs about connections as such: how a session ended
// is no failure, and a scanner that knocks is worth a note.
func (rd *reading) visitor(h *hit, caps map[string]string) bool {
	switch {
	case h.Row.Kind == sshlog.End && strings.HasPrefix(h.Row.Causes[0].Cause, "closed-") &&
		!strings.Contains(rd.lines[h.line].text, "[preauth]") && !strings.Contains(h.Row.Pattern.Text, "exchange_identification"):
		return true
	case h.Row.Stage == report.StageBanner || h.Row.Kind == sshlog.End && strings.HasPrefix(h.Row.Causes[0].Cause, "closed-"):
		if c := rd.get(h.Row.Causes[0].Cause); c == nil {
			rd.add(h.Row.Causes[0].Cause, report.Possible, scoreNote, h.line, caps).impact = report.Note
		} else {
			rd.add(h.Row.Causes[0].Cause, report.Possible, scoreNote, h.line, caps)
		}
		return true
	}
	return false
}

// weighErrno reads the reason of a failed connect by its errno.
func (rd *reading) weighErrno(at int, caps map[string]string) {
	addr := caps["addr"]
	if addr == "" {
		addr = caps["host"]
	}
	for i, s := range rd.errnoCauses(rd.messages.Errno(caps["reason"]), addr) {
		rd.add(s.Cause, s.Certainty, scoreRoot-i, at, without(caps, "reason"))
	}
}

func without(caps map[string]string, name string) map[string]string {
	out := map[string]string{}
	for k, v := range caps {
		if k != name {
			out[k] = v
		}
	}
	return out
}

// errnoCauses says what an errno of connect(2) stands for, likeliest first
// (connect(2); ICMP to errno: net/ipv4/icmp.c icmp_err_convert).
func (rd *reading) errnoCauses(errno, addr string) []sshlog.Suspect {
	switch errno {
	case "ECONNREFUSED":
		return sshlog.Suspects("connection-refused")
	case "ETIMEDOUT":
		return sshlog.Suspects("connection-timed-out!")
	case "EHOSTUNREACH":
		if isPublic(addr) { // beyond the local network only a router or a firewall can say so
			return sshlog.Suspects("refused-by-firewall host-unreachable")
		}
		return sshlog.Suspects("host-unreachable refused-by-firewall?")
	case "ENETUNREACH":
		if strings.Contains(addr, ":") {
			return sshlog.Suspects("no-usable-address-family no-route?")
		}
		return sshlog.Suspects("no-route no-usable-address-family?")
	case "EACCES", "EPERM":
		return sshlog.Suspects("local-firewall")
	case "ECONNRESET":
		return sshlog.Suspects("refused-by-firewall? closed-before-banner?")
	case "EADDRNOTAVAIL":
		return sshlog.Suspects("wrong-host-name? client-config-misdirects?")
	case "EINVAL":
		return sshlog.Suspects("wrong-host-name")
	case "EHOSTDOWN":
		return sshlog.Suspects("host-unreachable")
	case "ENETDOWN":
		return sshlog.Suspects("no-route")
	case "NONAME":
		return sshlog.Suspects("name-not-found!")
	case "AGAIN":
		return sshlog.Suspects("name-server-unreachable!")
	case "UNKNOWN": // Windows has no words for host or network unreachable
		return sshlog.Suspects("host-unreachable no-route?")
	case "FAILURE": // errno 0: the reason is a bind error one line above
		return nil
	}
	return sshlog.Suspects("connection-timed-out? connection-refused?")
}

// weighConfig decides whose configuration a complaint is about: by the file, by
// the program that speaks, by the commands around.
func (rd *reading) weighConfig(h *hit, caps map[string]string) {
	cause := "client-config-invalid"
	if rd.serverConfig(h) {
		cause = "sshd-config-invalid"
	}
	opt := strings.ToLower(strings.Trim(caps["opt"], "\"'"))
	if h.Row.Pattern.Weight() > 0 && strings.Contains(h.Row.Pattern.Text, "Bad configuration option") {
		switch {
		case strings.HasPrefix(opt, "-----begin"), strings.HasPrefix(opt, "putty-user-key"), strings.HasSuffix(caps["file"], ".pem"),
			cause == "client-config-invalid" && sshconf.OnlyOf(sshconf.Server, opt):
			cause = "client-config-wrong-side"
		case cause == "sshd-config-invalid" && sshconf.OnlyOf(sshconf.Client, opt):
			cause = "sshd-config-invalid" // the same line keeps sshd from starting, whoever's option it is
		}
	}
	known := rd.get(cause) != nil
	if strings.Contains(rd.lines[h.line].text, ": Unsupported option ") { // with a capital: compiled out, a warning; without: a bad value
		if !known {
			rd.add(cause, report.Possible, scoreNote, h.line, caps).impact = report.Note
		}
		return
	}
	score := scoreRoot
	if cause == "client-config-wrong-side" {
		score = scoreRule
	}
	c := rd.add(cause, h.Row.Causes[0].Certainty, score, h.line, caps)
	if h.Row.Kind == sshlog.Note {
		c.score = max(c.score-scoreRoot+scoreNote, scoreNote)
		if !known && h.Row.Causes[0].Certainty == report.Possible {
			c.impact = report.Note
		}
	}
}

// serverConfig reports whether a complaint about a configuration is sshd's.
func (rd *reading) serverConfig(h *hit) bool {
	file := h.Get("file")
	switch {
	case strings.Contains(file, "sshd_config"):
		return true
	case strings.Contains(file, "ssh_config"), strings.Contains(file, ".ssh"), strings.Contains(file, "command-line"):
		return false
	case strings.HasPrefix(rd.lines[h.line].prog, "sshd"):
		return true
	}
	for i := max(0, h.line-6); i < min(len(rd.lines), h.line+7); i++ { // the lines around
		t := rd.lines[i].text
		if strings.Contains(t, "sshd_config") || strings.HasPrefix(rd.lines[i].prog, "sshd") || strings.Contains(rd.lines[i].command, "sshd -") {
			return true
		}
	}
	return h.Row.Causes[0].Cause != sshlog.AtConfig && h.Row.Causes[0].Cause == "sshd-config-invalid"
}

// outlived takes the edge off causes that the same attempt left behind: a key
// that was ignored does not matter where authentication succeeded, nor where
// the connection was never made.
func (rd *reading) outlived() {
	for _, c := range rd.cands {
		if c.impact != report.Blocking || c.fromEnd {
			continue
		}
		a := rd.attempts[c.attempt]
		step := failsAt(c.cause)
		auth := catalog.WalkRank(report.StageAuth)
		if a.reached >= stepAuthDone && step <= auth && c.cause != "host-key-changed" && a.verbose {
			c.impact = report.Note
			continue
		}
		if step == auth && rd.endedBefore(c.attempt, step) {
			c.impact = report.Note
		}
	}
}

// acceptedLater: a password that was refused before one that was taken is a slip
// of the hand.
func (rd *reading) acceptedLater() {
	c := rd.get("password-rejected")
	if c == nil {
		return
	}
	for i := c.where() + 1; i < len(rd.lines); i++ {
		if u := c.caps["user"]; u != "" && strings.Contains(rd.lines[i].text, "Accepted password for "+u+" ") {
			rd.drop("password-rejected")
			return
		}
	}
}

// endedBefore reports whether an attempt ended, beyond doubt, before a step.
func (rd *reading) endedBefore(attempt, step int) bool {
	for _, o := range rd.cands {
		if o.attempt == attempt && !o.fromEnd && o.impact == report.Blocking && o.certainty == report.Confirmed {
			switch o.cause {
			case "connection-refused", "connection-timed-out", "name-not-found", "name-server-unreachable":
				return failsAt(o.cause) < step && !rd.deniedIn(attempt)
			}
		}
	}
	return false
}

// deniedIn reports whether an attempt got as far as a refused login.
func (rd *reading) deniedIn(attempt int) bool {
	a := rd.attempts[attempt]
	for i := range rd.hits {
		if h := &rd.hits[i]; h.line >= a.first && h.line <= a.last && strings.Contains(h.Row.Pattern.Text, "Permission denied (") {
			return true
		}
	}
	return false
}
