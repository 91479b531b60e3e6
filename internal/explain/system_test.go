package explain

import (
	"strings"
	"testing"
)

// TestSystems: commands are those of the machine that the text shows.
func TestSystems(t *testing.T) {
	for text, want := range map[string]string{
		"$ docker exec -it web sshd -t\nsshd: no hostkeys available -- exiting.\n":                                                                                                       "docker exec CONTAINER ssh-keygen -A && docker restart CONTAINER",
		"Tue Nov 20 10:00:00 2026 authpriv.warn dropbear[1234]: Bad password attempt for 'root' from 192.0.2.9:50000\n":                                                                  "logread",
		"[root@web1 ~]# journalctl -u sshd -n 3\nNov 20 10:00:00 web1 sshd[900]: Failed password for alice from 192.0.2.9 port 50000 ssh2\n":                                             "journalctl -u",
		"PS C:\\Users\\alice> ssh alice@web1\nBad permissions. Try removing permissions for user: X on file C:/Users/alice/k.pem.\nLoad key \"C:/Users/alice/k.pem\": bad permissions\n": "icacls C:/Users/alice/k.pem /inheritance:r",
		"OpenSSH_for_Windows_9.5p1, LibreSSL 3.8.2\nssh: connect to host web1 port 2222: Connection timed out\n":                                                                         "Test-NetConnection web1 -Port 2222",
	} {
		r, err := Explain(strings.NewReader(text), Options{})
		if err != nil {
			t.Fatal(err)
		}
		commands := commandsOf(r)
		if !strings.Contains(commands, want) {
			t.Errorf("%q: no command holds %q:\n%s", text, want, commands)
		}
		if strings.Contains(commands, "sudo ") {
			t.Errorf("%q: sudo where there is none, or root needs none:\n%s", text, commands)
		}
	}
}
