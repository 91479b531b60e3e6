package server

import (
	"fmt"
	"strings"

	"sshwhy/internal/facts"
	"sshwhy/internal/firewall"
	"sshwhy/internal/report"
)

// decider is what stops the packets, in the words of the program that owns it.
type decider struct {
	cause string
	name  string // "ufw rule 3 (deny 22/tcp)"
	owner firewall.Owner
}

// deciderOf finds the owner of what decided, and the rule as that owner calls it.
func (pf *packetFilter) deciderOf(v *firewall.Verdict) decider {
	own := pf.rules.OwnerOf(&v.Outcome)
	c := decider{owner: own, cause: own.Cause(v.Chain)}
	where := "policy " + v.Kind.String() + " of chain " + chainName(v.Chain)
	if v.Rule != nil {
		where = "rule " + ruleName(v.Rule) + " in chain " + chainName(v.Chain)
	}
	switch own.Manager {
	case firewall.ByUfw:
		c.name = pf.ufwName(v)
	case firewall.ByFirewalld:
		if own.Zone == "" {
			c.owner.Zone = firewall.ZoneOf(v.Trace)
		}
		c.name = "firewalld"
		if c.owner.Zone != "" {
			c.name = "firewalld's zone " + c.owner.Zone
		}
		if pf.panicking() {
			c.name = "firewalld's panic mode"
		}
	case firewall.ByFail2ban, firewall.BySshguard, firewall.ByCrowdsec:
		c.name = own.Manager
		if own.Manager == firewall.ByCrowdsec {
			c.name = "CrowdSec"
		}
		if own.Jail != "" {
			c.name = "the fail2ban jail " + own.Jail
		}
	case firewall.ByIptables:
		c.name = "The " + where
		if pf.ufwLeavesIPv6(v) {
			c.name = "ufw, which is told not to handle IPv6 and so closes it,"
			c.owner.Manager = firewall.ByUfw
			c.cause = c.owner.Cause(v.Chain)
		}
	case firewall.ByNftables:
		c.name = "The " + where
	default: // docker, libvirt, kubernetes
		c.name = "The " + where + ", which is " + own.Manager + "'s,"
	}
	return c
}

// ufwLeavesIPv6 reports whether the policy that decides is the one by which ufw
// closes IPv6 where IPV6=no stands in /etc/default/ufw (ufw-init-functions).
func (pf *packetFilter) ufwLeavesIPv6(v *firewall.Verdict) bool {
	conf := firewall.ReadUfwConf(pf.Firewall.UfwConf.Data, pf.Firewall.UfwDefaults.Data)
	return v.Rule == nil && v.Chain.Family == "ip6" && pf.Firewall.UfwConf.Origin.Known() && conf.Enabled && !conf.IPv6
}

func chainName(c *firewall.Chain) string {
	if c == nil {
		return "?"
	}
	if c.Backend == firewall.Nftables {
		return c.Title()
	}
	return c.Name + " (table " + c.Table + ", " + tool(c) + ")"
}

// tool is the command that shows and changes an iptables chain.
func tool(c *firewall.Chain) string {
	name := "iptables"
	if c.Family == "ip6" {
		name = "ip6tables"
	}
	if c.Backend == firewall.Legacy {
		return name + "-legacy"
	}
	return name + "-nft"
}

func ruleName(r *firewall.Rule) string { return fmt.Sprintf("%d (%s)", r.Number, r.Text) }

// ufwName is the rule of ufw that decided, or its default.
func (pf *packetFilter) ufwName(v *firewall.Verdict) string {
	if t, ok := pf.ufwTuple(v); ok {
		return t.Title()
	}
	if v.Rule == nil {
		return firewall.UfwDefault(v.Kind)
	}
	if strings.Contains(v.Chain.Name, "reject-input") {
		return firewall.UfwDefault(firewall.Reject)
	}
	return "ufw (chain " + v.Chain.Name + ")"
}

// ufwTuple is the rule given to ufw by which the packet was decided.
func (pf *packetFilter) ufwTuple(v *firewall.Verdict) (firewall.UfwTuple, bool) {
	trace := v.Trace
	if len(trace) == 0 && v.Chain != nil {
		trace = []firewall.Event{{Chain: v.Chain, Rule: v.Rule}}
	}
	n, v6, ok := firewall.UfwRule(trace)
	if !ok || v.Rule == nil || !strings.Contains(v.Chain.Name, "-user-") {
		return firewall.UfwTuple{}, false
	}
	return firewall.UfwTupleAt(firewall.UfwTuples(pf.Firewall.UfwUser4.Data, pf.Firewall.UfwUser6.Data), n, v6)
}

