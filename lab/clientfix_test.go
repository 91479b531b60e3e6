//go:build linux

package lab

import (
	"strings"
	"testing"
)

// clientFixes are faults at the client that `sshwhy … --fix` mends as an
// ordinary user.
var clientFixes = []struct {
	name, server, client string // what breaks it
	args                 string // of ssh and of sshwhy
	fix                  string // more options of sshwhy
	fingerprint          bool   // of the server's ed25519 key is to be given
}{
	{name: "key-permissions", client: "chmod 644 ~/.ssh/id_ed25519", args: "alice@server", fix: "--yes"},
	{name: "config-permissions", client: "echo 'Host server' >~/.ssh/config; chmod 666 ~/.ssh/config", args: "alice@server", fix: "--yes --open"},
	{name: "other-port", server: "echo 'Port 2222' >>/etc/ssh/sshd_config; systemctl restart ssh.service; settle ssh.service",
		client: "ssh-keyscan -p 2222 server 2>/dev/null >>~/.ssh/known_hosts", args: "alice@server", fix: "--yes"},
	{name: "host-key-changed", server: "rm /etc/ssh/ssh_host_*; ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key; systemctl restart ssh.service; settle ssh.service",
		args: "alice@server", fix: "--yes --open", fingerprint: true},
}

func TestClientFixes(t *testing.T) {
	tools := setUpFixes(t)
	for _, c := range clientFixes {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			ctx, w := bootTrixie(t, tools, caseLimit)
			if res := w.Server(ctx, c.server+"\ntrue"); res.Exit != 0 {
				t.Fatal(res)
			}
			if res := w.Client(ctx, c.client+"\ntrue"); res.Exit != 0 {
				t.Fatal(res)
			}
			if res := w.Login(ctx, []string{c.args}); res.Exit == 0 {
				t.Fatal("it is not broken")
			}
			home := func() string {
				return string(w.Client(ctx, `cd; find . -name state -prune -o -name .local -prune -o -path . -prune -o -printf '%p %m %U %T@ %l ' \( -type f -exec md5sum {} \; -o -printf '\n' \)`).Stdout)
			}
			before := home()
			if c.fingerprint {
				res := w.Client(ctx, "sshwhy "+c.args+" --fix "+c.fix+" --json </dev/null")
				if !strings.Contains(string(res.Stdout), `"outcome": "nothing-to-do"`) {
					t.Fatalf("a new key is taken without its fingerprint: %v", res)
				}
				print := w.Server(ctx, "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub | cut -d' ' -f2")
				c.fix += " --fingerprint " + strings.TrimSpace(string(print.Stdout))
			}
			res := w.Client(ctx, "sshwhy "+c.args+" --fix "+c.fix+" --json </dev/null")
			if !strings.Contains(string(res.Stdout), `"outcome": "applied"`) {
				t.Fatalf("not applied: %s\n%s", tail(res.Stdout, 3000), res.Stderr)
			}
			if res := w.Login(ctx, []string{c.args}); res.Exit != 0 {
				t.Errorf("fixed, and no login: %v", res)
			}
			if res := w.Client(ctx, "sshwhy undo --yes"); res.Exit != 0 {
				t.Fatalf("undo: %v", res)
			}
			if after := home(); after != before {
				t.Errorf("not as before:\n%s\nwas\n%s", after, before)
			}
		})
	}
}
