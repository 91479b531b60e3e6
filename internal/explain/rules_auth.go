package explain

import (
	"slices"
	"strings"

	"sshwhy/internal/report"
	"sshwhy/internal/sshlog"
)

// hostKeyRules: what a warning about the host's key means beside another fault.
func (rd *reading) hostKeyRules(a *attempt) {
	c := rd.get("host-key-unknown")
	if c == nil || c.attempt != rd.attemptOf(a.first) || !c.fromEnd {
		return
	}
	if at := rd.lineIn(a, "can't be established"); at >= 0 {
		rd.add("host-key-unknown", report.Confirmed, scoreRule, at, nil)
		if other := rd.get("host-key-changed"); other != nil && other.certainty != report.Confirmed {
			rd.drop("host-key-changed")
		}
	}
}

// changedKey adds to a changed host key where its record stands.
func (rd *reading) changedKey(a *attempt) {
	c := rd.get("host-key-changed")
	if c == nil || c.attempt != rd.attemptOf(a.first) {
		return
	}
	for _, h := range rd.hitsIn(a) {
		if strings.HasPrefix(h.Row.Pattern.Text, "Offending ") && h.Get("file") != "" {
			c.evidence = append(c.evidence, h.line)
			c.caps["file"], c.caps["line"] = h.Get("file"), h.Get("line")
		}
		if strings.Contains(h.Row.Pattern.Text, "has changed and you have requested") && c.caps["host"] == "" {
			c.caps["host"] = h.Get("host")
		}
	}
}

// keyRules look at the key files that are named.
func (rd *reading) keyRules(a *attempt) {
	n := rd.attemptOf(a.first)
	for _, id := range [...]string{"private-key-permissions", "private-key-invalid"} {
		c := rd.get(id)
		if c == nil || c.attempt != n {
			continue
		}
		file := c.caps["file"]
		if strings.HasSuffix(file, ".pub") {
			// ssh reads the .pub as if it were the private key; its mode is as it should be
			ev := rd.drop(id)
			p := rd.add("identity-is-public-key", report.Confirmed, scoreRule, ev[0], map[string]string{"file": file})
			p.evidence, p.attempt = ev, n
		}
	}
	for _, f := range a.explicit {
		if strings.HasSuffix(f, ".pub") && rd.deniedIn(n) && !rd.has("identity-is-public-key") && a.agentKeys <= 0 {
			rd.add("identity-is-public-key", report.Likely, scoreRule, a.first, map[string]string{"file": f})
		}
	}
	rd.missingKeys(a)
	if len(a.skipped) > 0 && len(a.offered) == 0 && rd.deniedIn(n) {
		at := a.skipped[0]
		rd.add("no-mutual-signature", report.Confirmed, scoreRule, at, nil)
	}
}

// missingKeys: a key file that was asked for by name and does not exist. The
// names ssh tries by itself need not exist.
func (rd *reading) missingKeys(a *attempt) {
	if len(a.accepted) > 0 || rd.has("private-key-missing") {
		return
	}
	for _, h := range rd.hitsIn(a) {
		if !strings.Contains(h.Row.Pattern.Text, "no such identity: ") || isDefaultKey(h.Get("file")) {
			continue
		}
		cert := report.Confirmed
		if len(a.offered) > 0 || rd.has("agent-refused") {
			cert = report.Likely
		}
		rd.add("private-key-missing", cert, scoreRule, h.line, map[string]string{"file": h.Get("file")})
		return
	}
}

// authRules read a refused login: what the server allows, what the client
// had, and what was asked for.
func (rd *reading) authRules(a *attempt) {
	denied := rd.saidIn(a, "Permission denied (")
	n := rd.attemptOf(a.first)
	if denied == nil {
		rd.passwordRules(a, nil)
		return
	}
	user, host := a.user, a.host
	if u, h, ok := cutLast(denied.Get("userhost"), "@"); ok {
		user, host = u, h
	}
	methods := a.methods
	if m := denied.Get("methods"); m != "" {
		methods = strings.Split(m, ",")
	}
	caps := map[string]string{"user": user, "host": host, "methods": strings.Join(methods, ",")}
	c := rd.get("publickey-rejected")
	if c == nil || c.attempt != n || !c.fromEnd {
		rd.passwordRules(a, denied)
		return
	}
	rd.drop("publickey-rejected")
	rd.refused(a, denied.line, user, host, methods, caps)
	rd.passwordRules(a, denied)
}

// refusedByPuTTYsPeer: where the server would take a key and refused this one,
// that it has no other method is no cause of its own.
func (rd *reading) refusedByPuTTYsPeer(a *attempt) {
	key, none := rd.saidIn(a, "Server refused our key"), rd.saidIn(a, "No supported authentication methods available")
	c := rd.get("publickey-rejected")
	if key != nil && none != nil && c != nil && strings.Contains(none.Get("methods"), "publickey") {
		c.evidence = append(c.evidence, rd.drop("no-auth-method")...)
	}
}

