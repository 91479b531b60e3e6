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
	lines := strings.SplitAfter(text, "\n")
	if lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	eol := "\n"
	if len(lines) > 0 && strings.HasSuffix(lines[0], "\r\n") {
		eol = "\r\n"
	}
	var head, tail strings.Builder
	before := make([]string, len(lines))
	after := make([]string, len(lines))
	edited := make([]bool, len(lines))
	for _, e := range edits {
		switch e.Op {
		case report.LineAppend:
			tail.WriteString(whole(e.New, eol))
			continue
		case report.LinePrepend:
			head.WriteString(whole(e.New, eol))
			continue
		}
		if e.Line < 1 || e.Line > len(lines) {
			return "", fmt.Errorf("line %d is not there any more (the file has %d)", e.Line, len(lines))
		}
		i := e.Line - 1
		old, end := cutEOL(lines[i])
		if !edited[i] && old != strings.TrimSuffix(e.Old, "\r") {
			return "", fmt.Errorf("line %d is %q now, not %q", e.Line, old, e.Old)
		}
		switch e.Op {
		case report.LineBefore:
			before[i] += whole(e.New, eol)
			continue
		case report.LineAfter:
			after[i] += whole(e.New, eol)
			continue
		}
		if edited[i] {
			return "", fmt.Errorf("two changes to line %d contradict each other", e.Line)
		}
		edited[i] = true
		switch e.Op {
		case report.LineReplace:
			lines[i] = e.New + end
		case report.LineComment:
			lines[i] = "# " + old + end
		case report.LineDelete:
			lines[i] = ""
		default:
			return "", fmt.Errorf("unknown change %q", e.Op)
		}
	}
	var out strings.Builder
	out.WriteString(head.String())
	for i, l := range lines {
		out.WriteString(before[i])
		if after[i] != "" && l != "" && !strings.HasSuffix(l, "\n") {
			l += eol
		}
		out.WriteString(l)
		out.WriteString(after[i])
	}
	if tail.Len() > 0 && out.Len() > 0 && !strings.HasSuffix(out.String(), "\n") {
		out.WriteString(eol)
	}
	out.WriteString(tail.String())
	return out.String(), nil
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
