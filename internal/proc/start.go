package proc

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"sync"
)

// Streams are the input and the outputs of a program that runs beside its
// caller. Nil is /dev/null. A file is given to the program as it is; anything
// else is served by a goroutine for as long as the program runs.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// Process is a program that was started. Exactly one of Wait and Release must
// be called.
type Process struct {
	cmd     *exec.Cmd
	group   Group
	lasting bool
	restore func()        // gives the terminal back
	ended   chan struct{} // closed when the program is gone
	err     error         // of serving its streams; valid when ended is closed

	mu   sync.Mutex
	gone bool // it ended, and its number may be another's
}

// Start starts a program and returns. Of the command, Limit, Cap and Stdin are
// the caller's own business.
func Start(c Command, s Streams) (*Process, error) {
	p, err := prepare(c)
	if err != nil {
		return nil, err
	}
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = s.In, s.Out, s.Err
	return p, p.start()
}

// Pipes are our ends of a program's input and outputs. Who got them closes them;
// a read that waits ends with that.
type Pipes struct{ In, Out, Err *os.File }

// Piped is Start with a pipe to the program's input and from each output.
func Piped(c Command) (*Process, *Pipes, error) {
	p, err := prepare(c)
	if err != nil {
		return nil, nil, err
	}
	var pipes Pipes
	var theirs [3]*os.File
	for i, ours := range []**os.File{&pipes.In, &pipes.Out, &pipes.Err} {
		r, w, perr := os.Pipe()
		if perr != nil {
			err = perr
			break
		}
		if i == 0 {
			r, w = w, r
		}
		*ours, theirs[i] = r, w
	}
	if err == nil {
		p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = theirs[0], theirs[1], theirs[2]
		err = p.start()
	} else {
		p.restore()
	}
	for _, f := range theirs {
		f.Close() // a nil file is an error and nothing else
	}
	if err != nil {
		pipes.Close()
		return nil, nil, err
	}
	return p, &pipes, nil
}

// Close closes all three.
func (p *Pipes) Close() {
	for _, f := range []*os.File{p.In, p.Out, p.Err} {
		f.Close() // closed or nil already: no matter
	}
}

// prepare makes the process of a command, not yet started.
func prepare(c Command) (*Process, error) {
	if len(c.Args) == 0 {
		return nil, errors.New("no program named")
	}
	path, name := c.Path, c.Args[0]
	if path == "" {
		found, err := find(name)
		if err != nil {
			return nil, err
		}
		path, name = found, found // sshd refuses to run by a bare name
	}
	env := c.Env
	if env == nil {
		env = systemEnviron()
	}
	dir := c.Dir
	if dir == "" {
		dir = rootDir
	}
	p := &Process{group: c.Group, lasting: c.Lasting, restore: func() {}, ended: make(chan struct{})}
	p.cmd = &exec.Cmd{Path: path, Args: append([]string{name}, c.Args[1:]...), Env: env, Dir: dir}
	p.cmd.WaitDelay = pipeGrace
	return p, p.place(c.As)
}

// start starts the program and waits for it in the background.
func (p *Process) start() error {
	if err := p.cmd.Start(); err != nil {
		p.restore()
		return p.whyNot(err)
	}
	go func() {
		p.err = p.wait()
		close(p.ended)
	}()
	return nil
}

// whyNot tells apart what execve(2) has one error for.
func (p *Process) whyNot(err error) error {
	if _, derr := os.Stat(p.cmd.Dir); p.cmd.Dir != "" && derr != nil {
		return fmt.Errorf("directory %s: %v", p.cmd.Dir, derr) // not wrapped: it is not the program that is missing
	}
	if _, serr := os.Stat(p.cmd.Path); errors.Is(err, fs.ErrNotExist) && serr == nil {
		return noInterpreter{}
	}
	return err
}

// PID is the program's number, and its group's unless it is Beside.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Ended is closed when the program has ended and its streams are served.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// Wait waits until the program has ended. Exit is its status, -1 where a signal
// ended it. The error is one of serving its streams, never the program's.
func (p *Process) Wait() (exit int, err error) {
	<-p.ended
	p.restore()
	if p.err != nil && !errors.As(p.err, new(*exec.ExitError)) && !errors.Is(p.err, exec.ErrWaitDelay) {
		err = p.err
	}
	return p.cmd.ProcessState.ExitCode(), err
}

// End kills the program, and whatever it started in its group, unless it has
// ended. One that is Beside is killed alone.
func (p *Process) End() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.gone {
		p.kill()
	}
}

// over takes note that the program has ended: what it left in its group is
// ended, and nothing is sent to its number any more.
func (p *Process) over() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.lasting && p.group != Beside {
		p.kill()
	}
	p.gone = true
}

// Release lets the program run on after us, and forgets it.
func (p *Process) Release() { p.restore() }

// Signal sends a signal to the program alone. That it has ended already is no error.
func (p *Process) Signal(s os.Signal) error {
	if err := p.cmd.Process.Signal(s); !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil
}
