// Package proc is the one way to run a program: which file, as whom, with which
// environment, for how long, with how much output kept, and everything it
// started ended with it.
//
// Run is for a program that answers and ends. Start is for one whose input and
// outputs stream, or that needs the terminal.
//
// It must not go through a shell, must not read what a program said, and must
// not inherit from whoever runs sshwhy: PATH, the environment and the directory
// are fixed (ssh, and what ssh runs, get the user's own, and their callers say so).
package proc

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Limits of a Command that names none.
const (
	DefaultLimit = 30 * time.Second // a program that answers does so much sooner
	DefaultCap   = 1 << 20          // bytes of each output
)

// Credential is as whom a program runs (credentials(7)).
type Credential struct {
	UID, GID uint32
	Groups   []uint32 // all the supplementary groups; nil is none
}

// Command is a program to run.
type Command struct {
	// Args are the program and its arguments. A name without a slash is looked up
	// in SearchDirs; one with a slash must be absolute.
	Args []string
	// Path is the file to start where Args[0] is not to be looked up; Args[0] is
	// then only the name that the program sees.
	Path string
	As   *Credential // nil: as this process
	Env  []string    // the whole environment; nil: Environ()
	Dir  string      // "": the root directory
	// Limit is how long Run waits, 0 is DefaultLimit. Cap is how many bytes of each
	// output Run keeps, 0 is DefaultCap.
	Limit time.Duration
	Cap   int
	Stdin []byte // what Run gives it to read; nil: /dev/null
	// Lasting is for a program that changes something: what it leaves running when
	// it ends (a daemon) is left alone, and more output than is kept does not end it.
	Lasting bool
	Group   Group
}

// Group is where a program stands towards our terminal and its signals. Where
// there are no process groups (Windows), it means nothing.
type Group int

const (
	// OwnSession has no terminal: nothing to ask on, no Ctrl-C, and it outlives ours.
	OwnSession Group = iota
	// OwnGroup is a process group of its own in our session, in the background.
	OwnGroup
	// Foreground is OwnGroup, with the terminal given to it where we have it, so
	// that it can ask for a password. Process.Restore takes it back.
	Foreground
	// Beside is our own group: the terminal's signals reach us both.
	Beside
)

// Ending is how a run ended.
type Ending int

const (
	NotStarted    Ending = iota // by the system; Result.Err is why
	NotFound                    // no directory holds the program
	NotAllowed                  // it is there, and we may not run it, or not as that user
	NoInterpreter               // it is there; the interpreter or loader that it names is not
	Exited                      // by itself: Result.Exit is its status
	Signalled                   // by a signal that was not ours: Result.Err names it
	TimedOut                    // it was ended, its Limit being over
	Stopped                     // it was ended, the caller's context being over
	Overflowed                  // it was ended, having written more than Cap
)

// Result is what came of a run.
type Result struct {
	Out, Err  []byte // what it wrote, at most Cap bytes each
	Exit      int    // its exit status; -1 where it did not end by itself
	Ending    Ending
	Why       error // of NotStarted, NotFound, NotAllowed, NoInterpreter, Signalled; else nil
	Truncated bool  // an output was longer than Cap
	// Stuck: it hangs in the kernel (state D of ps(1)), could not be ended and is left behind.
	Stuck bool
	// Held: a process that it left behind kept an output open; what came later is not here.
	Held bool
}

// OK says whether the program ended by itself with status 0.
func (r Result) OK() bool { return r.Ending == Exited && r.Exit == 0 }

// Started says whether there was a program that ran.
func (r Result) Started() bool { return r.Ending >= Exited }

// Failure says in a few words why the program did not end with status 0; nil if it did.
func (r Result) Failure() error {
	switch {
	case r.Why != nil:
		return r.Why
	case r.Ending == TimedOut:
		return errors.New("it had not ended when its time was over")
	case r.Ending == Stopped:
		return context.Canceled
	case r.Ending == Overflowed:
		return errors.New("it wrote more than is kept, and was ended")
	case r.Exit != 0:
		return fmt.Errorf("exit status %d", r.Exit)
	}
	return nil
}

// Run runs a program and waits until it has ended, its time is over, or ctx is.
// Whatever it started in its group is ended with it, unless it is Lasting. No
// goroutine outlives the call, but for the one that waits for a program that is
// Stuck.
//
// The program is started from the calling thread, and so in its namespaces.
func Run(ctx context.Context, c Command) Result {
	if ctx.Err() != nil {
		return Result{Exit: -1, Ending: Stopped}
	}
	r, err := start(c)
	if err != nil {
		return Result{Exit: -1, Ending: endingOf(err), Why: err}
	}
	limit := time.NewTimer(c.limit())
	defer limit.Stop()
	ending := Exited
	select {
	case <-r.child.ended:
	case <-r.full:
		ending = Overflowed
	case <-ctx.Done():
		ending = Stopped
	case <-limit.C:
		ending = TimedOut
	}
	return r.finish(ending)
}

func (c Command) limit() time.Duration {
	if c.Limit <= 0 {
		return DefaultLimit
	}
	return c.Limit
}

func (c Command) cap() int {
	if c.Cap <= 0 {
		return DefaultCap
	}
	return c.Cap
}
