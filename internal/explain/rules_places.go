package explain

import (
	"maps"
	"slices"
	"strings"

	"sshwhy/internal/report"
	"sshwhy/internal/sshlog"
)

// One cause that two places of a text show together: an upgrade beside a reset, two
// scans of one host, what a proxy printed beside the end of the connection through it.

// upgradeBeside: while the package of the server is replaced, its old process cannot
// start the new helper programs, and every connection ends at once (sshd.c, rexec;
// OpenSSH 9.8 and 10.0 split the program).
func (rd *reading) upgradeBeside() {
	c := rd.closedCandidate()
	if c == nil || rd.has("upgrade-unfinished") {
		return
	}
	tried := 0
	for i := range rd.lines {
		if rd.lines[i].piece != said || !upgrades(rd.lines[i].text) {
			continue
		}
		if tried++; tried > maxKept {
			return
		}
		if !rd.samePrompt(i, c.where()) {
			u := rd.add("upgrade-unfinished", report.Likely, scoreRule+1, i, nil)
			u.evidence, u.attempt = append(u.evidence, c.evidence...), c.attempt
			return
		}
	}
}

// samePrompt reports whether two lines stand below the same shell's prompt: then the
// package that was replaced is that of the machine which connected, not of the other.
func (rd *reading) samePrompt(a, b int) bool {
	first, second := rd.promptAbove(a), rd.promptAbove(b)
	return first != "" && first == second
}

// promptAbove is the prompt of the command that a line is the output of, "" where none is shown.
func (rd *reading) promptAbove(at int) string {
	for i := at; i >= 0; i-- {
		if l := &rd.lines[i]; l.command != "" {
			return strings.TrimSpace(strings.TrimSuffix(l.text, l.command))
		}
	}
	return ""
}

// closedCandidate is the end of a connection before a login, nil where there is none.
func (rd *reading) closedCandidate() *candidate {
	for _, id := range [...]string{"closed-before-banner", "closed-during-kex"} {
		if c := rd.get(id); c != nil {
			return c
		}
	}
	return nil
}

// upgrades reports whether a package manager says that it replaces the server's
// package: dpkg ("Unpacking … over …"), rpm and dnf ("Upgrading", "Upgraded:"), apk, pacman, zypper.
func upgrades(s string) bool {
	if !strings.Contains(s, "openssh") {
		return false
	}
	switch {
	case strings.HasPrefix(s, "Unpacking openssh-server"), strings.HasPrefix(s, "Unpacking openssh-sftp"):
		return strings.Contains(s, " over (")
	case strings.HasPrefix(s, "Preparing to unpack ") && strings.Contains(s, "openssh-server_"):
		return true
	case strings.HasPrefix(s, "Upgrading "), strings.HasPrefix(s, "upgrading openssh"), strings.HasPrefix(s, "Upgraded: openssh"), strings.HasPrefix(s, "Upgrade openssh"), strings.Contains(s, "Upgrading openssh"):
		return true
	}
	return false
}

// A scan is one output of nmap: its ports and their states.
type scan struct {
	v6    bool
	ports map[string]scanned
}

type scanned struct {
	state string
	line  int
}

// scans compares two scans of one host: where a port is open in one family of
// addresses and not in the other, that is the cause for those who use the other.
func (rd *reading) scans() {
	var all []scan
	for i := range rd.lines {
		l := &rd.lines[i]
		if strings.HasPrefix(l.command, "nmap ") {
			all = append(all, scan{strings.Contains(l.command+" ", " -6 "), map[string]scanned{}})
			continue
		}
		f := strings.Fields(l.text)
		if len(all) > 0 && len(f) >= 2 && strings.HasSuffix(f[0], "/tcp") {
			all[len(all)-1].ports[f[0]] = scanned{f[1], i}
		}
	}
	for i := range all {
		for k := range all {
			if all[i].v6 || !all[k].v6 {
				continue
			}
			for _, port := range slices.Sorted(maps.Keys(all[i].ports)) {
				four := all[i].ports[port]
				six, both := all[k].ports[port]
				if !both || (four.state == "open") == (six.state == "open") || port == "80/tcp" || port == "443/tcp" { // no port of SSH
					continue
				}
				rd.drop("connection-timed-out")
				rd.drop("connection-refused")
				rd.add("address-family-mismatch", report.Likely, scoreRule, four.line, map[string]string{"port": strings.TrimSuffix(port, "/tcp")}).evidence = []int{four.line, six.line}
				return
			}
		}
	}
}

// proxyPrinted: a connection through a program ends, and what came in place of a
// greeting is an answer of another protocol: the program's own words.
func (rd *reading) proxyPrinted() {
	end := rd.find("UNKNOWN port 65535")
	if end < 0 {
		return
	}
	for i := range rd.hits {
		h := &rd.hits[i]
		foreign := h.Row.Kind == sshlog.Hint || len(h.Row.Causes) > 0 && h.Row.Causes[0].Cause == "not-ssh" // no SSH server says it
		if !strings.Contains(h.Row.Pattern.Text, "banner line") || h.line > end || !foreign {
			continue
		}
		for _, id := range [...]string{"corrupted-mac", "jump-host-failed", "not-ssh", "closed-during-kex", "closed-before-banner"} {
			rd.drop(id)
		}
		p := rd.add("proxy-command-failed", report.Likely, scoreRule, h.line, nil)
		p.evidence, p.fromEnd = append(p.evidence, end), false
		return
	}
}
