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
	for _, step := range []func(){d.config, d.indirect, d.resolve, d.route, d.connect, d.banner, d.kex, d.damaged, d.hostKey, d.auth, d.session} {
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
	switch chosen := d.o.chosenAddr(); {
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

// soften makes the finding that was added last less than blocking.
func (d *diagnosis) soften(impact report.Impact) {
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
	eachOption(d.o.Args, func(flag byte, value string) {
		replaced := strings.HasPrefix(options, "-"+string(flag)) || options == "-4" || options == "-6"
		if replaced && strings.IndexByte("46lpF", flag) >= 0 {
			return
		}
		words = append(words, "-"+string(flag))
		if strings.IndexByte(withValue, flag) >= 0 {
			words = append(words, shquote.Path(value))
		}
	})
	return strings.Join(append(words, shquote.Operand(host)), " ")
}

// onConsole is what every diagnosis from afar ends with: the other side.
func onConsole() report.Step { return onServer("sudo sshwhy server") }

// Bounds on what a stranger's words take in a report: an algorithm's name has at most
// 64 bytes (RFC 4251 section 6), and no release of any server has as many names.
const (
	maxName   = 64
	maxListed = 64
	maxWords  = 300 // bytes of an error or of the first line of an output, in a sentence
)

// some are the first names of a list, each cut where it is longer than any, and how
// many more there are.
func some(names []string, most int, separator string) string {
	var out []string
	for _, n := range names[:min(len(names), most)] {
		out = append(out, clip(n, maxName))
	}
	text := strings.Join(out, separator)
	if more := len(names) - most; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// clip cuts a text after so many bytes, and shows that it did.
func clip(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}

// lines joins what was collected into one excerpt.
func lines(text ...string) string { return strings.Join(text, "\n") }

func seconds(ms float64) string { return fmt.Sprintf("%.1f s", ms/1000) }
