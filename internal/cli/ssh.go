package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"sshwhy/internal/explain"
	"sshwhy/internal/joined"
	"sshwhy/internal/proc"
	"sshwhy/internal/render"
	"sshwhy/internal/report"
)

// sshFailed is ssh's exit status for its own failures (ssh(1), EXIT STATUS).
const sshFailed = 255

// keptStderr is how much of what ssh printed is kept for the diagnosis, in bytes.
const keptStderr = 64 << 10

// newSSH is "sshwhy ssh …": the real ssh, and a diagnosis only where ssh itself
// failed. It is meant for an alias, so it stays out of the way: standard input
// and output are ssh's own, and its standard error is passed on as it comes.
func newSSH(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "ssh [ssh arguments]",
		Short: "Run the real ssh; only if ssh itself fails (255), diagnose the same arguments",
		Long: `Run the real ssh with these arguments; terminal, signals and exit status are
ssh's own. Only when ssh itself fails (exit status 255), diagnose the same
arguments; the report goes to standard error.

  alias ssh='sshwhy ssh'

Where the variable SSHWHY_REPORT names a file, the report is written there, as
JSON, and nothing to standard error.`,
		DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			status, said, err := a.runSSH(args)
			if err != nil {
				return err
			}
			a.exit, a.own = status, true
			if status != sshFailed {
				return nil
			}
			return a.afterSSH(cmd.Context(), args, said)
		},
	}
}

// runSSH runs the real program and returns its exit status and the end of what
// it said on standard error.
func (a *app) runSSH(args []string) (int, string, error) {
	path, err := proc.UserFind("ssh")
	if err != nil {
		return 0, "", usage("install it (Debian, Ubuntu: apt install openssh-client), or use sshwhy [user@]host, which does without",
			"no ssh program found")
	}
	tail := &tailWriter{max: keptStderr}
	c := proc.AsUser(proc.Command{Args: append([]string{path}, args...), Path: path, Group: proc.Beside})
	p, err := proc.Start(c, proc.Streams{In: os.Stdin, Out: a.Out, Err: io.MultiWriter(a.Err, tail)})
	if err != nil {
		return 0, "", fmt.Errorf("run %s: %w", path, err)
	}
	defer passSignals(p)()
	exit, err := p.Wait()
	if exit < 0 {
		exit = 128 + 2 // ended by a signal, as a shell would say
	}
	return exit, tail.String(), err
}

// passSignals hands on what is sent to this process alone. Ctrl-C is not: the
// terminal sends it to ssh too, and ssh decides what becomes of it. The function
// returned ends it.
func passSignals(p *proc.Process) func() {
	signals := make(chan os.Signal, 4)
	done := make(chan struct{})
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	go func() {
		defer close(done)
		for s := range signals {
			if s != os.Interrupt {
				_ = p.Signal(s) // it may have ended already
			}
		}
	}()
	return func() {
		signal.Stop(signals)
		close(signals)
		<-done
	}
}

// afterSSH diagnoses what ssh failed at. The report goes to standard error:
// standard output belongs to the remote command.
func (a *app) afterSSH(ctx context.Context, args []string, said string) error {
	host, f, ok := parseSSHArgs(args)
	if !ok || ctx.Err() != nil {
		return nil
	}
	r, err := a.walk(ctx, host, f)
	if err != nil {
		return err
	}
	words, err := explain.Explain(strings.NewReader(said), explain.Options{Version: version(), Source: "ssh " + strings.Join(args, " ")})
	if err != nil {
		return err
	}
	r = joined.Said(r, words, joined.Before)
	if r.Verdict == report.VerdictOK && strings.TrimSpace(said) == "" {
		return nil // the remote command itself ended with 255
	}
	if path := a.Env(reportFile); path != "" {
		return writeReport(path, r)
	}
	out := a.Out
	a.Out = a.Err
	defer func() { a.Out = out }()
	fmt.Fprintln(a.Err)
	return a.print(r)
}

// reportFile is the variable that names a file for the report of "sshwhy ssh".
const reportFile = "SSHWHY_REPORT"

// writeReport leaves the report in a file that only its owner can read: it may
// quote what the server said.
func writeReport(path string, r *report.Report) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	err = render.JSON(f, r)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

// parseSSHArgs splits ssh's own arguments into options and host.
func parseSSHArgs(args []string) (string, hostFlags, bool) {
	var f hostFlags
	fs := pflag.NewFlagSet("ssh", pflag.ContinueOnError)
	fs.SetInterspersed(false)
	fs.Usage = func() {}
	addSSHFlags(fs, &f.ssh)
	fs.CountP("ssh-v", "v", "")
	for _, c := range "GV" {
		fs.BoolP("ssh-"+string(c), string(c), false, "")
	}
	for _, c := range "OQ" {
		fs.StringP("ssh-"+string(c), string(c), "", "")
	}
	if fs.Parse(args) != nil || fs.NArg() == 0 {
		return "", f, false
	}
	host := fs.Arg(0)
	for _, name := range []string{"ssh-G", "ssh-V", "ssh-O", "ssh-Q"} {
		if fs.Changed(name) {
			return "", f, false // these do not connect
		}
	}
	if fs.Parse(fs.Args()[1:]) != nil {
		return "", f, false
	}
	f.command = fs.NArg() > 0
	return host, f, true
}

// tailWriter keeps the last bytes of what is written.
type tailWriter struct {
	max int
	buf []byte
}

// Write never fails.
func (t *tailWriter) Write(p []byte) (int, error) {
	t.buf = append(t.buf, p...)
	if over := len(t.buf) - t.max; over > 0 {
		t.buf = append(t.buf[:0], t.buf[over:]...)
	}
	return len(p), nil
}

func (t *tailWriter) String() string { return string(t.buf) }
