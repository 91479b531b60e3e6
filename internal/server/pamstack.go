package server

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"sshwhy/internal/facts"
	"sshwhy/internal/report"
)

// A stack of PAM, gone through as libpam does (pam_dispatch.c): what each module
// answers is simulated where its rules are known, and where they are not, both
// answers are tried. So a module that nobody knows stands against "fine" only where
// its no would count.

// moduleSays is what is known of one module's answer.
type moduleSays struct {
	answers []string // one: it is known; several: any of them may come
	words   string   // why it refuses, after "keeps alice out: "
	lines   []facts.Quote
	advice  string
	doubt   string // why the answer is not known
}

func says(answer string) moduleSays { return moduleSays{answers: []string{answer}} }

// unasked is a module that decides by what is not seen here.
func unasked(why string) moduleSays {
	return moduleSays{answers: []string{"success", "perm_denied"}, doubt: why}
}

// refuses is a module that says no.
func refuses(words, advice string, lines ...facts.Quote) moduleSays {
	return moduleSays{answers: []string{"perm_denied"}, words: words, advice: advice, lines: lines}
}

// pamState is where a stack has come to (pam_dispatch.c, impression and status).
type pamState struct {
	decided, negative bool
	by                *facts.PAMEntry // who refused first
	ended             bool            // done or die
}

// maxStates bounds how many ways through a stack are tried.
const maxStates = 128

// walkStack goes on from one state through the entries.
func (v *view) walkStack(stack []facts.PAMEntry, from pamState) []pamState {
	states := map[int][]pamState{0: {from}}
	var out []pamState
	for i := range stack {
		for _, s := range states[i] {
			for _, next := range v.step(&stack[i], s) {
				if to := i + 1 + next.skip; next.state.ended || to >= len(stack) {
					out = addState(out, next.state)
				} else {
					states[to] = addState(states[to], next.state)
				}
			}
		}
	}
	if len(stack) == 0 {
		out = append(out, from)
	}
	return out
}

func addState(all []pamState, s pamState) []pamState {
	if slices.Contains(all, s) || len(all) >= maxStates {
		return all
	}
	return append(all, s)
}

type pamStep struct {
	state pamState
	skip  int // entries that are jumped over
}

// step is what one entry makes of a state, for each answer it may give.
func (v *view) step(e *facts.PAMEntry, s pamState) (out []pamStep) {
	if e.Stack != nil || e.Control == "substack" {
		for _, after := range v.walkStack(e.Stack, s) {
			after.ended = false // done and die end the substack alone
			out = append(out, pamStep{state: after})
		}
		return out
	}
	m := v.moduleSays(e)
	for _, answer := range m.answers {
		next, skip := s, 0
		switch do := e.Action(answer); do {
		case "ok", "done":
			if answer != "ignore" {
				next.decided = true
			}
			next.ended = do == "done" && next.decided && !next.negative
		case "bad", "die":
			if next.decided, next.ended = true, do == "die"; !next.negative {
				next.negative, next.by = true, e
			}
		case "reset":
			next.decided, next.negative, next.by = false, false, nil
		case "ignore":
		default:
			if _, err := fmt.Sscanf(do, "%d", &skip); err != nil || skip < 0 {
				next.decided, next.negative, next.by, skip = true, true, e, 0
			}
		}
		out = append(out, pamStep{next, skip})
	}
	return out
}

// pamVerdict is what a whole stack says: yes, no, or maybe, with the entries that
// refuse on some way through it. A stack in which nobody decides refuses.
func (v *view) pamVerdict(phase string) (verdict tri, by []*facts.PAMEntry) {
	passes := false
	for _, s := range v.walkStack(v.PAM.Stacks[phase], pamState{}) {
		switch {
		case s.negative:
			if !slices.Contains(by, s.by) {
				by = append(by, s.by)
			}
		case s.decided:
			passes = true
		default:
			by = append(by, nil)
		}
	}
	switch {
	case len(by) == 0:
		return yes, nil
	case passes:
		return maybe, by
	}
	return no, by
}

// checkPAMStacks asks whether the stacks of PAM let the account in: account and
// session at every login, auth where a password is the only way.
func checkPAMStacks(v *view, p *part) {
	if !v.known() || !strings.EqualFold(v.Effective.Value("usepam"), "yes") {
		return
	}
	if v.PAM.Abort.Text != "" {
		f := p.found("pam-denied", report.Blocking, "PAM cannot start, so that sshd lets nobody in: line %d of %s includes a file that does not exist.", v.PAM.Abort.Line, v.PAM.Abort.Source)
		quote(f, v.PAM.Abort)
		advise(f, "Put the file back, or take the line out.")
		return
	}
	for _, q := range v.PAM.Lost {
		p.cannot("PAM", "could not read "+q.Source+": "+q.Text)
	}
	if v.PAM.Origin.Unseen() {
		p.cannot("PAM", unseenReason(v, v.PAM.Origin))
		return
	}
	phases := []string{"account", "session"}
	if v.keyWay() == no && v.passwordWay() == yes {
		phases = facts.PAMPhases
	}
	for _, phase := range phases {
		if verdict, by := v.pamVerdict(phase); verdict != yes {
			v.tellPAM(p, phase, verdict, by)
		}
	}
}

// tellPAM says who in a stack refuses, or may.
func (v *view) tellPAM(p *part, phase string, verdict tri, by []*facts.PAMEntry) {
	var unasked []string
	for _, e := range by {
		if e == nil {
			if verdict == no {
				f := p.found("pam-denied", report.Blocking, "No rule of PAM's %s stack decides, so that sshd refuses %s.", phase, v.Account.Name)
				quote(f, facts.Quote{Source: v.PAM.Origin.Source, Text: "(no " + phase + " rule that lets in)"})
				advise(f, "Put the rules of the package back into the file of the service.")
			}
			continue
		}
		m := v.moduleSays(e)
		switch {
		case e.Module == "pam_nologin.so" && m.words != "":
			continue // checkNoLogin tells it
		case m.doubt != "" && m.words == "":
			unasked = append(unasked, fmt.Sprintf("%s (%s line %d): %s", e.Module, e.Quote.Source, e.Quote.Line, m.doubt))
			continue
		}
		match := facts.Everyone
		if verdict == maybe {
			match = facts.Some
		}
		f := v.refused(p, e.PAMRule, match, facts.Quote{}, m.words)
		quote(f, m.lines...)
		advise(f, m.advice)
		if verdict == no {
			return // the first one that refuses is the reason
		}
	}
	if len(unasked) > 0 {
		p.also("PAM", "decides by itself whom it lets in, and could not be asked: "+strings.Join(unasked, ", "))
	}
}

// moduleSays is what a module answers for the account.
func (v *view) moduleSays(e *facts.PAMEntry) moduleSays {
	if e.Fails != "" {
		return refuses(e.Fails, "Correct the line; libpam takes it for a module that fails.")
	}
	if there, known := v.PAM.Has(e.Module); known && !there {
		m := refuses("its file is not installed", "Install the package that has "+e.Module+", or take the line out.")
		m.answers = []string{"module_unknown"}
		return m
	}
	name := path.Base(e.Module)
	if slices.Contains(passing[:], name) {
		return says("success")
	}
	if ask, ok := pamModules[name]; ok {
		return ask(v, e)
	}
	return unasked("what it goes by is not known here")
}