// refused ranks the reasons of "Permission denied (methods)".
func (rd *reading) refused(a *attempt, at int, user, host string, methods []string, caps map[string]string) {
	password := slices.Contains(methods, "password") || slices.Contains(methods, "keyboard-interactive")
	publickey := slices.Contains(methods, "publickey")
	hadKey := len(a.offered) > 0 || len(a.accepted) > 0
	anyKey := hadKey || len(a.explicit) > 0 || a.agentKeys > 0 || rd.readableKey(a)
	gitHost := isGitHost(host)
	put := func(cause string, cert report.Certainty, score int) *candidate {
		known := rd.get(cause) != nil // named outright: this ending takes nothing from it
		c := rd.add(cause, cert, score, at, caps)
		if !known {
			c.fromEnd = score < scoreRule || cert == report.Possible
		}
		return c
	}
	switch {
	case gitHost && user != "" && user != "git" && !strings.HasPrefix(host, "ssh.dev"):
		put("wrong-user", report.Likely, scoreRule)
	case len(a.accepted) > 0 && a.noTTY:
		put("private-key-passphrase", report.Likely, scoreRule).evidence = []int{rd.lineIn(a, "read_passphrase"), at}
	case rd.saidIn(a, "no passphrase given") != nil || rd.saidIn(a, "bad passphrase given") != nil:
		put("private-key-passphrase", report.Likely, scoreRule)
	case len(a.accepted) > 0 && a.partial:
		put("no-auth-method", report.Likely, scoreRule)
	case len(a.accepted) > 0:
		put("private-key-passphrase", report.Possible, scoreRule)
		put("agent-refused", report.Possible, scoreRule-1)
		put("pam-denied", report.Possible, scoreRule-2)
	case !publickey && !password:
		put("no-auth-method", report.Likely, scoreRule)
	case !publickey:
		if a.prompted || a.passwords > 0 || a.usesPasswd {
			put("password-rejected", report.Likely, scoreRule)
		} else if a.verbose && rd.lineIn(a, "preferred: publickey") >= 0 {
			put("pubkey-auth-disabled", report.Likely, scoreRule) // the client wanted keys and nothing else
		} else {
			put("pubkey-auth-disabled", report.Possible, scoreRule)
			put("password-rejected", report.Possible, scoreRule-1)
			put("no-auth-method", report.Possible, scoreRule-2)
		}
	case a.usesPasswd && !password:
		put("password-auth-disabled", report.Likely, scoreRule)
	case (a.passwords > 0 || a.prompted) && password:
		put("password-rejected", report.Likely, scoreEnd)
	case a.verbose && !anyKey && len(a.identities) > 0:
		noKey(user, password, gitHost, put)
	case a.verbose && !hadKey && len(a.identities) > 0:
		put("key-not-offered", report.Likely, scoreRule)
	default:
		rd.keyRefused(a, user, hadKey, password, gitHost, put)
	}
}

// readableKey reports whether a key file could be read.
func (rd *reading) readableKey(a *attempt) bool {
	for _, ok := range a.identities {
		if ok {
			return true
		}
	}
	return false
}

// noKey: the client had no key at all.
func noKey(user string, password, gitHost bool, put func(string, report.Certainty, int) *candidate) {
	switch {
	case password:
		put("no-auth-method", report.Possible, scoreEnd)
		put("key-not-offered", report.Possible, scoreEnd+1)
	case gitHost || cloudUser(user):
		put("key-not-offered", report.Likely, scoreRule)
	default:
		put("password-auth-disabled", report.Likely, scoreRule)
		put("key-not-offered", report.Likely, scoreRule-1)
	}
}

// keyRefused is the shortlist where keys were, or may have been, refused.
func (rd *reading) keyRefused(a *attempt, user string, hadKey, password, gitHost bool, put func(string, report.Certainty, int) *candidate) {
	cert := report.Likely
	if !hadKey {
		cert = report.Possible
	}
	put("publickey-rejected", cert, scoreEnd+5)
	if hadKey && len(a.offered) > 0 {
		if i := rd.lineIn(a, "Offering "); i >= 0 {
			rd.get("publickey-rejected").evidence = append(rd.get("publickey-rejected").evidence, i)
		}
	}
	if !hadKey {
		put("key-not-offered", report.Possible, scoreEnd+4)
		if !password && !gitHost && !cloudUser(user) {
			put("password-auth-disabled", report.Possible, scoreEnd+2)
		}
	}
	if !gitHost {
		put("wrong-user", report.Possible, scoreEnd+1)
		if !password || hadKey {
			put("authorized-keys-permissions", report.Possible, scoreEnd)
		}
		if user == "root" {
			put("root-login-disabled", report.Possible, scoreEnd+3)
		}
	}
}

