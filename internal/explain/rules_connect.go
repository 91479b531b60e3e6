package explain

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"sshwhy/internal/report"
	"sshwhy/internal/sshlog"
)

// isPublic reports whether an address or name lies beyond private networks.
// A name says nothing: false.
func isPublic(s string) bool {
	a, err := netip.ParseAddr(strings.Trim(s, "[]."))
	if err != nil {
		return false
	}
	return a.IsGlobalUnicast() && !a.IsPrivate() && !carrierNAT.Contains(a)
}

// carrierNAT is shared address space (RFC 6598); benchmarking addresses
// (RFC 2544) are what local proxies hand out in place of real ones.
var (
	carrierNAT = netip.MustParsePrefix("100.64.0.0/10")
	fakeIP     = netip.MustParsePrefix("198.18.0.0/15")
)

// hitsIn are the messages of an attempt.
func (rd *reading) hitsIn(a *attempt) []*hit {
	i, _ := slices.BinarySearchFunc(rd.hits, a.first, func(h hit, n int) int { return h.line - n })
	var out []*hit
	for ; i < len(rd.hits) && rd.hits[i].line <= a.last; i++ {
		out = append(out, &rd.hits[i])
	}
	return out
}

// said reports whether an attempt's lines hold a message whose pattern contains text.
func (rd *reading) saidIn(a *attempt, text string) *hit {
	for _, h := range rd.hitsIn(a) {
		if strings.Contains(h.Row.Pattern.Text, text) {
			return h
		}
	}
	return nil
}

// lineIn is the index of the first line of an attempt that contains text, -1 where none does.
func (rd *reading) lineIn(a *attempt, text string) int {
	for i := a.first; i <= a.last && i < len(rd.lines); i++ {
		if strings.Contains(rd.lines[i].text, text) {
			return i
		}
	}
	return -1
}

// configRules look at what was typed.
func (rd *reading) configRules(a *attempt) {
	n := rd.attemptOf(a.first)
	for _, id := range [...]string{"name-not-found", "name-server-unreachable"} {
		if c := rd.get(id); c != nil && c.attempt == n && !c.fromEnd && noHostName(c.caps["host"]) {
			if _, named := c.caps["host"]; !named {
				continue
			}
			rd.add("wrong-host-name", report.Likely, scoreRule, c.evidence[0], c.caps)
			rd.drop(id)
		}
	}
	if c := rd.get("connection-refused"); c != nil && c.attempt == n && strings.HasPrefix(c.caps["addr"], ":") {
		rd.add("wrong-host-name", report.Likely, scoreRule, c.evidence[0], nil)
		rd.drop("connection-refused")
	}
	if at := rd.lineIn(a, "Identity file -"); at >= 0 && strings.Contains(rd.lines[at].text, " not accessible") {
		if ev := rd.drop("name-not-found"); ev != nil { // -i took an option for its file, and all words moved up
			rd.add("wrong-host-name", report.Likely, scoreRule, at, nil).evidence = append([]int{at}, ev...)
		}
	}
	if h := rd.saidIn(a, "Bad port '"); h != nil && strings.ContainsAny(h.Get("value"), " @") {
		rd.add("wrong-host-name", report.Likely, scoreRule, h.line, map[string]string{"value": h.Get("value")})
	}
	if h := rd.saidIn(a, "Bad stdio forwarding"); h != nil && rd.saidIn(a, "exchange_identification: Connection closed") != nil {
		// the inner ssh of a jump: its -W was mangled on the way through a shell
		rd.add("jump-host-failed", report.Likely, scoreRule, h.line, nil)
		rd.drop("client-config-invalid")
	}
}

// noHostName reports whether what was looked up is evidently no host name: an
// address with something attached, an URL, the remains of an empty variable.
func noHostName(h string) bool {
	switch strings.ToLower(h) {
	case "", "undefined", "null", "none", "ssh", "user", "host", "hostname", "nan", "root":
		return true
	}
	if _, err := netip.ParseAddr(h); err != nil && strings.Contains(h, ":") {
		return true
	}
	letters := false
	for _, r := range h {
		switch {
		case r >= 0x80 || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z':
			letters = true
		case !strings.ContainsRune("0123456789.-_:[]%", r):
			return true // no name holds it (RFC 1123 2.1), nor does anybody's own (~/.ssh/config, /etc/hosts)
		}
	}
	return !letters && !strings.Contains(h, ".") && !strings.Contains(h, ":") || strings.HasPrefix(h, "-") || strings.Contains(h, "..")
}

