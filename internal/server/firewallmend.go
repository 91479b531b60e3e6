package server

import (
	"fmt"
	"strings"

	"sshwhy/internal/evidence"
	"sshwhy/internal/facts"
	"sshwhy/internal/firewall"
	"sshwhy/internal/report"
	"sshwhy/internal/shquote"
)

// remedyOf gives the finding the owner's own way of letting the visitor in: as
// narrow as the question.
func (w *wall) remedyOf(f *report.Finding, c culprit, a answer, v *firewall.Verdict) {
	source := ""
	if a.packet.Src.IsValid() {
		source = a.packet.Src.String()
	}
	if v.Kind == firewall.Forward || a.reply {
		advise(f, "Change the rule that is named, if it is not wanted.")
		return
	}
	switch c.owner.Manager {
	case firewall.ByUfw:
		if v.Chain != nil && w.ufwLeavesIPv6(v) {
			advise(f, "Set IPV6=yes in /etc/default/ufw, then switch ufw off and on, which makes its rules for IPv6 too.",
				do("ufw disable && ufw --force enable", ""))
			return
		}
		w.openUfw(f, source)
	case firewall.ByFirewalld:
		w.openFirewalld(f, c.owner.Zone, source)
	case firewall.ByFail2ban, firewall.BySshguard, firewall.ByCrowdsec:
		w.unban(f, c.owner, source)
	case firewall.ByNftables:
		w.openNft(f, a, v, source)
	case firewall.ByIptables:
		w.openIptables(f, v, source)
	default:
		advise(f, "The rules belong to "+c.owner.Manager+": change them there, for it writes them anew.")
	}
}

// opening is a step that makes a hole, in words and as data.
func (w *wall) opening(do, undo string, o report.Opening) report.Step {
	o.Port = w.port
	opens := fmt.Sprintf("everyone, to port %d", w.port)
	if o.Source != "" {
		opens = fmt.Sprintf("%s, to port %d", o.Source, w.port)
	}
	return report.Step{Do: do, Undo: undo, Where: report.OnServer,
		Act: &report.Action{Kind: report.ActFirewall, Firewall: &o, Opens: opens}}
}

func (w *wall) openUfw(f *report.Finding, source string) {
	rule := fmt.Sprintf("allow %d/tcp", w.port)
	if source != "" {
		rule = fmt.Sprintf("allow proto tcp from %s to any port %d", source, w.port)
	}
	mend(f, "Allow it in ufw, before the rule that denies it.",
		w.opening("ufw prepend "+rule, "ufw delete "+rule, report.Opening{Manager: "ufw", Source: source}))
}

func (w *wall) openFirewalld(f *report.Finding, zone, source string) {
	if w.panicking() {
		mend(f, "End firewalld's panic mode.", report.Step{Do: "firewall-cmd --panic-off", Undo: "firewall-cmd --panic-on", Where: report.OnServer,
			Act: &report.Action{Kind: report.ActCommand, Argv: []string{"firewall-cmd", "--panic-off"}, Inverse: []string{"firewall-cmd", "--panic-on"},
				Opens: "everyone whom firewalld's zones let in"}})
		return
	}
	in := ""
	if zone != "" {
		in = " " + shquote.Word("--zone="+zone)
	}
	what := fmt.Sprintf("port=%d/tcp", w.port)
	if w.port == 22 {
		what = "service=ssh"
	}
	if source != "" {
		family := "ipv4"
		if strings.Contains(source, ":") {
			family = "ipv6"
		}
		what = fmt.Sprintf(`rich-rule='rule priority="-100" family="%s" source address="%s" port port="%d" protocol="tcp" accept'`, family, source, w.port)
	}
	cmd := func(verb string) string {
		return fmt.Sprintf("firewall-cmd%s --%s-%s && firewall-cmd --permanent%s --%s-%s", in, verb, what, in, verb, what)
	}
	mend(f, "Allow it in firewalld, now and permanently.",
		w.opening(cmd("add"), cmd("remove"), report.Opening{Manager: "firewalld", Zone: zone, Source: source}))
}

