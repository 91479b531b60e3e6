package server

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"sshwhy/internal/facts"
	"sshwhy/internal/report"
	"sshwhy/internal/shquote"
	"sshwhy/internal/sshconf"
)

// mendLine gives the finding about a line that sshd refuses its remedy: what
// the line was evidently to say, or the line without what nobody needs. Where
// neither is certain the line may have kept somebody out, and to do without it
// is an opening. Whom each of these lets in is worked out with the plan
// (internal/remedy), which asks for more consent where it must.
func (v *view) mendLine(f *report.Finding, pr facts.Problem, d facts.Directive, after []report.Step) {
	where := fmt.Sprintf("line %d of %s", d.Quote.Line, d.Quote.Source)
	line, ok := sshconf.ParseLine(d.Quote.Text)
	k, known := sshconf.Lookup(sshconf.Server, d.Keyword)
	with, swallowed := "", line.Swallowed()
	bare, marked := sshconf.CutMark(d.Quote.Text)
	if marked && !sshconf.SaysNothing(bare) {
		with = bare
	} else if ok && !marked && !line.BadQuotes && swallowed == "" {
		with = v.spelt(pr, line)
	}
	switch {
	case !v.ownFile(d.Quote.Source):
		v.quoteSetting(f, "Include")
		advise(f, fmt.Sprintf("%s lies outside %s and may be another program's: see whether an Include line that names it says what it should. Then check and start the service.",
			d.Quote.Source, path.Dir(v.Config.Path)), after...)
	case swallowed == "Match":
		advise(f, fmt.Sprintf("Correct %s: a Match line stands in it, and what follows hangs on that. Then check and start the service.", where), after...)
	case with != "":
		mend(f, fmt.Sprintf("Write %s in %s, check, and start the service.", written(pr, with), where), append([]report.Step{rewritten(d, pr, with)}, after...)...)
	case marked:
		mend(f, fmt.Sprintf("Comment out the byte order mark in %s, which an editor of another system put there, check, and start the service.", where), append([]report.Step{commentOut(d)}, after...)...)
	case swallowed == "" && !known && sshconf.OnlyOf(sshconf.Client, d.Keyword):
		mend(f, fmt.Sprintf("Comment out %s, which is for ssh_config, check, and start the service.", where), append([]report.Step{commentOut(d)}, after...)...)
	case swallowed == "" && (known && k.HarmlessLost(restOfBlock(v.Config, d)) || addsNothingElse(k, line, v.Config)):
		mend(f, fmt.Sprintf("Comment out %s, check, and start the service.", where), append([]report.Step{commentOut(d)}, after...)...)
	case k.Kind == sshconf.Block || !known && sshconf.LooksLike(d.Keyword, "Match"):
		advise(f, fmt.Sprintf("Correct %s: what follows it hangs on it. Then check and start the service.", where), after...)
	default:
		step := commentOut(d)
		step.Act.Opens = fmt.Sprintf("whoever %q was to keep out", strings.TrimSpace(d.Quote.Text))
		mend(f, fmt.Sprintf("Correct %s, or comment it out where it keeps nobody out; check, and start the service.", where), append([]report.Step{step}, after...)...)
		f.Remedy.Kind = report.Open
	}
}

// ownFile says whether a file is sshd's own to have its lines mended: what Include names
// anywhere else, by a slip of the keyboard or by somebody's design, may be /etc/hosts.
func (v *view) ownFile(file string) bool {
	return strings.HasPrefix(path.Clean(file), path.Dir(v.Config.Path)+"/")
}

// written is what is new in a line: its keyword, or all of it.
func written(pr facts.Problem, with string) string {
	if now, _ := sshconf.ParseLine(with); pr.Kind == facts.ProblemKeyword {
		return now.Keyword
	}
	return strconv.Quote(strings.TrimSpace(with))
}

