//go:build linux

package evidencetest

import (
	"context"
	"io"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"sshwhy/internal/evidence"
)

// nobody is the user without rights on every Linux.
const nobody = 65534

// AsNobody runs the calling test again as a user without rights, where it is
// run as root, and reports whether the caller is that second run. So:
//
//	if !evidencetest.AsNobody(t) { return }
func AsNobody(t *testing.T) bool {
	t.Helper()
	if os.Geteuid() != 0 {
		return true
	}
	dir := tree(t)
	self, err := os.Open("/proc/self/exe")
	must(t, err)
	defer self.Close()
	program, err := os.OpenFile(dir+"/test", os.O_CREATE|os.O_WRONLY, 0o755)
	must(t, err)
	_, err = io.Copy(program, self)
	must(t, err)
	must(t, program.Close())
	cmd := exec.Command(dir+"/test", "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("as nobody: %v\n%s", err, out)
	}
	return false
}

// RunDenied is the part of the suite for one who may not look everywhere. It
// must not run as root: see AsNobody.
func RunDenied(t *testing.T, fill Fill) {
	t.Helper()
	dir := tree(t)
	write(t, dir+"/secret", "x", 0)
	write(t, dir+"/closed/inside", "x", 0o644)
	write(t, dir+"/home/ann/.ssh/authorized_keys", "x", 0o644)
	write(t, dir+"/home/bob/.ssh/authorized_keys", "x", 0o644)
	write(t, dir+"/unlisted/a.conf", "x", 0o644)
	secret := lookMeta(t, dir+"/secret")
	ann := evidence.Match{Path: dir + "/home/ann/.ssh/authorized_keys", Meta: lookMeta(t, dir+"/home/ann/.ssh/authorized_keys")}
	must(t, os.Symlink("closed/inside", dir+"/link"))
	link := linkMeta(t, dir+"/link")
	link.Type, link.Mode = "link", 0o777
	var st syscall.Stat_t
	must(t, syscall.Lstat(dir+"/link", &st))
	link.Size, link.MTime = st.Size, lastChange(&st)
	for _, d := range []string{"/closed", "/home/bob/.ssh"} {
		must(t, os.Chmod(dir+d, 0))
	}
	must(t, os.Chmod(dir+"/unlisted", 0o311))
	t.Cleanup(func() {
		for _, d := range []string{"/closed", "/home/bob/.ssh", "/unlisted"} {
			_ = os.Chmod(dir+d, 0o755)
		}
	})
	denied := evidence.Result{Status: evidence.Denied, Exit: -1}
	with := func(m *evidence.Meta) evidence.Result {
		return evidence.Result{Status: evidence.Denied, Exit: -1, Meta: m}
	}
	cases := []testCase{
		{name: "file", item: evidence.File(dir + "/secret"), want: with(&secret)},
		{name: "stat of a file", item: evidence.Stat(dir + "/secret"), want: evidence.Result{Status: evidence.Known, Meta: &secret}},
		{name: "file in a closed directory", item: evidence.File(dir + "/closed/inside"), want: denied},
		{name: "missing file in a closed directory", item: evidence.Stat(dir + "/closed/x/y"), want: denied},
		{name: "link into a closed directory", item: evidence.File(dir + "/link"), want: with(link)},
		{name: "glob in a closed directory", item: evidence.Glob(dir + "/closed/*"), want: denied},
		{name: "glob in a directory that cannot be listed", item: evidence.Glob(dir + "/unlisted/*"), want: denied},
		{name: "fixed name in a directory that cannot be listed", item: evidence.Glob(dir + "/unl*/a.conf"),
			want: evidence.Result{Status: evidence.Known, Matches: []evidence.Match{{Path: dir + "/unlisted/a.conf", Meta: lookMeta(t, dir+"/unlisted/a.conf")}}}},
		{name: "glob of which one part is closed", item: evidence.Glob(dir + "/home/*/.ssh/authorized_keys"),
			want: evidence.Result{Status: evidence.Denied, Matches: []evidence.Match{ann}}},
		{name: "command in a closed directory", item: evidence.Command(dir + "/closed/inside"), want: denied},
	}
	b, err := fill(context.Background(), func(*evidence.Bundle) []evidence.Item {
		var items []evidence.Item
		for _, c := range cases {
			items = append(items, c.item)
		}
		return items
	})
	must(t, err)
	if b.UID != os.Geteuid() {
		t.Errorf("taken as user %d, want %d", b.UID, os.Geteuid())
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { c.check(t, b.Get(c.item)) })
	}
}
