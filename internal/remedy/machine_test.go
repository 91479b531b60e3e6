//go:build linux

package remedy

import (
	"context"
	"fmt"

	"sshwhy/internal/report"
)

// The scenes of a real machine: the lab (lab/crash_test.go) carries this test
// binary into one, breaks the machine for each scene, and kills and undoes
// there as the crash test does here. Every kind of step that needs a running
// system is in one of them.
func init() {
	for name, acts := range map[string][]report.Action{
		"units": {
			{Kind: report.ActEdit, Path: "/etc/systemd/system/ssh.service.d/site.conf", Edits: []report.LineEdit{{Op: report.LineAppend, New: "[Service]\nNice=1"}}},
			{Kind: report.ActUnit, Verb: report.VerbDaemonReload},
			{Kind: report.ActUnit, Unit: "ssh.service", Verb: report.VerbUnmask},
			{Kind: report.ActUnit, Unit: "ssh.service", Verb: report.VerbEnable},
			{Kind: report.ActUnit, Unit: "ssh.service", Verb: report.VerbStart},
		},
		"socket": {
			{Kind: report.ActUnit, Unit: "ssh.socket", Verb: report.VerbEnable},
			{Kind: report.ActUnit, Unit: "ssh.socket", Verb: report.VerbStart},
		},
		"config": {
			{Kind: report.ActEdit, Path: "/etc/ssh/sshd_config", Check: report.CheckSSHD,
				Edits: []report.LineEdit{{Line: 1, Old: "MaxStartups 9:9:9", Op: report.LineReplace, New: "MaxStartups 10:30:100"}}},
			{Kind: report.ActHostKeys},
			{Kind: report.ActHostsAllow, Source: "192.0.2.2"},
			{Kind: report.ActUnit, Unit: "ssh.service", Verb: report.VerbRestart},
		},
		"account": {
			{Kind: report.ActCommand, Argv: []string{"usermod", "-U", "bob"}},
			{Kind: report.ActRemove, Path: "/etc/nologin"},
			{Kind: report.ActMode, Path: "/home/alice/.ssh/authorized_keys", Mode: 0o600},
			{Kind: report.ActOwner, Path: "/home/alice/.ssh/authorized_keys", User: "alice", Group: "alice"},
		},
		"ufw": {{Kind: report.ActFirewall, Firewall: &report.Opening{Manager: "ufw", Port: 22, Source: "192.0.2.2"}}},
		"nft": {{Kind: report.ActFirewall, Firewall: &report.Opening{Manager: "nft", Family: "inet", Table: "filter", Chain: "input",
			File: "/etc/nftables.conf", Port: 22}}},
		"iptables": {{Kind: report.ActFirewall, Firewall: &report.Opening{Manager: "iptables", File: "/etc/iptables.rules", Port: 22}}},
		"firewalld": {
			{Kind: report.ActFirewall, Firewall: &report.Opening{Manager: "firewalld", Port: 22}},
			{Kind: report.ActFirewall, Firewall: &report.Opening{Manager: "firewalld", Port: 2222, Source: "192.0.2.2"}},
		},
		"fail2ban": {{Kind: report.ActUnban, Tool: "fail2ban", Jail: "sshd", Source: "192.0.2.9"}},
		"install":  {{Kind: report.ActInstall, Packages: []string{"openssh-server"}}},
	} {
		scenes[name] = scene{plan: func(ctx context.Context, s *System, _ string) (*Plan, error) {
			p, err := planOf(ctx, s, acts)
			if err == nil && len(p.Steps) == 0 {
				err = fmt.Errorf("nothing is to be done in scene %s", name)
			}
			return p, err
		}}
	}
}
