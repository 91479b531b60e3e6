//go:build linux

package lab

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// crashScenes are the scenes of internal/remedy/machine_test.go, each with what
// breaks a machine for it. A few of the kill points are tried, spread evenly;
// with SSHWHY_LAB=crash all of them.
var crashScenes = []struct {
	name   string
	script string
}{
	{"units", "systemctl disable --now ssh.service; systemctl mask ssh.service"},
	{"socket", "systemctl disable --now ssh.service; systemctl start ssh.socket; systemctl stop ssh.socket"},
	{"config", "sed -i '1i MaxStartups 9:9:9' /etc/ssh/sshd_config; rm /etc/ssh/ssh_host_ed25519_key*; sed -i 's/^MaxStartups 9:9:9/MaxStartups 9:9:9/' /etc/ssh/sshd_config"},
	{"account", "usermod -L bob; echo away >/etc/nologin; chmod 666 /home/alice/.ssh/authorized_keys; chown root:root /home/alice/.ssh/authorized_keys"},
	{"ufw", "ufw --force enable; ufw deny 22/tcp; ufw reload" /* which completes the chains that enable leaves half empty (0.36.2) */},
	{"nft", `cat >/etc/nftables.conf <<-'END'
		#!/usr/sbin/nft -f
		flush ruleset
		table inet filter {
			chain input {
				type filter hook input priority 0; policy accept;
				tcp dport 22 drop
			}
		}
	END
	nft -f /etc/nftables.conf`},
	{"iptables", "iptables -A INPUT -p tcp --dport 22 -j REJECT; iptables-save >/etc/iptables.rules"},
	{"firewalld", "systemctl start firewalld; firewall-cmd --permanent --zone=public --remove-service=ssh; firewall-cmd --zone=public --remove-service=ssh"},
	{"fail2ban", "systemctl start fail2ban; sleep 2; fail2ban-client set sshd banip 192.0.2.9"},
	{"install", "apt-get -q -y purge openssh-server"},
}

// TestCrashOnMachines kills a fix with SIGKILL at every effect, on real machines
// with real systemd, firewalls and packages, undoes it in a new process, and
// wants the machine as it was.
func TestCrashOnMachines(t *testing.T) {
	tools := setUpFixes(t)
	build := exec.CommandContext(t.Context(), "go", "test", "-c", "-o", filepath.Join(tools, "remedy.test"), "../internal/remedy")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, sc := range crashScenes {
		t.Run(sc.name, func(t *testing.T) {
			t.Parallel()
			crashScene(t, tools, sc.name, sc.script)
		})
	}
}

func crashScene(t *testing.T, tools, name, script string) {
	ctx, w := bootTrixie(t, tools, 20*time.Minute)
	if res := w.Server(ctx, script); res.Exit != 0 {
		t.Fatalf("breaking it: %v", res)
	}
	w.settle(ctx)
	before := w.portrait(ctx)
	child := func(mode string, kill int) Result {
		return w.Server(ctx, fmt.Sprintf("mkdir -p /var/crash; systemctl reset-failed; SSHWHY_CRASH_MODE=%s SSHWHY_CRASH_SCENE=%s SSHWHY_CRASH_DIR=/var/crash SSHWHY_CRASH_KILL=%d /opt/lab/remedy.test",
			mode, name, kill))
	}
	check := func(kill int) {
		w.settle(ctx)
		if diff := differences(before, w.portrait(ctx)); len(diff) > 0 {
			t.Fatalf("killed at %d, undone, and not as before:\n%s", kill, strings.Join(diff, "\n"))
		}
	}
	res := child("fix", 0)
	effects, err := strconv.Atoi(strings.TrimSpace(string(res.Stdout)))
	if err != nil {
		t.Fatalf("the fix: %v", res)
	}
	if len(differences(before, w.portrait(ctx))) == 0 && name != "fail2ban" {
		t.Fatal("the fix changed nothing, so undoing it proves nothing")
	}
	if res := child("undo", 0); res.Exit != 0 {
		t.Fatalf("undo of the whole fix: %v", res)
	}
	check(0)
	points, every := 0, max(1, (effects+2)/3)
	if os.Getenv("SSHWHY_LAB") == "crash" {
		every = 1
	}
	for k := 1; k <= effects; k += every {
		if res := child("fix", k); res.Exit != 128+9 && res.Exit != -1 {
			t.Fatalf("was to be killed at %d: %v", k, res)
		}
		if res := child("undo", 0); res.Exit != 0 && !strings.Contains(string(res.Stderr), "no fix to undo") {
			t.Fatalf("killed at %d, undo: %v", k, res)
		}
		check(k)
		points++
	}
	t.Logf("killed at %d of %d effects", points, effects)
}
