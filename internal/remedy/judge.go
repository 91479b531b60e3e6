package remedy

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"

	"sshwhy/internal/report"
	"sshwhy/internal/sshconf"
)

// judge works out what the steps of a plan that change sshd's configuration do,
// one after the other, and gives each the consent that its effect needs: what
// lets somebody in who is kept out now, and what cannot be worked out, is an
// opening whatever its remedy was called, and without the consent for that it
// is left. No effect makes an opening a repair.
func (p *Plan) judge(ctx context.Context, s *System, r *report.Report, opt Options) error {
	bad, why, err := p.judged(ctx, opt)
	for err == nil && bad != nil {
		for _, cause := range bad.Causes {
			p.Left = append(p.Left, Left{cause, summaryOf(r, cause, bad.Do), why, true})
		}
		if err = p.dropRemediesOf(ctx, s, bad); err == nil {
			bad, why, err = p.judged(ctx, opt)
		}
	}
	return err
}

func summaryOf(r *report.Report, cause, other string) string {
	for _, f := range r.Findings {
		if f.Cause == cause && f.Remedy != nil {
			return f.Remedy.Summary
		}
	}
	return other
}

// judged gives the steps their effects, and returns the first that there is no
// consent for.
func (p *Plan) judged(ctx context.Context, opt Options) (bad *Step, why string, err error) {
	done := changes{}
	for _, st := range p.Steps {
		file, text, isChange := st.newContent()
		if !isChange {
			continue
		}
		next := changes{file: text}
		for f, t := range done {
			if f != file {
				next[f] = t
			}
		}
		e, concerned := st.effect(ctx, file, done, next)
		if !concerned {
			continue
		}
		done = next
		st.Effect = e.words
		if !e.open() {
			continue
		}
		if !opt.Open {
			return st, "then " + strings.Join(e.words, "; ") + "; consent with --open", ctx.Err()
		}
		p.asOpen(st)
	}
	return nil, "", ctx.Err()
}

// asOpen makes a step an opening, and those of the same remedies: half a remedy
// is none, its parts share one consent.
func (p *Plan) asOpen(st *Step) {
	for _, o := range p.Steps {
		if slices.ContainsFunc(o.Causes, func(c string) bool { return slices.Contains(st.Causes, c) }) {
			o.Kind = report.Open
		}
	}
}

// newContent is the file that a step gives another content, nil where it takes
// it away.
func (st *Step) newContent() (file string, text *string, ok bool) {
	switch d := st.doer.(type) {
	case *fileDoer:
		return d.target, &d.newText, true
	case *removeDoer:
		return d.path, nil, true
	}
	return "", nil, false
}

// effect is what a step does to sshd's configuration, given what the steps
// before it have done; concerned is false where its file is no part of that.
func (st *Step) effect(ctx context.Context, file string, done, next changes) (e effect, concerned bool) {
	if st.act.Check != report.CheckSSHD && !isPart(file, usualMain(), next) && !isPart(file, usualMain(), done) {
		return effect{}, false
	}
	j, err := newSSHDJudge(file, next)
	if err != nil {
		return unknown("%v", err), true
	}
	defer j.close()
	before, err := j.accepted(ctx, done, st.touched(file))
	if err != nil {
		return unknown("%v", err), true
	}
	e = j.effectOf(ctx, before, next)
	text, err := (&shadow{changed: done}).read(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return unknown("%v", err), true
	}
	whole, err := j.whole(done)
	if err != nil {
		return unknown("%v", err), true
	}
	refused := func(line int) bool { return before.dropped[position{file, line}] }
	if lost := lostBy(st.edits(text), text, whole, refused); lost != "" {
		e.direction = max(e.direction, sshconf.Unknown)
		e.words = append([]string{lost}, e.words...)
	}
	return e, true
}

// edits are those of a step; taking a file away takes every line of it.
func (st *Step) edits(text string) []report.LineEdit {
	if _, removes := st.doer.(*removeDoer); !removes {
		return st.act.Edits
	}
	var out []report.LineEdit
	for line := range strings.Lines(text) {
		out = append(out, report.LineEdit{Line: len(out) + 1, Old: strings.TrimRight(line, "\r\n"), Op: report.LineDelete})
	}
	return out
}

// touched are the lines that a step edits.
func (st *Step) touched(file string) map[position]bool {
	out := map[position]bool{}
	for _, e := range st.act.Edits {
		if e.Line > 0 {
			out[position{file, e.Line}] = true
		}
	}
	return out
}
