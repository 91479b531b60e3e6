package server

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"sshwhy/internal/evidence"
	"sshwhy/internal/facts"
	"sshwhy/internal/firewall"
	"sshwhy/internal/report"
)

// firewallStage: does a rule of this machine stop the visitor's packets?
func firewallStage() stage {
	return stage{name: report.StageFirewall, detail: firewallDetail, checks: []check{
		{causes{
			"firewall-ufw", "firewall-firewalld", "firewall-nftables", "firewall-iptables",
			"client-banned", "firewall-rate-limited", "firewall-not-persistent", "port-in-use",
		}, checkFirewall},
		{causes{"unit-address-filter"}, checkAddressFilter},
	}, after: []check{
		{causes{"cloud-firewall"}, checkCloud},
	}}
}

func firewallDetail(v *view) string {
	if v.q.Client.IsValid() {
		return fmt.Sprintf("new connections from %s to port %d pass", v.q.Client, v.port)
	}
	return fmt.Sprintf("new connections to port %d pass", v.port)
}

// checkFirewall follows the visitor's first packet through the machine's own
// packet filters, or that of every address where no visitor was named.
func checkFirewall(v *view, p *part) {
	pf := &packetFilter{view: v, part: p}
	if !pf.read() {
		return
	}
	if pf.rules.Empty() {
		p.detail = "no packet filter"
	}
	var answers []answer
	for _, q := range pf.questions() {
		answers = append(answers, pf.ask(q))
	}
	pf.judge(answers)
	pf.checkPersistent(answers)
}

// packetFilter is the firewall check at work.
type packetFilter struct {
	*view
	part  *part
	rules *firewall.Ruleset
}

// read makes the ruleset of what was collected. It reports false, and says why,
// where a part of it could not be seen.
func (pf *packetFilter) read() bool {
	src, ok := pf.sources()
	if !ok {
		return false
	}
	rules, problems := firewall.Read(src)
	for _, problem := range problems {
		pf.part.also("firewall", problem.String())
	}
	pf.rules = rules
	return true
}

// sources picks what is to be read out of what was collected.
func (pf *packetFilter) sources() (src firewall.Sources, ok bool) {
	f := &pf.Firewall
	nft := f.NftJSON.Origin
	switch {
	case nft.Known():
		src.NftJSON = f.NftJSON.Data
		if f.NftText.Origin.Known() {
			src.NftText = f.NftText.Data
		}
	case pf.notLoaded("nf_tables"):
	case nft.Status == evidence.Absent && f.NftSave4.Origin.Known():
		pf.part.also("firewall", "nft is not installed: only those nftables rules that iptables made can be seen")
	default:
		return src, pf.blind("nft", nft)
	}
	for _, x := range []struct {
		raw    *facts.Raw
		to     *[]byte
		needed bool
	}{
		{&f.NftSave4, &src.NftSave4, false}, {&f.NftSave6, &src.NftSave6, false},
		{&f.Legacy4, &src.Legacy4, pf.hasLegacy(f.Names4, "ip_tables")}, {&f.Legacy6, &src.Legacy6, pf.hasLegacy(f.Names6, "ip6_tables")},
		{&f.Ipset, &src.Ipset, false},
	} {
		switch {
		case x.raw.Origin.Known():
			*x.to = x.raw.Data
		case x.needed:
			return src, pf.blind("iptables-legacy", x.raw.Origin)
		}
	}
	for _, raw := range []facts.Raw{f.NftJSON, f.NftSave4, f.NftSave6, f.Legacy4, f.Legacy6, f.Ipset} {
		if raw.Cut {
			pf.part.cannot("firewall", raw.Origin.Source+" printed more than can be read")
			return src, false
		}
	}
	return src, true
}

// hasLegacy reports whether rules of iptables-legacy exist or may exist.
func (pf *packetFilter) hasLegacy(names facts.Raw, module string) bool {
	if names.Origin.Known() {
		return len(bytes.TrimSpace(names.Data)) > 0
	}
	return names.Origin.Status != evidence.Absent && !pf.notLoaded(module)
}

// notLoaded reports whether a part of the kernel is certainly not there: on a
// kernel with modules, none of that name is loaded.
func (pf *packetFilter) notLoaded(module string) bool {
	m := pf.Firewall.Modules
	return m.Origin.Known() && len(m.Data) > 0 && !bytes.HasPrefix(m.Data, []byte(module+" ")) && !bytes.Contains(m.Data, []byte("\n"+module+" "))
}

// blind says that the firewall could not be looked at.
func (pf *packetFilter) blind(tool string, o facts.Origin) bool {
	reason := o.Reason
	switch {
	case o.Status == evidence.Skipped:
		reason = "not recorded"
	case !pf.Root:
		reason = "needs root"
	case o.Status == evidence.Absent:
		reason = tool + " is not installed, so the rules in the kernel cannot be read"
	case reason == "":
		reason = o.Source + " failed"
	}
	pf.part.cannot("firewall", reason)
	return false
}

