//go:build linux

package lab

import "testing"

// latent is a fault that a fix mends while logins work: ssh is not started at the next boot.
const latent = "systemctl disable ssh.service 2>/dev/null\n"

// mayBecomeRoot lets alice do what she likes, by sudo and by doas.
const mayBecomeRoot = `echo 'alice ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/alice; chmod 440 /etc/sudoers.d/alice
echo 'permit nopass alice' >/etc/doas.conf; chmod 600 /etc/doas.conf
`

// consoleScript logs in as root at a line of the machine's own, as machinectl
// login does it, and prints what a command prints there.
const consoleScript = `cat >/root/console.py <<'END'
import os, pty, re, select, subprocess, sys, time
master, line = pty.openpty()
name = os.ttyname(line)
os.close(line)
subprocess.run(["systemctl", "start", "container-getty@" + name.split("/")[-1] + ".service"], check=True)
seen = ""
def until(words, limit=60):
    global seen
    end = time.time() + limit
    while words not in seen:
        if time.time() > end: sys.exit("no " + words + " in " + seen)
        try:
            if select.select([master], [], [], 1)[0]: seen += os.read(master, 4096).decode(errors="replace")
        except OSError: time.sleep(0.05)  # nobody has the line open just now
until("login:"); os.write(master, b"root\n")
until("assword:"); os.write(master, b"lab\n")
until("#"); os.write(master, (sys.argv[1] + "; echo do''ne\n").encode())
until("done")
print(seen)
END
`

// TestOperator: whoever is logged in is found through everything that forgets
// the environment, and what is not known is told as such.
func TestOperator(t *testing.T) {
	t.Parallel()
	tools := setUpFixes(t)
	ctx, w := boot(t, terminals, tools, buildLimit)
	if res := w.Server(ctx, latent+mayBecomeRoot+consoleScript); res.Exit != 0 {
		t.Fatal(res)
	}
	const plan = "/opt/lab/sshwhy server --fix --dry-run"
	const alice, unknown = "(alice from 192.0.2.2)", "it is not known over which way"
	const console = "systemctl disable ssh.service This is what would be done" // no guard, who sits there can always come in
	for _, c := range []struct{ name, script, want string }{
		{"sudo", "sudo " + plan, alice},
		{"sudo without the variables", "env -u SSH_CONNECTION -u SSH_CLIENT sudo " + plan, alice},
		{"sudo with forged ones", "sudo SSH_CONNECTION='203.0.113.9 1 203.0.113.1 22' " + plan, alice},
		{"sudo -i", "sudo -i " + plan, alice},
		{"su -", "sudo su - -c '" + plan + "'", alice},
		{"doas", "doas " + plan, alice},
		{"nohup", "sudo nohup sh -c '" + plan + " >/tmp/nohup 2>&1' >/dev/null & wait; cat /tmp/nohup", alice},
		{"tmux, attached", "tmux new-session \"sudo " + plan + " >/tmp/tmux 2>&1\" >/dev/null; cat /tmp/tmux", alice},
		{"tmux, detached", "tmux new-session -d \"sudo " + plan + " >/tmp/detached 2>&1; touch /tmp/over\"; until [ -e /tmp/over ]; do sleep 0.1; done; cat /tmp/detached", unknown},
		{"screen", "screen sh -c \"sudo " + plan + " >/tmp/screen 2>&1\" >/dev/null; cat /tmp/screen", alice},
		{"screen in tmux", "tmux new-session \"screen sh -c 'sudo " + plan + " >/tmp/both 2>&1'\" >/dev/null; cat /tmp/both", alice},
		{"a service", "sudo systemd-run --quiet --wait --pipe " + plan, unknown},
	} {
		t.Run(c.name, func(t *testing.T) {
			res := w.Client(ctx, "TERM=xterm ssh -4 -tt alice@server "+quoted([]string{c.script})[0]+" </dev/null")
			if !said(res, c.want) {
				t.Errorf("want %q in\n%v", c.want, res)
			}
		})
	}
	t.Run("after the login has ended", func(t *testing.T) {
		w.Client(ctx, "ssh -4 alice@server "+quoted([]string{"sudo setsid nohup sh -c 'sleep 1; " + plan + " >/tmp/orphan.part 2>&1; mv /tmp/orphan.part /tmp/orphan' >/dev/null 2>&1 </dev/null &"})[0])
		if res := w.Server(ctx, "for i in $(seq 300); do [ ! -e /tmp/orphan ] || exec cat /tmp/orphan; sleep 0.1; done; exit 1"); !said(res, alice) {
			t.Errorf("want %q in\n%v", alice, res)
		}
	})
	t.Run("console", func(t *testing.T) {
		if res := w.Server(ctx, "python3 /root/console.py 'COLUMNS=200 "+plan+"'"); !said(res, console) {
			t.Errorf("want %q in\n%v", console, res)
		}
	})
	t.Run("exec from outside", func(t *testing.T) {
		if res := w.Server(ctx, plan); !said(res, unknown) {
			t.Errorf("want %q in\n%v", unknown, res)
		}
	})
}
