//go:build linux

package lab

import (
	"context"
	"strings"
	"testing"
	"time"
)

// byAlice is a command that alice runs at the server, over ssh, as one login.
func (w *World) byAlice(ctx context.Context, script string) Result {
	return w.Client(ctx, "ssh -4 alice@server "+quoted([]string{script})[0]+" </dev/null")
}

// standing waits until the fixes at the server are listed as wanted.
func (w *World) standing(ctx context.Context, t *testing.T, want string, limit time.Duration) {
	t.Helper()
	for deadline := time.Now().Add(limit); ; time.Sleep(500 * time.Millisecond) {
		res := w.Server(ctx, "sshwhy undo --list")
		if strings.Contains(string(res.Stdout), want) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("not %s: %v\n%v", want, res, w.Server(ctx, "systemctl list-timers --all; journalctl -b -n 20; ls -l /etc/systemd/system"))
		}
	}
}

// TestGuard: a fix made over SSH is undone by a timer of the machine unless a
// login that is younger than it confirms it.
func TestGuard(t *testing.T) {
	t.Parallel()
	tools := setUpFixes(t)
	ctx, w := bootTrixie(t, tools, buildLimit)
	if res := w.Server(ctx, latent+mayBecomeRoot+"rm -rf /var/lib/sshwhy"); res.Exit != 0 {
		t.Fatal(res)
	}
	must := func(res Result, want string) {
		t.Helper()
		if !said(res, want) {
			t.Fatalf("want %q in\n%v", want, res)
		}
	}
	const fix = "/opt/lab/sshwhy server --fix --yes --json </dev/null --confirm-within "
	w.settle(ctx)
	before := w.portrait(ctx)

	// A login that was there before, and goes on: its ssh waits for a file.
	old := make(chan Result, 1)
	go func() {
		old <- w.byAlice(ctx, "until [ -e /tmp/fixed ]; do sleep 0.2; done; sudo /opt/lab/sshwhy keep")
	}()
	w.Server(ctx, "until pgrep -u alice sleep; do sleep 0.1; done")

	// The login it was made in, whatever it forgets of itself.
	must(w.byAlice(ctx, "sudo "+fix+"90s; sudo /opt/lab/sshwhy keep"), "log in anew")
	must(w.byAlice(ctx, "true"), "")
	w.Server(ctx, "touch /tmp/fixed")
	must(<-old, "log in anew")
	w.standing(ctx, t, "guarded", time.Second)
	must(w.Server(ctx, "ls /etc/systemd/system"), "sshwhy-guard-")
	w.standing(ctx, t, "undone", 3*time.Minute)
	w.settle(ctx)
	if diff := differences(before, w.portrait(ctx)); len(diff) > 0 {
		t.Fatalf("undone by the timer, and not as before:\n%s", strings.Join(diff, "\n"))
	}

	must(w.byAlice(ctx, "sudo "+fix+"150s; env -u SSH_CONNECTION -u SSH_CLIENT sudo -i /opt/lab/sshwhy keep; sudo systemd-run --quiet --wait --pipe /opt/lab/sshwhy keep"), "log in anew")
	must(w.byAlice(ctx, "sudo systemd-run --quiet --wait --pipe /opt/lab/sshwhy keep"), "cannot be seen which login")
	must(w.byAlice(ctx, "sudo /opt/lab/sshwhy keep"), "Kept")
	w.standing(ctx, t, "applied", time.Second)
	if res := w.Server(ctx, "ls /etc/systemd/system /etc/systemd/system/*.wants; systemctl list-timers --all"); said(res, "sshwhy") {
		t.Errorf("kept, and something of the timer is left: %v", res)
	}
	must(w.Server(ctx, "sshwhy undo --yes --confirm-within 0 </dev/null"), "Undone")
	w.settle(ctx)
	if diff := differences(before, w.portrait(ctx)); len(diff) > 0 {
		t.Fatalf("kept, then undone, and not as before:\n%s", strings.Join(diff, "\n"))
	}
}

