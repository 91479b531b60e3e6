//go:build linux

package lab

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// personScript sits at a terminal in front of a command: for each [words, keys] it
// waits until the words are on the screen and then types, or sends a signal. It prints
// the screen and the exit status.
const personScript = `cat >/root/person.py <<'END'
import json, os, pty, select, signal, sys, time
plan, argv = json.loads(sys.argv[1]), sys.argv[2:]
pid, term = pty.fork()
if pid == 0: os.execvp(argv[0], argv)
screen, new = "", ""
def read(limit):
    global screen, new
    if not select.select([term], [], [], limit)[0]: return True
    try: data = os.read(term, 4096).decode(errors="replace")
    except OSError: return False
    screen += data; new += data
    return data != ""
for words, keys in plan:
    end = time.time() + 60
    while words not in new:
        if time.time() > end or not read(1): print(screen); sys.exit("no " + words)
    new = new.split(words, 1)[1]
    if keys in ("TERM", "HUP", "INT"): os.kill(pid, getattr(signal, "SIG" + keys))
    else: os.write(term, keys.encode())
while read(60): pass
print(screen)
print("exit", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
END
`

// TestQuestionsAreAPersons: whatever ends a question, and whatever was typed before
// it, is no consent; and what became of the fix is said.
func TestQuestionsAreAPersons(t *testing.T) {
	t.Parallel()
	tools := setUpFixes(t)
	ctx, w := bootTrixie(t, tools, buildLimit)
	if res := w.Server(ctx, personScript+"systemctl disable --now ssh.service"); res.Exit != 0 {
		t.Fatal(res)
	}
	w.settle(ctx)
	before := w.portrait(ctx)
	const ask, nothing = "[y/N/a/q/?] ", "nothing is changed."
	type line = [2]string
	for _, c := range []struct {
		name string
		plan []line
		want string
		exit int
	}{
		{"Ctrl-C", []line{{ask, "\x03"}}, "No answer: " + nothing, 1},
		{"Ctrl-D", []line{{ask, "\x04"}}, "No answer: " + nothing, 1},
		{"SIGTERM", []line{{ask, "TERM"}}, "No answer: " + nothing, 1},
		{"SIGHUP", []line{{ask, "HUP"}}, "No answer: " + nothing, 1},
		{"yes, then Ctrl-C", []line{{ask, "y\n"}, {ask, "\x03"}}, "No answer: " + nothing, 1},
		{"typed ahead", []line{{"looking at this machine", "y\ny\ny\n"}, {ask, "n\ny\n"}, {ask, "n\n"}}, "Declined: " + nothing, 1},
		{"no", []line{{ask, "n\n"}, {ask, "\n"}}, "Declined: " + nothing, 1},
		{"quit after a yes", []line{{ask, "y\n"}, {ask, "q\n"}}, "Nothing is changed.", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			plan, err := json.Marshal(c.plan)
			if err != nil {
				t.Fatal(err)
			}
			res := w.Server(ctx, "TERM=xterm python3 /root/person.py "+quoted([]string{string(plan)})[0]+" sshwhy server --fix")
			screen := strings.Fields(string(res.Stdout))
			end := strings.Join(screen, " ")
			if !strings.HasSuffix(end, fmt.Sprintf("%s exit %d", c.want, c.exit)) {
				t.Errorf("does not end with %q and exit status %d:\n%v", c.want, c.exit, res)
			}
			if diff := differences(before, w.portrait(ctx)); len(diff) > 0 {
				t.Errorf("changed:\n%s", strings.Join(diff, "\n"))
			}
		})
	}
	t.Run("all, then undo", func(t *testing.T) {
		talk := func(plan, command string) Result {
			return w.Server(ctx, "TERM=xterm python3 /root/person.py "+quoted([]string{plan})[0]+" "+command)
		}
		res := talk(`[["[y/N/a/q/?] ", "a\n"], ["sudo sshwhy keep", "typed\n"], ["taken back in", "\u0003"]]`, "sshwhy server --fix --confirm-within 100s")
		if !said(res, "Fixed.") || strings.Contains(string(res.Stdout), "typed") {
			t.Errorf("not fixed, or what was typed stands in the countdown: %v", res)
		}
		if res := talk(`[["Undo ", ""], ["[y/N] ", "n\n"]]`, "sshwhy undo"); !said(res, "Nothing is undone. exit 1") || !said(res, "this stops ssh.service") {
			t.Errorf("%v", res)
		}
		if res := w.Login(ctx, []string{"alice@server"}); res.Exit != 0 {
			t.Errorf("no login after an undo that was declined: %v", res)
		}
		if res := talk(`[["[y/N] ", "y\n"]]`, "sshwhy undo --confirm-within 0"); !said(res, "Undone: ") {
			t.Errorf("%v", res)
		}
		w.settle(ctx)
		if diff := differences(before, w.portrait(ctx)); len(diff) > 0 {
			t.Errorf("undone, and not as before:\n%s", strings.Join(diff, "\n"))
		}
	})
}
