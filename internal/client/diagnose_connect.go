package client

import (
	"fmt"
	"slices"
	"strings"

	"sshwhy/internal/report"
)

// connect judges the attempts to reach each address.
func (d *diagnosis) connect() {
	if d.byProxy(report.StageConnect) {
		return
	}
	attempts := d.o.Connect
	if d.skipped(report.StageConnect, len(attempts) > 0) {
		return
	}
	chosen := slices.IndexFunc(attempts, func(a Attempt) bool { return a.Addr.String() == d.o.Chosen })
	if chosen >= 0 {
		d.reached(attempts[:chosen], attempts[chosen])
		return
	}
	failed := slices.DeleteFunc(slices.Clone(attempts), func(a Attempt) bool { return a.Outcome == Unwaited })
	if len(failed) == 0 {
		d.stage(report.StageConnect, report.StatusUnknown, attempts[0].Ms, "no answer from %s before it was stopped", attempts[0].Addr)
		return
	}
	var said []string
	for _, a := range failed {
		said = append(said, a.Addr.String()+" "+d.classify(a).short)
	}
	d.stage(report.StageConnect, report.StatusFailed, slowest(failed), "%s", strings.Join(said, ", "))
	d.unreached(failed)
}

// reached is for a connection that stands; addresses that ssh tries before it
// may still have cost time.
func (d *diagnosis) reached(before []Attempt, good Attempt) {
	status := report.StatusOK
	if len(before) > 0 {
		status = report.StatusWarning
	}
	d.stage(report.StageConnect, status, good.Ms, "%s answers", good.Addr)
	for _, a := range before {
		if a.Outcome == Unwaited || a.At != "" || a.Addr.Addr().Is4() == good.Addr.Addr().Is4() {
			continue
		}
		c := d.classify(a)
		d.find("address-family-mismatch", report.Confirmed,
			fmt.Sprintf("%s answers by %s, but by %s, which ssh tries first, it %s.", d.host, familyOf(good), familyOf(a), c.short),
			[]report.Evidence{attemptEvidence(a), attemptEvidence(good)}, d.pickFamily(good))
		d.soften(report.Degrading)
		return
	}
}

// pickFamily is how to go straight to the family that answers.
func (d *diagnosis) pickFamily(good Attempt) *report.Remedy {
	flag := "-6"
	if good.Addr.Addr().Is4() {
		flag = "-4"
	}
	return &report.Remedy{Kind: report.Repair, Summary: fmt.Sprintf("Use %s, and look on the server why the other one fails.", familyOf(good)),
		Steps: []report.Step{onClient(d.ssh(flag)), onConsole()}}
}

// unreached makes one finding for each different way in which the addresses
// failed, the most telling first.
func (d *diagnosis) unreached(failed []Attempt) {
	byCause := map[string]bool{}
	var found []failure
	for _, a := range failed {
		c := d.classify(a)
		if !byCause[c.cause] {
			byCause[c.cause] = true
			found = append(found, c)
		}
	}
	slices.SortStableFunc(found, func(a, b failure) int { return a.rank - b.rank })
	d.otherWays()
	for i, c := range found {
		if i > 0 && c.cause == "no-route" {
			continue // that family is not in use here: no fault where another one gets through
		}
		d.find(c.cause, c.certainty, c.summary, c.evidence, c.remedy)
	}
	if slices.ContainsFunc(found, func(c failure) bool { return c.cause == "connection-refused" }) {
		d.incomplete("who refused", "a refusal by the host's own kernel and one by a firewall rule that imitates it look the same from here; the server's console can tell")
	}
	if !d.o.PortsAsked && !byCause["no-route"] {
		d.incomplete("other ports", "not tried")
	}
}

// otherWays looks for an SSH server where it was not asked for: on another port
// or in another address family of the same host.
func (d *diagnosis) otherWays() {
	for _, a := range d.o.OtherPorts {
		if a.Outcome != Connected || !strings.HasPrefix(a.Banner, "SSH-") {
			continue
		}
		asked := d.o.Connect[0]
		d.find("wrong-port", report.Likely,
			fmt.Sprintf("An SSH server answers on port %d of %s, not on port %d, which was asked for.", a.Addr.Port(), d.where(a.Addr.Addr()), asked.Addr.Port()),
			[]report.Evidence{attemptEvidence(asked), {Source: "connect " + a.Addr.String(), Excerpt: a.Banner}},
			&report.Remedy{Kind: report.Repair, Summary: fmt.Sprintf("Connect to port %d, or write it into ~/.ssh/config.", a.Addr.Port()),
				Steps: []report.Step{onClient(d.ssh(fmt.Sprintf("-p %d", a.Addr.Port())))}})
		return
	}
	for _, a := range d.o.OtherFamily {
		if a.Outcome != Connected {
			continue
		}
		asked := d.o.Connect[0]
		d.find("address-family-mismatch", report.Confirmed,
			fmt.Sprintf("%s answers by %s, but this connection may only use %s, where it %s.", d.host, familyOf(a), familyOf(asked), d.classify(asked).short),
			[]report.Evidence{attemptEvidence(asked), attemptEvidence(a)}, d.pickFamily(a))
		return
	}
}

// attemptEvidence is an attempt as it was seen.
func attemptEvidence(a Attempt) report.Evidence {
	var said []string
	switch a.Outcome {
	case Connected:
		said = append(said, fmt.Sprintf("connected after %.1f ms", a.Ms))
	case Silent:
		said = append(said, fmt.Sprintf("no answer in %s", seconds(a.Ms)))
	case Unwaited:
		said = append(said, fmt.Sprintf("not waited for (%s)", seconds(a.Ms)))
	default:
		said = append(said, fmt.Sprintf("%s (%s) after %.1f ms", a.Errno, a.Text, a.Ms))
	}
	if a.At != "" {
		said = append(said, "at "+a.At+"(2), before any packet was sent")
	}
	if i := a.ICMP; i != nil {
		said = append(said, icmpText(i))
	}
	if t := a.TCP; t != nil && a.Outcome != Connected {
		said = append(said, fmt.Sprintf("segments sent %d, received %d", t.SegsOut, t.SegsIn))
	}
	return report.Evidence{Source: "connect " + a.Addr.String(), Excerpt: strings.Join(said, "; ")}
}

func icmpText(i *ICMP) string {
	name := "ICMP"
	if i.V6 {
		name = "ICMPv6"
	}
	text := fmt.Sprintf("%s type %d code %d (%s) from %s", name, i.Type, i.Code, icmpName(i), i.Offender)
	if i.TTL > 0 {
		text += fmt.Sprintf(" ttl %d", i.TTL)
	}
	return text
}

func familyOf(a Attempt) string {
	if a.Addr.Addr().Is4() {
		return "IPv4"
	}
	return "IPv6"
}

func slowest(attempts []Attempt) float64 {
	var most float64
	for _, a := range attempts {
		most = max(most, a.Ms)
	}
	return most
}
