package server

import (
	"fmt"
	"slices"
	"strings"

	"sshwhy/internal/facts"
	"sshwhy/internal/report"
	"sshwhy/internal/shquote"
	"sshwhy/internal/sshconf"
)

// Letting one account in that the configuration keeps out, by an edit that
// changes nothing for anybody else. It rests on how sshd reads its file
// (servconf.c): at each login it goes through the Match blocks that hold for the
// visitor; the first value wins among them, and over what stands outside of
// them, wherever the blocks are. The four lists of users and groups add up
// among these blocks, and replace the list outside of them. A "!" is no
// negation in a list (auth.c, allowed_user: match_pattern), so that "!alice"
// is a word that matches nobody.

// admission is one account to be let in, from one address or from every one.
type admission struct {
	*view
	f    *report.Finding
	name string
}

// admit prepares the mending of a finding; why says where no edit can be
// trusted to do what it is to do.
func (v *view) admit(f *report.Finding) (a admission, why string) {
	a = admission{view: v, f: f, name: v.Account.Name}
	matches := len(v.Config.All("Match")) > 0
	switch {
	case !plainName(a.name):
		why = "the name cannot stand in a pattern as it is"
	case !v.Config.Complete() || !strings.HasPrefix(v.Config.Path, "/etc/"):
		why = "the configuration is not all to be seen, or not the owner's"
	case matches && !v.Effective.Visitor.Known():
		why = "sshd could not say what its Match blocks mean for this visitor"
	case slices.ContainsFunc(v.Config.All("Include"), func(d facts.Directive) bool { return d.Match != "" }):
		why = "files are included inside a Match block"
	}
	return a, why
}

// plainName reports whether a name of a user or group means itself wherever
// sshd takes a pattern, and no quotes are needed.
func plainName(s string) bool {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-' || r == '.'
	}
	return s != "" && s[0] != '-' && strings.TrimFunc(s, plain) == ""
}

// whence is where the account may come from afterwards, in words.
func (a admission) whence() string {
	if a.q.Client.IsValid() {
		return "from " + a.q.Client.Unmap().String()
	}
	return "from every address"
}

// mend gives the finding the edits, with sshd's check and its restart behind them.
func (a admission) mend(summary, opens string, edits ...report.Step) {
	for i := range edits {
		edits[i].Act.Opens = opens
	}
	mend(a.f, summary, append(edits, checkConfigStep(a.view), a.restart())...)
}

// block makes a Match block for the account alone that sets one keyword. It
// goes to the end of the main file, where the owner's own Match blocks are
// looked for; before the first block that sets the same keyword, where there is one.
func (a admission) block(comment, keyword, value string) (report.Step, bool) {
	match := "Match User " + a.name
	if a.q.Client.IsValid() {
		match += " Address " + a.q.Client.Unmap().WithZone("").String()
	}
	lines := []string{"# sshwhy: " + comment, match, "    " + keyword + " " + value}
	edit := report.LineEdit{Op: report.LineAppend, New: strings.Join(lines, "\n")}
	path := a.Config.Path
	quoted := make([]string, len(lines))
	for i, l := range lines {
		quoted[i] = shquote.Word(l)
	}
	hand := "printf '%s\\n' " + strings.Join(quoted, " ") + " >>" + shquote.Word(path)
	for i, d := range a.Config.Directives {
		if d.Match == "" || !strings.EqualFold(d.Keyword, keyword) {
			continue
		}
		m, ok := a.enclosing(i)
		if !ok {
			return report.Step{}, false
		}
		path = m.Quote.Source
		edit = report.LineEdit{Op: report.LineBefore, Line: m.Quote.Line, Old: m.Quote.Text, New: edit.New}
		hand = fmt.Sprintf("sed -i %s %s", shquote.Word(fmt.Sprintf("%d i %s", m.Quote.Line, strings.Join(lines, `\n`))), shquote.Word(path))
		break
	}
	s := do(hand, fmt.Sprintf("sed -i %s %s", shquote.Word("/^"+lines[0]+"$/,+2d"), shquote.Word(path)))
	s.Act = &report.Action{Kind: report.ActEdit, Path: path, Check: report.CheckSSHD, Edits: []report.LineEdit{edit}}
	return s, true
}

// enclosing is the Match line of the block that a directive stands in.
func (a admission) enclosing(i int) (facts.Directive, bool) {
	for _, m := range slices.Backward(a.Config.Directives[:i]) {
		if m.Quote.Source == a.Config.Directives[i].Quote.Source && strings.EqualFold(m.Keyword, "Match") {
			return m, true
		}
	}
	return facts.Directive{}, false
}

