package server

import (
	"fmt"

	"sshwhy/internal/catalog"
	"sshwhy/internal/evidence"
	"sshwhy/internal/facts"
	"sshwhy/internal/report"
)

// found adds a finding and returns it for its evidence and remedy.
func (p *part) found(cause string, impact report.Impact, format string, args ...any) *report.Finding {
	p.findings = append(p.findings, report.Finding{
		Cause: cause, Impact: impact, Certainty: report.Confirmed, Summary: fmt.Sprintf(format, args...),
	})
	return &p.findings[len(p.findings)-1]
}

// quote adds what was seen to a finding; empty quotes say nothing.
func quote(f *report.Finding, quotes ...facts.Quote) {
	for _, q := range quotes {
		if q.Text != "" {
			f.Evidence = append(f.Evidence, report.Evidence{Source: q.Source, Excerpt: q.Text, Line: q.Line})
		}
	}
}

// quoteEntries adds lines of the log.
func quoteEntries(f *report.Finding, entries []facts.Entry) {
	for _, e := range entries {
		quote(f, e.Quote)
	}
}

// mend gives a finding its remedy. What kind of consent it needs stands in the catalogue.
func mend(f *report.Finding, summary string, steps ...report.Step) {
	c, _ := catalog.Get(f.Cause)
	f.Remedy = &report.Remedy{Kind: c.Remedy, Summary: summary, Steps: steps}
}

// advise gives a finding a remedy that is never done automatically, because what
// the owner wants cannot be read from the machine.
func advise(f *report.Finding, summary string, steps ...report.Step) {
	mend(f, summary, steps...)
	f.Remedy.Kind = report.Advice
}

// keepsOut is the impact of what keeps sshd from starting: blocking while
// nobody can come in, latent where SSH is being served all the same.
func (v *view) keepsOut() report.Impact {
	if v.serving() && !v.idle() && !v.perConnection() {
		return report.Latent
	}
	return report.Blocking
}

// quoteSetting adds the lines of the configuration that set a keyword, in Match
// blocks or not.
func (v *view) quoteSetting(f *report.Finding, keyword string) {
	for _, d := range v.Config.All(keyword) {
		quote(f, d.Quote)
	}
}

func unseenReason(v *view, o facts.Origin) string {
	if !v.Root {
		return "needs root"
	}
	return o.Reason
}

// absent reports whether a thing was looked for and is not there.
func absent(o facts.Origin) bool { return o.Status == evidence.Absent }

func orUnknown(s string) string {
	if s == "" {
		return "not known"
	}
	return s
}

func denied(o facts.Origin) bool { return o.Status == evidence.Denied }