// passwordRules read prompts and refusals of passwords.
func (rd *reading) passwordRules(a *attempt, denied *hit) {
	if a.passwords == 0 {
		return
	}
	at := rd.lineIn(a, "Permission denied, please try again")
	user := a.user
	if h := rd.saidIn(a, "'s password:"); h != nil {
		if u, _, ok := cutLast(h.Get("userhost"), "@"); ok {
			user = strings.TrimPrefix(u, "(")
		}
	}
	if denied != nil {
		if u, _, ok := cutLast(denied.Get("userhost"), "@"); ok {
			user = u
		}
	}
	caps := map[string]string{"user": user}
	if user == "root" && !rd.has("root-login-disabled") && !rd.serverSpoke() {
		// sshd's default is prohibit-password: root's password is refused even where it is right
		rd.add("root-login-disabled", report.Likely, scoreRule+1, at, caps)
		c := rd.add("password-rejected", report.Likely, scoreRule, at, caps)
		c.fromEnd = false
		return
	}
	rd.add("password-rejected", report.Likely, scoreRule, at, caps)
}

// serverSpoke reports whether the text holds lines of the server's log.
func (rd *reading) serverSpoke() bool {
	return slices.ContainsFunc(rd.lines, func(l line) bool { return strings.HasPrefix(l.prog, "sshd") })
}

// isGitHost reports whether a host is one where everyone logs in as git.
func isGitHost(host string) bool {
	for _, h := range [...]string{"github.com", "gitlab.com", "bitbucket.org", "codeberg.org", "ssh.github.com", "altssh.gitlab.com", "git.sr.ht", "ssh.dev.azure.com", "vs-ssh.visualstudio.com"} {
		if host == h {
			return true
		}
	}
	return false
}

// cloudUser reports whether a login name is the one of a cloud image, where
// nobody has a password.
func cloudUser(user string) bool {
	return slices.Contains([]string{"git", "ec2-user", "ubuntu", "admin", "debian", "centos", "fedora", "rocky", "almalinux", "opc", "core", "cloud-user", "azureuser", "bitnami"}, user)
}

// proxyRules: with a jump host or a ProxyCommand two programs share the text,
// and what failed first is what matters.
func (rd *reading) proxyRules(a *attempt) {
	n := rd.attemptOf(a.first)
	if rd.saidIn(a, "UNKNOWN port 65535") == nil && rd.saidIn(a, "stdio forwarding failed") == nil {
		// up to 9.4 the outer ssh says only that its peer, the inner one, has gone
		closed := rd.saidIn(a, "exchange_identification: Connection closed")
		if closed == nil || !rd.connectFailed(n, closed.line) {
			return
		}
		rd.add("jump-host-failed", report.Likely, scoreRule, closed.line, nil)
	}
	if h := rd.saidIn(a, "Connection to UNKNOWN port 65535: invalid format"); h != nil {
		rd.drop("not-ssh")
	}
	inner := false
	for _, c := range rd.cands {
		if c.attempt == n && !c.fromEnd && c.impact == report.Blocking && c.cause != "jump-host-failed" {
			inner = true
		}
	}
	if at := rd.foreignWords(a); !inner && at >= 0 {
		rd.add("proxy-command-failed", report.Likely, scoreRule, at, nil).fromEnd = false
	}
	for _, id := range [...]string{"closed-before-banner", "closed-during-kex"} {
		if c := rd.get(id); c != nil && c.attempt == n && c.fromEnd {
			rd.drop(id)
		}
	}
	if rd.has("proxy-command-failed") && !rd.get("proxy-command-failed").fromEnd {
		rd.drop("jump-host-failed")
		return
	}
	if inner {
		if c := rd.get("jump-host-failed"); c != nil {
			c.certainty, c.score = report.Likely, scoreRule
			c.fromEnd = false
		}
		rd.drop("proxy-command-failed")
	}
}

// foreignWords finds a line that stands before a proxy's end and is no message
// that is known: the words of the ProxyCommand's own program. -1 where there is none.
func (rd *reading) foreignWords(a *attempt) int {
	end := rd.lineIn(a, "UNKNOWN port 65535")
	if end < 0 {
		return -1
	}
	for i := end - 1; i >= max(a.first, end-4); i-- {
		l := &rd.lines[i]
		if l.command != "" {
			return -1
		}
		known := slices.ContainsFunc(rd.hitsIn(a), func(h *hit) bool { return h.line == i && h.Row.Table != sshlog.Generic })
		if l.debug == 0 && strings.Contains(l.text, " ") && !known && !isVersionLine(l) {
			return i
		}
	}
	return -1
}

// connectFailed reports whether an attempt's connection failed for good, on a
// line before at.
func (rd *reading) connectFailed(attempt, at int) bool {
	for _, c := range rd.cands {
		if c.attempt != attempt || len(c.evidence) == 0 || c.evidence[0] >= at {
			continue
		}
		switch c.cause {
		case "name-not-found", "name-server-unreachable", "connection-refused", "connection-timed-out", "host-unreachable", "no-route":
			return true
		}
	}
	return false
}
