package client

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"sshwhy/internal/report"
	"sshwhy/internal/shquote"
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
	d.tooShort(good)
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
			[]report.Evidence{attemptEvidence(a), attemptEvidence(good)}, d.familyRemedy(good))
		d.lowerImpact(report.Degrading)
		return
	}
	d.slowFirst(before)
}

// slowFirst is for addresses that ssh tries first and waits for in vain.
func (d *diagnosis) slowFirst(before []Attempt) {
	var lost []Attempt
	for _, a := range before {
		if a.Outcome == Silent || a.Outcome == Failed && a.Ms >= neighbourWait {
			lost = append(lost, a)
		}
	}
	if len(lost) == 0 {
		return
	}
	f := d.classify(lost[0])
	var evidence []report.Evidence
	for _, a := range lost {
		evidence = append(evidence, attemptEvidence(a))
	}
	summary := fmt.Sprintf("One address of %s (%s) does not answer, and ssh tries it first and waits for it.", d.host, lost[0].Addr.Addr())
	if len(lost) > 1 {
		summary = fmt.Sprintf("%d addresses of %s do not answer, and ssh tries them first and waits for each of them in turn.", len(lost), d.host)
	}
	d.find(f.cause, f.certainty, summary, evidence,
		advice("Take the dead addresses out of DNS or the hosts file, or let ssh give up sooner.", onClient(d.ssh("-o ConnectTimeout=5")), onConsole()))
	d.lowerImpact(report.Degrading)
}

// familyRemedy is how to go straight to the family that answers.
func (d *diagnosis) familyRemedy(good Attempt) *report.Remedy {
	flag, setting := "-6", "AddressFamily inet6"
	if good.Addr.Addr().Is4() {
		flag, setting = "-4", "AddressFamily inet"
	}
	return &report.Remedy{Kind: report.Repair, Summary: fmt.Sprintf("Use %s, and look on the server why the other one fails.", familyOf(good)),
		Steps: []report.Step{d.optionStep(d.ssh(flag), flag[1], setting)}}
}

// optionStep is the step that gives ssh another option for this host: by hand with
// the command, automatically by an entry in the user's configuration, for which
// the option must not be on the command line already and the name be plain.
// ssh takes the first value it finds, so the entry goes to the head; what stood
// there goes on to be meant for every host.
func (d *diagnosis) optionStep(command string, flag byte, setting string) report.Step {
	step := onClient(command)
	typed := false
	EachOption(d.o.Args, func(f byte, _ string) { typed = typed || f == flag || f == 'o' || f == 'F' || f == '4' || f == '6' })
	host := d.o.Typed
	if _, bare, ok := strings.Cut(host, "@"); ok {
		host = bare
	}
	if typed || host == "" || strings.Contains(host, "://") || shquote.Operand(host) != host || strings.ContainsAny(host, "~,=/%") {
		return step
	}
	step.Act = &report.Action{Kind: report.ActEdit, Path: "~/.ssh/config", Mode: 0o600, Check: report.CheckSSH,
		Edits: []report.LineEdit{{Op: report.LinePrepend, New: "Host " + host + "\n    " + setting + "\nHost *"}},
		Risk:  "every later ssh " + host + " of yours uses it too"}
	return step
}

// unreached makes one finding for each different way in which the addresses
// failed, the most telling first.
func (d *diagnosis) unreached(failed []Attempt) {
	byCause := map[string]bool{}
	var found []failure
	for _, a := range failed {
		c := d.classify(a)
		c.attempt = a
		if !byCause[c.cause] {
			byCause[c.cause] = true
			found = append(found, c)
		}
	}
	slices.SortStableFunc(found, func(a, b failure) int { return a.rank - b.rank })
	d.overridden()
	d.otherPort()
	for i, c := range found {
		if i > 0 && c.cause == "no-route" {
			continue // that family is not in use here: no fault where another one gets through
		}
		d.find(c.cause, c.certainty, c.summary, c.evidence, c.remedy)
	}
	d.otherFamily()
	d.redirected()
	if i := slices.IndexFunc(found, func(f failure) bool { return f.cause == "connection-refused" }); i >= 0 {
		d.whoRefused(found[i].attempt, found[i])
	}
	if t := d.o.Trace; t != nil && byCause["connection-timed-out"] {
		if last, lost := t.lostBetween(); lost == 0 && last > 0 {
			d.incomplete("where the packets are lost", fmt.Sprintf("they get as far as %s, hop %d of %d; whether it, what lies behind it or the host drops them cannot be seen from here",
				t.Hops[last-1].Asked, last, t.Distance))
		}
	}
	if !d.o.PortsAsked && !byCause["no-route"] {
		d.incomplete("other ports", "not tried")
	}
}

// overridden is for a name whose address in the hosts file fails while the one in
// DNS answers.
func (d *diagnosis) overridden() {
	a := d.o.Elsewhere
	if a == nil || a.Outcome != Connected {
		return
	}
	line := d.o.Resolve.Hosts[0]
	d.find("name-overridden", report.Likely,
		fmt.Sprintf("%s, line %d, gives %s the address %s, which fails; in DNS it is %s, which answers.", line.File, line.Line, d.host, d.o.Connect[0].Addr.Addr(), a.Addr.Addr()),
		[]report.Evidence{{Source: line.File, Line: line.Line, Excerpt: line.Text}, attemptEvidence(d.o.Connect[0]), attemptEvidence(*a)},
		advice(fmt.Sprintf("Correct or remove line %d of %s.", line.Line, line.File), onClient("getent hosts "+shquote.Operand(d.host))))
}

