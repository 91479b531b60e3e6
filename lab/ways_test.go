//go:build linux

package lab

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sshwhy/internal/report"
)

// manyFaults breaks a machine in five places, and leaves root's way in open. The
// first line of the log is older than any look at it.
const manyFaults = `
echo 'AllowUsers root bob' >>/etc/ssh/sshd_config
echo 'sshd: 203.0.113.' >>/etc/hosts.deny
nft -f - <<END
table inet site {
	chain input {
		type filter hook input priority 0
		ip saddr 203.0.113.0/24 tcp dport 22 reject with tcp reset
	}
}
END
chmod 777 /home/alice/.ssh
systemctl disable -q ssh.service
systemctl restart ssh.service`

// faultsOfAlice is the question to that machine, and what must be answered.
var (
	faultsOfAlice = "--json --client 203.0.113.9 --user alice"
	faultsFound   = []string{"authorized-keys-permissions", "firewall-nftables", "service-disabled", "tcp-wrappers-deny", "user-not-allowed"}
)

// console types a script into an interactive shell on a terminal of 80 columns,
// as one pastes it into a serial console, and prints all that is shown there:
// prompts, the echo, carriage returns. Arguments: the script's file, the shell.
const console = `
import fcntl, os, pty, select, struct, sys, termios
script = open(sys.argv[1], "rb").read()
pid, fd = pty.fork()
if pid == 0:
    os.environ.update(HOME="/root", TERM="vt220", PS1="# ")
    os.execvp(sys.argv[2], sys.argv[2:])
fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
lines, out = script.replace(b"\n", b"\n\0").split(b"\0") + [b"exit\n"], b""
while True:
    can_read, can_write, _ = select.select([fd], [fd] if lines else [], [], 60)
    if can_read:
        try:
            data = os.read(fd, 65536)
        except OSError:
            break
        if not data:
            break
        out += data
    elif can_write:
        os.write(fd, lines.pop(0))
    else:
        break
sys.stdout.buffer.write(out)
`

// pasteLimit bounds one machine whose console is typed into, line by line, while others are.
const pasteLimit = 3 * caseLimit

// leaveUntyped takes out of the report what a pasted script does not look at, and says so:
// it asks the server nothing, and knows no unit before it runs.
func leaveUntyped(r *report.Report) {
	r.Incomplete = slices.DeleteFunc(r.Incomplete, func(in report.Incomplete) bool {
		return strings.HasSuffix(in.Reason, "not recorded") && (in.Check == "answer of the server" || in.Check == "sandbox of the service")
	})
}

// TestWaysOnOtherInits pastes the script on machines of other inits, too.
func TestWaysOnOtherInits(t *testing.T) {
	tools := setUpFixes(t)
	for _, image := range Images()[1:] {
		t.Run(image, func(t *testing.T) {
			t.Parallel()
			ctx, w := boot(t, image, tools, pasteLimit)
			if res := w.Server(ctx, "chmod 777 /home/alice/.ssh; echo 'AllowUsers root bob' >>/etc/ssh/sshd_config; touch -d '1 hour ago' /etc/ssh/sshd_config"); res.Exit != 0 {
				t.Fatal(res)
			}
			if err := os.WriteFile(filepath.Join(w.Root(), "root/console.py"), []byte(console), 0o644); err != nil {
				t.Fatal(err)
			}
			const ask = " --json --client 192.0.2.2 --user alice"
			want := reportOf(t, w.Server(ctx, "sshwhy server </dev/null"+ask))
			for name, script := range map[string]string{
				"via sh": "sshwhy server --via sh </dev/null" + ask,
				"pasted": "sshwhy collect --script --client 192.0.2.2 --user alice >/root/collect.sh; " +
					"python3 /root/console.py /root/collect.sh sh -i >/root/console.txt; sshwhy server --from - </root/console.txt" + ask,
			} {
				got := reportOf(t, w.Server(ctx, script))
				if name == "pasted" {
					leaveUntyped(&got)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s (-on the machine +this way)\n%s", name, diff)
				}
			}
		})
	}
}