func (pf *packetFilter) panicking() bool {
	return strings.TrimSpace(string(pf.Firewall.FirewalldPanic.Data)) == "yes"
}

// stopped reports what does not get through.
func (pf *packetFilter) stopped(a answer, v *firewall.Verdict, impact report.Impact) {
	c := pf.deciderOf(v)
	if v.Kind == firewall.Forward && pf.published(v, c, impact) {
		return
	}
	if merged := pf.merge(c, a, v, impact); merged {
		return
	}
	f := pf.part.found(c.cause, impact, "%s", upper(c.name)+" "+pf.effect(a, v))
	pf.evidenceOf(f, v)
	pf.remedyOf(f, c, a, v)
	if c.cause == "client-banned" && a.packet.Src.IsValid() {
		pf.explainBan(f, c.owner, v)
	}
}

// merge adds a second family to a finding of the same cause and words.
func (pf *packetFilter) merge(c decider, a answer, v *firewall.Verdict, impact report.Impact) bool {
	for i := range pf.part.findings {
		f := &pf.part.findings[i]
		if f.Cause != c.cause || f.Impact != impact || impact != report.Blocking {
			continue
		}
		f.Summary = strings.Replace(f.Summary, " new IPv4 connections", " new connections", 1)
		pf.evidenceOf(f, v)
		if c.cause == "firewall-nftables" || c.cause == "firewall-iptables" {
			before := f.Remedy
			pf.remedyOf(f, c, a, v)
			if before != nil {
				for _, s := range f.Remedy.Steps {
					if !hasStep(before.Steps, s) {
						before.Steps = append(before.Steps, s)
					}
				}
				f.Remedy = before
			}
		}
		return true
	}
	return false
}

func hasStep(steps []report.Step, s report.Step) bool {
	for _, t := range steps {
		if t.Do == s.Do {
			return true
		}
	}
	return false
}

// effect says what becomes of the connections, and what ssh then says.
func (pf *packetFilter) effect(a answer, v *firewall.Verdict) string {
	family := "IPv4"
	if a.packet.Family == firewall.IPv6 {
		family = "IPv6"
	}
	whose := fmt.Sprintf("new %s connections to port %d", family, pf.port)
	if a.packet.Src.IsValid() {
		whose = fmt.Sprintf("new connections from %s to port %d", a.packet.Src, pf.port)
	}
	if a.reply {
		whose = fmt.Sprintf("this machine's answers to %s from port %d", a.packet.Src, pf.port)
	}
	symptom := firewall.Symptom(v.Kind, v.Reject, a.packet.Family)
	switch v.Kind {
	case firewall.Forward:
		return fmt.Sprintf("sends %s on to %s port %d, so they do not reach the SSH server of this machine.", whose, v.To, v.Port)
	case firewall.Reject:
		return fmt.Sprintf("rejects %s (%s), so ssh there says %q.", whose, v.Reject, symptom)
	}
	return fmt.Sprintf("drops %s without an answer, so ssh there waits and then says %q.", whose, symptom)
}

// restricted notes that only some addresses get in.
func (pf *packetFilter) restricted(a answer, v *firewall.Verdict) {
	var open firewall.AddrSet
	for i := range a.verdicts {
		if k := a.verdicts[i].Kind; k == firewall.Accept || k == firewall.Limited {
			open = open.Union(a.verdicts[i].For)
		}
	}
	c := pf.deciderOf(v)
	f := pf.part.found(c.cause, report.Note, "Port %d is open for %s only; %s stops everyone else. Use --client ADDR to ask about one visitor.", pf.port, open, lower(c.name))
	pf.evidenceOf(f, v)
}

