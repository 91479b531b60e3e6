package explain

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"sshwhy/internal/catalog"
	"sshwhy/internal/evidence/redact"
	"sshwhy/internal/report"
	"sshwhy/internal/sshlog"
)

// Limits of an answer: a shortlist that is longer helps nobody.
const (
	maxFindings = 6
	maxEvidence = 4
)

// answer makes the report.
func (rd *reading) answer() *report.Report {
	r := &report.Report{Tool: report.Tool{Name: "sshwhy", Version: rd.opt.Version}, Side: report.SideText}
	r.Target = rd.target()
	r.Stages = rd.stages()
	for _, c := range rd.cands {
		if len(r.Findings) == maxFindings {
			r.Incomplete = append(r.Incomplete, report.Incomplete{Check: "further causes", Reason: fmt.Sprintf("%d less likely ones are left out", len(rd.cands)-maxFindings)})
			break
		}
		r.Findings = append(r.Findings, rd.finding(c))
	}
	if rd.cut {
		r.Incomplete = append(r.Incomplete, report.Incomplete{Check: "the rest of the text", Reason: "it is longer than what is read as a paste; give it as a file to have it summarised as a log"})
	}
	r.Decide()
	rd.headline(r)
	rd.ask(r)
	r.Normalize()
	return r
}

// headline is the answer in one sentence, as sure as the findings are.
func (rd *reading) headline(r *report.Report) {
	blocking := 0
	for _, f := range r.Findings {
		if f.Impact == report.Blocking {
			blocking++
		}
	}
	switch {
	case blocking == 0 && rd.succeeded():
		r.Verdict = report.VerdictOK
		r.Headline = "This text holds no failure: the connection it shows succeeded."
	case blocking == 0 && len(r.Findings) > 0:
		r.Verdict = report.VerdictUnknown
		r.Headline = "This text holds no failure that stops a connection. Worth knowing: " + r.Findings[0].Summary
	case blocking == 0 && rd.find(portOpen...) >= 0:
		r.Verdict = report.VerdictUnknown
		r.Headline = "This text holds no failure: the port it asks about is open, something listens there."
		r.Incomplete = append(r.Incomplete, report.Incomplete{Check: "what comes after the connection", Reason: "the output of ssh -v would show whether it is SSH that answers, and whom it lets in"})
	case blocking == 0:
		r.Verdict = report.VerdictUnknown
		r.Headline = "This text holds no SSH failure that is known here."
		r.Incomplete = append(r.Incomplete, report.Incomplete{Check: "cause", Reason: rd.advice()})
	case r.Findings[0].Certainty == report.Possible && blocking > 1:
		r.Headline = fmt.Sprintf("The text alone does not decide between %d causes. %s", blocking, r.Findings[0].Summary)
		r.Incomplete = append(r.Incomplete, report.Incomplete{Check: "which of them", Reason: rd.advice()})
	case r.Findings[0].Certainty == report.Possible:
		r.Headline = r.Findings[0].Summary
	case r.Findings[0].Certainty == report.Likely:
		r.Headline = "Most likely: " + r.Findings[0].Summary
	default:
		r.Headline = r.Findings[0].Summary
	}
}

// portOpen are the words of programs that could open a connection (nc, nmap,
// telnet, Test-NetConnection).
var portOpen = []string{"[tcp/ssh] succeeded", "/tcp open", "TcpTestSucceeded : True", "Escape character is"}

// advice says what further text would decide.
func (rd *reading) advice() string {
	for _, a := range rd.attempts {
		if a.verbose {
			return "the server's log of the same moment would tell: journalctl -u ssh -u sshd, or /var/log/auth.log"
		}
	}
	return "the output of the same command with -vv would tell more, and the server's log of the same moment most"
}

// succeeded reports whether an attempt is known to have worked.
func (rd *reading) succeeded() bool {
	for _, a := range rd.attempts {
		if a.reached >= stepAuthDone {
			return true
		}
	}
	return slices.ContainsFunc(rd.hits, func(h hit) bool {
		return strings.HasPrefix(h.Row.Pattern.Text, "Accepted ") || strings.Contains(h.Row.Pattern.Text, "successfully authenticated") || strings.Contains(h.Row.Pattern.Text, "Welcome to GitLab")
	})
}