// admitBySetting mends what a keyword with one value keeps out. with is what
// the account can log in with afterwards, in words.
func (v *view) admitBySetting(f *report.Finding, keyword, value, with string) {
	a, why := v.admit(f)
	step, ok := a.block(keyword+" for "+a.name+" alone", keyword, value)
	if why != "" || !ok {
		advise(f, fmt.Sprintf("Set %s %s for %s in the configuration, check it, and restart the service.", keyword, value, a.name))
		return
	}
	a.mend(fmt.Sprintf("Let %s in %s %s, by a Match block that holds for nobody else.", a.name, with, a.whence()),
		a.name+", "+with+", "+a.whence(), step)
}

// admitByList mends what one of the four lists keeps out.
func (v *view) admitByList(f *report.Finding, keyword string, deny, groups bool) {
	a, why := v.admit(f)
	var steps []report.Step
	whence := a.whence()
	switch word := a.name; {
	case why != "" || groups && (len(v.Account.Groups) == 0 || !plainName(v.Account.Groups[0])):
	case deny:
		steps, whence = a.undeny(keyword, groups)
	case !groups && a.outside(keyword):
		if v.q.Client.IsValid() {
			word += "@" + v.q.Client.Unmap().WithZone("").String()
		}
		global := v.Config.Global(keyword)
		last := global[len(global)-1]
		if l, ok := sshconf.ParseLine(last.Quote.Text); ok && !l.BadQuotes {
			steps = append(steps, replaceLine(last, l.Add(word)))
		}
	default:
		if groups {
			word = v.Account.Groups[0]
		}
		if s, ok := a.block("lets "+a.name+" in, whom "+keyword+" leaves out otherwise", keyword, word); ok {
			steps = append(steps, s)
		}
	}
	if len(steps) == 0 {
		advise(f, fmt.Sprintf("Change %s in the configuration so that %s may log in, check it, and restart the service.", keyword, a.name))
		return
	}
	a.mend(fmt.Sprintf("Let %s in %s: %s goes on to hold for everybody else.", a.name, whence, keyword), a.name+" "+whence, steps...)
}

// outside reports whether the list that sshd applies to the visitor is the one
// that stands outside of Match blocks.
func (a admission) outside(keyword string) bool {
	return slices.Equal(words(a.Config.Global(keyword)), a.Effective.Fields(keyword))
}

func words(all []facts.Directive) []string {
	var out []string
	for _, d := range all {
		out = append(out, d.Args...)
	}
	return out
}

// undeny takes the account out of a list of the denied: the name, where it
// stands there as itself; else by a block of its own, whose list replaces the
// one outside. What a Match block denies by a pattern, no other block takes
// back, since their lists add up.
func (a admission) undeny(keyword string, groups bool) (steps []report.Step, whence string) {
	outside, lines := a.outside(keyword), a.Config.Global(keyword)
	if !outside {
		lines = slices.DeleteFunc(a.Config.All(keyword), func(d facts.Directive) bool {
			return d.Match == "" || !slices.ContainsFunc(d.Args, func(w string) bool { return slices.Contains(a.Effective.Fields(keyword), w) })
		})
		if groups || !slices.Equal(words(lines), a.Effective.Fields(keyword)) {
			return nil, ""
		}
	}
	exact := a.name
	if a.q.Client.IsValid() && outside {
		exact += "@" + a.q.Client.Unmap().WithZone("").String()
	}
	itself := !groups
	for _, w := range words(lines) {
		if itself && facts.MatchUser([]string{w}, a.name, a.CallerOfSSHD(a.q.Client)) != facts.NoOne && w != exact {
			itself = false
		}
	}
	switch {
	case itself && outside:
		return a.without(lines, exact), a.whence()
	case itself:
		return a.without(lines, exact), "from every address that this Match block is for"
	case !outside:
		return nil, ""
	}
	word := "!" + a.name
	if groups {
		word = "!" + a.Account.Groups[0]
	}
	s, ok := a.block("lets "+a.name+" in, whom "+keyword+" keeps out otherwise", keyword, word)
	if !ok {
		return nil, ""
	}
	return []report.Step{s}, a.whence()
}

// without takes a word out of lines; a line that would be left with none is
// commented out.
func (a admission) without(lines []facts.Directive, word string) []report.Step {
	var out []report.Step
	for _, d := range lines {
		if !slices.Contains(d.Args, word) {
			continue
		}
		rest := slices.DeleteFunc(slices.Clone(d.Args), func(w string) bool { return w == word })
		l, ok := sshconf.ParseLine(d.Quote.Text)
		switch {
		case !ok || l.BadQuotes || !slices.Equal(l.Args, d.Args):
			return nil
		case len(rest) == 0:
			out = append(out, commentOut(d))
		default:
			out = append(out, replaceLine(d, l.Only(rest...)))
		}
	}
	return out
}
