package client

import (
	"fmt"
	"net/netip"
	"strings"

	"sshwhy/internal/report"
	"sshwhy/internal/shquote"
)

// resolve judges how the name became addresses.
func (d *diagnosis) resolve() {
	if d.byProxy(report.StageResolve) {
		return
	}
	r := d.o.Resolve
	if d.skipped(report.StageResolve, r != nil) {
		return
	}
	switch {
	case len(r.Addresses) > 0 && r.Literal:
		d.stage(report.StageResolve, report.StatusOK, 0, "%s is an address", r.Name)
	case len(r.Addresses) > 0:
		d.stage(report.StageResolve, report.StatusOK, r.Ms, "%s is %s", r.Name, join(r.Addresses))
	case len(r.Unwanted) > 0:
		d.familyRuledOut(r)
	case d.o.Interrupted:
		d.stage(report.StageResolve, report.StatusUnknown, r.Ms, "no answer before it was stopped")
	default:
		d.unresolved(r)
	}
}

// familyRuledOut is for a name whose only addresses are of the family that the
// configuration forbids.
func (d *diagnosis) familyRuledOut(r *Resolve) {
	family := d.o.Config.Get("addressfamily")
	only, wanted := "IPv6", "IPv4"
	if family == "inet6" {
		only, wanted = wanted, only
	}
	d.stage(report.StageResolve, report.StatusFailed, r.Ms, "%s has only %s addresses", r.Name, only)
	d.find("no-usable-address-family", report.Confirmed,
		fmt.Sprintf("%s has only %s addresses (%s), and this connection may only use %s.", r.Name, only, join(r.Unwanted), wanted),
		[]report.Evidence{{Source: "resolver", Excerpt: r.Name + " " + join(r.Unwanted)}, {Source: "ssh -G", Excerpt: "addressfamily " + family}},
		advice(fmt.Sprintf("Leave out the option that allows only %s (-4, -6 or AddressFamily).", wanted)))
}

// unresolved tells the ways in which a name can fail to resolve apart.
func (d *diagnosis) unresolved(r *Resolve) {
	var heard, denied, empty, sick int // answers: any, "no such name", "no address", "cannot say"
	for _, a := range r.Asked {
		switch {
		case a.Code == "":
			continue
		case a.Code == "NXDOMAIN":
			denied++
		case a.Code == "NOERROR":
			empty++
		default:
			sick++
		}
		heard++
	}
	evidence := d.resolveEvidence(r)
	if hint := hintForHost(d.o.Typed, r.Name); hint != "" {
		d.stage(report.StageResolve, report.StatusFailed, r.Ms, "%s is no host name", r.Name)
		d.find("wrong-host-name", report.Confirmed, fmt.Sprintf("%q is no host name: %s.", r.Name, hint), evidence, advice(upper(hint)+"."))
		return
	}
	defer d.redirected()
	switch {
	case heard == 0 && len(r.Asked) > 0 && !r.badName():
		d.nobodyAnswers(r, evidence)
	case sick > 0 && denied == 0 && empty == 0:
		d.serversFail(r, evidence)
	case empty > 0:
		d.stage(report.StageResolve, report.StatusFailed, r.Ms, "%s has no address", r.Name)
		d.find("name-not-found", report.Confirmed,
			fmt.Sprintf("The name %s exists in DNS but has no address: there is nothing to connect to.", r.Name), evidence,
			d.nameRemedy(r))
	default:
		d.stage(report.StageResolve, report.StatusFailed, r.Ms, "%s does not exist", r.Name)
		certainty := report.Confirmed
		if denied == 0 && !r.badName() {
			certainty = report.Likely
		}
		d.find("name-not-found", certainty, fmt.Sprintf("There is no host called %s: neither DNS nor the hosts file of this machine knows it.", r.Name),
			evidence, d.nameRemedy(r))
	}
}

// badName reports whether the name could not even be asked for.
func (r *Resolve) badName() bool {
	for _, a := range r.Asked {
		if a.Err != NotAName {
			return false
		}
	}
	return len(r.Asked) > 0
}

// nobodyAnswers is for name servers that are silent or refuse to talk.
func (d *diagnosis) nobodyAnswers(r *Resolve, evidence []report.Evidence) {
	d.stage(report.StageResolve, report.StatusFailed, r.Ms, "no name server answers")
	d.find("name-server-unreachable", report.Confirmed,
		fmt.Sprintf("The name %s could not be looked up: no name server of this machine answers (%s). This says nothing about the host itself.",
			r.Name, strings.Join(r.Servers, ", ")),
		evidence, d.addressRemedy("Check this machine's network connection and the name servers in /etc/resolv.conf. With the host's address ssh works without names.",
			onClient("cat /etc/resolv.conf")))
}

// serversFail is for name servers that answer with a failure of their own.
func (d *diagnosis) serversFail(r *Resolve, evidence []report.Evidence) {
	code := ""
	for _, a := range r.Asked {
		if a.Code != "" {
			code = a.Code
			break
		}
	}
	d.stage(report.StageResolve, report.StatusFailed, r.Ms, "the name server answers %s", code)
	d.find("name-server-unreachable", report.Confirmed,
		fmt.Sprintf("The name %s could not be looked up: the name server answers, but only with its own failure (%s).", r.Name, code),
		evidence, d.addressRemedy("Wait and try again, or ask another name server. With the host's address ssh works without names."))
}

func (d *diagnosis) addressRemedy(summary string, steps ...report.Step) *report.Remedy {
	return advice(summary, append(steps, onClient("ssh USER@ADDRESS"))...)
}

// nameRemedy is what to do about a name that does not exist.
func (d *diagnosis) nameRemedy(r *Resolve) *report.Remedy {
	if !strings.Contains(r.Name, ".") {
		return advice("Check the spelling. A short name like this one must stand in the configuration of ssh (Host), in the hosts file, or be completed by a search domain.",
			onClient("getent hosts "+shquote.Operand(r.Name)), onClient("grep -i search /etc/resolv.conf"))
	}
	return advice("Check the spelling, or use the host's address.", onClient("getent hosts "+shquote.Operand(r.Name)))
}

// resolveEvidence is what the resolver and each name server said.
func (d *diagnosis) resolveEvidence(r *Resolve) []report.Evidence {
	evidence := []report.Evidence{{Source: "resolver", Excerpt: r.Err}}
	for _, a := range r.Asked {
		said := a.Code
		if said == "" {
			said = a.Err
		}
		evidence = append(evidence, report.Evidence{Source: "name server " + a.Server, Excerpt: fmt.Sprintf("%s %s: %s", a.Name, a.Type, said)})
	}
	return evidence
}

func join(addrs []netip.Addr) string {
	var out []string
	for _, a := range addrs {
		out = append(out, a.String())
	}
	return strings.Join(out, ", ")
}

func upper(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