// unban lifts the ban of the visitor.
func (w *wall) unban(f *report.Finding, own firewall.Owner, source string) {
	if source == "" {
		advise(f, "Ask "+own.Manager+" what it bans.")
		return
	}
	jail := own.Jail
	if jail == "" {
		jail = "sshd"
	}
	family := "ip"
	if strings.Contains(source, ":") {
		family = "ip6"
	}
	var s report.Step
	switch own.Manager {
	case firewall.ByFail2ban:
		s = do(fmt.Sprintf("fail2ban-client set %s unbanip %s", shquote.Operand(jail), source), fmt.Sprintf("fail2ban-client set %s banip %s", shquote.Operand(jail), source))
	case firewall.ByCrowdsec: // its bouncer asks for changes every ten seconds: too late for a fix that is proven at once
		advise(f, "Lift the ban of "+source+"; the firewall follows within some ten seconds. It comes back if the logins go on failing.",
			do("cscli decisions delete --ip "+source, "cscli decisions add --ip "+source))
		return
	default:
		s = do(fmt.Sprintf("nft delete element %s sshguard attackers '{ %s }'", family, source), fmt.Sprintf("nft add element %s sshguard attackers '{ %s }'", family, source))
	}
	s.Act = &report.Action{Kind: report.ActUnban, Tool: own.Manager, Jail: jail, Source: source, Opens: source}
	mend(f, "Lift the ban of "+source+". It comes back if the logins go on failing.", s)
}

// chainWords names a chain to nft.
func chainWords(c *firewall.Chain) string { return shquote.Join([]string{c.Family, c.Table, c.Name}) }

// openNft lets in before the rule that decides, in its chain.
func (w *wall) openNft(f *report.Finding, a answer, v *firewall.Verdict, source string) {
	match := fmt.Sprintf("tcp dport %d", w.port)
	if source != "" {
		family := "ip"
		if a.packet.Family == firewall.IPv6 {
			family = "ip6"
		}
		match = family + " saddr " + source + " " + match
	}
	at := ""
	before := 0
	if v.Rule != nil {
		before = int(v.Rule.Handle)
		at = fmt.Sprintf(" position %d", before)
	}
	file := w.bootFile("nftables.service")
	cmd := fmt.Sprintf("nft insert rule %s%s %s accept", chainWords(v.Chain), at, match)
	mend(f, "Let it in before the rule that decides.", w.opening(cmd, "nft delete rule "+chainWords(v.Chain)+" handle N (nft -a list chain shows N)",
		report.Opening{Manager: "nft", Source: source, Family: v.Chain.Family, Table: v.Chain.Table, Chain: v.Chain.Name, Before: before, File: file}))
}

// openIptables lets in at the head of the chain that decides.
func (w *wall) openIptables(f *report.Finding, v *firewall.Verdict, source string) {
	match := fmt.Sprintf("-p tcp -m tcp --dport %d -j ACCEPT", w.port)
	if source != "" {
		match = "-s " + source + " " + match
	}
	name := tool(v.Chain)
	file := ""
	for _, unit := range []string{"netfilter-persistent.service", "iptables.service", "ip6tables.service"} {
		for _, x := range facts.FirewallFiles {
			six := strings.HasSuffix(x.Path, "v6") || strings.HasSuffix(x.Path, "ip6tables")
			if x.Unit == unit && six == (v.Chain.Family == "ip6") && w.Firewall.Files[x.Path].Origin.Known() && file == "" {
				file = x.Path
			}
		}
	}
	base, chain := fmt.Sprintf("%s -t %s", name, shquote.Word(v.Chain.Table)), shquote.Word(v.Chain.Name)
	mend(f, "Let it in at the head of the chain that decides.", w.opening(
		fmt.Sprintf("%s -I %s 1 %s", base, chain, match), fmt.Sprintf("%s -D %s %s", base, chain, match),
		report.Opening{Manager: name, Source: source, Table: v.Chain.Table, Chain: v.Chain.Name, File: file}))
}

// bootFile is the file that a unit loads at boot, where it exists.
func (w *wall) bootFile(unit string) string {
	for _, x := range facts.FirewallFiles {
		if x.Unit == unit && w.Firewall.Files[x.Path].Origin.Known() {
			return x.Path
		}
	}
	return ""
}

