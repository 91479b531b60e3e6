package server

import (
	"fmt"
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
	rep.Findings = append(rep.Findings, lookAfter(v, rep.Findings)...)
	prove(v, rep.Findings)
	rep.Findings, _ = catalog.Settle(rep.Findings, catalog.ByStage)
	elevate(v, rep.Findings)
	for _, p := range parts {
		rep.Stages = append(rep.Stages, p.report(rep.Findings))
	}
}

// lookAfter makes the checks that go by what the others found.
func lookAfter(v *view, others []report.Finding) []report.Finding {
	var found []report.Finding
	for _, st := range stages() {
		p := part{stage: st.name, others: others}
		for _, c := range st.after {
			c.run(v, &p)
		}
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

// headline is the answer in one sentence.
func headline(v *view, rep *report.Report) string {
	if len(rep.Findings) > 0 && rep.Findings[0].Impact.Rank() <= report.Degrading.Rank() {
		return rep.Findings[0].Summary
	}
	for _, s := range rep.Stages {
		if s.Status == report.StatusUnknown {
			return fmt.Sprintf("No fault was found, but not everything could be looked at (%s: %s).", s.Stage, s.Detail)
		}
	}
	whom := "SSH clients"
	if v.q.Client.IsValid() {
		whom = v.q.Client.String()
	}
	if v.q.User != "" {
		whom = v.q.User
		if v.q.Client.IsValid() {
			whom += " from " + v.q.Client.String()
		}
	}
	if v.q.Port == 0 && v.port != 22 {
		return fmt.Sprintf("Nothing on this machine keeps %s out of port %d; they must ask for that port (ssh -p %d), since SSH is not on port 22 here.", whom, v.port, v.port)
	}
	return fmt.Sprintf("Nothing on this machine keeps %s out of port %d.", whom, v.port)
}
