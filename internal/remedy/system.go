package remedy

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"sshwhy/internal/proc"
)

// System is the machine as this package touches it: every look and every
// change goes through it, each change being one or a few system calls that are
// announced to tap first. The zero value is the real machine.
type System struct {
	// tap, if set, is called before every system call that changes something
	// and after every command; the crash tests end the process there.
	tap func(op string)
	// now, if set, replaces the clock, which may jump.
	now func() time.Time
}

// maxFile is how much of a file is read at most: configuration is small, and
// what is not is not edited.
const maxFile = 16 << 20

// Limits of a command that is run: most answer at once, a package manager may
// take minutes on a slow line.
const (
	commandTime = 60 * time.Second
	installTime = 15 * time.Minute
	maxOutput   = 8 << 20 // bytes kept of each output: a ruleset with large sets
)

func (s *System) announce(op string) {
	if s.tap != nil {
		s.tap(op)
	}
}

// Now is the wall clock, for names and records only: nothing is decided by
// comparing two of its readings.
func (s *System) Now() time.Time {
	if s.now != nil {
		return s.now()
	}
	return time.Now()
}

// errTooLarge is returned for files that no fix edits.
var errTooLarge = errors.New("larger than 16 MiB")

// read reads a regular file, as far as a plan may show what is in it.
func (s *System) read(path string) ([]byte, error) {
	real, err := resolve(path)
	if err != nil {
		return nil, err
	}
	st, data, err := s.look(real)
	switch {
	case err != nil:
		return nil, err
	case st.Kind == kindAbsent:
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	case st.Kind != kindFile:
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	return data, editable(real, st)
}

// result is what a command said.
type result struct {
	Argv   []string
	Code   int    // exit status; -1 where it was killed or could not be started
	Output string // standard output and error, as they came
}

// err is nil where the command succeeded, and otherwise its own words.
func (r result) err() error {
	if r.Code == 0 {
		return nil
	}
	words := strings.Join(strings.Fields(r.Output), " ") // an error is one line
	if words == "" {
		words = fmt.Sprintf("exit status %d", r.Code)
	}
	return fmt.Errorf("%s: %s", strings.Join(r.Argv, " "), words)
}

// run runs a program that may change something. The error is nil exactly when
// it ended with status 0.
func (s *System) run(ctx context.Context, argv ...string) (result, error) {
	return s.runFor(ctx, commandTime, argv...)
}

// runFor is run with another time limit.
func (s *System) runFor(ctx context.Context, limit time.Duration, argv ...string) (result, error) {
	s.announce("run " + argv[0])
	r := s.exec(ctx, proc.Command{Args: argv, Limit: limit, Lasting: true})
	s.announce("ran " + argv[0])
	return r, r.err()
}

// ask runs a program that only looks. Its exit status is part of the answer.
func (s *System) ask(ctx context.Context, argv ...string) result {
	return s.exec(ctx, proc.Command{Args: argv, Limit: commandTime})
}

// feed is ask with something on standard input.
func (s *System) feed(ctx context.Context, input []byte, argv ...string) result {
	return s.exec(ctx, proc.Command{Args: argv, Limit: commandTime, Stdin: input})
}

// has says whether a program can be found.
func (s *System) has(name string) bool {
	_, err := proc.Find(name)
	return err == nil
}

// exec runs a program as root's own hands do everything: from the fixed
// directories, in the fixed environment, whatever the caller's are. It has no
// terminal and so no Ctrl-C, which reaches the transaction and not the half of a
// change that happens to be running.
func (s *System) exec(ctx context.Context, c proc.Command) result {
	c.Env, c.Cap = append(proc.Environ(), "DEBIAN_FRONTEND=noninteractive"), maxOutput
	r := proc.Run(ctx, c)
	out := result{Argv: c.Args, Code: r.Exit, Output: string(r.Out) + string(r.Err)}
	switch {
	case r.Ending == proc.NotFound:
		out.Output = c.Args[0] + " is not installed"
	case r.Ending == proc.TimedOut:
		out.Output += fmt.Sprintf("\n(ended after %s)", c.Limit)
	case r.Ending != proc.Exited:
		out.Output += fmt.Sprintf("\n(%v)", r.Failure())
	}
	return out
}