// connectRules look at every address that was tried: the last line names one
// errno only, and on a host with both families it may be the wrong one.
func (rd *reading) connectRules(a *attempt) {
	failed := map[string]addressTry{} // errno → first try
	v4fail, v6fail := "", ""
	for _, t := range a.tries {
		if t.words == "" {
			continue
		}
		e := rd.messages.Errno(t.words)
		if _, ok := failed[e]; !ok {
			failed[e] = t
		}
		if strings.Contains(t.addr, ":") {
			v6fail = e
		} else {
			v4fail = e
		}
	}
	if v4fail != "" && v6fail != "" && v4fail != v6fail && (v6fail == "ENETUNREACH" || v6fail == "EHOSTUNREACH") {
		rd.drop("no-usable-address-family")
		rd.drop("no-route")
		if v4fail != "EHOSTUNREACH" {
			rd.drop("host-unreachable")
			rd.drop("refused-by-firewall")
		}
		t := failed[v4fail]
		for i, s := range rd.errnoCauses(v4fail, t.addr) {
			rd.add(s.Cause, s.Certainty, scoreRule-i, t.line, map[string]string{"host": a.host, "addr": t.addr, "port": strconv.Itoa(t.port)})
		}
	}
	if len(failed) == 1 && v4fail == "" && v6fail != "" && (v6fail == "ENETUNREACH" || v6fail == "EHOSTUNREACH") {
		t := failed[v6fail]
		rd.drop("no-route")
		rd.add("no-usable-address-family", report.Likely, scoreRule, t.line, map[string]string{"addr": t.addr})
	}
	rd.fakeAddress(a)
	rd.localProxy(a)
	if c := rd.get("connection-timed-out"); c != nil && c.attempt == rd.attemptOf(a.first) && looksCloud(a.host, c.caps["host"]) {
		rd.add("cloud-firewall", report.Possible, scoreEnd, c.evidence[0], c.caps)
	}
	if rd.cands != nil && strings.Contains(a.version, "LibreSSL") {
		rd.macOS(a)
	}
}

// looksCloud reports whether a name is one that a cloud gives out.
func looksCloud(names ...string) bool {
	for _, n := range names {
		for _, s := range [...]string{".amazonaws.com", ".cloudapp.azure.com", ".compute.internal", ".googleusercontent.com", ".oraclevcn.com"} {
			if strings.HasSuffix(strings.TrimSuffix(n, "."), s) {
				return true
			}
		}
	}
	return false
}

// reachable: where a ping is answered or another port of the host is open, "No
// route to host" is a firewall's word.
func (rd *reading) reachable() {
	c := rd.get("host-unreachable")
	if c == nil {
		return
	}
	for i := range rd.lines {
		t := rd.lines[i].text
		alive := strings.Contains(t, "bytes from ") && strings.Contains(t, "time=") || strings.Contains(t, " 0% packet loss") ||
			strings.Contains(t, ", 0% packet loss") || strings.Contains(t, "/tcp open ") || strings.HasPrefix(t, "Reply from ") && strings.Contains(t, "TTL=") ||
			strings.Contains(t, "icmp-host-prohibited") || strings.Contains(t, "icmp-admin-prohibited") || strings.Contains(t, "reject with icmp")
		if alive {
			r := rd.add("refused-by-firewall", report.Likely, scoreRule, c.evidence[0], c.caps)
			r.evidence = append(r.evidence, i)
			rd.drop("host-unreachable")
			return
		}
	}
}

// fakeAddress: an address that no host has, handed out by a local proxy or a
// hosts file, for a name of the wide world.
func (rd *reading) fakeAddress(a *attempt) {
	ip, err := netip.ParseAddr(a.addr)
	if err != nil || a.host == a.addr || !strings.Contains(a.host, ".") || strings.HasSuffix(a.host, ".localhost") {
		return
	}
	if fakeIP.Contains(ip) || ip.IsLoopback() || ip.IsUnspecified() {
		if at := rd.lineIn(a, "Connecting to "+a.host); at >= 0 && rd.failedIn(a) {
			rd.add("name-overridden", report.Likely, scoreRule, at, map[string]string{"host": a.host, "addr": a.addr})
		}
	}
}

