package explain

import (
	"strings"

	"sshwhy/internal/catalog"
	"sshwhy/internal/report"
	"sshwhy/internal/sshconf"
)

// judge turns messages into candidates and lets the rules look at the whole.
// The rules go in the order of a connection; each is a function of the reading
// that adds, strengthens or drops candidates.
func (rd *reading) judge() {
	for i := range rd.hits {
		rd.weigh(&rd.hits[i])
	}
	rd.toolRules()
	for _, a := range rd.attempts {
		rd.configRules(a)
		rd.connectRules(a)
		rd.hangRules(a)
		rd.bannerRules(a)
		rd.hostKeyRules(a)
		rd.keyRules(a)
		rd.authRules(a)
		rd.proxyRules(a)
		rd.sessionRules(a)
	}
	rd.wholeText()
	rd.acceptedLater()
	rd.outlived()
	rd.settle()
}

// weigh makes candidates of one message.
func (rd *reading) weigh(h *hit) {
	if h.row.kind == kindMark || h.row.kind == kindBenign || h.row.kind == kindHint || len(h.row.causes) == 0 || rd.tools.isRule(h.line) {
		return
	}
	caps := map[string]string{}
	for _, c := range h.caps {
		if _, ok := caps[c.name]; !ok && c.name != "_" {
			name := c.name
			if name == "ip" {
				name = "addr"
			}
			cutset := "\"'`,:"
			if name == "host" || name == "addr" {
				cutset = "\"'`," // a stray colon is the fault itself
			}
			caps[name] = strings.Trim(c.value, cutset)
		}
	}
	if h.row.file == generic && (rd.lines[h.line].debug > 0 || !rd.aboutSSH(h)) || rd.foreignUnit(h, caps["unit"]) {
		return
	}
	switch {
	case strings.Contains(caps["file"], "ssh_host_") && h.row.causes[0].cause == "private-key-permissions":
		rd.add("host-key-permissions", report.Confirmed, scoreRoot, h.line, caps)
		return
	case strings.Contains(caps["file"], "authorized_keys") && h.row.causes[0].cause == "private-key-permissions": // Windows has one wording for both
		rd.add("authorized-keys-permissions", report.Confirmed, scoreRoot, h.line, caps)
		return
	case h.row.causes[0].cause == "host-certificate-invalid" && strings.HasPrefix(rd.lines[h.line].prog, "sshd") && h.row.stage == report.StageHostKey:
		rd.add("certificate-expired", report.Confirmed, scoreRoot, h.line, caps)
		return
	case h.row.causes[0].cause == atConfig:
		rd.weighConfig(h, caps)
		return
	case h.row.stage == report.StageConnect && h.get("reason") != "" && strings.Contains(h.row.pat.text, "connect to host"):
		rd.weighErrno(h.line, caps)
		return
	case h.row.stage == report.StageResolve && rd.cat.errno(caps["reason"]) == "AGAIN":
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
	score := map[kind]int{kindRoot: scoreRoot, kindEnd: scoreEnd, kindNote: scoreNote}[h.row.kind]
	for i, s := range h.row.causes {
		if s.cause == "service-failed" && strings.HasSuffix(caps["unit"], ".socket") {
			s.cause = "socket-failed"
		}
		known := rd.get(s.cause) != nil
		c := rd.add(s.cause, s.certainty, score-i, h.line, caps)
		if !known {
			c.fromEnd = h.row.kind == kindEnd
			if h.row.kind == kindNote {
				c.impact = report.Note
			}
		} else if h.row.kind == kindRoot {
			c.fromEnd, c.impact = false, report.Blocking
		}
		if impact, ok := mild[s.cause]; ok {
			c.impact = impact
		}
	}
}

// aboutSSH reports whether words that any program may say are about SSH here:
// the text speaks of it somewhere, or the words are nearly all of the line.
func (rd *reading) aboutSSH(h *hit) bool {
	if len(rd.lines[h.line].text) < 2*h.row.pat.weight() {
		return true
	}
	if rd.ssh == 0 {
		rd.ssh = -1
		for i := range rd.lines {
			l := lower(rd.lines[i].body)
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
	if unit == "" && h.row.file == "system" && (h.row.stage == report.StageService || h.row.stage == report.StageSocket) {
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
	case h.row.kind == kindEnd && strings.HasPrefix(h.row.causes[0].cause, "closed-") &&
		!strings.Contains(rd.lines[h.line].text, "[preauth]") && !strings.Contains(h.row.pat.text, "exchange_identification"):
		return true
	case h.row.stage == report.StageBanner || h.row.kind == kindEnd && strings.HasPrefix(h.row.causes[0].cause, "closed-"):
		if c := rd.get(h.row.causes[0].cause); c == nil {
			rd.add(h.row.causes[0].cause, report.Possible, scoreNote, h.line, caps).impact = report.Note
		} else {
			rd.add(h.row.causes[0].cause, report.Possible, scoreNote, h.line, caps)
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
	for i, s := range rd.errnoCauses(rd.cat.errno(caps["reason"]), addr) {
		rd.add(s.cause, s.certainty, scoreRoot-i, at, without(caps, "reason"))
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
func (rd *reading) errnoCauses(errno, addr string) []suspect {
	switch errno {
	case "ECONNREFUSED":
		return []suspect{{"connection-refused", report.Confirmed}}
	case "ETIMEDOUT":
		return []suspect{{"connection-timed-out", report.Confirmed}}
	case "EHOSTUNREACH":
		if isPublic(addr) { // beyond the local network only a router or a firewall can say so
			return []suspect{{"refused-by-firewall", report.Likely}, {"host-unreachable", report.Likely}}
		}
		return []suspect{{"host-unreachable", report.Likely}, {"refused-by-firewall", report.Possible}}
	case "ENETUNREACH":
		if strings.Contains(addr, ":") {
			return []suspect{{"no-usable-address-family", report.Likely}, {"no-route", report.Possible}}
		}
		return []suspect{{"no-route", report.Likely}, {"no-usable-address-family", report.Possible}}
	case "EACCES", "EPERM":
		return []suspect{{"local-firewall", report.Likely}}
	case "ECONNRESET":
		return []suspect{{"refused-by-firewall", report.Possible}, {"closed-before-banner", report.Possible}}
	case "EADDRNOTAVAIL":
		return []suspect{{"wrong-host-name", report.Possible}, {"client-config-misdirects", report.Possible}}
	case "EINVAL":
		return []suspect{{"wrong-host-name", report.Likely}}
	case "EHOSTDOWN":
		return []suspect{{"host-unreachable", report.Likely}}
	case "ENETDOWN":
		return []suspect{{"no-route", report.Likely}}
	case "NONAME":
		return []suspect{{"name-not-found", report.Confirmed}}
	case "AGAIN":
		return []suspect{{"name-server-unreachable", report.Confirmed}}
	case "UNKNOWN": // Windows has no words for host or network unreachable
		return []suspect{{"host-unreachable", report.Likely}, {"no-route", report.Possible}}
	case "FAILURE": // errno 0: the reason is a bind error one line above
		return nil
	}
	return []suspect{{"connection-timed-out", report.Possible}, {"connection-refused", report.Possible}}
}

// weighConfig decides whose configuration a complaint is about: by the file, by
// the program that speaks, by the commands around.
func (rd *reading) weighConfig(h *hit, caps map[string]string) {
	cause := "client-config-invalid"
	if rd.serverConfig(h) {
		cause = "sshd-config-invalid"
	}
	opt := strings.ToLower(strings.Trim(caps["opt"], "\"'"))
	if h.row.pat.weight() > 0 && strings.Contains(h.row.pat.text, "Bad configuration option") {
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
	c := rd.add(cause, h.row.causes[0].certainty, score, h.line, caps)
	if h.row.kind == kindNote {
		c.score = max(c.score-scoreRoot+scoreNote, scoreNote)
		if !known && h.row.causes[0].certainty == report.Possible {
			c.impact = report.Note
		}
	}
}

// serverConfig reports whether a complaint about a configuration is sshd's.
func (rd *reading) serverConfig(h *hit) bool {
	file := h.get("file")
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
	return h.row.causes[0].cause != atConfig && h.row.causes[0].cause == "sshd-config-invalid"
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
		if h := &rd.hits[i]; h.line >= a.first && h.line <= a.last && strings.Contains(h.row.pat.text, "Permission denied (") {
			return true
		}
	}
	return false
}
