//go:build unix

package cli

import (
	"context"
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// pollMillis is how long a silent input is waited for before Ctrl-C is looked at.
const pollMillis = 100

// interruptible is an input whose silence can be interrupted: a pipe whose
// writer says nothing would otherwise hold the program until it does. The text ends
// where the context does.
type interruptible struct {
	ctx context.Context
	f   *os.File
}

func (r *interruptible) Read(p []byte) (int, error) {
	for {
		if r.ctx.Err() != nil {
			return 0, io.EOF
		}
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(r.f.Fd()), Events: unix.POLLIN}}, pollMillis)
		switch {
		case errors.Is(err, unix.EINTR), err == nil && n == 0:
		default: // something to read, its end, or an input that cannot be waited for
			return r.f.Read(p)
		}
	}
}

func untilInterrupted(ctx context.Context, f *os.File) io.Reader { return &interruptible{ctx, f} }

// openInterruptible opens a file to read. Where that waits (a pipe that nobody
// has opened to write), it ends with the context, and so do its reads.
func openInterruptible(ctx context.Context, path string) (*os.File, io.Reader, error) {
	type opened struct {
		f   *os.File
		err error
	}
	done := make(chan opened, 1)
	go func() {
		f, err := os.Open(path)
		done <- opened{f, err}
	}()
	select {
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	case o := <-done:
		if o.err != nil {
			return nil, nil, o.err
		}
		return o.f, untilInterrupted(ctx, o.f), nil
	}
}
