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
)

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
