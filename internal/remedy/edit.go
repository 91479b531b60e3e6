package remedy

import (
	"fmt"
	"slices"
	"strings"

	"sshwhy/internal/report"
)

// applyEdits makes the edited text of a file. Every edit names the line by its
// number in the original and by the exact text it must have there; where that
// no longer holds, nothing is edited. Line ends are kept as they are, a
// missing one at the end of the file included.
func applyEdits(text string, edits []report.LineEdit) (string, error) {
	t := newEdited(text)
	for _, e := range edits {
		if err := t.apply(e); err != nil {
			return "", err
		}
	}
	return t.text(), nil
}

// edited is a file's text with what edits put around its lines.
type edited struct {
	lines         []string // with their ends
	changed       []bool   // replaced, commented out or deleted
	before, after []string // whole lines around each
	head, tail    string
	eol           string // the end new lines get: as the first line has it
}

func newEdited(text string) *edited {
	lines := strings.SplitAfter(text, "\n")
	if lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	t := &edited{
		lines: lines, changed: make([]bool, len(lines)),
		before: make([]string, len(lines)), after: make([]string, len(lines)),
		eol: "\n",
	}
	if len(lines) > 0 && strings.HasSuffix(lines[0], "\r\n") {
		t.eol = "\r\n"
	}
	return t
}

func (t *edited) apply(e report.LineEdit) error {
	switch e.Op {
	case report.LineAppend:
		t.tail += whole(e.New, t.eol)
		return nil
	case report.LinePrepend:
		t.head += whole(e.New, t.eol)
		return nil
	}
	if e.Line < 1 || e.Line > len(t.lines) {
		return fmt.Errorf("line %d is not there any more (the file has %d)", e.Line, len(t.lines))
	}
	i := e.Line - 1
	old, end := cutEOL(t.lines[i])
	if !t.changed[i] && old != strings.TrimSuffix(e.Old, "\r") {
		return fmt.Errorf("line %d is %q now, not %q", e.Line, old, e.Old)
	}
	switch e.Op {
	case report.LineBefore:
		t.before[i] += whole(e.New, t.eol)
		return nil
	case report.LineAfter:
		t.after[i] += whole(e.New, t.eol)
		return nil
	}
	if t.changed[i] {
		return fmt.Errorf("two changes to line %d contradict each other", e.Line)
	}
	t.changed[i] = true
	switch e.Op {
	case report.LineReplace:
		t.lines[i] = e.New + end
	case report.LineComment:
		t.lines[i] = "# " + old + end
	case report.LineDelete:
		t.lines[i] = ""
	default:
		return fmt.Errorf("unknown change %q", e.Op)
	}
	return nil
}

func (t *edited) text() string {
	var out strings.Builder
	out.WriteString(t.head)
	for i, l := range t.lines {
		out.WriteString(t.before[i])
		if t.after[i] != "" && l != "" && !strings.HasSuffix(l, "\n") {
			l += t.eol
		}
		out.WriteString(l)
		out.WriteString(t.after[i])
	}
	if t.tail != "" && out.Len() > 0 && !strings.HasSuffix(out.String(), "\n") {
		out.WriteString(t.eol)
	}
	out.WriteString(t.tail)
	return out.String()
}

// whole is text as whole lines.
func whole(text, eol string) string {
	return strings.TrimSuffix(text, "\n") + eol
}

func cutEOL(line string) (text, end string) {
	for _, e := range [...]string{"\r\n", "\n"} {
		if t, ok := strings.CutSuffix(line, e); ok {
			return t, e
		}
	}
	return line, ""
}

// mergeEdits joins the edits of several findings to one file; the same change
// asked for twice is made once.
func mergeEdits(a, b []report.LineEdit) []report.LineEdit {
	out := slices.Clone(a)
	for _, e := range b {
		if !slices.Contains(out, e) {
			out = append(out, e)
		}
	}
	return out
}
