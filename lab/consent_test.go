//go:build linux

package lab

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sshwhy/internal/shquote"
)

// inPrivateRoot runs a test program of ours in an image: with /etc, /run and
// /tmp of its own, and as root of nothing else. Nothing outlives it.
func inPrivateRoot(t *testing.T, suite, program, run string) {
	t.Helper()
	image, err := Image(t.Context(), suite, os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	const prepare = `
		for d in run tmp; do mount -t tmpfs tmpfs "$0/$d"; done
		mkdir -m 755 "$0/run/sshd" "$0/tmp/etc" "$0/tmp/upper" "$0/tmp/work"
		mount -t overlay -o "lowerdir=$0/etc,upperdir=$0/tmp/upper,workdir=$0/tmp/work" overlay "$0/etc"
		cp "$1" "$0/tmp/program"; mount --bind /dev "$0/dev"; mount --bind /proc "$0/proc"
		exec chroot "$0" /tmp/program -test.run "$2" -test.v`
	cmd := exec.CommandContext(t.Context(), "unshare", "--mount", "--net", "--propagation", "private", "sh", "-euc", prepare, image, program, run)
	runs := cmp.Or(os.Getenv("SSHWHY_CONSENT_RUNS"), "40")
	cmd.Env = append(os.Environ(), "SSHWHY_PRIVATE_ROOT=1", "SSHWHY_CONSENT_RUNS="+runs)
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Error(err)
	}
}

// TestConsent has a real sshd judge what a fix does to its configuration; the
// configurations that are broken at random are a sample, the same every time.
// SSHWHY_CONSENT_RUNS=2000 is as many as one can wait for, SSHWHY_CONSENT_SEED
// gives others.
func TestConsent(t *testing.T) {
	t.Parallel()
	needRoot(t)
	program := filepath.Join(t.TempDir(), "remedy.test")
	build := exec.CommandContext(t.Context(), "go", "test", "-c", "-o", program, "../internal/remedy")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, suite := range Suites {
		t.Run(suite, func(t *testing.T) {
			inPrivateRoot(t, suite, program, "TestConsent|TestOpenSaysWhom|TestEffect|TestPropertyOfConsent")
		})
	}
}

// TestWithoutOpen has the real tool repair a configuration without the consent
// of --open: a line that may keep somebody out stays as it is, a slip is mended
// where nobody comes in by it, and a machine that serves is not touched. What is
// not done is said.
func TestWithoutOpen(t *testing.T) {
	t.Parallel()
	ctx, w := bootTrixie(t, setUpFixes(t), 20*time.Minute)
	const file = "/etc/ssh/sshd_config"
	for _, c := range []struct{ line, now, says string }{
		{"DisablePasswordAuthentication yes", "", "to keep out"},
		{"DenyRootLogin yes", "", "to keep out"},
		{"DenyEmptyPasswords yes", "", "to keep out"},
		{"DisallowUsers bob", "", "to keep out"},
		{"OnlyUsers alice", "", "to keep out"},
		{"PasswordLogin no", "", "to keep out"},
		{"RootLogin no", "", "to keep out"},
		{"AuthorizedPrincipalsCommand /usr/local/bin/p %u", "", "to keep out"},
		{`Include "/etc/ssh/hard.conf`, "", "for a person to decide"},
		{"PermitRotLogin yes", "", "root could log in with a password"},
		{"ListenAddress 10.8.0.1", "", "everyone who can reach this machine"},
		{"ListenAddress 10.8.0.1\nListenAddress 198.51.100.10", "", "for a person to decide"},
		{"PubkeyAuthOptions verify-requird", "PubkeyAuthOptions verify-required", ""},
		{"AllowStreamLocalForwarding noo", "AllowStreamLocalForwarding no", ""},
		{"PermitListen nonne", "PermitListen none", ""},
		{"Ciphers aes256-ctr,rot13", "Ciphers aes256-ctr", ""},
		{"PubkeyAcceptedAlgorithms +ssh-dss", "# PubkeyAcceptedAlgorithms +ssh-dss", ""},
		{"StrictHostKeyChecking no", "# StrictHostKeyChecking no", ""},
		{"PermitRotLogin no\nPasswordAuthentification no", "PermitRootLogin no\nPasswordAuthentication no", ""},
	} {
		script := fmt.Sprintf(`cp %[1]s /root/good; printf '%%s\n' %[2]s >>%[1]s; cp %[1]s /root/broken
			systemctl reset-failed ssh.service; systemctl restart ssh.service 2>/dev/null || true; settle ssh.service
			sshwhy server --fix --yes --confirm-within 0 </dev/null >/root/said 2>&1 || true; rm -rf /var/lib/sshwhy
			cp %[1]s /root/now; cp /root/good %[1]s; cat /root/now; echo ---; cat /root/said`, file, shquote.Word(c.line))
		res := w.Server(ctx, script)
		now, said, _ := strings.Cut(string(res.Stdout), "---\n")
		want := c.line
		if c.now != "" {
			want = c.now
		}
		if res.Exit != 0 || !strings.HasSuffix(now, "\n"+want+"\n") {
			t.Errorf("%s: became\n%s\n%s", c.line, tail([]byte(now), 300), said)
		}
		if !strings.Contains(strings.Join(strings.Fields(said), " "), c.says) {
			t.Errorf("%s: it is not said why nothing is done:\n%s", c.line, said)
		}
	}
}