// TestWaysOfLooking looks at one machine in every way there is, and wants one report.
func TestWaysOfLooking(t *testing.T) {
	tools := setUpFixes(t)
	ctx, w := bootTrixie(t, tools, pasteLimit)
	if res := w.Server(ctx, manyFaults); res.Exit != 0 {
		t.Fatal(res)
	}
	if err := os.WriteFile(filepath.Join(w.Root(), "root/console.py"), []byte(console), 0o644); err != nil {
		t.Fatal(err)
	}
	want := reportOf(t, w.Server(ctx, "sshwhy server "+faultsOfAlice+" </dev/null"))
	var causes []string
	for _, f := range want.Findings {
		causes = append(causes, f.Cause)
	}
	slices.Sort(causes)
	if diff := cmp.Diff(faultsFound, causes); diff != "" {
		t.Fatalf("the machine itself (-want +got)\n%s", diff)
	}
	via := func(command string) string {
		return "sshwhy server --via " + quoted([]string{command})[0] + " " + faultsOfAlice + " </dev/null"
	}
	pasted := func(shell string) string {
		return "sshwhy collect --script --client 203.0.113.9 --user alice >/root/collect.sh; " +
			"python3 /root/console.py /root/collect.sh " + shell + " >/root/console.txt; " +
			"sshwhy server --from - " + faultsOfAlice + " </root/console.txt"
	}
	atServer := func(script string) Result { return w.Server(ctx, script) }
	atClient := func(script string) Result { return w.Client(ctx, script) }
	atHost := func(script string) Result { return w.host(ctx, "", shell(script)...) }
	for _, way := range []struct {
		name   string
		where  func(string) Result
		script string
	}{
		{"sh", atServer, via("sh")},
		{"sh -c", atServer, via("sh -c 'exec sh'")},
		{"chroot", atServer, via("chroot / sh")},
		{"nsenter", atServer, via("nsenter -t 1 -a sh")},
		{"nsenter from the host", atHost, "PATH=" + tools + ":$PATH; " + via(fmt.Sprintf("nsenter -t %d -a sh", w.leader))},
		{"busybox", atServer, via("busybox sh")},
		{"ssh", atClient, via("ssh -o BatchMode=yes root@server")},
		{"ssh with a command", atClient, via("ssh -o BatchMode=yes root@server sh")},
		{"ssh with a terminal", atClient, via("ssh -tt -o BatchMode=yes root@server")},
		{"a bundle", atServer, "rm -f /root/b; sshwhy collect --client 203.0.113.9 --user alice -o /root/b; sshwhy server --from /root/b " + faultsOfAlice},
		{"pasted into dash", atServer, pasted("dash -i")},
		{"pasted into bash", atServer, pasted("bash --norc -i")},
		{"pasted into busybox ash", atServer, pasted("busybox ash -i")},
		{"pasted into mksh", atServer, pasted("mksh -i")},
	} {
		t.Run(way.name, func(t *testing.T) {
			res := way.where(way.script)
			got := reportOf(t, res)
			if strings.HasPrefix(way.name, "pasted ") {
				leaveUntyped(&got)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-on the machine +this way)\n%s", diff)
			}
			t.Logf("%.1f s", res.Took.Seconds())
		})
	}
}

// loaded is where the loader put a library, which is another place at every look.
var loaded = regexp.MustCompile(`\(0x[0-9a-f]+\)`)

// TestClientLooksAtTheServerToo joins what the client sees with a look through ssh.
func TestClientLooksAtTheServerToo(t *testing.T) {
	tools := setUpFixes(t)
	ctx, w := bootTrixie(t, tools, caseLimit)
	if res := w.Server(ctx, "echo 'AllowUsers root bob' >>/etc/ssh/sshd_config; systemctl restart ssh.service"); res.Exit != 0 {
		t.Fatal(res)
	}
	const plain = "sshwhy --json -o BatchMode=yes alice@server </dev/null"
	if r := reportOf(t, w.Client(ctx, plain)); len(r.Findings) == 0 || r.Findings[0].Cause != "publickey-rejected" {
		t.Fatalf("from the client alone: %+v", r.Findings)
	}
	joined := reportOf(t, w.Client(ctx, plain+" --server-via 'ssh -o BatchMode=yes root@server'"))
	if len(joined.Findings) == 0 || joined.Findings[0].Cause != "user-not-allowed" || joined.Findings[0].Impact != report.Blocking {
		t.Errorf("with a look at the server: %+v", joined.Findings)
	}
}

// reportOf reads what sshwhy printed.
func reportOf(t *testing.T, res Result) report.Report {
	t.Helper()
	var r report.Report
	if err := json.Unmarshal(loaded.ReplaceAll(res.Stdout, []byte("(loaded)")), &r); err != nil {
		t.Fatalf("no report: %v\n%v", err, res)
	}
	return r
}
