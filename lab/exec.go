//go:build linux

package lab

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// Result is what one command in a world did.
type Result struct {
	Stdout, Stderr []byte
	Exit           int // the exit status; -1 when a signal or its time limit ended it
	Took           time.Duration
	Err            error // why it could not be run or was ended; nil for any ordinary exit
}

// outputCap bounds what is kept of one command's output, in bytes: the the rest is dropped.
const outputCap = 1 << 20

// String is the result in the form in which a failed case shows it.
func (r Result) String() string {
	var b strings.Builder
	b.Write(tail(r.Stdout, 1500))
	b.Write(tail(r.Stderr, 1500))
	if r.Err != nil {
		b.WriteString("(" + r.Err.Error() + ")")
	}
	return strings.TrimSpace(b.String())
}

// run runs a command to its end. The whole process group ends with the context;
// cgroup, where not negative, is the control group it is born into. A process that the
// command left behind does not keep run waiting.
func run(ctx context.Context, cgroup int, stdin string, argv ...string) Result {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Stdin = strings.NewReader(stdin)
	cmd.Dir = "/"
	var stdout, stderr capped
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	ownGroup(cmd)
	if cgroup >= 0 {
		cmd.SysProcAttr.UseCgroupFD, cmd.SysProcAttr.CgroupFD = true, cgroup
	}
	start := time.Now()
	err := cmd.Run()
	res := Result{Stdout: stdout.Bytes(), Stderr: stderr.Bytes(), Took: time.Since(start), Exit: -1}
	if cmd.ProcessState != nil {
		res.Exit = cmd.ProcessState.ExitCode()
	}
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil && res.Exit < 0:
		res.Err = ctx.Err()
	case err != nil && !errors.As(err, &exit) && !errors.Is(err, exec.ErrWaitDelay):
		res.Err = err
	}
	return res
}

// ownGroup makes a command lead its own process group, which ends with its context.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 500 * time.Millisecond
}

// capped keeps the first outputCap bytes written to it and swallows the rest.
type capped struct{ bytes.Buffer }

func (c *capped) Write(p []byte) (int, error) {
	if room := outputCap - c.Len(); room > 0 {
		c.Buffer.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}

// ReadFrom would go round the cap, so it is the plain loop over Write.
func (c *capped) ReadFrom(r io.Reader) (int64, error) {
	return io.Copy(struct{ io.Writer }{c}, r)
}

// tail is the last n bytes of b, with a mark where something was left out.
func tail(b []byte, n int) []byte {
	if len(b) <= n {
		return b
	}
	return append([]byte("[…]"), b[len(b)-n:]...)
}