// rewritten puts the line as it was evidently to be in its place.
func rewritten(d facts.Directive, pr facts.Problem, with string) report.Step {
	step := replaceLine(d, with)
	if now, _ := sshconf.ParseLine(with); pr.Kind == facts.ProblemKeyword && letters(d.Keyword) {
		sed := func(was, is string) string {
			return fmt.Sprintf("sed -i '%d s/%s/%s/' %s", d.Quote.Line, was, is, shquote.Word(d.Quote.Source))
		}
		step.Do, step.Undo = sed(d.Keyword, now.Keyword), sed(now.Keyword, d.Keyword)
	}
	return step
}

// letters says whether a word is of letters and digits alone, as every keyword is.
func letters(word string) bool {
	return !strings.ContainsFunc(word, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9')
	})
}

// spelt is the line as it was evidently to be: its keyword or its value spelt
// right, its list without the names that this release does not know, or its
// strictest value where that takes no login away. "" where that is not certain.
func (v *view) spelt(pr facts.Problem, line sshconf.Line) string {
	if pr.Kind == facts.ProblemKeyword {
		if near := sshconf.Respell(sshconf.Server, line.Keyword); near != "" && near != "Match" {
			return line.WithKeyword(near)
		}
		return ""
	}
	k, _ := sshconf.Lookup(sshconf.Server, line.Keyword)
	if strings.Contains(pr.Quote.Text, "Match block") {
		return "" // it is the place that is wrong
	}
	if k.Kind == sshconf.Algorithms {
		return v.knownOnly(line)
	}
	if with := respelt(k, line); with != "" {
		return with
	}
	if k.Closed != "" {
		return line.Only(k.Closed)
	}
	return ""
}

// respelt is the line with the words of its value spelt right that are none of
// the keyword's. "" where there is no such word, or it cannot be known what it
// was to be.
func respelt(k sshconf.Keyword, line sshconf.Line) string {
	with := ""
	for i, arg := range line.Args {
		if slices.ContainsFunc(k.Words, func(w string) bool { return strings.EqualFold(w, arg) }) {
			continue
		}
		word := k.RespellValue(arg)
		if word == "" || with != "" || k.Kind != sshconf.List && len(line.Args) > 1 {
			return ""
		}
		with = line.WithArg(i, word)
	}
	return with
}

// knownOnly is the line with its list of algorithms without the names that this
// release does not know, as long as it knows one of them.
func (v *view) knownOnly(line sshconf.Line) string {
	if len(line.Args) != 1 || !v.Algorithms.Origin.Known() {
		return ""
	}
	names := strings.TrimLeft(line.Args[0], "+-^")
	sign := strings.TrimSuffix(line.Args[0], names)
	all := strings.Split(names, ",")
	kept := slices.DeleteFunc(slices.Clone(all), func(n string) bool { return !v.Algorithms.Has(n) })
	if len(kept) == 0 || len(kept) == len(all) {
		return ""
	}
	return line.WithArg(0, sign+strings.Join(kept, ","))
}

// restOfBlock are the keywords of the lines that follow one in its Match block
// of the same file; nil where it stands in none.
func restOfBlock(c facts.Config, d facts.Directive) []string {
	if d.Match == "" {
		return nil
	}
	block := []string{}
	for _, o := range c.Directives {
		if o.Quote.Source != d.Quote.Source || o.Quote.Line <= d.Quote.Line {
			continue
		}
		if strings.EqualFold(o.Keyword, "Match") {
			break
		}
		block = append(block, o.Keyword)
	}
	return block
}

// addsNothingElse says whether a line only adds algorithms to the default, and
// is the only one of its keyword, by whichever name: without it the default stands.
func addsNothingElse(k sshconf.Keyword, line sshconf.Line, c facts.Config) bool {
	if k.Kind != sshconf.Algorithms || len(line.Args) != 1 || !strings.HasPrefix(line.Args[0], "+") {
		return false
	}
	n := 0
	for _, d := range c.Directives {
		if o, ok := sshconf.Lookup(sshconf.Server, d.Keyword); ok && o.Canonical() == k.Canonical() {
			n++
		}
	}
	return n == 1
}
