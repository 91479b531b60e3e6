//go:build linux

package lab

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// caseLimit bounds one case from its boot to its last login. The slowest ones wait for
// several connections to time out.
const caseLimit = 4 * time.Minute

// Outcome is how a case went.
type Outcome struct {
	Bad   []string // complaints, one line each; none: it passed
	Shown []string // what helps to understand them
	Notes []string // what took how long
}

func (o *Outcome) fail(format string, args ...any) {
	o.Bad = append(o.Bad, fmt.Sprintf(format, args...))
}
func (o *Outcome) show(title, text string) {
	o.Shown = append(o.Shown, "--- "+title+"\n"+strings.TrimSpace(text))
}
func (o *Outcome) note(format string, args ...any) {
	o.Notes = append(o.Notes, fmt.Sprintf(format, args...))
}

// RunCase breaks a fresh world as the case says, checks the symptom, asks sshwhy at the given
// sides (server, client), mends the world by hand and logs in.
func RunCase(ctx context.Context, c Case, suite, tools string, sides []string) (o Outcome) {
	return inWorld(ctx, c, suite, tools, func(ctx context.Context, w *World, o *Outcome) {
		w.observe(ctx, c, sides, o)
		if c.Kind != Broken || c.NoHand != "" {
			return
		}
		if err := w.Mend(ctx, c); err != nil {
			o.fail("mending it by hand: %v", err)
		}
		w.mustLogin(ctx, c, o, "mended by hand,")
		for _, args := range c.StillOut {
			if res := w.Login(ctx, args); res.Exit != 0 {
				o.fail("mended by hand, and ssh %s is out for another reason: %v", strings.Join(args, " "), res)
			}
		}
	})
}

// observe makes sure that the case is what it says, and asks sshwhy about it.
func (w *World) observe(ctx context.Context, c Case, sides []string, o *Outcome) {
	if c.Kind == Broken {
		w.checkSymptom(ctx, c, o)
	} else if res := w.Login(ctx, c.SSH); res.Exit != 0 {
		o.fail("a %s machine, and the login fails: %v", c.Kind, res)
	}
	if len(o.Bad) == 0 {
		w.diagnose(ctx, c, sides, o)
	}
}

// inWorld calls do in a fresh world, booted and broken as the case says, and shows the
// machine where something went wrong.
func inWorld(ctx context.Context, c Case, suite, tools string, do func(context.Context, *World, *Outcome)) (o Outcome) {
	ctx, cancel := context.WithTimeout(ctx, caseLimit)
	defer cancel()
	w, err := New(ctx, suite, tools)
	if err != nil {
		o.fail("%v", err)
		return o
	}
	defer w.Close()
	if err := w.Break(ctx, c); err != nil {
		o.fail("breaking it: %v", err)
	} else {
		do(ctx, w, &o)
	}
	o.note("%.1f s of processor time", w.processorTime().Seconds())
	if len(o.Bad) > 0 {
		o.show("the machine", w.Server(context.WithoutCancel(ctx), stateScript).String())
	}
	return o
}

// checkSymptom makes sure that the fault is real: ssh must say what the case says.
func (w *World) checkSymptom(ctx context.Context, c Case, o *Outcome) {
	prefix := "exec"
	if c.Patience > 0 {
		prefix = fmt.Sprintf("exec timeout %d", c.Patience)
	}
	res := w.ssh(ctx, prefix, c.SSH)
	o.note("ssh took %.1f s", res.Took.Seconds())
	if res.Exit != c.Exit {
		o.fail("ssh's exit status is %d, want %d", res.Exit, c.Exit)
	}
	for _, re := range c.Symptom {
		if !re.Match(append(res.Stderr[:len(res.Stderr):len(res.Stderr)], res.Stdout...)) {
			o.fail("ssh does not say %q", strings.TrimPrefix(re.String(), "(?m)"))
		}
	}
	if len(o.Bad) > 0 {
		o.show("ssh "+strings.Join(c.SSH, " "), res.String())
	}
}

// diagnose runs sshwhy at the given ends and checks what it finds.
func (w *World) diagnose(ctx context.Context, c Case, sides []string, o *Outcome) {
	if slices.Contains(sides, "server") {
		argv := append([]string{"sshwhy", "server", "--json"}, c.ServerArgs...)
		w.ask(c, "server", argv, o, func(script string) Result { return w.Server(ctx, script) })
	}
	if slices.Contains(sides, "client") {
		if script := c.Scripts["ask-client"]; script != "" {
			o.judge(c, "client", "ask-client", w.Client(ctx, script), -1)
			return
		}
		argv := append([]string{"sshwhy", "--json"}, c.ClientArgs...)
		w.ask(c, "client", argv, o, func(script string) Result { return w.ClientWith(ctx, c.ClientCaps, script) })
	}
}

// ask runs one diagnosis.
func (w *World) ask(c Case, side string, argv []string, o *Outcome, at func(string) Result) {
	res := at("exec " + strings.Join(quoted(argv), " ") + " </dev/null")
	o.judge(c, side, strings.Join(argv, " "), res, res.Exit)
}

// judge notes what is wrong with a report. exit is the status that must fit its
// verdict; -1 where another program's was handed on.
func (o *Outcome) judge(c Case, side, asked string, res Result, exit int) {
	o.note("sshwhy at the %s took %.2f s", side, res.Took.Seconds())
	want, also := c.Server, c.ServerAlso
	if side == "client" {
		want, also = c.Client, c.ClientAlso
	}
	bad := checkReport(res.Stdout, exit, want, also, c.Kind)
	if side == "client" {
		bad = append(bad, checkCertainty(res.Stdout, c.ClientCertainty)...)
	} else {
		bad = append(bad, checkVerdict(res.Stdout, c.ServerVerdict)...)
	}
	for _, b := range bad {
		o.fail("%s: %s", side, b)
	}
	if len(bad) > 0 {
		o.show(asked+" (at the "+side+")", string(head(res.Stdout, 6000))+string(tail(res.Stderr, 1000)))
	}
}

// stateScript shows what a person would look at first.
const stateScript = `set +e
systemctl --no-pager --plain status ssh.service ssh.socket 2>&1 | head -n 24
ss -tlnp; ip -br addr
journalctl --no-pager -q -n 12 -o cat -t sshd -t sshd-session -u ssh.service -u ssh.socket 2>&1 | cut -c1-200`

// head is the first n bytes of b, with a mark where something was left out.
func head(b []byte, n int) []byte {
	if len(b) <= n {
		return b
	}
	return append(b[:n:n], "[…]"...)
}

func (w *World) mustLogin(ctx context.Context, c Case, o *Outcome, when string) {
	if res := w.Login(ctx, c.HandSSH); res.Exit != 0 {
		o.fail("%s the login fails: exit status %d\n%v", when, res.Exit, res)
	}
}
