package local

import (
	"context"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"sync"
	"time"

	"sshwhy/internal/evidence"
)

const (
	// killGrace is how long a killed program is waited for. Longer only helps a
	// program that hangs in the kernel, and that one can take for ever.
	killGrace = time.Second
	// pipeGrace is how long the output may stay open after the program and its
	// whole process group are gone: only a child that left the group holds it.
	pipeGrace = 200 * time.Millisecond
)

// lookCommand runs a program without a shell, in a process group of its own that
// is ended in every case. Its output is read up to the cap; a program that
// writes more is ended, since nobody reads on.
func lookCommand(ctx context.Context, it evidence.Item) evidence.Result {
	if len(it.Args) == 0 {
		return failed("no program named")
	}
	path, err := findProgram(it.Args[0])
	if err != nil {
		return because(evidence.Result{}, err)
	}
	run, err := start(path, it)
	if err != nil {
		if statusOf(err) == evidence.Absent { // the file is there, as findProgram saw
			return failed("cannot be run: the interpreter or loader it names is missing")
		}
		return because(evidence.Result{}, err)
	}
	r := evidence.Result{Status: evidence.Known}
	select {
	case <-run.exited:
	case <-run.full:
	case <-ctx.Done():
		r.Status, r.Reason = evidence.Failed, outOfTime(ctx, it)
	}
	run.finish(&r)
	if r.Truncated && r.OK() {
		r.Reason = "ended: it wrote more than is kept"
	}
	if r.Truncated || !r.OK() {
		r.Exit = -1 // whether it still ended by itself is chance
	}
	return r
}

// process is one running program with its two outputs.
type process struct {
	cmd     *exec.Cmd
	out     stream
	err     stream
	readers sync.WaitGroup
	exited  chan struct{} // closed when the program is gone and its group is ended
	full    chan struct{} // closed when an output reached the cap
}

type stream struct {
	pipe *os.File
	data []byte
	over bool
}

func start(path string, it evidence.Item) (*process, error) {
	p := &process{exited: make(chan struct{}), full: make(chan struct{})}
	outW, err := p.out.open()
	if err != nil {
		return nil, err
	}
	defer outW.Close()
	errW, err := p.err.open()
	if err != nil {
		p.out.pipe.Close()
		return nil, err
	}
	defer errW.Close()
	p.cmd = &exec.Cmd{
		// The path stands for the name, too: sshd refuses to run by a bare one.
		Path: path, Args: append([]string{path}, it.Args[1:]...), Env: environ(), Dir: rootDir,
		Stdout: outW, Stderr: errW, SysProcAttr: ownGroup(), // Stdin nil is /dev/null
	}
	if err := p.cmd.Start(); err != nil {
		p.out.pipe.Close()
		p.err.pipe.Close()
		return nil, err
	}
	var once sync.Once
	for _, s := range []*stream{&p.out, &p.err} {
		p.readers.Go(func() {
			if s.read(it.Limit()) {
				once.Do(func() { close(p.full) })
			}
		})
	}
	go func() {
		waitAndEndGroup(p.cmd)
		close(p.exited)
	}()
	return p, nil
}

// finish ends what still runs and fills r with what came.
func (p *process) finish(r *evidence.Result) {
	gone := true
	select {
	case <-p.exited:
	default:
		endGroup(p.cmd.Process)
		select {
		case <-p.exited:
		case <-time.After(killGrace):
			gone = false
			r.Status, r.Reason = evidence.Failed, r.Reason+"; it hangs in the kernel and could not be ended"
		}
	}
	read := make(chan struct{})
	go func() { p.readers.Wait(); close(read) }()
	select {
	case <-read:
	case <-time.After(pipeGrace):
		if r.Reason == "" {
			r.Reason = "a process it left behind kept its output open"
		}
	}
	p.out.pipe.Close() // ends a reader that still waits
	p.err.pipe.Close()
	<-read
	r.Data, r.Stderr, r.Truncated = p.out.data, p.err.data, p.out.over || p.err.over
	r.Exit = -1
	if gone {
		r.Exit = p.cmd.ProcessState.ExitCode()
		if r.Exit < 0 && r.Reason == "" {
			r.Reason = "ended by " + p.cmd.ProcessState.String()
		}
	}
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

// noProgram says that no directory holds the program.
type noProgram struct{}

func (noProgram) Error() string        { return "there is no such program" }
func (noProgram) Is(target error) bool { return target == fs.ErrNotExist }
