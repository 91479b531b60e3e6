package catalog

import (
	"slices"

	"sshwhy/internal/report"
)

// A Claim is what settling must know of a finding.
type Claim struct {
	Cause     string
	Impact    report.Impact
	Certainty report.Certainty

	// Place is where the finding stands among others of the same impact: compared
	// number by number, the smaller first. Those without any stay as they came.
	Place []int
	// Text: words are all that speaks for it, so that it may be what another
	// cause looks like.
	Text bool
	// Mute: it explains nothing, because only a symptom was seen.
	Mute bool
}

// AsFound is the claim of a finding that stands where the look met it: a walk goes
// from step to step, and what it meets first is to be mended first.
func AsFound(f report.Finding) Claim {
	return Claim{Cause: f.Cause, Impact: f.Impact, Certainty: f.Certainty}
}

// ByStage is the claim of a finding on a machine where every stage was looked at at
// once: what stands in the other's way comes first, and in one stage the surer.
func ByStage(f report.Finding) Claim {
	c := AsFound(f)
	page, _ := Get(f.Cause)
	c.Place = []int{StageRank(page.Stage), f.Certainty.Rank()}
	return c
}

// Hides reports whether b is only a symptom where a stands: a explains it, is at
// least as grave, and is no mere guess where b is none. In a text a also hides what
// it looks like; of two causes that look like each other, only the surer does.
func Hides(a, b Claim) bool {
	switch {
	case a.Mute, a.Impact.Rank() > b.Impact.Rank(), a.Certainty == report.Possible && b.Certainty != report.Possible:
		return false
	case Explains(a.Cause, b.Cause):
		return true
	case !b.Text || !LooksLike(a.Cause, b.Cause):
		return false
	}
	return !LooksLike(b.Cause, a.Cause) || a.Certainty.Rank() < b.Certainty.Rank()
}

// A Symptom is a finding that was left out, and one of those that explain it and stand.
type Symptom[F any] struct{ Finding, Of F }

// Settle makes an answer of what was found, for every side: it leaves out the
// symptoms that another finding explains, and orders the rest, the gravest first
// and within an impact by place. claim says what a finding claims. found is not
// changed. The same findings give the same answer, in whatever order those stand
// that have a place of their own.
func Settle[F any](found []F, claim func(F) Claim) (stand []F, symptoms []Symptom[F]) {
	claims := make([]Claim, len(found))
	for i, f := range found {
		claims[i] = claim(f)
	}
	by := hiders(claims)
	var order []int
	for i, f := range found {
		if by[i] < 0 {
			order = append(order, i)
		} else {
			symptoms = append(symptoms, Symptom[F]{f, found[by[i]]})
		}
	}
	slices.SortStableFunc(order, func(i, j int) int {
		if d := claims[i].Impact.Rank() - claims[j].Impact.Rank(); d != 0 {
			return d
		}
		return slices.Compare(claims[i].Place, claims[j].Place)
	})
	for _, i := range order {
		stand = append(stand, found[i])
	}
	return stand, symptoms
}

// hiders returns for each claim the first of those that stand and hide it, or -1
// where it stands itself. That is decided from the causes down to their symptoms,
// because what does not stand hides nothing; nothing hides itself by a detour (TestOneWay).
func hiders(claims []Claim) []int {
	const stands, open = -1, -2
	by := slices.Repeat([]int{open}, len(claims))
	var decide func(b int) bool
	decide = func(b int) bool {
		if by[b] == open {
			by[b] = stands
			for a := range claims {
				if Hides(claims[a], claims[b]) && decide(a) {
					by[b] = a
					break
				}
			}
		}
		return by[b] == stands
	}
	for i := range claims {
		decide(i)
	}
	return by
}
