package proc

import (
	"bytes"
	"errors"
	"io"
	"os"
	"sync"
	"time"
)

const (
	// killGrace is how long a killed program is waited for. Longer only helps a
	// program that hangs in the kernel, and that one can take for ever.
	killGrace = time.Second
	// pipeGrace is how long a pipe may stay open after the program and its whole
	// process group are gone: only a child that left the group holds it.
	pipeGrace = 200 * time.Millisecond
)

// run is one running program with its two outputs.
type run struct {
	child   *Process
	out     stream
	err     stream
	readers sync.WaitGroup
	full    chan struct{} // closed when the program is to be ended for what it wrote
}

type stream struct {
	pipe *os.File
	data []byte
	over bool
}

func start(c Command) (*run, error) {
	child, err := prepare(c)
	if err != nil {
		return nil, err
	}
	r := &run{child: child, full: make(chan struct{})}
	outW, err := r.out.open()
	if err != nil {
		return nil, err
	}
	defer outW.Close()
	errW, err := r.err.open()
	if err != nil {
		r.out.pipe.Close()
		return nil, err
	}
	defer errW.Close()
	child.cmd.Stdout, child.cmd.Stderr = outW, errW
	if c.Stdin != nil {
		child.cmd.Stdin = bytes.NewReader(c.Stdin)
	}
	if err := child.start(); err != nil {
		r.out.pipe.Close()
		r.err.pipe.Close()
		return nil, err
	}
	var once sync.Once
	for _, s := range []*stream{&r.out, &r.err} {
		r.readers.Go(func() {
			if !s.read(c.cap()) {
				return
			}
			if c.Lasting {
				_, _ = io.Copy(io.Discard, s.pipe) // an error is the end of the pipe
				return
			}
			once.Do(func() { close(r.full) })
		})
	}
	return r, nil
}

// finish ends what still runs and says what came of it.
func (r *run) finish(ending Ending) Result {
	res := Result{Exit: -1, Ending: ending}
	select {
	case <-r.child.ended:
	default:
		r.child.End()
		select {
		case <-r.child.ended:
		case <-time.After(killGrace):
			res.Stuck = true
		}
	}
	read := make(chan struct{})
	go func() { r.readers.Wait(); close(read) }()
	select {
	case <-read:
	case <-time.After(pipeGrace):
		res.Held = !res.Stuck
	}
	r.out.pipe.Close() // ends a reader that still waits
	r.err.pipe.Close()
	<-read
	if !res.Stuck {
		r.child.restore()
	}
	res.Out, res.Err, res.Truncated = r.out.data, r.err.data, r.out.over || r.err.over
	if res.Truncated && res.Ending == Exited && !r.child.lasting {
		res.Ending = Overflowed // whether it still ended by itself is chance
	}
	if res.Ending == Exited {
		state := r.child.cmd.ProcessState
		if res.Exit = state.ExitCode(); res.Exit < 0 {
			res.Ending, res.Why = Signalled, errors.New(state.String())
		}
	}
	return res
}

// open makes the pipe and returns the end that the program writes to.
func (s *stream) open() (*os.File, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	s.pipe = r
	return w, nil
}

// read keeps limit bytes and reports whether there were more.
func (s *stream) read(limit int) bool {
	data, _ := io.ReadAll(io.LimitReader(s.pipe, int64(limit)+1)) // an error is the end of the pipe
	if len(data) > limit {
		data, s.over = data[:limit], true
	}
	s.data = data
	return s.over
}
