package render

import (
	"charm.land/lipgloss/v2"

	"sshwhy/internal/report"
)

// look is one of the few ways in which text is set off. The sixteen basic
// colours only: the reader's own palette decides what red is.
type look int

const (
	plain look = iota
	good
	bad
	warn
	faint
	bold
	command
)

func (p *page) style(s string, l look) string {
	if !p.opt.Color || l == plain {
		return s
	}
	st := lipgloss.NewStyle()
	switch l {
	case good:
		st = st.Foreground(lipgloss.Green)
	case bad:
		st = st.Foreground(lipgloss.Red).Bold(true)
	case warn:
		st = st.Foreground(lipgloss.Yellow)
	case faint:
		st = st.Faint(true)
	case bold:
		st = st.Bold(true)
	case command:
		st = st.Foreground(lipgloss.Cyan)
	}
	return st.Render(s)
}

func (p *page) verdictMark(v report.Verdict) (string, look) {
	switch v {
	case report.VerdictOK:
		return p.glyph("✓", "ok:"), good
	case report.VerdictDegraded:
		return "!", warn
	case report.VerdictBroken:
		return p.glyph("✗", "x"), bad
	default:
		return "?", warn
	}
}

func (p *page) stageMark(s report.Status) (string, look) {
	switch s {
	case report.StatusOK:
		return p.glyph("✓", "ok"), good
	case report.StatusWarning:
		return "!", warn
	case report.StatusFailed:
		return p.glyph("✗", "x"), bad
	case report.StatusUnknown:
		return "?", warn
	default:
		return p.glyph("·", "-"), faint
	}
}

func (p *page) glyph(utf, ascii string) string {
	if p.opt.ASCII {
		return ascii
	}
	return utf
}

func (p *page) bar() string { return p.glyph("│", "|") }
func (p *page) dot() string { return p.glyph("·", "-") }
func (p *page) sep() string { return p.glyph(" · ", " - ") }
