package remedy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"time"
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
	maxOutput   = 1 << 20 // bytes kept of each command's output
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
	s.announce("run " + argv[0])
	r := s.exec(ctx, commandTime, nil, argv)
	s.announce("ran " + argv[0])
	return r, r.err()
}

// runFor is run with another time limit.
func (s *System) runFor(ctx context.Context, limit time.Duration, argv ...string) (result, error) {
	s.announce("run " + argv[0])
	r := s.exec(ctx, limit, nil, argv)
	s.announce("ran " + argv[0])
	return r, r.err()
}

// ask runs a program that only looks. Its exit status is part of the answer.
func (s *System) ask(ctx context.Context, argv ...string) result {
	return s.exec(ctx, commandTime, nil, argv)
}

// feed is ask with something on standard input.
func (s *System) feed(ctx context.Context, input []byte, argv ...string) result {
	return s.exec(ctx, commandTime, input, argv)
}

// has says whether a program can be found.
func (s *System) has(name string) bool {
	_, err := lookPath(name)
	return err == nil
}

// sbin are directories that an ordinary user's PATH lacks.
var sbin = [...]string{"/usr/local/sbin", "/usr/sbin", "/sbin"}

func lookPath(name string) (string, error) {
	p, err := exec.LookPath(name)
	if err == nil || strings.Contains(name, "/") {
		return p, err
	}
	for _, dir := range sbin {
		if q, err := exec.LookPath(dir + "/" + name); err == nil {
			return q, nil
		}
	}
	return "", err
}

// exec runs a program without a shell, in the C locale, in its own process
// group (so that Ctrl-C reaches the transaction and not the half of a change
// that happens to be running), which is killed when time or context end.
func (s *System) exec(ctx context.Context, limit time.Duration, input []byte, argv []string) result {
	r := result{Argv: argv, Code: -1}
	path, err := lookPath(argv[0])
	if err != nil {
		r.Output = fmt.Sprintf("%s is not installed", argv[0])
		return r
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, argv[1:]...)
	cmd.Env = append(cleanEnv(os.Environ()), "LC_ALL=C", "LANGUAGE=", "DEBIAN_FRONTEND=noninteractive",
		"PATH="+os.Getenv("PATH")+":/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin")
	cmd.Stdin = bytes.NewReader(input)
	var out capped
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.WaitDelay = time.Second
	ownGroup(cmd)
	err = cmd.Run()
	r.Output = out.String()
	var exit *exec.ExitError
	switch {
	case err == nil:
		r.Code = 0
	case ctx.Err() != nil:
		r.Output += fmt.Sprintf("\n(ended after %s: %v)", limit, ctx.Err())
	case errors.As(err, &exit):
		r.Code = exit.ExitCode()
	default:
		r.Output += err.Error()
	}
	return r
}

// cleanEnv drops what would change a program's language or make it ask.
func cleanEnv(env []string) []string {
	out := make([]string, 0, len(env)+4)
	for _, e := range env {
		name, _, _ := strings.Cut(e, "=")
		if strings.HasPrefix(name, "LC_") || name == "LANG" || name == "LANGUAGE" || name == "PATH" ||
			name == "SYSTEMD_PAGER" || name == "PAGER" {
			continue
		}
		out = append(out, e)
	}
	return out
}

// capped is a buffer that keeps the first maxOutput bytes.
type capped struct{ bytes.Buffer }

func (c *capped) Write(p []byte) (int, error) {
	if room := maxOutput - c.Len(); room < len(p) {
		c.Buffer.Write(p[:max(room, 0)])
		return len(p), nil
	}
	return c.Buffer.Write(p)
}
