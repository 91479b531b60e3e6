package report

// Decide sets the verdict from the findings and from what could not be looked
// at. Only a blocking finding makes it broken; a degrading one makes it
// degraded; without either, a stage that is unknown keeps the verdict from
// being ok, because "could not look" is never "fine".
func (r *Report) Decide() {
	r.Verdict = VerdictOK
	for _, s := range r.Stages {
		if s.Status == StatusUnknown {
			r.Verdict = VerdictUnknown
		}
	}
	for _, f := range r.Findings {
		switch {
		case f.Impact == Blocking:
			r.Verdict = VerdictBroken
			return
		case f.Impact == Degrading && r.Verdict == VerdictOK:
			r.Verdict = VerdictDegraded
		}
	}
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
