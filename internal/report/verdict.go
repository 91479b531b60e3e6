package report

// Decide sets the verdict from the findings, from what could not be looked at
// and from what was shown. Only a blocking finding makes it broken. Without one,
// a stage that is unknown keeps the verdict from being ok or degraded, because
// "could not look" is never "fine". Of a server it takes more than that: it must
// have been shown to work, since to find no fault is not to have seen a login.
func (r *Report) Decide() {
	r.Verdict, r.More = VerdictOK, 0
	for i, f := range r.Findings {
		switch {
		case f.Impact == Blocking:
			r.Verdict = VerdictBroken
		case f.Impact == Degrading && r.Verdict == VerdictOK:
			r.Verdict = VerdictDegraded
		}
		if first := r.Findings[0].Impact.Rank(); i > 0 && first <= Degrading.Rank() && f.Impact.Rank() <= first && r.Side != SideText {
			r.More++
		}
	}
	shown := !r.unseen()
	if r.Side == SideServer {
		shown = r.Proof != nil
	}
	if r.Verdict != VerdictBroken && !shown {
		r.Verdict = VerdictUnknown
	}
}

// unseen reports whether a stage could not be looked at.
func (r *Report) unseen() bool {
	for _, s := range r.Stages {
		if s.Status == StatusUnknown {
			return true
		}
	}
	return false
}

// Normalize gives empty lists instead of nil ones, so that the JSON of a report
// always has the same shape.
func (r *Report) Normalize() {
	r.Schema = Schema
	if r.Stages == nil {
		r.Stages = []Stage{}
	}
	if r.Findings == nil {
		r.Findings = []Finding{}
	}
	if r.Incomplete == nil {
		r.Incomplete = []Incomplete{}
	}
	for i := range r.Findings {
		if r.Findings[i].Evidence == nil {
			r.Findings[i].Evidence = []Evidence{}
		}
		if m := r.Findings[i].Remedy; m != nil && m.Steps == nil {
			m.Steps = []Step{}
		}
	}
}
