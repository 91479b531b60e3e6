package explain

import (
	"net/netip"
	"slices"
	"strings"

	"sshwhy/internal/firewall"
	"sshwhy/internal/report"
)

// ufwWall writes what ufw status lists as the chains ufw makes (ufw-framework(8)):
// the first rule that matches decides, then the default for incoming connections,
// which is to deny unless it was changed.
func (rd *reading) ufwWall() *wall {
	u := &rd.tools.ufw
	if u.active < 0 || !u.listed && u.deflt < 0 {
		return nil
	}
	v6 := rd.family() == firewall.IPv6
	policy := "DROP"
	if u.policy == "allow" {
		policy = "ACCEPT"
	}
	w := &wall{head: u.active, surest: report.Confirmed}
	if u.deflt >= 0 {
		w.head = u.deflt
	} else {
		w.surest = report.Likely // the default is not shown
	}
	if !u.listed { // without a list of rules, only what the text shows beside it tells
		if !rd.has("connection-timed-out", "connection-refused") {
			return nil
		}
		w.surest = report.Likely
	}
	put := func(line int, texts ...string) {
		for _, t := range texts {
			w.save = append(w.save, firewall.SaveLine{Text: t, Line: line})
		}
	}
	put(-1, "*filter")
	put(w.head, ":INPUT "+policy+" [0:0]")
	put(-1, ":ufw-before-input - [0:0]", ":ufw-user-input - [0:0]", ":ufw-user-limit - [0:0]",
		"-A INPUT -j ufw-before-input", "-A INPUT -j ufw-user-input",
		"-A ufw-before-input -i lo -j ACCEPT", "-A ufw-before-input -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
		"-A ufw-user-limit -j REJECT")
	for _, r := range u.rules {
		opts, ok := ufwOptions(r, v6)
		if !ok {
			continue
		}
		if slices.ContainsFunc(strings.Fields(r.to), func(word string) bool { return ufwNames(word, rd.askedPort()) }) {
			w.also = append(w.also, r.line)
		}
		rule := "-A ufw-user-input" + opts
		switch verb, _, _ := strings.Cut(r.action, " "); verb {
		case "ALLOW":
			put(r.line, rule+" -j ACCEPT")
		case "DENY":
			put(r.line, rule+" -j DROP")
		case "REJECT":
			put(r.line, rule+" -j REJECT")
		case "LIMIT":
			put(r.line, rule+" -m recent --update --seconds 30 --hitcount 6 --name DEFAULT --mask 255.255.255.255 --rsource -j ufw-user-limit", rule+" -j ACCEPT")
		}
	}
	put(-1, "COMMIT")
	w.sources = legacy(w.save, rd.family())
	return w
}

// ufwApps are the ports of the application profiles that come with ufw and its
// usual companions (/etc/ufw/applications.d). An application that is not known
// has other ports than SSH's, unless its name says otherwise.
func ufwApp(name string) string {
	low := strings.ToLower(name)
	switch {
	case low == "openssh", low == "ssh", strings.Contains(low, "ssh"):
		return "22"
	}
	return ""
}

// ufwNames reports whether a word of the column To names the port.
func ufwNames(word string, port int) bool {
	spec, proto, _ := strings.Cut(word, "/")
	if app := ufwApp(word); app != "" {
		spec = app
	}
	return proto != "udp" && slices.Contains(strings.Split(spec, ","), itoa(port))
}

// ufwOptions writes a rule's columns To and From as options of iptables. It
// reports false for a rule that is about something else: outgoing or routed
// connections, UDP, the other address family, an application.
func ufwOptions(r ufwRule, v6 bool) (string, bool) {
	if strings.HasSuffix(r.action, "OUT") || strings.HasSuffix(r.action, "FWD") {
		return "", false
	}
	from, _, _ := strings.Cut(r.from, " #")
	isV6 := strings.Contains(r.to, "(v6)") || strings.Contains(from, "(v6)")
	clean := strings.NewReplacer("(v6)", "", "(log)", "", "(log-all)", "", "(out)", "")
	to, iface, _ := strings.Cut(clean.Replace(r.to), " on ")
	from = strings.TrimSpace(clean.Replace(from))
	opts := ""
	if iface = strings.TrimSpace(iface); iface != "" {
		opts += " -i " + iface
	}
	toAddr, toPort, ok := ufwEnd(strings.TrimSpace(to))
	fromAddr, fromPort, ok2 := ufwEnd(from)
	if !ok || !ok2 {
		return "", false
	}
	for _, a := range [...]string{toAddr, fromAddr} {
		if a != "" {
			isV6 = strings.Contains(a, ":")
		}
	}
	if isV6 != v6 {
		return "", false
	}
	if fromAddr != "" {
		opts += " -s " + fromAddr
	}
	if toAddr != "" {
		opts += " -d " + toAddr
	}
	if toPort != "" || fromPort != "" {
		opts += " -p tcp"
	}
	for _, x := range [...][2]string{{"dports", toPort}, {"sports", fromPort}} {
		if x[1] != "" {
			opts += " -m multiport --" + x[0] + " " + x[1]
		}
	}
	return opts, true
}

