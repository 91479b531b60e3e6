package facts

import (
	"os/exec"
	"testing"
)

// TestAsRoot: the command is whole for root, whatever the shell of the user
// would have done with it.
func TestAsRoot(t *testing.T) {
	for _, c := range []struct{ tool, command, want string }{
		{"", "systemctl start ssh.service", "systemctl start ssh.service"},
		{"sudo", "", ""},
		{"sudo", "systemctl start ssh.service", "sudo systemctl start ssh.service"},
		{"sudo", "sed -i '12 s/^/# /; $d' /etc/ssh/sshd_config", "sudo sed -i '12 s/^/# /; $d' /etc/ssh/sshd_config"},
		{"doas", "mkdir -p -m 755 /run/sshd && /usr/sbin/sshd -t", "doas sh -c 'mkdir -p -m 755 /run/sshd && /usr/sbin/sshd -t'"},
		{"sudo", "printf '%s\\n' 'Match User alice' >>/etc/ssh/sshd_config", `sudo sh -c 'printf '\''%s\n'\'' '\''Match User alice'\'' >>/etc/ssh/sshd_config'`},
		{"sudo", "rm /etc/ssh/ssh_host_*", "sudo sh -c 'rm /etc/ssh/ssh_host_*'"},
		{"su", "usermod -p '*' alice", `su - -c 'usermod -p '\''*'\'' alice'`},
	} {
		if got := AsRoot(c.tool, c.command); got != c.want {
			t.Errorf("%s, %s:\n got %s\nwant %s", c.tool, c.command, got, c.want)
		}
	}
	// What a real shell makes of it: the same words, run by another.
	const command = `printf '%s|' 'a b' "$((1+1))" '$HOME' >/dev/stdout && echo "done; really"`
	direct, err := exec.Command("sh", "-c", command).Output()
	if err != nil {
		t.Fatal(err)
	}
	wrapped, err := exec.Command("sh", "-c", AsRoot("env", command)).Output()
	if err != nil || string(wrapped) != string(direct) {
		t.Errorf("%q (%v), want %q", wrapped, err, direct)
	}
}
