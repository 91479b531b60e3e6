package cli

import (
	"slices"

	"sshwhy/internal/evidence/redact"
	"sshwhy/internal/render"
	"sshwhy/internal/report"
)

// What is printed is pasted into tickets: a password that stands in a quoted line
// does not show. A fix works with the report as it was.

// safe is text that may be shown: no secrets, no control characters.
func safe(s string) string { return render.Safe(withoutSecrets(s)) }

func withoutSecrets(s string) string { return string(redact.Text([]byte(s))) }

// shown is the report without secrets.
func shown(r *report.Report) *report.Report {
	out := *r
	out.Headline = withoutSecrets(r.Headline)
	out.Stages = slices.Clone(r.Stages)
	for i := range out.Stages {
		out.Stages[i].Detail = withoutSecrets(out.Stages[i].Detail)
	}
	out.Incomplete = slices.Clone(r.Incomplete)
	for i := range out.Incomplete {
		out.Incomplete[i].Reason = withoutSecrets(out.Incomplete[i].Reason)
	}
	out.Timeline = slices.Clone(r.Timeline)
	for i := range out.Timeline {
		out.Timeline[i].Excerpt = withoutSecrets(out.Timeline[i].Excerpt)
	}
	out.Findings = slices.Clone(r.Findings)
	for i := range out.Findings {
		shownFinding(&out.Findings[i])
	}
	if r.Fix != nil {
		fix := *r.Fix
		fix.Steps = slices.Clone(fix.Steps)
		for i := range fix.Steps {
			fix.Steps[i].Do, fix.Steps[i].Error = withoutSecrets(fix.Steps[i].Do), withoutSecrets(fix.Steps[i].Error)
		}
		out.Fix = &fix
	}
	return &out
}

func shownFinding(f *report.Finding) {
	f.Summary = withoutSecrets(f.Summary)
	f.Evidence = slices.Clone(f.Evidence)
	for i := range f.Evidence {
		e := &f.Evidence[i]
		e.Source, e.Excerpt = withoutSecrets(e.Source), withoutSecrets(e.Excerpt)
	}
	if f.Remedy == nil {
		return
	}
	remedy := *f.Remedy
	remedy.Summary = withoutSecrets(remedy.Summary)
	remedy.Steps = slices.Clone(remedy.Steps)
	for i := range remedy.Steps {
		s := &remedy.Steps[i]
		s.Do, s.Undo = withoutSecrets(s.Do), withoutSecrets(s.Undo)
	}
	f.Remedy = &remedy
}
