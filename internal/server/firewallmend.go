package server

import (
	"fmt"
	"strings"

	"sshwhy/internal/facts"
	"sshwhy/internal/firewall"
	"sshwhy/internal/report"
	"sshwhy/internal/shquote"
)

// remedyOf gives the finding the owner's own way of letting the visitor in: as
// narrow as the question.
func (pf *packetFilter) remedyOf(f *report.Finding, c decider, a answer, v *firewall.Verdict) {
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
		if v.Chain != nil && pf.ufwLeavesIPv6(v) {
			advise(f, "Set IPV6=yes in /etc/default/ufw, then switch ufw off and on, which makes its rules for IPv6 too.",
				do("ufw disable && ufw --force enable", ""))
			return
		}
		pf.openUfw(f, source)
	case firewall.ByFirewalld:
		pf.openFirewalld(f, c.owner.Zone, source)
	case firewall.ByFail2ban, firewall.BySshguard, firewall.ByCrowdsec:
		pf.unban(f, c.owner, source)
	case firewall.ByNftables:
		pf.openNft(f, a, v, source)
	case firewall.ByIptables:
		pf.openIptables(f, v, source)
	default:
		advise(f, "The rules belong to "+c.owner.Manager+": change them there, for it writes them anew.")
	}
}

// opening is a step that makes a hole, in words and as data.
func (pf *packetFilter) opening(do, undo string, o report.Opening) report.Step {
	o.Port = pf.port
	opens := fmt.Sprintf("everyone, to port %d", pf.port)
	if o.Source != "" {
		opens = fmt.Sprintf("%s, to port %d", o.Source, pf.port)
	}
	return report.Step{Do: do, Undo: undo, Where: report.OnServer,
		Act: &report.Action{Kind: report.ActFirewall, Firewall: &o, Opens: opens}}
}

func (pf *packetFilter) openUfw(f *report.Finding, source string) {
	rule := fmt.Sprintf("allow %d/tcp", pf.port)
	if source != "" {
		rule = fmt.Sprintf("allow proto tcp from %s to any port %d", source, pf.port)
	}
	mend(f, "Allow it in ufw, before the rule that denies it.",
		pf.opening("ufw prepend "+rule, "ufw delete "+rule, report.Opening{Manager: "ufw", Source: source}))
}

func (pf *packetFilter) openFirewalld(f *report.Finding, zone, source string) {
	if pf.panicking() {
		mend(f, "End firewalld's panic mode.", report.Step{Do: "firewall-cmd --panic-off", Undo: "firewall-cmd --panic-on", Where: report.OnServer,
			Act: &report.Action{Kind: report.ActCommand, Argv: []string{"firewall-cmd", "--panic-off"}, Inverse: []string{"firewall-cmd", "--panic-on"},
				Opens: "everyone whom firewalld's zones let in"}})
		return
	}
	in := ""
	if zone != "" {
		in = " " + shquote.Word("--zone="+zone)
	}
	what := fmt.Sprintf("port=%d/tcp", pf.port)
	if pf.port == 22 {
		what = "service=ssh"
	}
	if source != "" {
		family := "ipv4"
		if strings.Contains(source, ":") {
			family = "ipv6"
		}
		what = fmt.Sprintf(`rich-rule='rule priority="-100" family="%s" source address="%s" port port="%d" protocol="tcp" accept'`, family, source, pf.port)
	}
	cmd := func(verb string) string {
		return fmt.Sprintf("firewall-cmd%s --%s-%s && firewall-cmd --permanent%s --%s-%s", in, verb, what, in, verb, what)
	}
	mend(f, "Allow it in firewalld, now and permanently.",
		pf.opening(cmd("add"), cmd("remove"), report.Opening{Manager: "firewalld", Zone: zone, Source: source}))
}

// unban lifts the ban of the visitor.
func (pf *packetFilter) unban(f *report.Finding, own firewall.Owner, source string) {
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
func (pf *packetFilter) openNft(f *report.Finding, a answer, v *firewall.Verdict, source string) {
	match := fmt.Sprintf("tcp dport %d", pf.port)
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
	file := pf.bootFile("nftables.service")
	cmd := fmt.Sprintf("nft insert rule %s%s %s accept", chainWords(v.Chain), at, match)
	mend(f, "Let it in before the rule that decides.", pf.opening(cmd, "nft delete rule "+chainWords(v.Chain)+" handle N (nft -a list chain shows N)",
		report.Opening{Manager: "nft", Source: source, Family: v.Chain.Family, Table: v.Chain.Table, Chain: v.Chain.Name, Before: before, File: file}))
}

// openIptables lets in at the head of the chain that decides.
func (pf *packetFilter) openIptables(f *report.Finding, v *firewall.Verdict, source string) {
	match := fmt.Sprintf("-p tcp -m tcp --dport %d -j ACCEPT", pf.port)
	if source != "" {
		match = "-s " + source + " " + match
	}
	name := tool(v.Chain)
	file := ""
	for _, unit := range []string{"netfilter-persistent.service", "iptables.service", "ip6tables.service"} {
		for _, x := range facts.FirewallFiles {
			six := strings.HasSuffix(x.Path, "v6") || strings.HasSuffix(x.Path, "ip6tables")
			if x.Unit == unit && six == (v.Chain.Family == "ip6") && pf.Firewall.Files[x.Path].Origin.Known() && file == "" {
				file = x.Path
			}
		}
	}
	base, chain := fmt.Sprintf("%s -t %s", name, shquote.Word(v.Chain.Table)), shquote.Word(v.Chain.Name)
	mend(f, "Let it in at the head of the chain that decides.", pf.opening(
		fmt.Sprintf("%s -I %s 1 %s", base, chain, match), fmt.Sprintf("%s -D %s %s", base, chain, match),
		report.Opening{Manager: name, Source: source, Table: v.Chain.Table, Chain: v.Chain.Name, File: file}))
}

// bootFile is the file that a unit loads at boot, where it exists.
func (pf *packetFilter) bootFile(unit string) string {
	for _, x := range facts.FirewallFiles {
		if x.Unit == unit && pf.Firewall.Files[x.Path].Origin.Known() {
			return x.Path
		}
	}
	return ""
}
