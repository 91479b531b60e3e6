package server

import (
	"fmt"
	"strings"

	"sshwhy/internal/facts"
	"sshwhy/internal/report"
	"sshwhy/internal/shquote"
	"sshwhy/internal/sshconf"
)

// configStage: does sshd accept its configuration, its keys and its surroundings?
func configStage() stage {
	return stage{name: report.StageConfig, detail: configDetail, checks: []check{
		{nil, checkTested},
		{causes{"sshd-config-invalid"}, checkConfig},
		{causes{"host-keys-missing", "host-key-permissions", "host-key-invalid"}, checkHostKeys},
		{causes{"no-common-host-key"}, checkHostKeyAlgorithms},
		{causes{"no-common-kex", "no-common-cipher", "no-common-mac"}, checkProposals},
		{causes{"privsep-dir-missing"}, checkPrivsepDir},
		{causes{"privsep-user-missing"}, checkPrivsepUser},
		{causes{"sshd-config-shadowed"}, checkShadowed},
	}}
}

func configDetail(v *view) string {
	if !v.Config.Origin.Known() {
		return ""
	}
	files := 1
	for _, d := range v.Config.Directives {
		if d.Quote.Line == 1 {
			files = max(files, len(v.Config.ModTimes))
		}
	}
	if files = len(v.Config.ModTimes); files > 1 {
		return fmt.Sprintf("%s and %d included files are valid", v.Config.Path, files-1)
	}
	return v.Config.Path + " is valid"
}

// checkTested says whether sshd could be asked at all.
func checkTested(v *view, p *part) {
	switch {
	case !v.Program.Sshd.Origin.Known():
		p.skipped = "no OpenSSH server is installed"
	case !v.Test.Origin.Known():
		if !v.Test.Broken() {
			p.cannot("configuration", "sshd could not be asked: "+v.Test.Origin.Reason)
		}
	case v.blind():
		p.cannot("configuration", "checking it whole needs root (host keys and included files are for root only)")
	}
}

// blind reports whether sshd's own check ran without the rights to read what it
// needs: only faults of the configuration's text can then be told.
func (v *view) blind() bool {
	if v.Root {
		return false
	}
	if _, broken := v.Test.First(facts.ProblemKeyword, facts.ProblemValue); broken {
		return false
	}
	return v.Test.Exit != 0
}

func checkConfig(v *view, p *part) {
	pr, ok := v.Test.ConfigBroken()
	if !ok || v.blind() || v.Test.Broken() {
		return
	}
	d, located := v.locate(&pr)
	f := p.found("sshd-config-invalid", v.keepsOut(), "%s", v.configWords(pr, d))
	quote(f, pr.Quote)
	if located {
		quote(f, d.Quote)
	}
	check := checkConfigStep(v)
	steps := append([]report.Step{check}, v.revive()...)
	switch {
	case pr.Kind == facts.ProblemNoFile && pr.File == v.Config.Path && v.System.Debianish():
		restore := do("cp /usr/share/openssh/sshd_config "+shquote.Operand(v.Config.Path), "rm "+shquote.Operand(v.Config.Path))
		advise(f, "Put the package's configuration file in its place, check it, and start the service.", append([]report.Step{restore}, steps...)...)
	case pr.Kind == facts.ProblemNoFile:
		advise(f, "Put the file back or remove what names it, then check and start the service.", steps...)
	case located:
		v.mendLine(f, pr, d, steps)
	default:
		advise(f, "Correct what sshd names, check again, and start the service.", steps...)
	}
}

// locate finds the directive a complaint is about. A few complaints name no file
// and line (servconf.c resolves ListenAddress after reading); then the value
// that sshd names is looked for.
func (v *view) locate(pr *facts.Problem) (facts.Directive, bool) {
	if d, ok := v.Config.At(pr.File, pr.Line); ok || pr.Line > 0 {
		return d, ok
	}
	if rest, ok := strings.CutPrefix(pr.Quote.Text, "bad addr or host: "); ok {
		name, _, _ := strings.Cut(rest, " ")
		for _, d := range v.Config.All("ListenAddress") {
			if len(d.Args) > 0 && strings.Contains(d.Args[0], name) {
				return d, true
			}
		}
	}
	for _, keyword := range []string{"AuthorizedKeysCommand", "AuthorizedPrincipalsCommand"} {
		if all := v.Config.All(keyword); strings.HasPrefix(pr.Quote.Text, keyword+" set without") && len(all) > 0 {
			return all[0], true
		}
	}
	return facts.Directive{}, false
}

func (v *view) configWords(pr facts.Problem, d facts.Directive) string {
	place := pr.File
	if pr.Line > 0 {
		place = fmt.Sprintf("%s line %d", pr.File, pr.Line)
	} else if d.Quote.Line > 0 {
		place = fmt.Sprintf("%s line %d", d.Quote.Source, d.Quote.Line)
	}
	switch {
	case pr.Kind == facts.ProblemKeyword:
		s := fmt.Sprintf("sshd refuses its configuration: %s has the unknown keyword %q", place, pr.Keyword)
		_, known := sshconf.Lookup(sshconf.Server, pr.Keyword)
		switch near := sshconf.Nearest(sshconf.Server, pr.Keyword); {
		case sshconf.OnlyOf(sshconf.Client, pr.Keyword):
			return s + ", which is one of the client's (ssh_config)."
		case known:
			return s + ", which this release of sshd does not have."
		case near != "":
			return s + fmt.Sprintf("; did you mean %q?", near)
		}
		return s + "."
	case pr.Kind == facts.ProblemNoFile:
		return fmt.Sprintf("sshd cannot read its configuration: %s.", strings.TrimSuffix(pr.Quote.Text, "."))
	case place == "":
		return fmt.Sprintf("sshd refuses its configuration: %s.", strings.TrimSuffix(strings.TrimSpace(pr.Quote.Text), "."))
	}
	_, text, _ := strings.Cut(pr.Quote.Text, fmt.Sprintf("line %d: ", pr.Line))
	if pr.Line == 0 {
		text = pr.Quote.Text
	}
	return fmt.Sprintf("sshd refuses its configuration: %s: %s.", place, strings.TrimSuffix(strings.TrimSpace(text), "."))
}
