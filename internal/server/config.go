package server

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"sshwhy/internal/evidence"
	"sshwhy/internal/facts"
	"sshwhy/internal/report"
	"sshwhy/internal/shquote"
	"sshwhy/internal/sshconf"
)

// configStage: does sshd accept its configuration, its keys and its surroundings?
func configStage() stage {
	return stage{report.StageConfig, configDetail, []check{
		checkTested, checkConfig, checkHostKeys, checkPrivsepDir, checkPrivsepUser, checkShadowed,
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

// commentOut takes one line of the configuration out of force.
func commentOut(d facts.Directive) report.Step { return commentLine(d.Quote, report.CheckSSHD) }

// commentLine puts a comment sign before a line of a file.
func commentLine(q facts.Quote, checker report.Checker) report.Step {
	file := shquote.Word(q.Source)
	s := do(fmt.Sprintf("sed -i '%d s/^/# /' %s", q.Line, file), fmt.Sprintf("sed -i '%d s/^# //' %s", q.Line, file))
	s.Act = &report.Action{
		Kind: report.ActEdit, Path: q.Source, Check: checker,
		Edits: []report.LineEdit{{Line: q.Line, Old: q.Text, Op: report.LineComment}},
	}
	return s
}

// checkPrivsepDir looks for the directory sshd shuts its children into. Debian
// and Ubuntu make it with the unit and remove it when the unit stops, so that
// `sshd -t` complains whenever the service is down: that alone is no fault.
func checkPrivsepDir(v *view, p *part) {
	pr, named := v.Test.First(facts.ProblemPrivsepDir)
	runs := v.serving() && !v.idle()
	if v.unitMakesItBadly(p) || !named || runs && v.Privsep.Sound() || v.madeAtStart() && !runs {
		return
	}
	dir := pr.Keyword
	f := p.found("privsep-dir-missing", report.Blocking, "sshd needs the directory %s, and it does not exist.", dir)
	quote(f, pr.Quote)
	step := do("mkdir -m 0755 "+shquote.Word(dir), "rmdir "+shquote.Word(dir))
	step.Act = &report.Action{Kind: report.ActMkdir, Path: dir, Mode: 0o755, User: "root", Group: "root"}
	if v.Privsep.Dir.Known() && v.Privsep.Path == dir {
		m := v.Privsep.Meta
		f.Summary = fmt.Sprintf("%s must belong to root and be writable for root only; it belongs to uid %d with mode %04o.", dir, m.UID, m.Mode)
		quote(f, facts.MetaQuote(dir, m))
		step.Do = fmt.Sprintf("chown root:root %s && chmod 0755 %s", shquote.Word(dir), shquote.Word(dir))
		step.Undo = fmt.Sprintf("chown %d:%d %s && chmod %04o %s", m.UID, m.GID, shquote.Word(dir), m.Mode, shquote.Word(dir))
	}
	mend(f, "Make the directory as sshd wants it.", append([]report.Step{step}, v.revive()...)...)
}

// madeAtStart reports whether starting the service makes the directory: by the
// unit's RuntimeDirectory (which systemd does not tell of a masked unit), or by
// Debian's init script or runit directory.
func (v *view) madeAtStart() bool {
	if v.Privsep.Path != "/run/sshd" {
		return false
	}
	if v.service != nil {
		return slices.Contains(strings.Fields(v.service.Props["RuntimeDirectory"]), "sshd") ||
			v.service.Masked() && v.System.Debianish()
	}
	if v.System.Init == facts.InitSystemd && !v.Units.Known() {
		return v.System.Debianish()
	}
	return v.System.Init != facts.InitSystemd && v.Script.Name == "ssh" && v.System.Debianish()
}

// unitMakesItBadly looks for a unit that makes the directory with a mode sshd refuses.
func (v *view) unitMakesItBadly(p *part) bool {
	if v.service == nil || !v.madeAtStart() {
		return false
	}
	mode, err := strconv.ParseUint(v.service.Props["RuntimeDirectoryMode"], 8, 32)
	if err != nil || mode&0o022 == 0 {
		return false
	}
	f := p.found("privsep-dir-missing", report.Blocking, "%s makes /run/sshd writable for others than root (mode %04o), and sshd refuses such a directory.", v.service.Name, mode)
	quote(f, v.service.Quote("RuntimeDirectory", "RuntimeDirectoryMode"))
	set := v.service.Setting("RuntimeDirectoryMode")
	quote(f, set...)
	for _, e := range facts.Said(v.Journal.Attempt(v.service.Name)) {
		if pr, ok := e.Complaint(); ok && pr.Kind == facts.ProblemPrivsepDir {
			quote(f, e.Quote)
		}
	}
	var steps []report.Step
	for _, q := range set {
		steps = append(steps, commentLine(q, report.CheckNone))
	}
	mend(f, "Take that setting out of the unit.", append(append(steps, daemonReload()), v.revive()...)...)
	return true
}

func checkPrivsepUser(v *view, p *part) {
	pr, named := v.Test.First(facts.ProblemPrivsepUser)
	if !named {
		return
	}
	f := p.found("privsep-user-missing", report.Blocking, "sshd needs the account %q, and it does not exist.", pr.Keyword)
	quote(f, pr.Quote)
	if v.Privsep.User.Status == evidence.Absent {
		quote(f, facts.Quote{Source: v.Privsep.User.Source, Text: "(no such user)"})
	}
	if v.System.Debianish() && pr.Keyword == "sshd" {
		add := do("adduser --quiet --system --no-create-home --home /run/sshd --shell /usr/sbin/nologin sshd", "deluser --quiet --system sshd")
		add.Act = &report.Action{Kind: report.ActCommand, Argv: strings.Fields(add.Do), Inverse: strings.Fields(add.Undo)}
		mend(f, "Make the account again, as the package does.", append([]report.Step{add}, v.revive()...)...)
		return
	}
	v.mendBroken(f)
}
