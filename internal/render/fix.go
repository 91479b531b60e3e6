package render

import (
	"fmt"
	"io"
	"strings"

	"sshwhy/internal/report"
)

// Fix draws what a fix did, after the report of the machine as it is now.
func Fix(w io.Writer, f *report.Fix, opt Options) {
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
	if heading == "" {
		heading = f.Outcome
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
		word := "it works"
		if !f.Verified.OK {
			word = "it does not work"
		}
		fmt.Fprintf(w, "Tried: %s: %s.\n", Safe(f.Verified.How), word)
	}
	if f.Outcome == "applied" && f.ID != "" {
		fmt.Fprintf(w, "To take it back: sshwhy undo %s\n", Safe(f.ID))
	}
}
