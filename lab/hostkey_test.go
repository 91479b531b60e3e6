//go:build linux

package lab

import (
	"strings"
	"testing"
)

// inTerminal runs a command on a terminal and types an answer when it is asked about
// the host's key, and another when it is asked again: $1 the command, $2 and $3 the
// answers. What is shown goes to standard output.
const inTerminal = `
cd; rm -f in out .ssh/known_hosts; mkfifo in; : >out
script -qefc "$1" /dev/null <in >out & exec 3>in
until grep -q 'fingerprint\])?' out || ! kill -0 $! 2>/dev/null; do sleep 0.1; done
printf "$2" >&3
if [ -n "$3" ]; then
	until grep -q 'Please type' out || ! kill -0 $! 2>/dev/null; do sleep 0.1; done
	printf "$3" >&3
fi
wait $! && code=0 || code=$?
cat out; ls .ssh/known_hosts 2>/dev/null && echo RECORDED
exit $code`

// TestUnknownHostInATerminal: a person is asked about a host that is not on record, as
// ssh asks; before the answer the host is offered nothing.
func TestUnknownHostInATerminal(t *testing.T) {
	t.Parallel()
	ctx, w := bootTrixie(t, setUpFixes(t), caseLimit)
	res := w.Server(ctx, "echo 'LogLevel DEBUG1' >/etc/ssh/sshd_config.d/log.conf; systemctl restart ssh.service; settle ssh.service; "+
		"ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub | cut -d' ' -f2")
	print := strings.TrimSpace(string(res.Stdout))
	if !strings.HasPrefix(print, "SHA256:") {
		t.Fatal(res)
	}
	for _, tt := range []struct {
		name, command, answer string
		login, recorded       bool
		exit                  int
	}{
		{"yes", "sshwhy alice@server", "yes\\n", true, false, 0},
		{"the fingerprint", "sshwhy alice@server", print + "\\n", true, false, 0},
		{"another fingerprint, then no", "sshwhy alice@server", "SHA256:x\\n' 'no\\n", false, false, 3},
		{"no", "sshwhy alice@server", "no\\n", false, false, 3},
		{"Ctrl-C", "sshwhy alice@server", "\\003", false, false, 130},
		{"Ctrl-D", "sshwhy alice@server", "\\004", false, false, 3},
		{"for JSON nobody is asked", "sshwhy --json alice@server", "", false, false, 3},
		{"ssh itself, no", "ssh alice@server true", "no\\n", false, false, 255},
		{"ssh itself, yes", "ssh alice@server true", "yes\\n", true, true, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w.Server(ctx, "journalctl --rotate -q; journalctl --vacuum-time=1s -q")
			seen := w.Client(ctx, "set -- '"+tt.command+"' '"+tt.answer+"' ''"+inTerminal)
			log := string(w.Server(ctx, "sleep 0.3; journalctl -q -o cat --no-pager -t sshd -t sshd-session -t sshd-auth").Stdout)
			if got := strings.Contains(log, "Accepted publickey"); got != tt.login {
				t.Errorf("logged in: %v", got)
			}
			if got := strings.Contains(log, "userauth-request"); got != tt.login {
				t.Errorf("something was offered: %v", got)
			}
			if got := strings.Contains(string(seen.Stdout), "RECORDED"); got != tt.recorded {
				t.Errorf("recorded: %v", got)
			}
			if seen.Exit != tt.exit {
				t.Errorf("exit status %d, want %d", seen.Exit, tt.exit)
			}
			if t.Failed() {
				t.Logf("%s\n%s", seen, log)
			}
		})
	}
}