// limited reports a rate or connection limit.
func (pf *packetFilter) limited(a answer, v *firewall.Verdict) {
	who := "each visitor"
	if a.packet.Src.IsValid() {
		who = a.packet.Src.String()
	}
	name := "A limit in the firewall"
	var symptom string
	for i := range v.Possible {
		o := &v.Possible[i]
		if s := firewall.Symptom(o.Kind, o.Reject, a.packet.Family); s != "" {
			symptom = s
			if t, ok := pf.ufwTuple(&firewall.Verdict{Outcome: *o, Trace: v.Trace}); ok {
				name = upper(t.Title())
			}
		}
	}
	for _, f := range pf.part.findings {
		if f.Cause == "firewall-rate-limited" {
			return
		}
	}
	f := pf.part.found("firewall-rate-limited", report.Degrading, "%s lets %s open only so many connections to port %d in a while; those beyond it end with %q.", name, who, pf.port, symptom)
	for _, u := range v.Unsure {
		if u.Rule != nil {
			quote(f, pf.quoteRule(u.Chain, u.Rule))
		}
	}
	if len(v.Unsure) > 0 && v.Unsure[0].Rule != nil {
		if t, ok := pf.ufwTuple(&firewall.Verdict{Outcome: firewall.Outcome{Chain: v.Unsure[0].Chain, Rule: v.Unsure[0].Rule}}); ok {
			quote(f, facts.Quote{Source: t.File, Line: t.Line, Text: t.Text})
			f.Summary = strings.Replace(f.Summary, "A limit in the firewall", upper(t.Title()), 1)
		}
	}
	advise(f, "Wait until the time of the limit is over and connect less often, or exempt the address in the firewall's own tool.")
}

// quoteRule is a rule as its tool prints it.
func (pf *packetFilter) quoteRule(c *firewall.Chain, r *firewall.Rule) facts.Quote {
	if r.Save != "" {
		src := pf.Firewall.NftSave4.Origin.Source
		switch {
		case c.Backend == firewall.Legacy && c.Family == "ip6":
			src = pf.Firewall.Legacy6.Origin.Source
		case c.Backend == firewall.Legacy:
			src = pf.Firewall.Legacy4.Origin.Source
		case c.Family == "ip6":
			src = pf.Firewall.NftSave6.Origin.Source
		}
		return facts.Quote{Source: src, Text: "-A " + c.Name + " " + r.Save}
	}
	return facts.Quote{Source: pf.Firewall.NftText.Origin.Source, Line: r.Line, Text: r.Text}
}

// evidenceOf quotes what decided: the owner's own record of it, and the rule or
// policy in the kernel.
func (pf *packetFilter) evidenceOf(f *report.Finding, v *firewall.Verdict) {
	if t, ok := pf.ufwTuple(v); ok {
		quote(f, facts.Quote{Source: t.File, Line: t.Line, Text: t.Text})
	}
	if f.Cause == "firewall-ufw" && v.Chain != nil && pf.ufwLeavesIPv6(v) {
		if n := lineOf(pf.Firewall.UfwDefaults.Data, "IPV6="); n > 0 {
			quote(f, facts.Quote{Source: pf.Firewall.UfwDefaults.Origin.Source, Line: n, Text: "IPV6=no"})
		}
	}
	if pf.panicking() && f.Cause == "firewall-firewalld" {
		quote(f, facts.Quote{Source: pf.Firewall.FirewalldPanic.Origin.Source, Text: "yes"})
	}
	switch {
	case v.Rule != nil:
		quote(f, pf.quoteRule(v.Chain, v.Rule))
	case v.Chain != nil && v.Chain.Head != "":
		src := pf.Firewall.NftText.Origin.Source
		if strings.HasPrefix(v.Chain.Head, ":") {
			src = pf.quoteRule(v.Chain, &firewall.Rule{Save: "-"}).Source
		}
		quote(f, facts.Quote{Source: src, Line: v.Chain.Line, Text: v.Chain.Head})
	case v.Chain != nil:
		quote(f, facts.Quote{Source: pf.Firewall.NftJSON.Origin.Source, Text: v.Chain.Title() + " policy " + v.Chain.Base.Policy})
	}
	if v.Kind == firewall.Forward {
		for _, e := range v.Trace {
			if e.Rule != nil && e.Action == "dnat" {
				quote(f, pf.quoteRule(e.Chain, e.Rule))
			}
		}
	}
}

func upper(s string) string {
	if len(s) > 0 && s[0] >= 'a' && s[0] <= 'z' && !strings.HasPrefix(s, "ufw") && !strings.HasPrefix(s, "firewalld") && s != "sshguard" {
		return string(s[0]-'a'+'A') + s[1:]
	}
	return s
}

func lower(s string) string {
	if strings.HasPrefix(s, "The ") {
		return "t" + s[1:]
	}
	return s
}
