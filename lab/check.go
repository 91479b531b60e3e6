package lab

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"sshwhy/internal/catalog"
	"sshwhy/internal/report"
)

// checkReport compares what one side's diagnosis printed with what the case expects,
// and holds every report to the promises of docs/output.md. It returns the complaints.
//
// A cause without a page in the catalogue is not implemented yet: an expectation
// that names one is not held against the report.
func checkReport(stdout []byte, exit int, want Expectation, also []string, kind Kind) []string {
	var r report.Report
	dec := json.NewDecoder(strings.NewReader(string(stdout)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&r); err != nil {
		return []string{fmt.Sprintf("its JSON: %v", err)}
	}
	bad := checkPromises(r, exit)
	if want.Any {
		return bad
	}
	got, all := blocking(r, want.Causes)
	if missing := unimplemented(want.Causes); missing != "" {
		return bad // the other expectations cannot be told from its absence
	}
	if len(want.Causes) > 0 && (len(got) == 0 || got[0] != want.Causes[0]) {
		bad = append(bad, fmt.Sprintf("the answer is %q, want %q", first(got), want.Causes[0]))
	}
	for _, c := range want.Causes {
		if !slices.Contains(got, c) {
			bad = append(bad, fmt.Sprintf("%s was not found", c))
		}
	}
	for _, c := range got {
		if !slices.Contains(want.Causes, c) {
			bad = append(bad, fmt.Sprintf("%s is said to block and is not there", c))
		}
	}
	for _, c := range also {
		if !slices.Contains(all, c) && unimplemented([]string{c}) == "" {
			bad = append(bad, fmt.Sprintf("%s was not found among %v", c, all))
		}
	}
	if kind != Broken && r.Verdict == report.VerdictBroken {
		bad = append(bad, "the verdict is broken, and a login works")
	}
	return bad
}

// checkCertainty holds the first finding to the certainty that the case wants.
func checkCertainty(stdout []byte, want report.Certainty) []string {
	var r report.Report
	if want == "" || json.Unmarshal(stdout, &r) != nil || len(r.Findings) == 0 {
		return nil // checkReport has complained
	}
	if got := r.Findings[0]; got.Certainty != want {
		return []string{fmt.Sprintf("%s is said to be %s, want %s", got.Cause, got.Certainty, want)}
	}
	return nil
}

// checkVerdict holds the report to the verdict that the case wants.
func checkVerdict(stdout []byte, want report.Verdict) []string {
	var r report.Report
	if want == "" || json.Unmarshal(stdout, &r) != nil || r.Verdict == want {
		return nil // checkReport has complained of what is no JSON
	}
	return []string{fmt.Sprintf("the verdict is %s, want %s: %s %v", r.Verdict, want, r.Headline, r.Incomplete)}
}

// checkPromises holds for every report, whatever the case.
func checkPromises(r report.Report, exit int) []string {
	var bad []string
	if want := r.Verdict.ExitCode(); exit >= 0 && exit != want {
		bad = append(bad, fmt.Sprintf("exit status %d with verdict %q, which is %d", exit, r.Verdict, want))
	}
	blocks := false
	for _, f := range r.Findings {
		blocks = blocks || f.Impact == report.Blocking
		if len(f.Evidence) == 0 {
			bad = append(bad, fmt.Sprintf("%s has no evidence", f.Cause))
		}
		if _, ok := catalog.Get(f.Cause); !ok {
			bad = append(bad, fmt.Sprintf("%s has no page", f.Cause))
		}
	}
	if blocks != (r.Verdict == report.VerdictBroken) {
		bad = append(bad, fmt.Sprintf("verdict %q with blocking findings: %v", r.Verdict, blocks))
	}
	if r.Headline == "" {
		bad = append(bad, "no headline")
	}
	if r.Side == report.SideServer && exit == 0 && r.Proof == nil {
		bad = append(bad, "exit status 0, and nothing says by what it was shown to work")
	}
	return bad
}

// blocking returns the blocking causes of a report in order, without those that
// an expected one explains, and all causes found at all.
func blocking(r report.Report, expected []string) (got, all []string) {
	for _, f := range r.Findings {
		all = append(all, f.Cause)
		explained := slices.ContainsFunc(expected, func(e string) bool { return catalog.Explains(e, f.Cause) })
		if f.Impact == report.Blocking && (!explained || slices.Contains(expected, f.Cause)) {
			got = append(got, f.Cause)
		}
	}
	return got, all
}

// unimplemented is the first of the causes that has no page yet, or nothing.
func unimplemented(causes []string) string {
	for _, c := range causes {
		if _, ok := catalog.Get(c); !ok {
			return c
		}
	}
	return ""
}

func first(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}
