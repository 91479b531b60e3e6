//go:build linux

package lab

import (
	"cmp"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
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
