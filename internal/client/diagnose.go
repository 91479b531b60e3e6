package client

import (
	"fmt"
	"net/netip"
	"strings"

	"sshwhy/internal/catalog"
	"sshwhy/internal/report"
	"sshwhy/internal/shquote"
)

// diagnosis turns observations into a report. One file per step, each with the
// stage line of that step and the findings it can make.
type diagnosis struct {
	o    *Observations
	r    *report.Report
	host string // as a person would say it: the name, or the address
	stop bool   // a step failed: the later ones were not reached
}

// Diagnose says what the observations amount to. It looks at nothing else: the
// same observations always give the same report.
func Diagnose(o *Observations, version string) *report.Report {
	d := &diagnosis{o: o, r: &report.Report{
		Tool: report.Tool{Name: "sshwhy", Version: version},
		Side: report.SideClient,
	}}
	d.target()
	for _, step := range []func(){d.config, d.indirect, d.resolve, d.route, d.connect, d.banner, d.kex, d.corruptedMAC, d.hostKey, d.auth, d.session} {
		step()
	}
	if o.Interrupted {
		d.incomplete("walk", "stopped by the user before it was complete")
	}
	d.settle()
	return d.r
}

// target says whom the question was about, as far as it is known.
func (d *diagnosis) target() {
	c := &d.o.Config
	t := report.Target{Host: c.Host(), User: c.Get("user")}
	if t.Host == "" {
		t.Host = d.o.Typed
	}
	if c.Values != nil {
		t.Port = c.Port()
	}
	switch chosen := d.o.ChosenAddr(); {
	case chosen.IsValid():
		t.Address = chosen.Addr().String()
	case d.o.Resolve != nil && len(d.o.Resolve.Addresses) > 0:
		t.Address = d.o.Resolve.Addresses[0].String()
	}
	d.host = t.Host
	d.r.Target = t
}

// settle orders the findings, drops those that another one explains, and sets
// verdict and headline.
func (d *diagnosis) settle() {
	kept, _ := catalog.Settle(d.r.Findings, catalog.AsFound)
	d.r.Findings = kept
	d.r.Normalize()
	d.r.Decide()
	switch {
	case len(kept) > 0 && kept[0].Impact.Rank() <= report.Degrading.Rank():
		d.r.Headline = kept[0].Summary
	case d.o.Interrupted:
		d.r.Verdict = report.VerdictUnknown
		d.r.Headline = "Stopped before the walk was complete; nothing wrong was seen so far."
	case d.r.Verdict == report.VerdictUnknown && len(d.r.Incomplete) > 0:
		d.r.Headline = "No fault was seen as far as sshwhy could go: " + d.r.Incomplete[0].Reason + "."
	case d.r.Verdict == report.VerdictUnknown:
		d.r.Headline = "No fault was seen, but not everything could be looked at."
	default:
		d.r.Headline = d.allWell()
	}
}

// stage adds the line of a step. A failed one stops the path: what follows was
// not reached.
func (d *diagnosis) stage(name string, status report.Status, ms float64, format string, args ...any) {
	detail := format
	if len(args) > 0 {
		detail = fmt.Sprintf(format, args...)
	}
	if status == report.StatusFailed {
		d.stop = true
	}
	d.r.Stages = append(d.r.Stages, report.Stage{Stage: name, Status: status, Detail: detail, Ms: ms})
}

// skipped adds the line of a step that was not reached, and reports whether it
// was not.
func (d *diagnosis) skipped(name string, reached bool) bool {
	if reached && !d.stop {
		return false
	}
	if !d.stop && d.o.Interrupted {
		d.stage(name, report.StatusUnknown, 0, "not reached before it was stopped")
	} else {
		d.stage(name, report.StatusSkipped, 0, "")
	}
	return true
}

// find adds a blocking finding.
func (d *diagnosis) find(cause string, certainty report.Certainty, summary string, evidence []report.Evidence, remedy *report.Remedy) {
	d.r.Findings = append(d.r.Findings, report.Finding{
		Cause: cause, Impact: report.Blocking, Certainty: certainty, Summary: summary, Evidence: evidence, Remedy: remedy,
	})
}

// lowerImpact makes the finding that was added last less than blocking.
func (d *diagnosis) lowerImpact(impact report.Impact) {
	d.r.Findings[len(d.r.Findings)-1].Impact = impact
}

func (d *diagnosis) incomplete(check, reason string) {
	d.r.Incomplete = append(d.r.Incomplete, report.Incomplete{Check: check, Reason: reason})
}

// where names the target for a sentence: "web1 (192.0.2.10)", or the address.
func (d *diagnosis) where(a netip.Addr) string {
	if a.String() == d.host || !a.IsValid() {
		return d.host
	}
	return fmt.Sprintf("%s (%s)", d.host, a)
}

// advice is a remedy that is for people only.
func advice(summary string, steps ...report.Step) *report.Remedy {
	return &report.Remedy{Kind: report.Advice, Summary: summary, Steps: steps}
}

func onClient(do string) report.Step { return report.Step{Do: do, Where: report.OnClient} }
func onServer(do string) report.Step { return report.Step{Do: do, Where: report.OnServer} }

// ssh is the command that was typed, with other options in front: of options
// given twice, ssh takes the first. A user in the host's place is left out where
// -l names another.
func (d *diagnosis) ssh(options string) string {
	host := d.o.Typed
	if _, bare, ok := strings.Cut(host, "@"); ok && strings.HasPrefix(options, "-l ") && !strings.Contains(host, "://") {
		host = bare
	}
	words := []string{"ssh"}
	if options != "" {
		words = append(words, options)
	}
	EachOption(d.o.Args, func(flag byte, value string) {
		replaced := strings.HasPrefix(options, "-"+string(flag)) || options == "-4" || options == "-6"
		if replaced && strings.IndexByte("46lpF", flag) >= 0 {
			return
		}
		words = append(words, "-"+string(flag))
		if TakesValue(flag) {
			words = append(words, shquote.Path(value))
		}
	})
	return strings.Join(append(words, shquote.Operand(host)), " ")
}

// onConsole is what every diagnosis from afar ends with: the other side.
func onConsole() report.Step { return onServer("sudo sshwhy server") }

// lines joins what was collected into one excerpt.
func lines(text ...string) string { return strings.Join(text, "\n") }

func seconds(ms float64) string { return fmt.Sprintf("%.1f s", ms/1000) }