// finding makes the finding of a candidate.
func (rd *reading) finding(c *candidate) report.Finding {
	page, _ := catalog.Get(c.cause)
	f := report.Finding{Cause: c.cause, Impact: c.impact, Certainty: c.certainty, Summary: page.Sentence(c.caps)}
	if c.summary != "" {
		f.Summary = c.summary
	}
	if c.look != "" {
		page.Check.Do = c.look
	}
	steps := []report.Step{page.Check, page.Fix}
	if c.steps != nil {
		steps = append([]report.Step{page.Check}, c.steps...)
	}
	if c.certainty == report.Possible { // first look: nobody should mend what may not be broken
		f.Summary = "Perhaps: " + f.Summary
		if page.Check.Do != "" {
			steps = steps[:1]
		}
	}
	slices.Sort(c.evidence)
	for _, i := range slices.Compact(c.evidence) {
		if i < 0 || i >= len(rd.lines) || len(f.Evidence) == maxEvidence {
			continue
		}
		f.Evidence = append(f.Evidence, report.Evidence{Source: rd.source(), Excerpt: rd.quote(i), Line: rd.lines[i].no})
	}
	f.Remedy = &report.Remedy{Kind: page.Remedy, Summary: page.Advice}
	for _, step := range steps {
		if step.Do = rd.concrete(rd.spoken(step), c); step.Do != "" {
			f.Remedy.Steps = append(f.Remedy.Steps, step)
		}
	}
	return f
}

func (rd *reading) source() string {
	if rd.opt.Source != "" {
		return rd.opt.Source
	}
	return "text"
}

// quote is a line as it is shown: without secrets, also those that began above it,
// and only then cut.
func (rd *reading) quote(i int) string {
	if rd.whole == nil {
		raw := make([]string, len(rd.lines))
		for k, l := range rd.lines {
			raw[k] = l.raw
		}
		rd.whole = redact.NewWhole(raw)
	}
	return sshlog.Quote(rd.whole.Quote(i+1, rd.lines[i].raw))
}

// target is whom the text is about: the last attempt that names a host, or the
// first message that does.
func (rd *reading) target() report.Target {
	var t report.Target
	for _, a := range rd.attempts {
		if a.host != "" {
			t = report.Target{Host: a.host, Address: a.addr, Port: a.port, User: a.user}
		}
	}
	for i := range rd.hits {
		h := &rd.hits[i]
		if u, host, ok := cutLast(h.Get("userhost"), "@"); ok && t.Host == "" {
			t.User, t.Host = u, host
		}
		if h.Row.Stage == report.StageConnect && t.Host == "" && h.Get("host") != "" {
			t.Host = h.Get("host")
			t.Port, _ = strconv.Atoi(h.Get("port"))
		}
	}
	return t
}

// stages draws the path of the last attempt whose steps are known.
func (rd *reading) stages() []report.Stage {
	var a *attempt
	for _, x := range rd.attempts {
		if x.verbose && x.reached > stepConfig {
			a = x
		}
	}
	if a == nil {
		return nil
	}
	names := []string{report.StageResolve, report.StageConnect, report.StageBanner, report.StageKex, report.StageHostKey, report.StageAuth, report.StageSession}
	done := []step{stepConnecting, stepEstablished, stepBanner, stepHostKey, stepNewKeys, stepAuthDone, stepSession}
	failed := rd.failedIn(a) || len(rd.cands) > 0
	var out []report.Stage
	broke := false
	for i, name := range names {
		s := report.Stage{Stage: name, Status: report.StatusOK}
		switch {
		case a.reached >= done[i]:
		case !broke && failed:
			s.Status, broke = report.StatusFailed, true
			s.Detail = sshlog.Quote(rd.lines[a.reachedAt].text)
		default:
			s.Status = report.StatusSkipped
			if !failed {
				s.Status = report.StatusUnknown
			}
		}
		out = append(out, s)
	}
	return out
}
