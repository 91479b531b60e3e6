package client

import (
	"context"
	"errors"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

const (
	leastSession = 10 * time.Second
	// maxOutput bounds what is kept of what the session prints.
	maxOutput = 2048
	// command is what is run to see that a session works. It does nothing but
	// print bigOutput zeros, which fill a packet of any usual size: the way back
	// must carry them, too.
	command   = "printf %02000d 0"
	bigOutput = 2000
)

// Session is the first session of the login, with a command that does nothing.
type Session struct {
	Opened bool    `json:"opened"` // the channel and the command were granted
	Ran    bool    `json:"ran"`    // it was really the command that ran: its zeros came
	Exit   int     `json:"exit"`   // of the command; -1 unknown
	Signal string  `json:"signal,omitempty"`
	Output string  `json:"output,omitempty"` // what it printed, both streams
	End    string  `json:"end,omitempty"`
	Err    string  `json:"err,omitempty"`
	Stuck  *Stuck  `json:"stuck,omitempty"`
	Ms     float64 `json:"ms"`
}

// session opens a session as `ssh HOST COMMAND` does.
func (w *walker) session(ctx context.Context, conn *resumedConn, client *ssh.Client) {
	w.listeners()
	if w.onward(ctx, client) || w.obs.Config.Get("sessiontype") == "none" {
		return // -N: no session was asked for
	}
	limit := w.wait(leastSession)
	defer w.tell("session", w.obs.Chosen, limit)()
	begin := time.Now()
	_ = conn.SetDeadline(begin.Add(limit))
	s := &Session{Exit: -1}
	w.obs.Session = s
	defer func() { s.Ms = ms(time.Since(begin)) }()

	fail := func(err error) {
		s.End, s.Err = loginEnd(ctx, err), plain(err)
		if s.End != endCancelled && time.Since(begin) >= limit {
			// The library turns the end of time into an end of the connection.
			s.End, s.Err = endTimeout, "no answer in time"
			s.Stuck = conn.stuckAt()
		}
	}
	session, err := client.NewSession()
	if err != nil {
		fail(err)
		return
	}
	defer session.Close()
	var out outputTail
	session.Stdout, session.Stderr = &out, &out
	if err := session.Start(command); err != nil {
		fail(err)
		return
	}
	s.Opened = true
	err = session.Wait()
	s.Output = strings.TrimPrefix(out.String(), strings.Repeat("0", bigOutput))
	var exit *ssh.ExitError
	switch {
	case err == nil:
		s.Exit = 0
	case errors.As(err, &exit):
		s.Exit, s.Signal = exit.ExitStatus(), exit.Signal()
	default:
		fail(err)
		if s.End != endTimeout && s.End != endCancelled && errors.As(err, new(*ssh.ExitMissingError)) {
			s.End, s.Err = endClosed, "the session ended without an exit status"
		}
	}
}
