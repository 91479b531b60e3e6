package remedy

import (
	"os"
	"path/filepath"
	"testing"
)

// TestHangsIn reads what systemd 257 says of a unit whose command did not come back.
func TestHangsIn(t *testing.T) {
	const pre = "ExecStartPre={ path=/usr/sbin/sshd ; argv[]=/usr/sbin/sshd -t ; ignore_errors=no ; start_time=[Mon 2026-11-30 14:24:40 UTC] ; stop_time=[Mon 2026-11-30 14:24:40 UTC] ; pid=118 ; code=exited ; status=0 }\n" +
		"ExecStartPre={ path=/bin/sleep ; argv[]=/bin/sleep infinity ; ignore_errors=no ; start_time=[Mon 2026-11-30 14:24:40 UTC] ; stop_time=[n/a] ; pid=119 ; code=(null) ; status=0/0 }\n"
	for _, c := range []struct{ show, want string }{
		{"ActiveState=activating\nSubState=start-pre\nControlPID=119\nMainPID=0\n" + pre + "Job=412\n",
			"it is activating (start-pre) and runs ExecStartPre=/bin/sleep infinity"},
		{"ActiveState=inactive\nSubState=dead\nControlPID=0\nMainPID=0\n" + pre + "Job=412\n",
			"it is inactive (dead) and waits for other units (systemctl list-jobs shows them)"},
		{"ActiveState=deactivating\nSubState=stop-sigterm\nControlPID=0\nMainPID=77\n", "it is deactivating (stop-sigterm)"},
	} {
		if got := unitProperties(c.show).hangsIn(); got != c.want {
			t.Errorf("%q:\n got %s\nwant %s", c.show, got, c.want)
		}
	}
}

func TestIsMask(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, err := range []error{
		os.Symlink("/dev/null", at("link")), os.Symlink("/usr/lib/systemd/system/ssh.service", at("alias")),
		os.WriteFile(at("empty"), nil, 0o644), os.WriteFile(at("unit"), []byte("[Service]\n"), 0o644), os.Mkdir(at("dir"), 0o755),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]bool{"link": true, "empty": true, "alias": false, "unit": false, "dir": false, "none": false} {
		if got := isMask(at(name)); got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}
