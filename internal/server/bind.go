package server

import (
	"fmt"
	"slices"
	"strings"

	"sshwhy/internal/facts"
	"sshwhy/internal/report"
	"sshwhy/internal/shquote"
)

// What the log of the last start says of the ports that sshd could not have.

// checkBindDenied: sshd was not allowed to open its port. The log of the last
// start says so; whether SELinux or a missing privilege did it, the kernel.
func checkBindDenied(v *view, p *part) {
	if v.service == nil || v.listensAll() {
		return
	}
	var denied []facts.Entry
	for _, e := range v.sinceStart() {
		if strings.Contains(e.Message, "Bind to port ") && strings.HasSuffix(strings.TrimSuffix(e.Message, "."), "Permission denied") {
			denied = append(denied, e)
		}
	}
	if len(denied) == 0 {
		return
	}
	_, rest, _ := strings.Cut(denied[0].Message, "Bind to port ")
	port, _, _ := strings.Cut(rest, " ")
	if v.SELinux.Enforcing {
		v.bindDeniedSELinux(p, port, denied)
		return
	}
	if v.SELinux.AppArmor.Text != "" && len(v.denials("apparmor")) > 0 {
		return // checkAppArmor says more
	}
	f := p.found("bind-no-privilege", v.keepsOut(), "sshd was not allowed to listen on port %s: it runs without root's rights.", port)
	quoteEntries(f, denied)
	quote(f, v.service.Setting("User", "CapabilityBoundingSet", "AmbientCapabilities", "NoNewPrivileges", "DynamicUser")...)
	mend(f, "Let sshd start as root, with CAP_NET_BIND_SERVICE.")
}

// listensAll reports whether SSH is served wherever it is configured to be.
func (v *view) listensAll() bool {
	return !slices.ContainsFunc(v.wantedHere(), func(e facts.Endpoint) bool { return !v.listens(e) })
}

// sinceStart are the entries of the log since the service was last started.
func (v *view) sinceStart() []facts.Entry {
	all := v.Journal.Entries
	for i, e := range slices.Backward(all) {
		if e.Identifier == "systemd" && strings.HasPrefix(e.Message, "Starting ") {
			return all[i:]
		}
	}
	return all
}

// freePorts are the types of ports that nobody has labelled: semanage adds a
// label to these and changes that of others.
var freePorts = [...]string{"", "unreserved_port_t", "reserved_port_t", "hi_reserved_port_t", "ephemeral_port_t", "port_t"}

func (v *view) bindDeniedSELinux(p *part, port string, said []facts.Entry) {
	f := p.found("bind-denied-selinux", v.keepsOut(), "SELinux does not let sshd listen on port %s.", port)
	f.Certainty = report.Likely
	quoteEntries(f, said)
	label := ""
	for _, d := range v.denials("selinux") {
		if d.Permission == "name_bind" && fmt.Sprint(d.Port) == port {
			label = d.Target
			quote(f, d.Quote)
			f.Certainty = report.Confirmed
			break
		}
	}
	quote(f, v.SELinux.Quote)
	verb, back := "-a", []string{"semanage", "port", "-d", "-p", "tcp", port}
	if !slices.Contains(freePorts[:], label) {
		verb, back = "-m", []string{"semanage", "port", "-m", "-t", label, "-p", "tcp", port}
		f.Summary = fmt.Sprintf("SELinux does not let sshd listen on port %s, which bears the label of another service (%s).", port, label)
	}
	argv := []string{"semanage", "port", verb, "-t", "ssh_port_t", "-p", "tcp", port}
	step := do(shquote.Join(argv), shquote.Join(back))
	step.Act = &report.Action{Kind: report.ActCommand, Argv: argv, Inverse: back}
	mend(f, "Label the port for SSH and start the service.", append([]report.Step{step}, v.revive()...)...)
}

// bindFailed reports whether the log of this start says that an address could not be had.
func (v *view) bindFailed() bool {
	for _, e := range slices.Backward(v.Journal.Entries) {
		switch {
		case strings.HasPrefix(e.Message, "error: Bind to port "), strings.HasPrefix(e.Message, "Bind to port "):
			return true
		case strings.HasPrefix(e.Message, "Starting "):
			return false
		}
	}
	return false
}
