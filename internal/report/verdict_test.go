package report

import "testing"

func TestDecide(t *testing.T) {
	blocking, degrading, note := Finding{Impact: Blocking}, Finding{Impact: Degrading}, Finding{Impact: Note}
	unknown := []Stage{{Status: StatusOK}, {Status: StatusUnknown}}
	shown := &Proof{How: "login of alice"}
	for name, c := range map[string]struct {
		r    Report
		want Verdict
		more int
	}{
		"a client that looked at all":         {Report{Side: SideClient}, VerdictOK, 0},
		"a client that could not":             {Report{Side: SideClient, Stages: unknown}, VerdictUnknown, 0},
		"a slow client that could not":        {Report{Side: SideClient, Stages: unknown, Findings: []Finding{degrading}}, VerdictUnknown, 0},
		"a server in which nothing was found": {Report{Side: SideServer}, VerdictUnknown, 0},
		"a server that was shown to work":     {Report{Side: SideServer, Proof: shown}, VerdictOK, 0},
		"shown, and not all looked at":        {Report{Side: SideServer, Proof: shown, Stages: unknown}, VerdictOK, 0},
		"shown to work slowly":                {Report{Side: SideServer, Proof: shown, Findings: []Finding{degrading, note}}, VerdictDegraded, 0},
		"slow, not shown":                     {Report{Side: SideServer, Findings: []Finding{degrading, degrading}}, VerdictUnknown, 1},
		"broken":                              {Report{Side: SideServer, Proof: shown, Findings: []Finding{blocking, blocking, degrading, blocking}}, VerdictBroken, 2},
		"candidates of a text":                {Report{Side: SideText, Findings: []Finding{blocking, blocking}}, VerdictBroken, 0},
	} {
		c.r.Decide()
		if c.r.Verdict != c.want || c.r.More != c.more {
			t.Errorf("%s: %s and %d more, want %s and %d", name, c.r.Verdict, c.r.More, c.want, c.more)
		}
	}
}
