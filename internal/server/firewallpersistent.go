package server

import (
	"strings"

	"sshwhy/internal/evidence"
	"sshwhy/internal/facts"
	"sshwhy/internal/firewall"
	"sshwhy/internal/report"
	"sshwhy/internal/shquote"
)

// checkPersistent looks for an opening that the next boot or reload takes away.
func (pf *packetFilter) checkPersistent(answers []answer) {
	for _, a := range answers {
		if a.share(firewall.Accept, firewall.Limited) < mostly {
			continue
		}
		if pf.lostInFirewalld(a) || pf.lostInFiles(a) {
			return
		}
	}
}

// lostInFirewalld compares the running zones with the permanent ones.
func (pf *packetFilter) lostInFirewalld(a answer) bool {
	f := &pf.Firewall
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
		opening, line := z.Opens(pf.port)
		if opening == "" {
			continue
		}
		lasts := false
		for _, p := range permanent {
			if p.Name == z.Name {
				other, _ := p.Opens(pf.port)
				lasts = other != ""
			}
		}
		if lasts {
			continue
		}
		found := pf.part.found("firewall-not-persistent", report.Latent,
			"firewalld's zone %s lets port %d in only until it is reloaded: %s is in its running configuration and not in the permanent one.", z.Name, pf.port, opening)
		quote(found, facts.Quote{Source: f.FirewalldZones.Origin.Source, Text: line})
		change := func(verb string) string {
			return shquote.Join([]string{"firewall-cmd", "--permanent", "--zone=" + z.Name, "--" + verb + "-" + opening})
		}
		s := pf.opening(change("add"), change("remove"), report.Opening{Manager: "firewalld", Zone: z.Name, PermanentOnly: true})
		s.Act.Opens = "" // they are let in already
		mend(found, "Make the opening permanent.", s)
		return true
	}
	return false
}

// lostInFiles asks the files that iptables loads at boot the same question.
func (pf *packetFilter) lostInFiles(a answer) bool {
	for _, x := range facts.FirewallFiles {
		raw := pf.Firewall.Files[x.Path]
		unit := pf.Firewall.Boot[x.Unit]
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
		found := pf.part.found("firewall-not-persistent", report.Latent,
			"Port %d is open now, but %s, which %s loads at boot, closes it.", pf.port, x.Path, x.Unit)
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
