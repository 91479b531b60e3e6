package server

import (
	"fmt"
	"strings"

	"sshwhy/internal/evidence"
	"sshwhy/internal/facts"
	"sshwhy/internal/report"
)

// packageStage: is there an SSH server program, and can it run at all?
func packageStage() stage {
	return stage{name: report.StagePackage, detail: packageDetail, checks: []check{
		{causes{"sshd-not-installed"}, checkInstalled},
		{causes{"sshd-broken", "crypto-library-mismatch", "upgrade-unfinished"}, checkRuns},
		{causes{"sshd-broken"}, checkHelpers},
	}}
}

func packageDetail(v *view) string {
	if in, ok := v.Package.Server(); ok {
		return in.Name + " " + in.Version
	}
	for _, bin := range []facts.Binary{v.Program.Sshd, v.Program.Dropbear} {
		if bin.Origin.Known() {
			return bin.Path
		}
	}
	return "no SSH server program was found"
}

// hasServer reports whether an SSH server program is there, or one runs. The
// dropbear program alone is none: its package may be there for its client.
func (v *view) hasServer() bool {
	return v.Program.Sshd.Origin.Known() || v.service != nil && v.service.Name == dropbearUnit ||
		v.System.Init != facts.InitSystemd && v.otherServer() || v.serving()
}

const dropbearUnit = "dropbear.service"

func checkInstalled(v *view, p *part) {
	sshd := v.Program.Sshd
	if v.hasServer() {
		return
	}
	if sshd.Origin.Status != evidence.Absent {
		p.cannot("package", "could not look for sshd: "+sshd.Origin.Reason)
		return
	}
	if in, ok := v.Package.Server(); ok && in.Complete() {
		return // the package is there and its program is gone: checkRuns
	}
	f := p.found("sshd-not-installed", report.Blocking, "No SSH server is installed on this machine: there is no %s.", sshd.Path)
	quote(f, v.Package.Missing...)
	if in, ok := v.Package.Server(); ok {
		quote(f, in.Quote)
		f.Summary = "No SSH server is installed on this machine: " + in.Name + " was removed."
	}
	quote(f, facts.Quote{Source: "stat " + sshd.Path, Text: "No such file or directory"})
	if step, ok := v.install(); ok {
		mend(f, "Install the SSH server.", step)
		return
	}
	advise(f, "Install the OpenSSH server with this machine's package tool.")
}

// checkRuns looks for a program that is there and cannot run.
func checkRuns(v *view, p *part) {
	sshd := v.Program.Sshd
	in, packaged := v.Package.Server()
	if !sshd.Origin.Known() {
		if packaged && in.Complete() && sshd.Origin.Status == evidence.Absent && !v.serving() {
			f := p.found("sshd-broken", v.keepsOut(), "The package %s is installed, but its program %s is missing.", in.Name, sshd.Path)
			quote(f, in.Quote, facts.Quote{Source: "stat " + sshd.Path, Text: "No such file or directory"})
			v.mendBroken(f)
		}
		return
	}
	switch {
	case len(sshd.Missing) > 0:
		name, _, _ := strings.Cut(sshd.Missing[0].Text, " ")
		f := p.found("sshd-broken", v.keepsOut(), "%s cannot run: the shared library %s is missing.", sshd.Path, name)
		quote(f, sshd.Missing...)
		v.mendBroken(f)
	case len(v.Program.Session.Missing) > 0:
		missing := v.Program.Session.Missing
		name, _, _ := strings.Cut(missing[0].Text, " ")
		f := p.found("sshd-broken", report.Blocking, "%s cannot run, because the shared library %s is missing: every connection ends at once.", v.Program.Session.Path, name)
		quote(f, missing...)
		v.mendBroken(f)
	case sshd.Meta.Type == "file" && sshd.Meta.Mode&0o111 == 0:
		f := p.found("sshd-broken", v.keepsOut(), "%s is not executable.", sshd.Path)
		quote(f, facts.MetaQuote(sshd.Path, sshd.Meta))
		mend(f, "Make the program executable again.", append([]report.Step{chmod(sshd.Path, 0o755, sshd.Meta.Mode)}, v.revive()...)...)
	case packaged && in.Unpacked():
		v.unfinished(p, in)
	case v.Test.Broken():
		cause := "sshd-broken"
		if strings.Contains(v.Test.Words(), "OpenSSL version mismatch") {
			cause = "crypto-library-mismatch"
		}
		f := p.found(cause, v.keepsOut(), "%s cannot run: %s", sshd.Path, strings.TrimSuffix(v.Test.Words(), ".")+".")
		quote(f, v.Test.Said...)
		v.mendBroken(f)
	case absent(v.Program.Session.Origin) && (v.Test.NoSession() || v.splitRelease()):
		f := p.found("upgrade-unfinished", report.Blocking, "sshd's helper program sshd-session is missing, so no connection can be served.")
		quote(f, in.Quote, facts.Quote{Source: "stat " + v.Program.Session.Path, Text: "No such file or directory"})
		v.mendBroken(f)
	}
	if v.Package.Origin.Unseen() && !v.serving() {
		p.also("package state", v.Package.Origin.Reason)
	}
}

// unfinished: the package was unpacked and never configured, so that its
// account, its keys or its configuration may be missing.
func (v *view) unfinished(p *part, in facts.Installed) {
	f := p.found("sshd-broken", v.keepsOut(), "The package %s is only half installed (dpkg says %s).", in.Name, in.State)
	quote(f, in.Quote)
	if in.Half() {
		v.mendBroken(f)
		return
	}
	var names []string
	for _, n := range append(v.Package.Needed, in) {
		if n.Unpacked() {
			names = append(names, n.Name)
		}
		if n.Unpacked() && n.Name != in.Name {
			quote(f, n.Quote)
		}
	}
	step := do("dpkg --configure "+strings.Join(names, " "), "")
	step.Act = &report.Action{Kind: report.ActConfigure, Packages: names}
	mend(f, "Finish the installation.", append([]report.Step{step}, v.revive()...)...)
}

// splitRelease reports whether the package is one whose sshd serves connections
// by sshd-session: OpenSSH 9.8 and later.
func (v *view) splitRelease() bool {
	in, ok := v.Package.Server()
	_, version, epoch := strings.Cut(in.Version, ":")
	if !epoch {
		version = in.Version
	}
	var major, minor int
	n, _ := fmt.Sscanf(version, "%d.%d", &major, &minor)
	return ok && n == 2 && (major > 9 || major == 9 && minor >= 8)
}

func (v *view) mendBroken(f *report.Finding) {
	if step, ok := v.reinstall(); ok {
		mend(f, "Put the program's files back.", append([]report.Step{step}, v.revive()...)...)
		return
	}
	advise(f, "Install the SSH server's package again.")
}
