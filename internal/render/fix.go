package render

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"sshwhy/internal/report"
)

// Fix draws what a fix did, after the report of the machine as it is now.
func Fix(w io.Writer, rep *report.Report, opt Options) {
	f := rep.Fix
	done, failed := "✓", "✗"
	if opt.ASCII {
		done, failed = "+", "x"
	}
	heading := map[string]string{
		"applied":       "Fixed",
		"rolled-back":   "Nothing is changed: the fix was taken back",
		"refused":       "Nothing is changed",
		"nothing-to-do": "There is nothing to mend automatically",
		"dry-run":       "This is what would be done; nothing is changed",
	}[f.Outcome]
	switch {
	case heading == "":
		heading = f.Outcome
	case f.Outcome == "applied" && rep.Verdict != report.VerdictOK:
		heading = "This is done; what is left is told above"
	}
	fmt.Fprintln(w)
	fmt.Fprintln(w, heading+".")
	for _, st := range f.Steps {
		mark := "·"
		switch st.State {
		case "done":
			mark = done
		case "failed":
			mark = failed
		}
		if opt.ASCII && mark == "·" {
			mark = "-"
		}
		fmt.Fprintf(w, "  %s %s (%s)\n", mark, Safe(strings.ReplaceAll(st.Do, "\n", "; ")), st.State)
		if st.Error != "" {
			fmt.Fprintf(w, "      %s\n", Safe(st.Error))
		}
	}
	if f.Verified != nil && f.Verified.How != "" {
		say := "Tried: %s: it works.\n"
		if !f.Verified.OK {
			say = "Not proven by a connection: %s.\n"
		}
		fmt.Fprintf(w, say, Safe(f.Verified.How))
	}
	if f.Outcome == "applied" && slices.ContainsFunc(rep.Findings, opens) {
		fmt.Fprintln(w, "What is left would let somebody in: add --open for it, and --client ADDRESS to let in that one alone.")
	}
	if f.Outcome == "applied" && f.ID != "" {
		fmt.Fprintf(w, "To take it back: sshwhy undo %s\n", Safe(f.ID))
	}
}

// opens reports whether a finding that is left can be mended with more consent.
func opens(f report.Finding) bool {
	return f.Impact.Rank() <= report.Degrading.Rank() && f.Remedy != nil && f.Remedy.Kind == report.Open
}
