package remedy

import (
	"errors"
	"os"
	"time"
)

// What a path leads to may never answer: the network file system of a home whose
// server is out of reach, or one that a user's own program serves (FUSE). The
// first is waited for, but not for long: an undo that hangs in one home would
// bring nothing else back. The second is not asked at all.

// answerTime is how long a file system is waited for. A disk answers in
// milliseconds, a network file system that is alive within seconds, and a
// machine that is overloaded should not be taken for a dead one.
const answerTime = 10 * time.Second

// Why nothing is asked of what a path leads to.
var (
	errNoAnswer = errors.New("its file system does not answer")
	errServed   = errors.New("a file system that a user's program serves")
)

func isSilent(err error) bool { return errors.Is(err, errNoAnswer) || errors.Is(err, errServed) }

// answered waits for what a file system is asked. A thread that waits in the
// kernel cannot be ended: it is left behind, lets go what it gets after all, and
// does nothing else.
func answered[T any](path string, ask func() (T, error), letGo func(T)) (T, error) {
	type answer struct {
		got T
		err error
	}
	done, late := make(chan answer), make(chan struct{})
	go func() {
		got, err := ask()
		select {
		case done <- answer{got, err}:
		case <-late:
			if err == nil {
				letGo(got)
			}
		}
	}()
	patience := time.NewTimer(answerTime)
	defer patience.Stop()
	select {
	case a := <-done:
		return a.got, a.err
	case <-patience.C:
		close(late)
		var none T
		return none, &os.PathError{Op: "open", Path: path, Err: errNoAnswer}
	}
}