// ufwEnd reads "Anywhere", "22/tcp", "192.0.2.0/24 22,80/tcp" or an application's
// name.
func ufwEnd(s string) (addr, ports string, ok bool) {
	if s == "Anywhere" || s == "" {
		return "", "", true
	}
	if app := ufwApp(s); app != "" {
		return "", app, true
	}
	for _, word := range strings.Fields(s) {
		if word == "Anywhere" {
			continue
		}
		if _, err := netip.ParsePrefix(word); err == nil {
			addr = word
			continue
		}
		if _, err := netip.ParseAddr(word); err == nil {
			addr = word
			continue
		}
		spec, proto, _ := strings.Cut(word, "/")
		if proto == "tcp" && spec == "" || word == "tcp" {
			continue
		}
		if proto != "" && proto != "tcp" || strings.Trim(spec, "0123456789,:") != "" || spec == "" {
			return "", "", false
		}
		ports = spec
	}
	return addr, ports, true
}

// firewalldWall writes the zone that a visitor falls into as the chain that
// firewalld makes of it: rules that deny go before those that allow, then the
// zone's target decides (firewalld.zone(5), firewalld.richlanguage(5)).
func (rd *reading) firewalldWall() *wall {
	z := rd.visitorsZone()
	if z == nil {
		return nil
	}
	w := &wall{head: z.line, surest: report.Likely}
	put := func(line int, text string) { w.save = append(w.save, firewall.SaveLine{Text: text, Line: line}) }
	chain := "IN_zone"
	if z.name != "" && !strings.ContainsAny(z.name, " \t\"'\\") {
		chain = "IN_" + z.name
	}
	for _, text := range []string{"*filter", ":INPUT ACCEPT [0:0]", ":INPUT_ZONES - [0:0]", ":" + chain + " - [0:0]",
		"-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT", "-A INPUT -i lo -j ACCEPT", "-A INPUT -j " + chain} {
		put(-1, text)
	}
	for _, denies := range [...]bool{true, false} {
		for _, i := range z.rich {
			if rule, deny, ok := richRule(rd.lines[i].text); ok && deny == denies {
				put(i, "-A "+chain+rule)
			}
		}
	}
	for _, s := range strings.Fields(z.services) {
		if s == "ssh" || strings.Contains(s, "ssh") && s != "ssh-custom" {
			put(z.line, "-A "+chain+" -p tcp -m tcp --dport 22 -j ACCEPT")
		}
	}
	for _, p := range strings.Fields(z.ports) {
		if spec, proto, _ := strings.Cut(p, "/"); proto == "tcp" {
			put(z.line, "-A "+chain+" -p tcp -m tcp --dport "+strings.ReplaceAll(spec, "-", ":")+" -j ACCEPT")
		}
	}
	target := map[string]string{"ACCEPT": "ACCEPT", "DROP": "DROP"}[strings.Trim(z.target, "%")]
	if target == "" {
		target = "REJECT --reject-with icmp-host-prohibited"
	}
	put(z.line, "-A INPUT -j "+target)
	put(-1, "COMMIT")
	w.sources = legacy(w.save, rd.family())
	return w
}

// visitorsZone is the zone of a visitor nobody made a rule of: an active one
// with an interface, or the only one that is shown.
func (rd *reading) visitorsZone() *firewalldZone {
	var only *firewalldZone
	for i := range rd.tools.zones {
		z := &rd.tools.zones[i]
		if z.line < 0 {
			continue
		}
		if z.ifaces != "" {
			return z
		}
		if only == nil {
			only = z
		}
	}
	return only
}

// richRule writes one rich rule as options; ok is false where it is about
// something else than TCP connections.
func richRule(s string) (rule string, deny, ok bool) {
	value := func(after, key string) string {
		_, rest, found := strings.Cut(s, after)
		if !found {
			return ""
		}
		_, v, found := strings.Cut(rest, key+`="`)
		v, _, closed := strings.Cut(v, `"`)
		if !found || !closed || strings.ContainsAny(v, " \\") {
			return ""
		}
		return v
	}
	if a := value("source ", "address"); a != "" {
		rule += " -s " + a
	} else if strings.Contains(s, "source ") {
		return "", false, false
	}
	switch {
	case value("service ", "name") == "ssh":
		rule += " -p tcp -m tcp --dport 22"
	case strings.Contains(s, " service "):
		return "", false, false
	case value("port ", "port") != "":
		if value("port ", "protocol") != "tcp" {
			return "", false, false
		}
		rule += " -p tcp -m tcp --dport " + strings.ReplaceAll(value("port ", "port"), "-", ":")
	case strings.Contains(s, "protocol ") || strings.Contains(s, "icmp") || strings.Contains(s, "forward-port"):
		return "", false, false
	}
	if strings.Contains(s, " limit ") {
		rule += " -m limit --limit 3/min"
	}
	switch {
	case strings.HasSuffix(s, " accept"):
		return rule + " -j ACCEPT", false, true
	case strings.HasSuffix(s, " drop"):
		return rule + " -j DROP", true, true
	case strings.Contains(s, " reject"):
		return rule + " -j REJECT", true, true
	}
	return "", false, false
}
