package server

import (
	"fmt"
	"slices"
	"strings"

	"sshwhy/internal/facts"
	"sshwhy/internal/firewall"
	"sshwhy/internal/report"
	"sshwhy/internal/shquote"
)

// Bans: which program turned the visitor away, since when and until when, by its
// own word beside the rule that it put into the firewall or into hosts.deny.

// explainBan adds to a finding about a rule what the program that made it says
// of the ban. A rule whose program knows of no such ban was left behind.
func (pf *packetFilter) explainBan(f *report.Finding, own firewall.Owner, v *firewall.Verdict) {
	said := false
	for _, b := range pf.Bans.Bans {
		if b.Tool != own.Manager || own.Jail != "" && b.Jail != own.Jail {
			continue
		}
		if !said {
			f.Summary += banTimes(b)
		}
		said = true
		quote(f, b.Quote...)
		if b.Tool == firewall.BySshguard && b.Ever && pf.Bans.Blacklist != "" {
			pf.offBlacklist(f)
		}
	}
	if own.Manager != firewall.ByFail2ban || said {
		return
	}
	switch o := pf.Bans.Fail2ban; {
	case absent(o):
		f.Summary += " fail2ban does not run any more: its rule was left behind, and nothing will ever lift it."
		quote(f, facts.Quote{Source: "stat " + o.Source, Text: "No such file or directory"})
	case o.Known():
		f.Summary += " fail2ban itself knows of no such ban: its rule was left behind, and nothing will ever lift it."
		quote(f, facts.Quote{Source: o.Source, Text: "[[]]"})
	default:
		return
	}
	pf.removeLeftBan(f, v)
}

// banTimes says since when a ban stands and when it ends, as far as its program says.
func banTimes(b facts.Ban) string {
	s := ""
	if b.Since != "" {
		s = " Banned since " + b.Since
	}
	switch {
	case b.Ever:
		return strings.TrimSpace(s) + ", for good."
	case s != "" && b.Until != "":
		return s + ", until " + b.Until + "."
	case s != "":
		return s + "."
	}
	return ""
}

// offBlacklist: sshguard reads its blacklist again at each start.
func (pf *packetFilter) offBlacklist(f *report.Finding) {
	file := shquote.Word(pf.Bans.Blacklist)
	f.Remedy.Steps = append(f.Remedy.Steps, do(fmt.Sprintf(`sed -i '\#|%s\(/[0-9]*\)\?$#d' %s`, pf.q.Client.Unmap().WithZone(""), file), ""))
	f.Remedy.Summary += " The address is on sshguard's blacklist, too: take it out there, or it is banned again when sshguard starts."
}

// removeLeftBan takes a rule away that was left behind, or the address out of the
// set that it looks into.
func (pf *packetFilter) removeLeftBan(f *report.Finding, v *firewall.Verdict) {
	source := pf.q.Client.Unmap().WithZone("").String()
	var off, on []string
	if v.Rule != nil && v.Chain.Backend == firewall.Nftables && v.Rule.Save == "" {
		if _, set, ok := strings.Cut(v.Rule.Text, "@"); ok {
			set, _, _ = strings.Cut(set, " ")
			off = []string{"nft", "delete", "element", v.Chain.Family, v.Chain.Table, set, "{ " + source + " }"}
			on = append([]string{"nft", "add"}, off[2:]...)
		}
	} else if v.Rule != nil && v.Rule.Save != "" && !strings.ContainsAny(v.Rule.Save, `"'\\`) {
		match := strings.Fields(v.Rule.Save)
		off = append([]string{tool(v.Chain), "-D", v.Chain.Name}, match...)
		on = append([]string{tool(v.Chain), "-I", v.Chain.Name}, match...)
	}
	if off == nil {
		advise(f, "Delete the rule, or start fail2ban, which removes its old rules, and lift the ban there.")
		return
	}
	s := do(shquote.Join(off), shquote.Join(on))
	s.Act = &report.Action{Kind: report.ActCommand, Argv: off, Inverse: on, Opens: source}
	mend(f, "Take the rule for "+source+" away.", s)
}

// bannedByFile: where a program wrote the rule of hosts.deny, the finding becomes
// one of a ban, to be lifted where that program keeps it.
func (v *view) bannedByFile(f *report.Finding, rule facts.HostsRule) {
	client := v.q.Client.Unmap().WithZone("")
	if !client.IsValid() || !slices.Contains(rule.Clients, client.String()) && !slices.Contains(rule.Clients, "["+client.String()+"]") {
		return
	}
	if b, ok := v.Wrappers.ByDenyHosts(rule); ok {
		f.Cause = "client-banned"
		f.Summary = fmt.Sprintf("DenyHosts banned %s: %s line %d shuts it out of SSH.%s", client, rule.Quote.Source, rule.Quote.Line, banTimes(b))
		quote(f, b.Quote...)
		sed := fmt.Sprintf(`sed -i '\#\(^\|[^0-9.]\)%s\($\|[^0-9.]\)#d' /etc/hosts.deny`, strings.ReplaceAll(client.String(), ".", `\.`))
		if v.Bans.DenyHosts {
			sed += " /var/lib/denyhosts/hosts*"
		}
		advise(f, "Take the address out of hosts.deny and of DenyHosts' own lists, while DenyHosts does not run: it would write it back.",
			do(v.toolCommand("stop", "denyhosts"), v.toolCommand("start", "denyhosts")), do(sed, ""), do(v.toolCommand("start", "denyhosts"), ""))
		return
	}
	for _, b := range v.Bans.Bans { // fail2ban's action "hostsdeny"
		if b.Tool == firewall.ByFail2ban {
			f.Cause = "client-banned"
			f.Summary = fmt.Sprintf("The fail2ban jail %s banned %s: %s line %d shuts it out of SSH.%s", b.Jail, client, rule.Quote.Source, rule.Quote.Line, banTimes(b))
			quote(f, b.Quote...)
			lift := do(fmt.Sprintf("fail2ban-client set %s unbanip %s", shquote.Operand(b.Jail), client), fmt.Sprintf("fail2ban-client set %s banip %s", shquote.Operand(b.Jail), client))
			lift.Act = &report.Action{Kind: report.ActUnban, Tool: b.Tool, Jail: b.Jail, Source: client.String(), Opens: client.String()}
			mend(f, "Lift the ban: fail2ban takes the line out itself.", lift)
			return
		}
	}
}

// toolCommand is how a service other than SSH's is started and stopped here.
func (v *view) toolCommand(verb, name string) string {
	switch v.System.Init {
	case facts.InitSystemd:
		return "systemctl " + verb + " " + name
	case facts.InitOpenRC:
		return "rc-service " + name + " " + verb
	}
	return "service " + name + " " + verb
}