// TestKeepFromHere: a login that came from the machine itself, by whichever of
// its addresses, and one through the connection of an old login, confirm nothing.
func TestKeepFromHere(t *testing.T) {
	t.Parallel()
	tools := setUpFixes(t)
	ctx, w := bootTrixie(t, tools, caseLimit)
	if res := w.Server(ctx, latent+mayBecomeRoot+`ip addr add 10.99.0.1/32 dev lo
		runuser -u alice -- sh -c 'ssh-keygen -q -t ed25519 -N "" -f ~/.ssh/id_ed25519; cat ~/.ssh/id_ed25519.pub >>~/.ssh/authorized_keys'`); res.Exit != 0 {
		t.Fatal(res)
	}
	const keep = "sudo /opt/lab/sshwhy keep"
	if res := w.Client(ctx, "ssh -4 -M -S /tmp/old -o ControlPersist=200 alice@server true </dev/null >/dev/null 2>&1"); res.Exit != 0 {
		t.Fatal(res)
	}
	if res := w.byAlice(ctx, "sudo /opt/lab/sshwhy server --fix --yes --json --confirm-within 150s </dev/null"); !said(res, `"confirm_by"`) {
		t.Fatal(res)
	}
	refused := func(name, want string, res Result) {
		t.Helper()
		if res.Exit != 2 || !said(res, want) {
			t.Errorf("%s: %v", name, res)
		}
	}
	refused("through the old connection", "log in anew", w.Client(ctx, "ssh -S /tmp/old alice@server "+keep+" </dev/null"))
	const quiet = "-o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR "
	for _, way := range []string{
		"localhost", "::1", "198.51.100.10", // the obvious ones
		"-b 198.51.100.10 127.0.0.1", "-b 2001:db8:2::10 ::1", // from its address to its loopback
		"-b 10.99.0.1 198.51.100.10",                             // from one of its addresses to another
		"$(ip -6 -br addr show eth0 | grep -o 'fe80[^/]*')%eth0", // with a zone
	} {
		refused(way, "from the machine itself", w.byAlice(ctx, "ssh "+quiet+way+" "+keep))
	}
	refused("without a word in the environment", "from the machine itself",
		w.byAlice(ctx, "ssh "+quiet+`-b 10.99.0.1 198.51.100.10 'exec env -i sh -c "`+keep+`; exit \$?"'`))
	refused("a jump on itself", "from the machine itself", w.Client(ctx, "ssh "+quiet+"-J alice@server alice@198.51.100.10 "+keep+" </dev/null"))
	w.standing(ctx, t, "guarded", 0)
	if res := w.byAlice(ctx, keep); !said(res, "Kept") {
		t.Error(res)
	}
}

// TestGuardOutlivesReboot: nobody confirms a fix, the machine starts anew, and
// the fix is undone all the same; one that was confirmed stays.
func TestGuardOutlivesReboot(t *testing.T) {
	t.Parallel()
	tools := setUpFixes(t)
	ctx, w := bootTrixie(t, tools, buildLimit)
	if res := w.Server(ctx, latent+mayBecomeRoot); res.Exit != 0 {
		t.Fatal(res)
	}
	const fix = "sudo /opt/lab/sshwhy server --fix --yes --json --confirm-within "
	for _, keep := range []bool{false, true} {
		if res := w.byAlice(ctx, fix+"30s </dev/null"); !said(res, `"confirm_by"`) {
			t.Fatalf("not fixed, or not guarded: %v", res)
		}
		if keep {
			if res := w.byAlice(ctx, "sudo /opt/lab/sshwhy keep"); !said(res, "Kept") {
				t.Fatal(res)
			}
		}
		if err := w.Reboot(ctx); err != nil {
			t.Fatal(err)
		}
		if keep {
			time.Sleep(45 * time.Second)
			w.standing(ctx, t, "applied", 0)
		} else {
			w.standing(ctx, t, "undone", time.Minute)
		}
		res := w.Server(ctx, "systemctl is-enabled ssh.service; ls /etc/systemd/system")
		if enabled := !said(res, "disabled"); enabled != keep || said(res, "sshwhy-guard") {
			t.Errorf("kept %v: %v", keep, res)
		}
	}
}

// TestSparesTheOperator: a fix that would shut out whoever makes it, over ssh,
// is taken back at once, or not done at all.
func TestSparesTheOperator(t *testing.T) {
	t.Parallel()
	tools := setUpFixes(t)
	ctx, w := bootTrixie(t, tools, caseLimit)
	broken := mayBecomeRoot + "useradd -m deploy; echo 'AllowUser deploy' >>/etc/ssh/sshd_config"
	if res := w.Server(ctx, broken); res.Exit != 0 {
		t.Fatal(res)
	}
	before := w.portrait(ctx)
	res := w.byAlice(ctx, "sudo /opt/lab/sshwhy server --fix --yes --open </dev/null")
	if res.Exit == 0 || !said(res, "would shut out alice from 192.0.2.2, who makes this fix") {
		t.Errorf("not refused, or not said for whom: %v", res)
	}
	w.settle(ctx)
	if res := w.Login(ctx, []string{"alice@server"}); res.Exit != 0 {
		t.Errorf("alice is shut out: %v", res)
	}
	if diff := differences(before, w.portrait(ctx)); len(diff) > 0 {
		t.Errorf("not as before:\n%s", strings.Join(diff, "\n"))
	}
}
