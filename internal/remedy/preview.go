package remedy

import (
	"fmt"
	"strings"

	"sshwhy/internal/report"
)

// Preview shows a plan before anything happens: for each step what and why,
// the diff or the command by hand, whom it lets in, what could go wrong, and
// how it is taken back. The text may hold bytes from files of the machine:
// whoever prints it escapes them.
func (p *Plan) Preview() string {
	var b strings.Builder
	for i, st := range p.Steps {
		fmt.Fprintf(&b, "%d. %s\n", i+1, st.title())
		for line := range strings.Lines(st.Do) {
			fmt.Fprintf(&b, "     %s\n", strings.TrimRight(line, "\n"))
		}
		for line := range strings.Lines(st.Diff) {
			fmt.Fprintf(&b, "     | %s\n", strings.TrimRight(line, "\n"))
		}
		field(&b, "on", st.On)
		field(&b, "lets in", st.Opens)
		field(&b, "then", strings.Join(st.Effect, "\n"))
		field(&b, "risk", st.risk())
		field(&b, "undo", st.undoWords())
	}
	field(&b, "guard", p.Guard)
	for _, l := range p.Left {
		fmt.Fprintf(&b, "not done: %s (%s): %s\n", l.Summary, l.Cause, l.Why)
	}
	return b.String()
}

func field(b *strings.Builder, name, text string) {
	if text != "" {
		fmt.Fprintf(b, "     %s: %s\n", name, strings.ReplaceAll(text, "\n", "; "))
	}
}

// title says what a step is and for which causes.
func (s *Step) title() string {
	kind := "repair"
	if s.Kind == report.Open {
		kind = "open"
	}
	return fmt.Sprintf("%s, for %s", kind, strings.Join(s.Causes, ", "))
}

// risk is what could go wrong, beyond what the check said.
func (s *Step) risk() string {
	own := ""
	switch {
	case s.act.Kind == report.ActInstall:
		own = "needs the network; fails before anything else is changed"
	case s.act.Kind == report.ActUnit && s.act.Verb == report.VerbRestart:
		own = "connections that are being made at that moment are dropped; sessions go on"
	case s.act.Kind == report.ActHostKeys:
		own = "clients that knew older keys are warned of a change"
	}
	return joinLines(s.Risk, own)
}

// undoWords is how the step is taken back: by this tool always, and by hand.
func (s *Step) undoWords() string {
	switch {
	case s.act.Kind == report.ActInstall:
		return "sshwhy undo removes the packages that came, and puts /etc back as it was"
	case s.act.Kind == report.ActConfigure:
		return "sshwhy undo puts /etc and the units back as they were; dpkg goes on knowing the package as configured"
	case s.Diff != "":
		return "sshwhy undo puts the file back as it was, with its owner, mode, times and attributes"
	case s.Undo == "" && s.act.Kind == report.ActCommand && len(s.act.Inverse) == 0:
		return "there is nothing to take back"
	}
	return s.Undo
}
