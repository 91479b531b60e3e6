//go:build linux

package lab

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sshwhy/internal/evidence/script"
)

// canary is a secret that nothing else looks like.
const canary = "Kn4rrC4n4ry9zQ"

// plantCanaries puts a secret into every place that a diagnosis reads, in the
// ways people put them there.
const plantCanaries = `
c=` + canary + `
printf '# db password: %s\nPassword=%s\nBanner http://bob:%s@host/x\n' $c $c $c >/etc/ssh/sshd_config.d/secret.conf
{ echo; cat /etc/ssh/ssh_host_ed25519_key; } >>/etc/ssh/sshd_config
printf 'export DB_PASSWORD=%s\nSSHD_OPTS="--password %s"\n' $c $c >>/etc/default/ssh
echo "sshd: 192.0.2.: spawn (curl -H 'Authorization: Bearer $c' https://x-$c:$c@example.com/?token=$c) &" >>/etc/hosts.deny
echo "# token: $c" >>/etc/hosts.allow
mkdir -p /etc/systemd/system/ssh.service.d
printf '[Service]\nEnvironment="API_TOKEN=%s"\nExecStartPre=/bin/false --password %s\n' $c $c >/etc/systemd/system/ssh.service.d/secret.conf
systemctl daemon-reload
logger -t sshd "fatal: password=$c"
logger -t sshd-session "error: Failed password for alice from 192.0.2.2 port 5 ssh2: token=$c"
echo "fatal: secret: $c" | systemd-cat -t sshd -p err
echo "Feb  1 10:00:00 server sshd[7]: error: password=$c" >>/var/log/auth.log
usermod -p '$6$salt$'$c'abcdefgh' alice
chmod 666 /home/alice/.ssh/authorized_keys
echo "command=\"tool --token $c\",environment=\"SECRET=$c\" $(cat /etc/ssh/ssh_host_rsa_key.pub)" >>/home/alice/.ssh/authorized_keys
printf 'We are back at noon. Root password: %s\n' $c >/etc/nologin
nft -f - <<END
table inet site {
	chain input {
		type filter hook input priority 0
		tcp dport 22 reject with tcp reset comment "token=$c"
	}
}
END
iptables-legacy -A INPUT -p tcp --dport 22 -m comment --comment "password=$c" -j DROP
`

// busyPort takes port 22 by a program that was given a password.
const busyPort = `
rm /etc/ssh/sshd_config.d/secret.conf /etc/systemd/system/ssh.service.d/secret.conf
sed -i '/BEGIN OPENSSH/,$d' /etc/ssh/sshd_config
sed -i '/SSHD_OPTS/d' /etc/default/ssh
systemctl daemon-reload
systemctl stop ssh.service
cat >/root/listen.py <<END
import socket, time
s = socket.create_server(("0.0.0.0", 22)); time.sleep(1000)
END
systemd-run -q python3 /root/listen.py --password ` + canary + `
for i in $(seq 50); do ss -Hltn | grep -q ':22 ' && break; sleep 0.1; done
systemctl start ssh.service || true`

// TestNoSecretIsShown plants a secret in every source and looks for it in every output.
func TestNoSecretIsShown(t *testing.T) {
	tools := setUpFixes(t)
	ctx, w := bootTrixie(t, tools, caseLimit)
	const who = " --client 192.0.2.2 --user alice"
	outputs := []string{
		"sshwhy server -v", "sshwhy server --json", "sshwhy server -v" + who, "sshwhy server --json" + who,
		"sshwhy server --json --via sh" + who, "sshwhy server --fix --dry-run --open" + who, "sshwhy server --fix --dry-run --json" + who,
		"sshwhy collect -o -" + who, "sshwhy collect --redact-strict -o -" + who, "sshwhy firewall -v", "sshwhy firewall --trace", "sshwhy firewall --json",
		"journalctl -b -o short | sshwhy explain -", "journalctl -b -o json --all | sshwhy explain --json -", "cat /var/log/auth.log | sshwhy explain -",
		"sshd -t 2>&1 | sshwhy explain -v -", "systemctl status ssh 2>&1 | sshwhy explain -v -", "nft list ruleset | sshwhy explain -v -",
	}
	for stage, plant := range []string{plantCanaries, busyPort} {
		if res := w.Server(ctx, plant); res.Exit != 0 {
			t.Fatal(res)
		}
		key, err := os.ReadFile(filepath.Join(w.Root(), "etc/ssh/ssh_host_ed25519_key"))
		if err != nil {
			t.Fatal(err)
		}
		secrets := []string{canary, strings.Split(string(key), "\n")[2]}
		look := func(what, text string) {
			for _, s := range secrets {
				if i := strings.Index(text, s); i >= 0 {
					t.Errorf("stage %d: %s shows a secret: …%s…", stage, what, text[max(0, i-200):min(len(text), i+40)])
				}
			}
		}
		for _, command := range outputs {
			res := w.Server(ctx, "set +e; "+command+" </dev/null")
			if len(res.Stdout)+len(res.Stderr) == 0 {
				t.Errorf("%s says nothing", command)
			}
			look(command, string(res.Stdout)+string(res.Stderr))
		}
		res := w.Server(ctx, "sshwhy collect --script"+who+" >/root/collect.sh; sh /root/collect.sh")
		pasted, err := script.Parse(strings.NewReader(string(res.Stdout)))
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range pasted.Keys() {
			r := pasted.Lookup(k)
			look("the console, for "+k, string(r.Data)+string(r.Stderr)+r.Reason)
		}
	}
}
