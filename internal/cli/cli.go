// Package cli is the command line: one file per command, each of which turns
// flags into one call of a room that knows, prints its report, and hands back
// the exit status.
//
// It must not diagnose, parse or change anything itself.
//
// Exit status: 0 the verdict is ok or degraded; 1 broken; 2 the command was
// used wrongly (one line "error:", one line "hint:"); 3 too much could not be
// looked at. Ctrl-C ends with 130 after what is known so far was printed.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"sshwhy/internal/evidence/local"
	"sshwhy/internal/render"
	"sshwhy/internal/report"
)

// Streams are the program's standard streams and environment.
type Streams struct {
	In       io.Reader
	Out, Err *os.File
	Env      func(string) string
}

// Stdio returns the process's own streams.
func Stdio() Streams { return Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Env: os.Getenv} }

// Main runs the command line and returns the exit status.
func Main(args []string, s Streams) int {
	if local.Serve() { // a child of this very program, which looks as a user
		return 0
	}
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // nohup(1) has it ignored, and so it stays
		signals = append(signals, syscall.SIGHUP)
	}
	ctx, stop := signal.NotifyContext(context.Background(), signals...)
	defer stop()
	a := &app{Streams: s, args: args}
	root := newRoot(a)
	root.SetArgs(a.route(root, args))
	root.SetIn(s.In)
	root.SetOut(s.Out)
	root.SetErr(s.Err)
	err := root.ExecuteContext(ctx)
	switch {
	case err == nil && ctx.Err() != nil && !a.own:
		return 130
	case err == nil:
		return a.exit
	default:
		return a.complain(err)
	}
}

// app is what the commands share during one run.
type app struct {
	Streams
	args []string // as typed
	exit int      // exit status of a command that ended without an error
	own  bool     // exit stands whatever signal comes: it is ssh's own, or says what a signal led to
	json bool
	verb int
}

// usageError is something the user can put right: what is wrong, and what to do.
type usageError struct{ msg, hint string }

func (e *usageError) Error() string { return e.msg }

// usage makes a usageError.
func usage(hint, format string, args ...any) error {
	return &usageError{msg: fmt.Sprintf(format, args...), hint: hint}
}

// complain prints an error as one line, and a hint as another. Whatever stands
// in them may come from outside.
func (a *app) complain(err error) int {
	fmt.Fprintln(a.Err, "error: "+safe(err.Error()))
	var u *usageError
	if errors.As(err, &u) && u.hint != "" {
		fmt.Fprintln(a.Err, "hint: "+render.Safe(u.hint))
	}
	return 2
}

// hostCommand is the hidden name under which "sshwhy HOST" runs.
const hostCommand = "__host"

// route decides by the first word alone whether it names a command; anything
// else is what one would give to ssh. So "sshwhy -p 2222 server" asks about a
// host of that name, as ssh would.
func (a *app) route(root *cobra.Command, args []string) []string {
	if len(args) == 0 {
		return args
	}
	first := args[0]
	switch first {
	case "-h", "--help", "--version", "help", cobra.ShellCompRequestCmd, cobra.ShellCompNoDescRequestCmd, "completion":
		return args
	}
	for _, c := range root.Commands() {
		if c.Name() == first {
			return args
		}
	}
	return append([]string{hostCommand}, args...)
}

// Command is the whole command tree, for those that document it.
func Command() *cobra.Command {
	return newRoot(&app{Streams: Stdio()})
}

func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "sshwhy [ssh options] [user@]host",
		Short: "Say why an SSH connection fails, show the evidence, and mend it",
		Long: `sshwhy says why an SSH connection fails, shows the evidence, and mends it.

  sshwhy alice@web1        diagnose from here: give it what you gave ssh
  sudo sshwhy server       diagnose the SSH server on this machine`,
		Version:       version(),
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			return usage("sshwhy [user@]host from the client, or sudo sshwhy server on the machine that refuses; sshwhy --help tells more",
				"no host given")
		},
	}
	root.SetVersionTemplate("sshwhy {{.Version}}\n")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		words, _, _ := strings.Cut(err.Error(), ": strconv.") // how the number was read is nobody's concern
		return usage(commandPath(cmd)+" --help lists what it takes", "%s", words)
	})
	root.CompletionOptions.HiddenDefaultCmd = false
	root.AddCommand(newHost(a), newSSH(a), newServer(a), newCollect(a), newExplain(a), newFirewall(a), newUndo(a), newKeep(a), newCauses(a))
	root.InitDefaultCompletionCmd()
	addSSHFlags(root.Flags(), new([]string)) // for completion
	hideSSHFlags(root.Flags())
	a.commonFlags(root)
	return root
}

// commonFlags are understood by every command that prints a report.
func (a *app) commonFlags(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&a.json, "json", false, "print the report as JSON (docs/output.md)")
	cmd.Flags().CountVarP(&a.verb, "verbose", "v", "show each stage's detail and every finding in full")
}

// commandPath is the command as the user typed it, without the hidden name.
func commandPath(cmd *cobra.Command) string {
	return strings.TrimSuffix(cmd.CommandPath(), " "+hostCommand)
}

// finish prints a report and sets the exit status.
func (a *app) finish(r *report.Report) error {
	a.exit = r.Verdict.ExitCode()
	return a.print(r)
}

// finishOr prints a report, or hands on why there is none.
func (a *app) finishOr(r *report.Report, err error) error {
	if err != nil {
		return err
	}
	return a.finish(r)
}