// tooShort is for a ConnectTimeout that ends before the host has answered. ssh
// counts the banner as well (sshconnect.c: timeout_ms).
func (d *diagnosis) tooShort(good Attempt) {
	limit, err := strconv.Atoi(d.o.Config.Get("connecttimeout"))
	took := good.Ms
	if b := d.o.Banner; b != nil && b.End == "" {
		took += b.Ms
	}
	if err != nil || limit <= 0 || took < float64(limit)*1000 {
		return
	}
	d.find("connect-timeout-too-short", report.Confirmed,
		fmt.Sprintf("%s answers after %s, and ConnectTimeout lets ssh wait only %d s.", d.host, seconds(took), limit),
		[]report.Evidence{attemptEvidence(good), {Source: "ssh -G", Excerpt: fmt.Sprintf("connecttimeout %d", limit)}},
		&report.Remedy{Kind: report.Repair, Summary: "Wait longer.", Steps: []report.Step{onClient(d.ssh("-o ConnectTimeout=30"))}})
}

// redirected tells which lines of the configuration lead elsewhere than what was
// typed, where the connection failed: a note, because that is what they are for.
func (d *diagnosis) redirected() {
	c := &d.o.Config
	if slices.ContainsFunc(d.r.Findings, func(f report.Finding) bool { return f.Cause == "client-config-misdirects" }) {
		return
	}
	lines := slices.DeleteFunc(slices.Clone(c.Hosts), func(l Applied) bool { return strings.HasPrefix(strings.ToLower(l.Text), "user") })
	if len(lines) == 0 {
		return
	}
	var evidence []report.Evidence
	for _, l := range lines[:min(len(lines), 6)] {
		evidence = append(evidence, report.Evidence{Source: l.File, Line: l.Line, Excerpt: l.Text})
	}
	first := lines[0]
	d.find("client-config-misdirects", report.Possible,
		fmt.Sprintf("%s line %d (%s) shapes this connection: what was typed is %s, and it goes to %s port %d.", first.File, first.Line, first.Text, d.o.Typed, c.Host(), c.Port()),
		evidence, advice("Check that these lines are still right, or go around them once.", onClient(d.ssh("-F none"))))
	d.lowerImpact(report.Note)
}

// otherPort looks for an SSH server on another port of the same host.
func (d *diagnosis) otherPort() {
	for _, a := range d.o.OtherPorts {
		if a.Outcome != Connected || !strings.HasPrefix(a.Banner, "SSH-") {
			continue
		}
		asked := d.o.Connect[0]
		if line := d.o.Config.line("port"); line != nil {
			d.find("client-config-misdirects", report.Likely,
				fmt.Sprintf("%s, line %d, sends this connection to port %d of %s; an SSH server answers on port %d.", line.File, line.Line, asked.Addr.Port(), d.where(a.Addr.Addr()), a.Addr.Port()),
				[]report.Evidence{{Source: line.File, Line: line.Line, Excerpt: line.Text}, attemptEvidence(asked), {Source: "connect " + a.Addr.String(), Excerpt: a.Banner}},
				advice(fmt.Sprintf("Correct line %d of %s, or go around it once.", line.Line, line.File), onClient(d.ssh(fmt.Sprintf("-p %d", a.Addr.Port())))))
			return
		}
		d.find("wrong-port", report.Likely,
			fmt.Sprintf("An SSH server answers on port %d of %s, not on port %d, which was asked for.", a.Addr.Port(), d.where(a.Addr.Addr()), asked.Addr.Port()),
			[]report.Evidence{attemptEvidence(asked), {Source: "connect " + a.Addr.String(), Excerpt: a.Banner}},
			&report.Remedy{Kind: report.Repair, Summary: fmt.Sprintf("Connect to port %d, or write it into ~/.ssh/config.", a.Addr.Port()),
				Steps: []report.Step{d.optionStep(d.ssh(fmt.Sprintf("-p %d", a.Addr.Port())), 'p', fmt.Sprintf("Port %d", a.Addr.Port()))}})
		return
	}
}

// otherFamily tells of the address family that is ruled out, if the host answers
// there. Where a configuration file rules it out, that is the answer; where the
// user typed it, what was asked for stays the answer and this is a note.
func (d *diagnosis) otherFamily() {
	for _, a := range d.o.OtherFamily {
		if a.Outcome != Connected {
			continue
		}
		asked := d.o.Connect[0]
		d.find("address-family-mismatch", report.Confirmed,
			fmt.Sprintf("%s answers by %s, but this connection may only use %s, where it %s.", d.host, familyOf(a), familyOf(asked), d.classify(asked).short),
			[]report.Evidence{attemptEvidence(asked), attemptEvidence(a)}, d.familyRemedy(a))
		if d.o.Config.line("addressfamily") == nil {
			d.lowerImpact(report.Note)
		}
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
	if r := a.Reset; r != nil {
		said = append(said, fmt.Sprintf("the host's own packets arrive with ttl %d; the reset comes with %s", r.HostTTL, r.words()))
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
