package joined

import (
	"testing"

	"sshwhy/internal/report"
)

func blocked(side report.Side, cause, headline string) *report.Report {
	r := &report.Report{Side: side, Headline: headline,
		Stages: []report.Stage{{Stage: "config", Status: report.StatusFailed}},
		Findings: []report.Finding{{Cause: cause, Impact: report.Blocking, Certainty: report.Confirmed,
			Evidence: []report.Evidence{{Source: "seen at " + string(side), Excerpt: "x"}}}}}
	r.Decide()
	return r
}

func TestACauseOnTheServerReplacesTheSymptom(t *testing.T) {
	r := Join(blocked(report.SideClient, "connection-refused", "Refused."), blocked(report.SideServer, "sshd-config-invalid", "Line 3 is wrong."))
	if len(r.Findings) != 1 || r.Findings[0].Cause != "sshd-config-invalid" {
		t.Fatalf("findings: %+v", r.Findings)
	}
	if n := len(r.Findings[0].Evidence); n != 2 {
		t.Errorf("the symptom's evidence is lost: %d pieces", n)
	}
	if r.Headline != "Line 3 is wrong." || r.Verdict != report.VerdictBroken || r.Side != report.SideClient {
		t.Errorf("headline %q, verdict %s, side %s", r.Headline, r.Verdict, r.Side)
	}
	if r.Stages[1].Stage != "server/config" {
		t.Errorf("stages: %+v", r.Stages)
	}
}

func TestWhatNoCauseExplainsStays(t *testing.T) {
	r := Join(blocked(report.SideClient, "name-not-found", "No such name."), blocked(report.SideServer, "service-stopped", "Stopped."))
	if len(r.Findings) != 2 || r.Findings[0].Cause != "service-stopped" || r.Findings[1].Cause != "name-not-found" {
		t.Fatalf("findings: %+v", r.Findings)
	}
}

func TestAHealthyServerPointsBetween(t *testing.T) {
	ok := &report.Report{Side: report.SideServer, Headline: "Nothing keeps clients out.", Proof: &report.Proof{How: "the server answered"}}
	ok.Decide()
	r := Join(blocked(report.SideClient, "connection-timed-out", "No answer."), ok)
	if r.Headline != "No answer. The server itself shows nothing that keeps this client out: look at what lies between." {
		t.Error(r.Headline)
	}
	if r.Verdict != report.VerdictBroken {
		t.Error(r.Verdict)
	}
}

// TestAFaultBetween: only a machine that was looked at in full, and is well, proves
// that what the client sees comes from elsewhere.
func TestAFaultBetween(t *testing.T) {
	machine := func(change func(*report.Report)) *report.Report {
		r := &report.Report{Side: report.SideServer, Headline: "Nothing keeps clients out."}
		for _, s := range wanted {
			r.Stages = append(r.Stages, report.Stage{Stage: s, Status: report.StatusOK, Detail: s + " is well"})
		}
		change(r)
		r.Decide()
		return r
	}
	same := func(*report.Report) {}
	for name, tt := range map[string]struct {
		symptom string
		change  func(*report.Report)
		want    string
	}{
		"silence":   {"connection-timed-out", same, "port-blocked-on-path"},
		"a refusal": {"connection-refused", same, "port-forward-broken"},
		"silence before a cloud": {"connection-timed-out", func(r *report.Report) {
			r.Findings = []report.Finding{{Cause: "cloud-firewall", Impact: report.Note, Certainty: report.Possible}}
		}, "cloud-firewall"},
		"the firewall was not seen": {"connection-timed-out", func(r *report.Report) { r.Stages[3].Status = report.StatusUnknown }, "connection-timed-out"},
		"the firewall is in doubt":  {"connection-refused", func(r *report.Report) { r.Stages[3].Status = report.StatusWarning }, "connection-refused"},
		"the machine does not listen": {"connection-refused", func(r *report.Report) {
			r.Findings = []report.Finding{{Cause: "service-stopped", Impact: report.Blocking, Certainty: report.Confirmed}}
		}, "service-stopped"},
		"another symptom": {"host-key-changed", same, "host-key-changed"},
	} {
		t.Run(name, func(t *testing.T) {
			r := Join(blocked(report.SideClient, tt.symptom, "Symptom."), machine(tt.change))
			if len(r.Findings) != 1 || r.Findings[0].Cause != tt.want || r.Verdict != report.VerdictBroken {
				t.Errorf("want %s, got %s %+v", tt.want, r.Verdict, r.Findings)
			}
		})
	}
}

// TestTheClientExplainsNothingOnTheServer: a broken ssh program here breaks no service there.
func TestTheClientExplainsNothingOnTheServer(t *testing.T) {
	r := Join(blocked(report.SideClient, "crypto-library-mismatch", "Another OpenSSL."), blocked(report.SideServer, "service-failed", "Failed."))
	if len(r.Findings) != 2 || r.Findings[0].Cause != "service-failed" || r.Findings[1].Cause != "crypto-library-mismatch" {
		t.Errorf("findings: %+v", r.Findings)
	}
}

// TestARefusalThatTheClientExplains: a server that only knows that it refused gives
// way to a client that knows why, and not to one that only was refused.
func TestARefusalThatTheClientExplains(t *testing.T) {
	for symptom, want := range map[string]string{"private-key-missing": "private-key-missing", "publickey-rejected": "refused-unexplained"} {
		r := Join(blocked(report.SideClient, symptom, "Seen here."), blocked(report.SideServer, "refused-unexplained", "Refused."))
		if len(r.Findings) != 1 || r.Findings[0].Cause != want {
			t.Errorf("%s: %+v", symptom, r.Findings)
		}
	}
}
