// Package render draws a report: for a person at a terminal, or as JSON for a
// program. Each renderer is a function of the report and of nothing else, and
// this is the one place where hostile bytes are made harmless.
//
// It must not decide, look, or leave out what was found.
//
// The rules of the terminal: the first line is the answer. The path is drawn as
// steps in order, so that a glance shows where it broke. What blocks is told in
// full (evidence, then what to do), the rest in a line each unless asked for
// more. What could not be looked at is always listed. Nothing is wider than the
// terminal, commands are broken so that they can still be pasted, and without a
// terminal or with NO_COLOR there is no escape sequence at all.
package render

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"sshwhy/internal/report"
)

// Options says what the terminal can do and how much is to be told.
type Options struct {
	Width   int  // columns; 0: 80
	Verbose int  // 1: every finding in full, details of each stage
	Color   bool // styles allowed
	ASCII   bool // no characters beyond ASCII
}

// columns is how wide a page is drawn: as the terminal, but no wider than one
// reads with ease.
func (o Options) columns() int {
	if o.Width <= 0 {
		return 80
	}
	return min(o.Width, 100)
}

// Terminal writes the report for a person.
func Terminal(w io.Writer, r *report.Report, opt Options) error {
	p := &page{opt: opt, width: opt.columns()}
	p.headline(r)
	p.steps(r)
	p.findings(r)
	p.timeline(r)
	p.incomplete(r)
	p.next(r)
	p.footer(r)
	_, err := io.WriteString(w, p.b.String())
	return err
}

// Headline writes the answer alone.
func Headline(w io.Writer, r *report.Report, opt Options) error {
	p := &page{opt: opt, width: opt.columns()}
	p.headline(r)
	_, err := io.WriteString(w, p.b.String())
	return err
}

// page is a report being drawn.
type page struct {
	opt   Options
	width int
	b     strings.Builder
}

// headline is the answer, in one sentence, before everything else.
func (p *page) headline(r *report.Report) {
	mark, style := p.verdictMark(r.Verdict)
	text := Safe(r.Headline)
	if r.More > 0 {
		text += fmt.Sprintf(" (and %d more)", r.More)
	}
	lines := Wrap(text, p.width-2)
	for i, l := range lines {
		lead := "  "
		if i == 0 {
			lead = mark + " "
		}
		p.line(p.style(lead+l, style))
	}
}

// steps draws the stages as a line of steps; with -v, one line each with its detail.
func (p *page) steps(r *report.Report) {
	if len(r.Stages) == 0 {
		return
	}
	p.line("")
	if p.opt.Verbose > 0 {
		for _, s := range r.Stages {
			p.stageDetail(s)
		}
		return
	}
	gap := 3
	cells := p.cells(r.Stages, " ", false)
	if total(cells, gap) > p.width-2 {
		// The nine steps of the client fit into 80 columns when set closer.
		gap, cells = 2, p.cells(r.Stages, "", true)
	}
	line, used := "  ", 2
	for i, s := range r.Stages {
		w := columns(cells[i])
		if used > 2 && used+gap+w > p.width {
			p.line(line)
			line, used = "  ", 2
		} else if used > 2 {
			line += strings.Repeat(" ", gap)
			used += gap
		}
		_, style := p.stageMark(s.Status)
		line += p.style(cells[i], style)
		used += w
	}
	p.line(line)
}

// cells are the steps as text: the mark behind the name, or before it.
func (p *page) cells(stages []report.Stage, between string, before bool) []string {
	out := make([]string, len(stages))
	for i, s := range stages {
		mark, _ := p.stageMark(s.Status)
		if p.opt.ASCII {
			between = " "
		}
		if before {
			out[i] = mark + between + Safe(s.Stage)
		} else {
			out[i] = Safe(s.Stage) + between + mark
		}
	}
	return out
}

// total is the width of cells in one line.
func total(cells []string, gap int) int {
	n := -gap
	for _, c := range cells {
		n += columns(c) + gap
	}
	return n
}

func (p *page) stageDetail(s report.Stage) {
	mark, style := p.stageMark(s.Status)
	const indent = 13
	detail := Safe(s.Detail)
	if s.Ms > 0 {
		detail += fmt.Sprintf(" (%s)", millis(s.Ms))
	}
	lines := Wrap(detail, p.width-indent)
	if len(lines) == 0 {
		lines = []string{string(s.Status)}
	}
	for i, l := range lines {
		if i == 0 {
			p.line(p.style(fmt.Sprintf("  %s %-9s", mark, Safe(s.Stage)), style) + " " + l)
		} else {
			p.line(strings.Repeat(" ", indent) + l)
		}
	}
}

// findings tells what blocks in full and the rest briefly.
func (p *page) findings(r *report.Report) {
	var brief []report.Finding
	full := func(f report.Finding) bool {
		return f.Impact == report.Blocking || f.Impact == report.Degrading || p.opt.Verbose > 0
	}
	for i, f := range r.Findings {
		if full(f) {
			var later []report.Step
			for _, g := range r.Findings[i+1:] {
				if g.Remedy != nil && full(g) {
					later = append(later, g.Remedy.Steps...)
				}
			}
			p.finding(f, i == 0 && strings.HasSuffix(r.Headline, f.Summary), later) // "Most likely: …" has said it
		} else {
			brief = append(brief, f)
		}
	}
	if len(brief) == 0 {
		return
	}
	p.heading("Also noticed")
	for _, f := range brief {
		p.item(p.dot(), Safe(f.Summary)+p.cause(f))
	}
}

