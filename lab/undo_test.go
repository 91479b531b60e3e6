//go:build linux

package lab

import "testing"

// TestUndoLeavesWhatCameSince: packages that somebody installed after the fix stay, and
// so does what they need of those that the fix brought.
func TestUndoLeavesWhatCameSince(t *testing.T) {
	t.Parallel()
	tools := setUpFixes(t)
	ctx, w := bootTrixie(t, tools, buildLimit)
	must := func(script, want string) {
		t.Helper()
		if res := w.Server(ctx, script); !said(res, want) {
			t.Fatalf("%s: want %q in\n%v", script, want, res)
		}
	}
	must("apt-get -q -y purge openssh-server openssh-sftp-server >/dev/null 2>&1; dpkg-query -W -f '${Package} ' 'openssh*'", "openssh-client")
	must("sshwhy server --fix --yes --json --confirm-within 0 </dev/null", `"outcome": "applied"`)
	must(`mkdir -p /tmp/needs/DEBIAN; printf 'Package: needs-sftp\nVersion: 1\nArchitecture: all\nMaintainer: lab <lab@example.org>\nDescription: needs it\nDepends: openssh-sftp-server\n' >/tmp/needs/DEBIAN/control
		dpkg-deb -b /tmp/needs /tmp/needs.deb; dpkg -i /tmp/needs.deb; apt-get -q -y install dropbear-bin; dpkg-query -W -f '${Package} ${db:Status-Abbrev}\n' needs-sftp`, "needs-sftp ii")
	must("sshwhy undo --dry-run </dev/null", "this removes the package openssh-server")
	must("sshwhy undo --yes </dev/null", "the package openssh-sftp-server stays: what was installed since needs it")
	must(`dpkg-query -W -f '${Package} ${db:Status-Abbrev}\n' needs-sftp dropbear-bin openssh-sftp-server | tr -s ' \n' ' '`, "dropbear-bin ii needs-sftp ii openssh-sftp-server ii")
	if res := w.Server(ctx, "dpkg-query -W -f '${db:Status-Abbrev}' openssh-server"); said(res, "ii") {
		t.Errorf("what the fix brought and nobody needs is still there: %v", res)
	}
	must("sshwhy undo --yes </dev/null; true", "there is no fix to undo")
}

// TestUndoStopsNoServer: what was there before could not run, the server that runs goes on,
// and that is said.
func TestUndoStopsNoServer(t *testing.T) {
	t.Parallel()
	tools := setUpFixes(t)
	ctx, w := bootTrixie(t, tools, buildLimit)
	if res := w.Server(ctx, "rm /etc/ssh/ssh_host_*; systemctl restart ssh.service || true; settle ssh.service; ! systemctl is-active ssh.service"); res.Exit != 0 {
		t.Fatal(res)
	}
	before := w.portrait(ctx)
	if res := w.Server(ctx, "sshwhy server --fix --yes --json --confirm-within 0 </dev/null"); !said(res, `"outcome": "applied"`) {
		t.Fatal(res)
	}
	res := w.Server(ctx, "sshwhy undo --yes </dev/null")
	if res.Exit != 0 || !said(res, "ssh.service runs on: it had failed before the fix") {
		t.Errorf("not said, or not done: %v", res)
	}
	if res := w.Client(ctx, "ssh -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null alice@server true </dev/null"); res.Exit != 0 {
		t.Errorf("the server that ran is no longer there: %v", res)
	}
	if diff := w.notAsBefore(ctx, before, res); len(diff) > 0 {
		t.Errorf("not as before: %v", diff)
	}
}

// TestUndoIsGuarded: an undo that stops the server, made over ssh, is taken back by a timer
// unless somebody confirms it; who is shut out by it is not shut out for good.
func TestUndoIsGuarded(t *testing.T) {
	t.Parallel()
	tools := setUpFixes(t)
	ctx, w := bootTrixie(t, tools, buildLimit)
	if res := w.Server(ctx, mayBecomeRoot+"systemctl stop ssh.service"); res.Exit != 0 {
		t.Fatal(res)
	}
	if res := w.Server(ctx, "sshwhy server --fix --yes --json --confirm-within 0 </dev/null"); !said(res, `"outcome": "applied"`) {
		t.Fatal(res)
	}
	fixed := w.portrait(ctx)
	res := w.byAlice(ctx, "sudo /opt/lab/sshwhy undo --yes --confirm-within 30s")
	if !said(res, "this stops ssh.service") || !said(res, "guard: it is done again") || !said(res, "Undone: ") {
		t.Fatalf("%v", res)
	}
	if res := w.Login(ctx, []string{"alice@server"}); res.Exit == 0 {
		t.Error("it is not undone: alice logs in")
	}
	if res := w.Server(ctx, "for i in $(seq 100); do systemctl -q is-active ssh.service && break; sleep 1; done; sleep 2; sshwhy undo --list"); !said(res, "applied") || !said(res, "undone") {
		t.Errorf("nobody confirmed the undo: %v", res)
	}
	if res := w.Login(ctx, []string{"alice@server"}); res.Exit != 0 {
		t.Errorf("alice is shut out for good: %v", res)
	}
	w.settle(ctx)
	if diff := differences(fixed, w.portrait(ctx)); len(diff) > 0 {
		t.Errorf("done again, and not as the fix had left it: %v", diff)
	}
}