// localProxy: a connection to an address that no host has was accepted, so whoever
// accepted it is near: a proxy that takes every connection itself.
func (rd *reading) localProxy(a *attempt) {
	for _, h := range rd.hitsIn(a) {
		for _, name := range [...]string{"addr", "ip"} {
			ip, err := netip.ParseAddr(strings.Trim(h.Get(name), "[]."))
			if err == nil && fakeIP.Contains(ip) && h.Row.Kind == sshlog.End && strings.HasPrefix(h.Row.Pattern.Text, "Connection ") {
				rd.add("local-proxy-answers", report.Likely, scoreRule, h.line, map[string]string{"addr": ip.String()})
				return
			}
		}
	}
}

// failedIn reports whether something blocking is known of an attempt.
func (rd *reading) failedIn(a *attempt) bool {
	n := rd.attemptOf(a.first)
	for _, c := range rd.cands {
		if c.attempt == n && c.impact == report.Blocking {
			return true
		}
	}
	return false
}

// wrongPort: a refusal at one port, and words elsewhere that sshd has another.
func (rd *reading) wrongPort() {
	c := rd.get("connection-refused")
	if c == nil {
		return
	}
	asked, _ := strconv.Atoi(c.caps["port"])
	if asked == 0 {
		asked = 22
	}
	for i := range rd.hits {
		h := &rd.hits[i]
		if !strings.Contains(h.Row.Pattern.Text, "Server listening on") {
			continue
		}
		p, _ := strconv.Atoi(strings.TrimSuffix(h.Get("port"), ".")) // sshd ends the sentence with a stop
		if p == asked {
			rd.drop("wrong-port")
			return
		}
		if p != 0 {
			w := rd.add("wrong-port", report.Likely, scoreRule, h.line, map[string]string{"port": strconv.Itoa(asked)})
			w.evidence = append(w.evidence, c.evidence[0])
		}
	}
}

// macOS: since macOS 15 an application without the right to the local network
// gets "No route to host" for every address on it.
func (rd *reading) macOS(a *attempt) {
	if c := rd.get("host-unreachable"); c != nil && c.attempt == rd.attemptOf(a.first) && !isPublic(a.addr) && a.addr != "" {
		rd.add("local-network-permission", report.Possible, scoreEnd, c.evidence[0], c.caps)
	}
}

// hangRules: an output that simply stops says where it hangs.
func (rd *reading) hangRules(a *attempt) {
	if !a.verbose || a.reached < stepConnecting || a.reached >= stepAuth || rd.failedIn(a) || rd.endIn(a) || rd.cutOut(a) {
		return
	}
	caps := map[string]string{"host": a.host, "addr": a.addr, "port": strconv.Itoa(a.port)}
	if a.port == 0 {
		delete(caps, "port")
	}
	switch {
	case a.reached == stepConnecting:
		rd.add("connection-timed-out", report.Likely, scoreRule, a.reachedAt, caps)
	case a.reached == stepEstablished && !a.proxy:
		rd.add("banner-timeout", report.Likely, scoreRule, a.reachedAt, caps)
	case a.reached == stepEstablished:
		rd.add("jump-host-failed", report.Possible, scoreRule, a.reachedAt, caps)
		rd.add("proxy-command-failed", report.Possible, scoreRule, a.reachedAt, caps)
	case a.reached == stepBanner || a.reached == stepKexSent || a.reached == stepKexReceived || a.reached == stepKexReply:
		rd.add("mtu-blackhole", report.Likely, scoreRule, a.reachedAt, caps)
	}
}

// endIn reports whether an attempt has an ending of any kind.
func (rd *reading) endIn(a *attempt) bool {
	for _, h := range rd.hitsIn(a) {
		if h.Row.Kind == sshlog.End || h.Row.Kind == sshlog.Root {
			return true
		}
	}
	return false
}

