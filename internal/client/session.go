package client

import (
	"context"
	"errors"
	"os"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/term"
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
	TTY    string  `json:"tty,omitempty"`    // ttyGiven or ttyRefused; empty if ssh would ask for none
	Shell  *Shell  `json:"shell,omitempty"`  // the account's shell, tried where the command did not run
	End    string  `json:"end,omitempty"`
	Err    string  `json:"err,omitempty"`
	Stuck  *Stuck  `json:"stuck,omitempty"`
	Fault  string  `json:"fault,omitempty"` // what ended the connection under it
	Ms     float64 `json:"ms"`
}

// Whether the server gave a terminal.
const (
	ttyGiven   = "given"
	ttyRefused = "refused"
)

// atOnce is how long a shell that nobody types anything into must live to count
// as one that works.
const atOnce = 1500 * time.Millisecond

// Shell is the account's shell, without a command.
type Shell struct {
	Ended  bool   `json:"ended"` // by itself, at once
	Exit   int    `json:"exit"`  // -1 unknown
	Output string `json:"output,omitempty"`
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
	waitFor(ctx, conn, limit)
	s := &Session{Exit: -1}
	w.obs.Session = s

	fail := func(err error) {
		s.End, s.Err = loginEnd(ctx, err), plain(err)
		if s.End != endCancelled && time.Since(begin) >= limit {
			// The library turns the end of time into an end of the connection.
			s.End, s.Err = endTimeout, "no answer in time"
			s.Stuck = conn.stuckAt()
		}
		if lost := conn.lost(); errors.Is(lost, errFlood) {
			s.End, s.Err = endFlood, lost.Error()
		}
	}
	s.run(client, w.wantsTTY(), fail)
	if s.End != "" && s.End != endTimeout && s.End != endCancelled && s.End != endFlood {
		s.Fault = faultOf(client)
	}
	s.Ms = ms(time.Since(begin))
	if s.Opened && !s.Ran && s.End == "" && !w.opt.Command && !refusal(s.Output) {
		s.Shell = tryShell(client)
		if ctx.Err() != nil {
			s.Shell = nil // it was we who ended it
		}
	}
}

// run runs the command.
func (s *Session) run(client *ssh.Client, tty bool, fail func(error)) {
	session, err := client.NewSession()
	if err != nil {
		fail(err)
		return
	}
	defer session.Close()
	var out outputTail
	session.Stdout, session.Stderr = &out, &out
	if tty {
		s.TTY = ttyGiven
		if err := session.RequestPty(terminalType(), 24, 80, nil); err != nil {
			s.TTY = ttyRefused
		}
	}
	if err := session.Start(command); err != nil {
		fail(err)
		return
	}
	s.Opened = true
	err = session.Wait()
	s.Output, s.Ran = strings.CutPrefix(out.String(), strings.Repeat("0", bigOutput))
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

// tryShell asks for what a person asks for, the account's shell, on the same
// connection, and looks whether it ends by itself. It types nothing.
func tryShell(client *ssh.Client) *Shell {
	session, err := client.NewSession()
	if err != nil {
		return nil
	}
	defer session.Close()
	var out outputTail
	session.Stdout, session.Stderr = &out, &out
	if _, err := session.StdinPipe(); err != nil { // held open: the end of input would end any shell
		return nil
	}
	if session.Shell() != nil {
		return nil
	}
	ended := make(chan error, 1)
	go func() { ended <- session.Wait() }()
	sh := &Shell{Exit: -1}
	select {
	case err := <-ended:
		sh.Ended, sh.Output = true, out.String()
		var exit *ssh.ExitError
		if err == nil {
			sh.Exit = 0
		} else if errors.As(err, &exit) {
			sh.Exit = exit.ExitStatus()
		}
	case <-time.After(atOnce):
		_ = session.Close()
		<-ended // ends with the channel, or with the connection's time limit
	}
	return sh
}

// wantsTTY reports whether ssh would ask for a terminal (ssh_config(5), RequestTTY).
func (w *walker) wantsTTY() bool {
	c := &w.obs.Config
	terminal := term.IsTerminal(int(os.Stdin.Fd()))
	switch c.Get("requesttty") {
	case "force":
		return true
	case "yes", "true":
		return terminal
	case "no", "false":
		return false
	}
	remote := c.Get("remotecommand")
	return terminal && !w.opt.Command && (remote == "" || remote == "none")
}

// terminalType is what ssh says of its terminal.
func terminalType() string {
	if t := os.Getenv("TERM"); t != "" {
		return t
	}
	return "dumb"
}
