package logs

import (
	"fmt"
	"slices"

	"sshwhy/internal/catalog"
	"sshwhy/internal/report"
)

// Report makes the report of a summary: side text, a finding for each cause,
// most frequent first; what keeps the server from working, or the client that was
// asked about from getting in, blocks, and strangers at the door are notes.
func (s *Summary) Report(opt Options) *report.Report {
	r := &report.Report{Tool: report.Tool{Name: "sshwhy", Version: opt.Version}, Side: report.SideText}
	source := opt.Source
	if source == "" {
		source = "text"
	}
	causes := s.Causes
	if s.Client != nil {
		causes = s.Client.Causes
		r.Target.Address = s.Client.Addr
	}
	for _, c := range causes {
		page, _ := catalog.Get(c.Cause)
		f := report.Finding{Cause: c.Cause, Impact: report.Note, Certainty: report.Likely,
			Summary:  fmt.Sprintf("%s %s", page.Sentence(nil), times(c)),
			Evidence: []report.Evidence{{Source: source, Excerpt: c.Example, Line: int(c.Line)}},
			Remedy:   &report.Remedy{Kind: page.Remedy, Summary: page.Advice}}
		for _, step := range [...]report.Step{page.Check, page.Fix} {
			if step.Do != "" {
				f.Remedy.Steps = append(f.Remedy.Steps, step)
			}
		}
		if s.Client != nil && s.Client.Accepted == 0 || page.FailsAt == report.StageConnect {
			f.Impact = report.Blocking
		}
		r.Findings = append(r.Findings, f)
	}
	slices.SortStableFunc(r.Findings, func(a, b report.Finding) int { return a.Impact.Rank() - b.Impact.Rank() })
	r.Decide()
	s.headline(r)
	r.Normalize()
	return r
}

func times(c CauseCount) string {
	switch {
	case c.Count == 1:
		return "(once, " + c.Last + ")"
	case c.First == c.Last:
		return fmt.Sprintf("(%d times, %s)", c.Count, c.Last)
	default:
		return fmt.Sprintf("(%d times, %s to %s)", c.Count, c.First, c.Last)
	}
}

func (s *Summary) headline(r *report.Report) {
	switch {
	case s.Server == 0:
		r.Verdict = report.VerdictUnknown
		r.Headline = "This log holds no line of an SSH server."
	case s.Client != nil && s.Client.Attempts == 0:
		r.Verdict = report.VerdictUnknown
		r.Headline = fmt.Sprintf("The log has no attempt from %s: its connections end before they reach the SSH server, or come from another address.", s.Client.Addr)
	case s.Client != nil && s.Client.Accepted > 0:
		r.Headline = fmt.Sprintf("%s logged in %d times and failed %d times.", s.Client.Addr, s.Client.Accepted, s.Client.Attempts-s.Client.Accepted)
	case s.Client != nil && len(s.Client.Causes) > 0:
		r.Headline = fmt.Sprintf("%s tried %d times and never got in: %s", s.Client.Addr, s.Client.Attempts, r.Findings[0].Summary)
	case r.Verdict == report.VerdictBroken:
		r.Headline = "The server itself was in trouble: " + r.Findings[0].Summary
	default:
		var failures int64
		for _, c := range s.Causes {
			failures += c.Count
		}
		r.Headline = fmt.Sprintf("%d logins succeeded and %d attempts failed, from %d addresses.", s.Accepted, failures, s.Addrs.Kinds)
		if !s.Addrs.Exact {
			r.Headline = fmt.Sprintf("%d logins succeeded and %d attempts failed, from more than %d addresses.", s.Accepted, failures, s.Addrs.Kinds)
		}
	}
}
