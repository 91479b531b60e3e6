package client

import (
	"context"
	"errors"
	"net"
	"time"

	"golang.org/x/crypto/ssh"
)

const (
	leastSession = 10 * time.Second
	// maxOutput bounds what is kept of what the session prints.
	maxOutput = 2048
	// command is what is run to see that a session works: it does nothing.
	command = "true"
)

// Session is the first session of the login, with the command `true`.
type Session struct {
	Opened bool    `json:"opened"` // the channel and the command were granted
	Exit   int     `json:"exit"`   // of the command; -1 unknown
	Signal string  `json:"signal,omitempty"`
	Output string  `json:"output,omitempty"` // what it printed, both streams
	End    string  `json:"end,omitempty"`
	Err    string  `json:"err,omitempty"`
	Stuck  *Stuck  `json:"stuck,omitempty"`
	Ms     float64 `json:"ms"`
}

// session opens a session as `ssh HOST true` does.
func (w *walker) session(ctx context.Context, conn net.Conn, client *ssh.Client) {
	if w.obs.Config.Get("sessiontype") == "none" {
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
		if s.End == endTimeout {
			s.Stuck = stuckBytes(conn)
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
	s.Output = out.String()
	var exit *ssh.ExitError
	var missing *ssh.ExitMissingError
	switch {
	case err == nil:
		s.Exit = 0
	case errors.As(err, &exit):
		s.Exit, s.Signal = exit.ExitStatus(), exit.Signal()
	case errors.As(err, &missing):
		s.End, s.Err = endClosed, "the session ended without an exit status"
	default:
		fail(err)
	}
}
