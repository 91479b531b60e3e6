package via

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"sshwhy/internal/evidence/shell"
	"sshwhy/internal/proc"
)

const (
	// endGrace is how long the command may take to end by itself when all is done.
	endGrace = 300 * time.Millisecond
	// keptComplaint is how much of the command's standard error is kept: its end.
	keptComplaint = 4096
	// longestLine is the longest line of an answer that is looked at. Lines of
	// frames and of base64 are short; what is longer is noise.
	longestLine = 1 << 16
	// perByte bounds an answer: od needs three characters for a byte, and a newline
	// for sixteen.
	perByte = 4
	// maxAnswers bounds all answers of a session together, in bytes as they come.
	maxAnswers = 256 << 20
)

// errEnded says that the command's output is over.
var errEnded = errors.New("the command ended")

// session is the running command.
type session struct {
	nonce   string
	command *proc.Process
	pipes   *proc.Pipes
	lines   *bufio.Reader
	round   int
	greeted bool
	taken   int         // bytes of answers
	stop    func() bool // of the watch on the context
	writers sync.WaitGroup

	mu   sync.Mutex
	tail []byte // end of standard error
	read chan struct{}
}

func start(ctx context.Context, command []string) (*session, error) {
	path, err := proc.UserFind(command[0])
	if err != nil {
		return nil, err
	}
	s := &session{nonce: nonce(), read: make(chan struct{})}
	s.command, s.pipes, err = proc.Piped(proc.AsUser(proc.Command{Args: command, Path: path, Group: proc.Foreground}))
	if err != nil {
		return nil, err
	}
	s.lines = bufio.NewReaderSize(s.pipes.Out, longestLine)
	go func() { s.keepComplaint(s.pipes.Err); close(s.read) }()
	s.stop = context.AfterFunc(ctx, func() {
		s.command.End()
		s.pipes.Close() // ends a read, whoever still holds the other end
	})
	return s, nil
}

// end ends the command, its process group, and everything of ours that served it.
func (s *session) end() {
	s.pipes.In.Close() // a shell ends there
	select {
	case <-s.command.Ended():
	case <-time.After(endGrace):
	}
	s.stop()
	s.command.End()
	s.pipes.Out.Close()
	_, _ = s.command.Wait() // what it was worth has been read
	s.writers.Wait()
}

// complaint is the end of the command's standard error. The output being over,
// it comes at once.
func (s *session) complaint() string {
	select {
	case <-s.read:
	case <-time.After(endGrace):
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return string(s.tail)
}

func (s *session) keepComplaint(r *os.File) {
	defer r.Close()
	buf := make([]byte, keptComplaint)
	for {
		n, err := r.Read(buf)
		s.mu.Lock()
		s.tail = append(s.tail, buf[:n]...)
		s.tail = s.tail[max(0, len(s.tail)-keptComplaint):]
		s.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// send writes without waiting: the far side may answer while it still reads. An
// error shows in what comes back.
func (s *session) send(text string) {
	s.writers.Go(func() { _, _ = io.WriteString(s.pipes.In, text) })
}

// line is the next line, without its end. What is longer than longestLine is cut.
func (s *session) line() (string, error) {
	line, err := s.lines.ReadSlice('\n')
	text := strings.TrimRight(string(line), "\r\n")
	for err == bufio.ErrBufferFull {
		_, err = s.lines.ReadSlice('\n')
	}
	if err != nil {
		return "", errEnded
	}
	return text, nil
}

// frame gives the words behind our mark. What stands before it, a prompt or the
// end of a greeting, is no matter.
func (s *session) frame(line string) (head string, ok bool) {
	_, head, ok = strings.Cut(line, "@"+s.nonce+" ")
	return strings.TrimSpace(head), ok
}

// await reads until a frame that begins with the word.
func (s *session) await(word string, got func(words []string)) error {
	for {
		line, err := s.line()
		if err != nil {
			return err
		}
		head, ok := s.frame(line)
		words := strings.Fields(head)
		if !ok || len(words) == 0 || words[0] != word {
			continue
		}
		s.greeted = true
		if got != nil {
			got(words[1:])
		}
		return nil
	}
}

// frames reads the answers of one round until its end, each within its room of
// bytes. Whole ones go to done.
func (s *session) frames(end string, rooms []int, done func(i int, sections []shell.Section)) error {
	at := -1 // the item that is being answered
	var sections []shell.Section
	var room int
	for {
		line, err := s.line()
		if err != nil {
			return err
		}
		head, ok := s.frame(line)
		switch {
		case ok && head == end:
			return nil
		case ok && strings.HasPrefix(head, "b "):
			at, sections = -1, nil
			if i, err := strconv.Atoi(head[2:]); err == nil && i >= 0 && i < len(rooms) {
				at, room = i, rooms[i]
			}
		case at < 0: // noise between the answers
		case ok:
			sections = append(sections, shell.Section{Head: head})
			if head == "." {
				done(at, sections)
				at = -1
			}
			room -= len(head)
		case len(sections) > 0:
			last := &sections[len(sections)-1]
			last.Body = append(append(last.Body, line...), '\n')
			room -= len(line) + 1
		}
		if s.taken += len(line); s.taken > maxAnswers {
			return fmt.Errorf("what comes back is more than %d MB", maxAnswers>>20)
		}
		if at >= 0 && room < 0 {
			at = -1 // more than was asked for: not our answer
		}
	}
}
