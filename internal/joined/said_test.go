package joined

import (
	"testing"

	"sshwhy/internal/report"
)

func words(cause string, impact report.Impact, certainty report.Certainty) *report.Report {
	return &report.Report{Side: report.SideText, Findings: []report.Finding{{Cause: cause, Impact: impact, Certainty: certainty, Summary: "ssh said so.",
		Evidence: []report.Evidence{{Source: "ssh", Excerpt: "said"}}}}}
}

func walked(status report.Status, findings ...report.Finding) *report.Report {
	r := &report.Report{Side: report.SideClient, Headline: "The walk's own.", Stages: []report.Stage{{Stage: "auth", Status: status}}, Findings: findings}
	r.Decide()
	return r
}

func TestSaid(t *testing.T) {
	refused := report.Finding{Cause: "connection-refused", Impact: report.Blocking, Certainty: report.Confirmed}
	invalid := report.Finding{Cause: "private-key-invalid", Impact: report.Degrading, Certainty: report.Confirmed}
	unfinished := walked(report.StatusUnknown)
	unfinished.Incomplete = []report.Incomplete{{Check: "login", Reason: "needs typing"}}
	for _, c := range []struct {
		name     string
		walk     *report.Report
		words    *report.Report
		when     When
		verdict  report.Verdict
		causes   []string
		headline string
	}{
		{"a password that was refused a moment ago", unfinished, words("password-rejected", report.Blocking, report.Confirmed), Before,
			report.VerdictBroken, []string{"password-rejected"}, "ssh said so."},
		{"a key refused where a password is still to be typed", unfinished, words("publickey-rejected", report.Blocking, report.Likely), InTheWalk,
			report.VerdictUnknown, []string{"publickey-rejected"}, "ssh said so."},
		{"it works now", walked(report.StatusOK), words("connection-dropped", report.Blocking, report.Confirmed), Before,
			report.VerdictDegraded, []string{"connection-dropped"}, "ssh said so. A new connection works now."},
		{"a guess where the connection works", walked(report.StatusOK), words("wrong-user", report.Blocking, report.Possible), Before,
			report.VerdictOK, nil, "The walk's own."},
		{"a remark", walked(report.StatusOK), words("known-hosts-permissions", report.Note, report.Confirmed), Before,
			report.VerdictOK, nil, "The walk's own."},
		{"the same cause twice", walked(report.StatusFailed, refused), words("connection-refused", report.Blocking, report.Confirmed), Before,
			report.VerdictBroken, []string{"connection-refused"}, "The walk's own."},
		{"what the walk saw itself comes first", walked(report.StatusFailed, refused, invalid), words("connection-dropped", report.Blocking, report.Confirmed), Before,
			report.VerdictBroken, []string{"connection-refused", "connection-dropped", "private-key-invalid"}, "The walk's own."},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := Said(c.walk, c.words, c.when)
			var causes []string
			for _, f := range r.Findings {
				causes = append(causes, f.Cause)
			}
			if len(causes) != len(c.causes) {
				t.Fatalf("causes %v, want %v", causes, c.causes)
			}
			for i := range causes {
				if causes[i] != c.causes[i] {
					t.Fatalf("causes %v, want %v", causes, c.causes)
				}
			}
			if r.Verdict != c.verdict || r.Headline != c.headline {
				t.Errorf("%s %q, want %s %q", r.Verdict, r.Headline, c.verdict, c.headline)
			}
		})
	}
}

func TestSaidFillsTheStagesLeftToSSH(t *testing.T) {
	walk := &report.Report{Stages: []report.Stage{
		{Stage: "kex", Status: report.StatusOK, Detail: "seen"}, {Stage: "hostkey", Status: report.StatusUnknown},
		{Stage: "auth", Status: report.StatusUnknown}, {Stage: "session", Status: report.StatusSkipped}}}
	said := words("host-key-changed", report.Blocking, report.Confirmed)
	said.Stages = []report.Stage{{Stage: "kex", Status: report.StatusOK, Detail: "other"}, {Stage: "hostkey", Status: report.StatusFailed, Detail: "changed"}}
	r := Said(walk, said, InTheWalk)
	if r.Stages[0].Detail != "seen" || r.Stages[1].Status != report.StatusFailed || r.Stages[2].Status != report.StatusSkipped {
		t.Errorf("%+v", r.Stages)
	}
}