// ask follows the packet, and where it passes for its visitor, the answer to it.
func (pf *packetFilter) ask(q firewall.Packet) answer {
	if !q.Src.IsValid() {
		return answer{packet: q, verdicts: pf.rules.OpenFor(q)}
	}
	in := pf.rules.Evaluate(q)
	if in.Kind != firewall.Accept || pf.loopbackClient() {
		return answer{packet: q, verdicts: []firewall.Verdict{in}}
	}
	back := q
	back.Path, back.Src, back.Dst, back.Sport, back.Dport = firewall.Answer, q.Dst, q.Src, q.Dport, 0
	if out := pf.rules.Evaluate(back); out.Kind == firewall.Drop || out.Kind == firewall.Reject {
		return answer{packet: q, verdicts: []firewall.Verdict{out}, reply: true}
	}
	return answer{packet: q, verdicts: []firewall.Verdict{in}}
}

// judge turns the answers into findings.
func (pf *packetFilter) judge(answers []answer) {
	open := 0
	for _, a := range answers {
		if a.share(firewall.Accept, firewall.Limited) > 0 {
			open++
		}
	}
	for _, a := range answers {
		switch {
		case pf.q.Client.IsValid():
			pf.one(a, &a.verdicts[0], report.Blocking)
		default:
			pf.everyone(a, open > 0)
		}
	}
}

// one judges the verdict for the visitor, or for all that share it.
func (pf *packetFilter) one(a answer, v *firewall.Verdict, impact report.Impact) {
	switch v.Kind {
	case firewall.Drop, firewall.Reject, firewall.Forward:
		pf.stopped(a, v, impact)
		pf.furtherStops(a, v.Outcome, impact)
	case firewall.Limited:
		pf.limited(a, v)
	case firewall.CannotTell:
		if !pf.proven(a, v) {
			pf.part.cannot("firewall", undecidable(v))
		}
	}
}

// mostly is the share of addresses below which an opening counts as one for
// some: a machine that lets in a company's network only is not open to all.
const mostly = 0.5

// everyone judges where no visitor was named: closed for all, closed for one
// family, open for some.
func (pf *packetFilter) everyone(a answer, openSomewhere bool) {
	accepted, unsure := a.share(firewall.Accept, firewall.Limited), a.share(firewall.CannotTell)
	worst := a.largest()
	switch {
	case accepted >= mostly:
		for i := range a.verdicts {
			if v := &a.verdicts[i]; v.Kind == firewall.Limited && a.share(firewall.Limited) >= mostly {
				pf.limited(a, v)
				break
			}
		}
	case unsure > 0 && unsure+accepted >= mostly:
		for i := range a.verdicts {
			if a.verdicts[i].Kind == firewall.CannotTell {
				pf.part.cannot("firewall", undecidable(&a.verdicts[i]))
				return
			}
		}
	case worst == nil:
	case accepted > 0:
		pf.restricted(a, worst)
	case openSomewhere && a.packet.Family == firewall.IPv4:
		pf.stopped(a, worst, report.Degrading) // most visitors come by IPv4, and all of them wait outside
	case openSomewhere:
		pf.stopped(a, worst, report.Note)
	default:
		pf.stopped(a, worst, report.Blocking)
		pf.furtherStops(a, worst.Outcome, report.Blocking)
	}
}

// maxStops bounds how many stops behind the first one are named.
const maxStops = 8

// furtherStops reports what would stop the packets if the first obstacle did not: all
// that is in the way is found in one run.
func (pf *packetFilter) furtherStops(a answer, first firewall.Outcome, impact report.Impact) {
	if a.reply || first.Kind == firewall.Forward || first.Chain == nil {
		return
	}
	opened := []firewall.Outcome{first}
	for range maxStops {
		next := answer{packet: a.packet}
		if a.packet.Src.IsValid() {
			next.verdicts = []firewall.Verdict{pf.rules.EvaluateIf(a.packet, opened)}
		} else {
			next.verdicts = pf.rules.OpenForIf(a.packet, opened)
		}
		v := next.largest()
		if v == nil || v.Chain == nil || next.share(firewall.Accept, firewall.Limited) > 0 {
			return
		}
		pf.stopped(next, v, impact)
		opened = append(opened, v.Outcome)
	}
}

// share is the part of the family's addresses whose verdict is of these kinds.
func (a answer) share(kinds ...firewall.Kind) float64 {
	sum := 0.0
	for i := range a.verdicts {
		if slices.Contains(kinds, a.verdicts[i].Kind) {
			sum += a.verdicts[i].For.Share()
		}
	}
	if a.packet.Src.IsValid() && sum > 0 {
		return 1
	}
	return sum
}

// largest is the verdict that stops the most addresses.
func (a answer) largest() *firewall.Verdict {
	var worst *firewall.Verdict
	for i := range a.verdicts {
		v := &a.verdicts[i]
		if v.Kind != firewall.Drop && v.Kind != firewall.Reject && v.Kind != firewall.Forward {
			continue
		}
		if worst == nil || v.For.Share() > worst.For.Share() {
			worst = v
		}
	}
	return worst
}

// undecidable says which rule keeps a verdict from being known.
func undecidable(v *firewall.Verdict) string {
	if len(v.Unsure) > 0 {
		u := v.Unsure[0]
		where := ""
		if u.Chain != nil && u.Chain.Table != "" {
			where = " (" + u.Chain.Title()
			if u.Rule != nil {
				where += ", " + u.Rule.Title()
			}
			where += ")"
		}
		return "depends on " + strings.TrimSpace(u.Why.What) + where
	}
	return "the rules differ for different visitors; ask about one"
}
