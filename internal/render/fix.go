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
	case f.Outcome == "nothing-to-do" && len(f.NeedOpen) > 0:
		heading = "Nothing is done without more consent"
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
		say := "Tried: %s: it works."
		if !f.Verified.OK {
			say = "Not proven by a connection: %s."
		}
		sentence(w, fmt.Sprintf(say, f.Verified.How), opt)
	}
	if f.Outcome == "applied" && f.ID != "" {
		fmt.Fprintf(w, "To take it back: sshwhy undo %s\n", Safe(f.ID))
	}
}

// sentence writes prose as wide as a report.
func sentence(w io.Writer, text string, opt Options) {
	for i, l := range Wrap(Safe(text), opt.columns()-2) {
		if i > 0 {
			l = "  " + l
		}
		fmt.Fprintln(w, l)
	}
}

// Plan writes a fix's preview: prose is wrapped, commands and differences stay
// as they are, to be read and copied.
func Plan(w io.Writer, preview string, opt Options) {
	for line := range strings.Lines(preview) {
		line = strings.TrimRight(line, "\n")
		text := strings.TrimLeft(line, " ")
		name, _, _ := strings.Cut(text, ": ")
		if !slices.Contains([]string{"not done", "risk", "lets in", "guard"}, name) {
			fmt.Fprintln(w, Safe(line))
			continue
		}
		indent := line[:len(line)-len(text)]
		for i, l := range Wrap(Safe(text), opt.columns()-len(indent)-2) {
			if i > 0 {
				l = "  " + l
			}
			fmt.Fprintln(w, indent+l)
		}
	}
}
