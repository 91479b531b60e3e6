//go:build linux

package lab

import (
	"strings"
	"testing"
)

// TestHardGround has a fix meet what it cannot or must take care of: it is a
// clear refusal with the machine as it was, or a complete success.
func TestHardGround(t *testing.T) {
	tools := setUpFixes(t)
	const badLine = "echo 'PermitRotLogin no' >>/etc/ssh/sshd_config; systemctl restart ssh.service 2>/dev/null || true; settle ssh.service\n"
	for _, c := range []struct {
		name, script string
		says         string // a refusal that says this; "" is a success
	}{
		{"etc-read-only", badLine + "mount --bind /etc /etc; mount -o remount,ro,bind /etc", "read-only"},
		{"state-read-only", badLine + "mkdir -p /var/lib/sshwhy; mount --bind /var/lib/sshwhy /var/lib/sshwhy; mount -o remount,ro,bind /var/lib/sshwhy", "nothing is changed"},
		{"state-full", badLine + "mkdir -p /var/lib/sshwhy; mount -t tmpfs -o size=64k tmpfs /var/lib/sshwhy", "nothing is changed"},
		{"no-packages", "apt-get -q -y purge openssh-server; rm -rf /srv/packages; echo 'sshd: ALL' >/etc/hosts.deny", "apt-get"},
		{"managed-link", "mkdir /etc/managed; mv /etc/ssh/sshd_config /etc/managed/sshd_config; ln -s ../managed/sshd_config /etc/ssh/sshd_config\n" + badLine, ""},
		{"hard-link", "ln /etc/ssh/sshd_config /etc/ssh/sshd_config.same\n" + badLine, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			ctx, w := bootTrixie(t, tools, caseLimit)
			if res := w.Server(ctx, c.script); res.Exit != 0 {
				t.Fatal(res)
			}
			w.settle(ctx)
			before := w.portrait(ctx)
			res := w.Server(ctx, "sshwhy server --fix --yes --open --json </dev/null")
			if c.says != "" {
				if !strings.Contains(string(res.Stderr), c.says) || res.Exit == 0 {
					t.Errorf("exit %d, want a refusal that says %q:\n%s", res.Exit, c.says, tail(res.Stderr, 2000))
				}
			}
			undone := Result{}
			if c.says == "" {
				if res := w.Login(ctx, []string{"alice@server"}); res.Exit != 0 {
					t.Errorf("fixed, and no login: %v\n%s", res, tail(res.Stderr, 2000))
				}
				if undone = w.Server(ctx, "sshwhy undo --yes --confirm-within 0"); undone.Exit != 0 {
					t.Errorf("undo: %v", undone)
				}
			}
			if diff := w.notAsBefore(ctx, before, undone); len(diff) > 0 {
				t.Errorf("not as before:\n%s", strings.Join(diff, "\n"))
			}
		})
	}
}

// TestNamedByTheConfiguration: what a line of the configuration names is not
// sshd's own for that. A fix moves, shuts and edits none of it, with whatever consent.
func TestNamedByTheConfiguration(t *testing.T) {
	t.Parallel()
	ctx, w := bootTrixie(t, setUpFixes(t), caseLimit)
	for _, line := range []string{
		"HostKey /", "HostKey /etc", "HostKey /etc/shadow", "HostKey /etc/passwd", "HostKey /root",
		"Include /etc/hosts", "Include /etc/passwd", "Include /etc/shadow", "Include /etc/ssh/../hosts",
	} {
		breakIt := "echo '" + line + "' >/etc/ssh/sshd_config.d/named.conf; systemctl reset-failed ssh.service; systemctl restart ssh.service 2>/dev/null || true; settle ssh.service"
		if res := w.Server(ctx, breakIt); res.Exit != 0 {
			t.Fatal(res)
		}
		before := w.portrait(ctx)
		res := w.Server(ctx, "sshwhy server --fix --yes --open --confirm-within 0 </dev/null")
		if diff := differences(before, w.portrait(ctx)); len(diff) > 0 {
			t.Errorf("%s: not as before:\n%s\n%v", line, strings.Join(diff, "\n"), res)
		}
		if !said(res, "for a person to decide") {
			t.Errorf("%s: it is not said who is to mend it: %v", line, res)
		}
	}
}
