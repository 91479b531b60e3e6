//go:build linux

package lab

import (
	"context"
	"os"
	"strings"
	"testing"
)

// TestGoodGuest counts what a server logs of one run: connections to it, logins
// that it refused, and keys that were offered to it. A careless probe is the
// fault it looks for (MaxStartups, PerSourcePenalties, fail2ban).
func TestGoodGuest(t *testing.T) {
	needRoot(t)
	if os.Getenv("SSHWHY_LAB") == "symptoms" {
		t.Skip("only the faults themselves are checked")
	}
	tools := setUp(t)
	ctx, cancel := context.WithTimeout(context.Background(), caseLimit)
	defer cancel()
	w, err := New(ctx, "trixie", tools)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if err := w.Boot(ctx); err != nil {
		t.Fatal(err)
	}
	const onlySSH = "KexAlgorithms sntrup761x25519-sha512@openssh.com"
	for _, c := range []struct {
		name, config string
		command      string
		connections  int // at most
		failed       int // exactly: failed tries, as sshd counts them at LogLevel VERBOSE
		accepted     int // exactly
	}{
		{"login", "", "sshwhy alice@198.51.100.10", 1, 0, 1},
		{"no login asked for", "", "sshwhy --no-auth alice@198.51.100.10", 1, 0, 0},
		{"rejected key", "", "sshwhy -o BatchMode=yes bob@198.51.100.10", 1, 1, 0},
		{"no such account", "", "sshwhy -o BatchMode=yes nobody-here@198.51.100.10", 1, 0, 0}, // sshd looks at no key of an account that is not there
		{"no common key exchange", "KexAlgorithms diffie-hellman-group1-sha1", "sshwhy alice@198.51.100.10", 1, 0, 0},
		{"login by ssh itself", onlySSH, "sshwhy alice@198.51.100.10", 2, 0, 1},
		{"rejected key, by ssh itself", onlySSH, "sshwhy -o BatchMode=yes bob@198.51.100.10", 2, 1, 0},
		{"no login by ssh itself", onlySSH, "sshwhy --no-auth alice@198.51.100.10", 1, 0, 0},
		{"after ssh failed", "", "sshwhy ssh -o BatchMode=yes bob@198.51.100.10 true", 2, 2, 0}, // ssh's own, and one
	} {
		t.Run(c.name, func(t *testing.T) {
			script := "printf 'LogLevel VERBOSE\\nPerSourcePenalties no\\n" + c.config + "\\n' >/etc/ssh/sshd_config.d/guest.conf; systemctl reset-failed ssh.service; systemctl restart ssh.service; settle ssh.service"
			if res := w.Server(ctx, script); res.Exit != 0 {
				t.Fatal(res)
			}
			seen := w.Client(ctx, c.command+" </dev/null")
			log := string(w.Server(ctx, "sleep 0.3; journalctl -q -o cat --no-pager -t sshd -t sshd-session -t sshd-auth").Stdout)
			log = log[strings.LastIndex(log, "Server listening on ")+1:] // what came before belongs to the cases before
			count := func(words string) int { return strings.Count(log, words) }
			if n := count("Connection from "); n == 0 || n > c.connections {
				t.Errorf("%d connections, want at most %d", n, c.connections)
			}
			if n := count("Failed publickey for "); n != c.failed {
				t.Errorf("%d failed tries, want %d", n, c.failed)
			}
			if n := count("Accepted publickey for "); n != c.accepted {
				t.Errorf("%d logins, want %d", n, c.accepted)
			}
			if t.Failed() {
				t.Logf("%s\n%s\n%v", c.command, log, seen)
			}
		})
	}
}