// checkPersistent looks for an opening that the next boot or reload takes away.
func (w *wall) checkPersistent(answers []answer) {
	for _, a := range answers {
		if a.share(firewall.Accept, firewall.Limited) < mostly {
			continue
		}
		if w.lostInFirewalld(a) || w.lostInFiles(a) {
			return
		}
	}
}

// lostInFirewalld compares the running zones with the permanent ones.
func (w *wall) lostInFirewalld(a answer) bool {
	f := &w.Firewall
	if !f.FirewalldZones.Origin.Known() || !f.FirewalldPermanent.Origin.Known() {
		return false
	}
	running, permanent := firewall.Zones(f.FirewalldZones.Data), firewall.Zones(f.FirewalldPermanent.Data)
	byDefault, taken := strings.TrimSpace(string(f.FirewalldDefault.Data)), false
	for _, z := range running {
		taken = taken || z.HasInterface(a.packet.Iface)
	}
	for _, z := range running {
		if bound := z.HasInterface(a.packet.Iface); !bound && (taken || z.Name != byDefault) {
			continue
		}
		opening, line := z.Opens(w.port)
		if opening == "" {
			continue
		}
		lasts := false
		for _, p := range permanent {
			if p.Name == z.Name {
				other, _ := p.Opens(w.port)
				lasts = other != ""
			}
		}
		if lasts {
			continue
		}
		found := w.part.found("firewall-not-persistent", report.Latent,
			"firewalld's zone %s lets port %d in only until it is reloaded: %s is in its running configuration and not in the permanent one.", z.Name, w.port, opening)
		quote(found, facts.Quote{Source: f.FirewalldZones.Origin.Source, Text: line})
		change := func(verb string) string {
			return shquote.Join([]string{"firewall-cmd", "--permanent", "--zone=" + z.Name, "--" + verb + "-" + opening})
		}
		s := w.opening(change("add"), change("remove"), report.Opening{Manager: "firewalld", Zone: z.Name, PermanentOnly: true})
		s.Act.Opens = "" // they are let in already
		mend(found, "Make the opening permanent.", s)
		return true
	}
	return false
}

// lostInFiles asks the files that iptables loads at boot the same question.
func (w *wall) lostInFiles(a answer) bool {
	for _, x := range facts.FirewallFiles {
		raw := w.Firewall.Files[x.Path]
		unit := w.Firewall.Boot[x.Unit]
		six := strings.HasSuffix(x.Path, "v6") || strings.HasSuffix(x.Path, "ip6tables")
		if !raw.Origin.Known() || unit.File != "enabled" || strings.Contains(x.Path, "nftables") || six != (a.packet.Family == firewall.IPv6) {
			continue
		}
		src := firewall.Sources{Legacy4: raw.Data}
		if six {
			src = firewall.Sources{Legacy6: raw.Data}
		}
		rules, problems := firewall.Read(src)
		if len(problems) > 0 || raw.Origin.Status != evidence.Known {
			continue
		}
		later := answer{packet: a.packet}
		if a.packet.Src.IsValid() {
			later.verdicts = []firewall.Verdict{rules.Evaluate(a.packet)}
		} else {
			later.verdicts = rules.OpenFor(a.packet)
		}
		v := later.largest()
		if v == nil || later.share(firewall.Drop, firewall.Reject) < mostly {
			continue
		}
		found := w.part.found("firewall-not-persistent", report.Latent,
			"Port %d is open now, but %s, which %s loads at boot, closes it.", w.port, x.Path, x.Unit)
		excerpt := v.Chain.Head
		if v.Rule != nil {
			excerpt = "-A " + v.Chain.Name + " " + v.Rule.Save
		}
		quote(found, facts.Quote{Source: x.Path, Line: lineOf(raw.Data, excerpt), Text: excerpt})
		name := "iptables"
		if six {
			name = "ip6tables"
		}
		if x.Unit == "netfilter-persistent.service" {
			advise(found, "Save the running rules.", do("netfilter-persistent save", ""))
		} else {
			advise(found, "Save the running rules.", do(name+"-save >"+shquote.Word(x.Path), ""))
		}
		return true
	}
	return false
}

// lineOf is the line, from 1, that begins with text; 0 where there is none.
func lineOf(data []byte, text string) int {
	n := 0
	for line := range strings.Lines(string(data)) {
		n++
		if strings.HasPrefix(line, text) {
			return n
		}
	}
	return 0
}
