package server

import (
	"slices"

	"sshwhy/internal/catalog"
	"sshwhy/internal/facts"
	"sshwhy/internal/report"
)

// assemble puts the parts together: stages in their order, findings in causal
// order without the symptoms that another finding explains.
func assemble(v *view, rep *report.Report) {
	var parts []part
	for _, st := range stages() {
		p := st.look(v)
		parts = append(parts, p)
		rep.Findings = append(rep.Findings, p.findings...)
		rep.Incomplete = append(rep.Incomplete, p.incomplete...)
	}
	rep.Findings, _ = catalog.Settle(rep.Findings, catalog.ByStage)
	last := lookAfter(v, parts, rep.Findings)
	rep.Findings = slices.DeleteFunc(rep.Findings, func(f report.Finding) bool { // what is known of it by now is graver
		return slices.ContainsFunc(last, func(g report.Finding) bool { return g.Cause == f.Cause })
	})
	rep.Findings = append(rep.Findings, last...)
	bearOut(v, rep.Findings)
	rep.Findings, _ = catalog.Settle(rep.Findings, catalog.ByStage)
	elevate(v, rep.Findings)
	for _, p := range parts {
		rep.Stages = append(rep.Stages, p.report(rep.Findings))
	}
	rep.Timeline = v.timeline()
	prove(v, rep)
}

// lookAfter makes the checks that go by what the others found, each for its stage.
func lookAfter(v *view, parts []part, others []report.Finding) []report.Finding {
	var found []report.Finding
	for i, st := range stages() {
		p := part{others: others}
		for _, c := range st.after {
			c.run(v, &p)
		}
		parts[i].findings = append(parts[i].findings, p.findings...)
		found = append(found, p.findings...)
	}
	return found
}

// elevate writes the commands for this machine so that whoever looked, and is
// not root, can type them.
func elevate(v *view, findings []report.Finding) {
	for _, f := range findings {
		if f.Remedy == nil {
			continue
		}
		for i, s := range f.Remedy.Steps {
			if s.Where == report.OnServer {
				f.Remedy.Steps[i].Do, f.Remedy.Steps[i].Undo = facts.AsRoot(v.Elevate, s.Do), facts.AsRoot(v.Elevate, s.Undo)
			}
		}
	}
}

// report draws the stage: as bad as the worst finding that belongs to it.
func (p part) report(findings []report.Finding) report.Stage {
	s := report.Stage{Stage: p.stage, Status: report.StatusOK, Detail: p.detail}
	switch {
	case p.skipped != "":
		s.Status, s.Detail = report.StatusSkipped, p.skipped
	case p.unknown != "":
		s.Status, s.Detail = report.StatusUnknown, p.unknown
	}
	for _, f := range p.findings {
		shown := slices.ContainsFunc(findings, func(g report.Finding) bool { return g.Cause == f.Cause })
		switch {
		case f.Impact == report.Blocking:
			if s.Status != report.StatusFailed {
				s.Status, s.Detail = report.StatusFailed, f.Summary
			}
		case shown && f.Impact != report.Note && s.Status == report.StatusOK:
			s.Status, s.Detail = report.StatusWarning, f.Summary
		}
	}
	return s
}
