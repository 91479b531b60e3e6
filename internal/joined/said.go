package joined

import (
	"slices"

	"sshwhy/internal/catalog"
	"sshwhy/internal/report"
)

// When says which run of ssh the words are of.
type When int

// The runs.
const (
	InTheWalk When = iota // the walk itself ran ssh in place of its own login
	Before                // the user's own run, which led to this walk
)

// loginChecks are what the walk calls incomplete about the login, and what the
// words of ssh may settle.
var loginChecks = [...]string{typing, "login by ssh itself"}

// typing is the check of a login that goes on to something that a person types.
const typing = "login"

// Said returns the walk's report with what ssh's own words prove. What the walk
// saw itself counts more: words add a cause that it could not see, or evidence to
// one that it saw. Where the connection works now, a failure before is no more
// than worth knowing.
func Said(walk, words *report.Report, when When) *report.Report {
	out := *walk
	works := walk.Verdict == report.VerdictOK || walk.Verdict == report.VerdictDegraded
	out.Findings = clone(walk.Findings)
	unfinished := slices.ContainsFunc(walk.Incomplete, func(in report.Incomplete) bool { return in.Check == typing })
	var added []report.Finding
	for _, f := range words.Findings {
		if f.Impact.Rank() > report.Degrading.Rank() {
			continue
		}
		if i := known(out.Findings, f); i >= 0 {
			out.Findings[i].Evidence = append(out.Findings[i].Evidence, f.Evidence...)
			continue
		}
		if f.Certainty == report.Possible && (works || len(added) > 0 || blocks(walk.Findings)) {
			continue // a guess, where something better is known
		}
		if works || when == InTheWalk && unfinished {
			f.Impact = report.Degrading
		}
		added = append(added, f)
	}
	out.Findings = merge(added, out.Findings)
	settled := blocks(added)
	out.Incomplete = slices.DeleteFunc(slices.Clone(walk.Incomplete), func(in report.Incomplete) bool {
		return settled && slices.Contains(loginChecks[:], in.Check)
	})
	if when == InTheWalk && !unfinished {
		out.Stages = stages(walk.Stages, words.Stages)
	}
	out.Decide()
	switch {
	case len(added) == 0 || out.Findings[0].Cause != added[0].Cause:
	case works && when == Before:
		out.Headline = added[0].Summary + " A new connection works now."
	default:
		out.Headline = added[0].Summary
	}
	out.Normalize()
	return &out
}

// known returns the index of the finding that is the same cause or explains it, or -1.
func known(findings []report.Finding, word report.Finding) int {
	return slices.IndexFunc(findings, func(f report.Finding) bool {
		return f.Cause == word.Cause || catalog.Hides(catalog.AsFound(f), catalog.AsFound(word))
	})
}

func blocks(findings []report.Finding) bool {
	return slices.ContainsFunc(findings, func(f report.Finding) bool { return f.Impact == report.Blocking })
}

// merge puts what the words added among the walk's findings: behind what the
// walk saw blocking, and in the place of what it explains.
func merge(added, walk []report.Finding) []report.Finding {
	i := slices.IndexFunc(walk, func(f report.Finding) bool { return f.Impact != report.Blocking })
	if i < 0 {
		i = len(walk)
	}
	stand, _ := catalog.Settle(slices.Insert(walk, i, added...), catalog.AsFound)
	return stand
}

// stages fills in what the walk left to ssh.
func stages(walk, words []report.Stage) []report.Stage {
	out := slices.Clone(walk)
	failed := false
	for i := range out {
		if failed {
			out[i].Status, out[i].Detail = report.StatusSkipped, ""
		}
		if out[i].Status != report.StatusUnknown && out[i].Status != report.StatusSkipped {
			continue
		}
		for _, s := range words {
			if s.Stage == out[i].Stage && (s.Status == report.StatusOK || s.Status == report.StatusFailed) {
				ms := out[i].Ms
				out[i] = s
				out[i].Ms = ms
				failed = failed || s.Status == report.StatusFailed
			}
		}
	}
	return out
}