// bannerRules place "Connection closed by …": the words are the same at every
// step, the steps before them are not.
func (rd *reading) bannerRules(a *attempt) {
	var end *hit
	for _, h := range rd.hitsIn(a) {
		if h.Row.Kind == sshlog.End && len(h.Row.Causes) > 0 && (strings.HasPrefix(h.Row.Causes[0].Cause, "closed-") || h.Row.Causes[0].Cause == "banner-timeout") && !strings.HasPrefix(rd.lines[h.line].prog, "sshd") {
			end = h
		}
	}
	if end == nil {
		return
	}
	caps := map[string]string{"addr": end.Get("addr")}
	n := rd.attemptOf(a.first)
	own := func(id string) bool { c := rd.get(id); return c != nil && c.attempt == n && c.fromEnd }
	place := func(cause string, cert report.Certainty) {
		for _, id := range [...]string{"closed-before-banner", "closed-during-kex", "connection-dropped", "session-refused"} {
			if own(id) && id != cause {
				rd.drop(id)
			}
		}
		c := rd.add(cause, cert, scoreRule, end.line, caps)
		c.evidence = append(c.evidence, a.reachedAt)
	}
	switch {
	case rd.saidIn(a, "stdio forwarding failed") != nil: // the inner connection of a jump: proxyRules say it
	case a.reached >= stepAuthDone:
		place("session-refused", report.Likely)
	case a.reached >= stepAuth, rd.pastHostKey(a, end):
		rd.closedInAuth(a, end)
	case a.reached >= stepBanner:
		place("closed-during-kex", report.Likely)
		if strings.Contains(rd.lines[end.line].text, "timed out") {
			place("mtu-blackhole", report.Likely)
		}
	case strings.Contains(end.Row.Pattern.Text, "exchange_identification"), strings.Contains(end.Row.Pattern.Text, "banner exchange"), a.reached == stepEstablished && !a.proxy:
		place("closed-before-banner", report.Likely)
		if !rd.serverSpoke() { // what separates these is in the server's log only
			for i, id := range [...]string{"max-startups", "source-penalized", "tcp-wrappers-deny"} {
				if !rd.has(id) {
					rd.add(id, report.Possible, scoreEnd-i, end.line, nil).fromEnd = true
				}
			}
		}
	}
}

// pastHostKey reports whether an end came after the host's key was taken, which
// without -v is the one sign that the key exchange worked.
func (rd *reading) pastHostKey(a *attempt, end *hit) bool {
	h := rd.saidIn(a, "Permanently added")
	return h != nil && h.line < end.line && !strings.Contains(end.Row.Pattern.Text, "exchange_identification")
}

// closedInAuth: the server closed while authentication was under way.
func (rd *reading) closedInAuth(a *attempt, end *hit) {
	for _, id := range [...]string{"closed-before-banner", "closed-during-kex", "connection-dropped", "session-refused"} {
		if c := rd.get(id); c != nil && c.fromEnd && c.attempt == rd.attemptOf(a.first) {
			rd.drop(id)
		}
	}
	switch {
	case a.passwords > 0: // passwordRules say it
	case len(a.accepted) > 0 || a.prompted:
		// the key or password was good, and then the door was shut: an account rule
		rd.add("pam-denied", report.Likely, scoreRule, end.line, nil).evidence = append(rd.get("pam-denied").evidence, a.reachedAt)
		rd.add("account-locked", report.Possible, scoreRule, end.line, nil)
		rd.add("session-refused", report.Possible, scoreRule-1, end.line, nil)
	case !a.verbose: // a key is tried without a word; where it is taken, an account rule shuts the door
		rd.add("pam-denied", report.Possible, scoreRule, end.line, nil)
		rd.add("auth-timeout", report.Possible, scoreRule-1, end.line, nil)
	case len(a.offered) > 5:
		rd.add("too-many-keys", report.Likely, scoreRule, end.line, nil)
	case len(a.offered) > 0:
		rd.add("publickey-rejected", report.Possible, scoreRule, end.line, nil)
		rd.add("auth-timeout", report.Possible, scoreRule-1, end.line, nil)
	default:
		rd.add("user-not-allowed", report.Possible, scoreRule, end.line, nil)
		rd.add("auth-timeout", report.Possible, scoreRule, end.line, nil)
	}
}