// finding tells one cause in full: what, the evidence, what to do.
// later are the steps of the findings that follow.
func (p *page) finding(f report.Finding, isHeadline bool, later []report.Step) {
	p.line("")
	head := "  " + p.style(Safe(f.Cause), bold) + p.style(p.sep()+string(f.Certainty)+impactWord(f.Impact), faint)
	p.line(head)
	if !isHeadline {
		for _, l := range Wrap(Safe(f.Summary), p.width-4) {
			p.line("    " + l)
		}
	}
	source := ""
	for _, e := range f.Evidence {
		src := Safe(e.Source)
		if e.Line > 0 {
			src += fmt.Sprintf(":%d", e.Line)
		}
		if src != source {
			for _, l := range Wrap(src, p.width-4) {
				p.line("    " + p.style(l, faint))
			}
			source = src
		}
		p.excerpt(e.Excerpt)
	}
	if f.Tells != "" {
		for _, l := range Wrap("It is this one if what is asked for below shows: "+Safe(f.Tells), p.width-4) {
			p.line("    " + l)
		}
	}
	p.remedy(f.Remedy, later)
}

// excerptLines bounds how much of one excerpt is shown without -v.
const excerptLines = 8

func (p *page) excerpt(text string) {
	lines := Lines(text)
	rest := 0
	if p.opt.Verbose == 0 && len(lines) > excerptLines {
		rest = len(lines) - excerptLines
		lines = lines[:excerptLines]
	}
	bar := "      " + p.bar() + " "
	if strings.TrimSpace(text) == "" {
		p.line(bar + p.style("(no output)", faint))
		return
	}
	for _, l := range lines {
		for _, c := range Cut(l, p.width-columns(bar)) {
			p.line(strings.TrimRight(bar+c, " "))
		}
	}
	if rest > 0 {
		p.line(bar + p.style(fmt.Sprintf("(%d more lines: -v)", rest), faint))
	}
}

// remedy tells what to do. Commands that a later finding needs as well are left
// to it, so that all of them can be typed from the top: a service is started
// once nothing keeps it from starting any more.
func (p *page) remedy(m *report.Remedy, later []report.Step) {
	if m == nil {
		return
	}
	left := false
	lead := "To mend it: "
	if m.Kind == report.Advice {
		lead = "What to do: "
	}
	for i, l := range Wrap(lead+Safe(m.Summary), p.width-4) {
		if i == 0 {
			l = p.style(lead, bold) + strings.TrimPrefix(l, lead)
		}
		p.line("    " + l)
	}
	for _, s := range m.Steps {
		if slices.ContainsFunc(later, func(l report.Step) bool { return supersedes(l, s) }) {
			left = true
			continue
		}
		p.command(s.Do)
	}
	if left {
		for _, l := range Wrap("Go on below: the other commands come there.", p.width-6) {
			p.line("      " + p.style(l, faint))
		}
	}
}

// command prints what is to be typed.
func (p *page) command(do string) {
	for j, part := range strings.Split(do, "\n") {
		for i, l := range WrapCommand(Safe(part), p.width-8) {
			prompt := "$ "
			if i > 0 || j > 0 {
				prompt = "  "
			}
			p.line("      " + p.style(prompt, faint) + p.style(l, command))
		}
	}
}

// supersedes reports whether a later step makes an earlier one needless: the
// same command, or a restart of the unit that was to be started.
func supersedes(later, s report.Step) bool {
	if later.Do == s.Do && later.Where == s.Where {
		return true
	}
	a, b := s.Act, later.Act
	return a != nil && b != nil && a.Kind == report.ActUnit && b.Kind == report.ActUnit && a.Unit == b.Unit &&
		a.Verb == report.VerbStart && b.Verb == report.VerbRestart
}

func (p *page) footer(r *report.Report) {
	if len(r.Findings) == 0 || r.Findings[0].Impact == report.Note {
		return
	}
	p.line("")
	text := "More: sshwhy causes " + Safe(r.Findings[0].Cause)
	if p.opt.Verbose == 0 {
		text += "   (details: -v)"
	}
	for _, l := range Wrap(text, p.width-2) {
		p.line("  " + p.style(l, faint))
	}
}

func (p *page) heading(text string) {
	p.line("")
	p.line("  " + p.style(text, bold))
}

func (p *page) item(mark, text string) {
	for i, l := range Wrap(text, p.width-6) {
		lead := "    " + mark + " "
		if i > 0 {
			lead = "      "
		}
		p.line(lead + l)
	}
}

func (p *page) cause(f report.Finding) string { return " (" + Safe(f.Cause) + ")" }

func (p *page) line(s string) { p.b.WriteString(s); p.b.WriteByte('\n') }

func impactWord(i report.Impact) string {
	if i == report.Blocking {
		return ""
	}
	return ", " + string(i)
}

// millis prints a duration with the precision that matters.
func millis(ms float64) string {
	switch {
	case ms < 10:
		return fmt.Sprintf("%.1f ms", ms)
	case ms < 1000:
		return fmt.Sprintf("%.0f ms", ms)
	default:
		return fmt.Sprintf("%.1f s", ms/1000)
	}
}
