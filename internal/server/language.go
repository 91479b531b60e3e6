package server

import (
	"fmt"
	"slices"
	"strings"

	"sshwhy/internal/facts"
	"sshwhy/internal/report"
	"sshwhy/internal/shquote"
)

// The commands that mend are spoken in the machine's own language: its package
// tool, its init, its names for the SSH service.

// installing gives an install step its act.
func installing(command, undo, pkg string) (report.Step, bool) {
	s := do(command, undo)
	s.Act = &report.Action{Kind: report.ActInstall, Packages: []string{pkg}}
	return s, true
}

// install installs the SSH server.
func (v *view) install() (report.Step, bool) {
	switch v.System.Family() {
	case "apt":
		return installing("apt-get install -y openssh-server", "apt-get remove -y openssh-server", "openssh-server")
	case "dnf":
		dnf := v.dnf()
		return installing(dnf+" install -y openssh-server", dnf+" remove -y openssh-server", "openssh-server")
	case "zypper":
		return installing("zypper --non-interactive install openssh-server", "zypper --non-interactive remove openssh-server", "openssh-server")
	case "pacman":
		return installing("pacman -S --noconfirm openssh", "pacman -R --noconfirm openssh", "openssh")
	case "apk":
		return installing("apk add openssh-server", "apk del openssh-server", "openssh-server")
	case "xbps":
		return installing("xbps-install -y openssh", "xbps-remove -y openssh", "openssh")
	case "emerge":
		return installing("emerge net-misc/openssh", "emerge --unmerge net-misc/openssh", "net-misc/openssh")
	}
	return report.Step{}, false
}

// reinstall puts the SSH server's files back.
func (v *view) reinstall() (report.Step, bool) {
	name := "openssh-server"
	if in, ok := v.Package.Server(); ok {
		name = in.Name // openssh-server-gssapi, openssh-server-pam, openssh
	}
	switch v.System.Family() {
	case "apt":
		return do("apt-get install --reinstall -y "+shquote.Operand(name), ""), true
	case "dnf":
		return do(v.dnf()+" reinstall -y "+shquote.Operand(name), ""), true
	case "zypper":
		return do("zypper --non-interactive install --force "+shquote.Operand(name), ""), true
	case "pacman":
		return do("pacman -S --noconfirm openssh", ""), true
	case "apk":
		return do("apk fix --reinstall "+shquote.Operand(name), ""), true
	case "xbps":
		return do("xbps-install -fy openssh", ""), true
	case "emerge":
		return do("emerge --oneshot net-misc/openssh", ""), true
	}
	return report.Step{}, false
}

// dnf is the package tool of Fedora and its kin: yum up to release 7 of RHEL's.
func (v *view) dnf() string {
	major, _, _ := strings.Cut(v.System.Version, ".")
	if v.System.ID != "fedora" && (major == "5" || major == "6" || major == "7") {
		return "yum"
	}
	return "dnf"
}

// unitName is the name of the SSH service's unit here.
func (v *view) unitName() string {
	if v.service != nil && v.service.Name != "" {
		return v.service.Name
	}
	if v.System.Debianish() {
		return "ssh.service"
	}
	return "sshd.service"
}

// scriptName is the name of the init script's service.
func (v *view) scriptName() string {
	switch {
	case v.Script.Name != "":
		return v.Script.Name
	case v.System.Debianish():
		return "ssh"
	}
	return "sshd"
}

// start starts the SSH service.
func (v *view) start() report.Step {
	switch v.System.Init {
	case facts.InitSystemd:
		if v.service == nil && v.socket == nil {
			return do(shquote.Word(v.sshd()), "kill $(cat /run/sshd.pid)")
		}
		if v.socketMode() {
			return unit(report.VerbStart, v.socket.Name)
		}
		return unit(report.VerbStart, v.unitName())
	}
	return v.startScript()
}

// restart makes the running server take a new configuration.
func (v *view) restart() report.Step {
	switch v.System.Init {
	case facts.InitSystemd:
		if v.service != nil {
			return unit(report.VerbRestart, v.unitName())
		}
	default:
		return v.restartScript()
	}
	return do("kill -HUP $(cat /run/sshd.pid)", "")
}

// revive clears systemd's memory of failures, where it failed, and starts.
func (v *view) revive() []report.Step {
	var steps []report.Step
	for _, u := range []*facts.Unit{v.service, v.socket} {
		if u != nil && u.Failed() {
			steps = append(steps, unit(report.VerbResetFailed, u.Name))
		}
	}
	if !v.serving() {
		steps = append(steps, v.start())
	}
	return steps
}

// script is one act of an init that is not systemd.
func (v *view) script(verb report.UnitVerb, init, command, undo string) report.Step {
	s := do(command, undo)
	s.Act = &report.Action{Kind: report.ActUnit, Unit: v.scriptName(), Verb: verb, Init: init}
	return s
}

// sshd is the path of the server program.
func (v *view) sshd() string {
	if v.Program.Sshd.Path != "" {
		return v.Program.Sshd.Path
	}
	return "/usr/sbin/sshd"
}

func endpointList(all []facts.Endpoint) string {
	var out []string
	for _, e := range all {
		if s := e.String(); !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return strings.Join(out, " and ")
}

func listenerList(all []facts.Listener) string {
	var out []facts.Endpoint
	for _, l := range all {
		out = append(out, l.Endpoint)
	}
	if len(out) > 4 {
		return fmt.Sprintf("%s and %d more", endpointList(out[:4]), len(out)-4)
	}
	return endpointList(out)
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
