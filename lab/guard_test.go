//go:build linux

package lab

import (
	"strings"
	"testing"
	"time"
)

// TestGuard: a fix made over SSH is undone by a timer of the machine unless a
// new login confirms it; the session it was made in cannot.
func TestGuard(t *testing.T) {
	tools := setUpFixes(t)
	ctx, w := bootTrixie(t, tools, caseLimit)
	must := func(script, want string) {
		t.Helper()
		res := w.Server(ctx, script)
		if all := string(res.Stdout) + string(res.Stderr); !strings.Contains(all, want) {
			t.Fatalf("%s: want %q in\n%v", script, want, res)
		}
	}
	const session = "SSH_CONNECTION='192.0.2.2 50000 198.51.100.10 22' "
	const other = "SSH_CONNECTION='192.0.2.2 50001 198.51.100.10 22' "
	broken := `iptables -A INPUT -p tcp --dport 22 -s 203.0.113.0/24 -j DROP; sed -i '1i MaxStartups 1:1:1' /etc/ssh/sshd_config; systemctl stop ssh.service; rm -rf /var/lib/sshwhy`
	if res := w.Server(ctx, broken); res.Exit != 0 {
		t.Fatal(res)
	}
	w.settle(ctx)
	before := w.portrait(ctx)

	must(session+"sshwhy server --fix --yes --json --confirm-within 6s </dev/null", `"confirm_by"`)
	if res := w.Login(ctx, []string{"alice@server"}); res.Exit != 0 {
		t.Fatalf("fixed, and no login: %v", res)
	}
	must(session+"sshwhy keep", "log in anew")
	must("sshwhy undo --list", "guarded")
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(500 * time.Millisecond) {
		if res := w.Server(ctx, "sshwhy undo --list"); strings.Contains(string(res.Stdout), "undone") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("nobody confirmed it, and it is not undone: %v", w.Server(ctx, "sshwhy undo --list; systemctl list-timers --all; journalctl -b -n 20"))
		}
	}
	w.settle(ctx)
	if diff := differences(before, w.portrait(ctx)); len(diff) > 0 {
		t.Fatalf("undone by the timer, and not as before:\n%s", strings.Join(diff, "\n"))
	}

	must(session+"sshwhy server --fix --yes --json --confirm-within 6s </dev/null", `"confirm_by"`)
	must(other+"sshwhy keep", "Kept")
	time.Sleep(8 * time.Second)
	if res := w.Login(ctx, []string{"alice@server"}); res.Exit != 0 {
		t.Fatalf("kept, and undone all the same: %v", res)
	}
	must("sshwhy undo --list", "applied")
}
