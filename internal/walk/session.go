package walk

import (
	"context"
	"errors"
	"os"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/term"

	"sshwhy/internal/client"
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

// atOnce is how long a shell that nobody types anything into must live to count
// as one that works.
const atOnce = 1500 * time.Millisecond

// session opens a session as `ssh HOST COMMAND` does.
func (w *walker) session(ctx context.Context, conn *resumedConn, login *ssh.Client) {
	w.listeners()
	if w.onward(ctx, login) || w.obs.Config.Get("sessiontype") == "none" {
		return // -N: no session was asked for
	}
	limit := w.wait(leastSession)
	defer w.report("session", w.obs.Chosen, limit)()
	begin := time.Now()
	waitFor(ctx, conn, limit)
	s := &client.Session{Command: command, Exit: -1}
	w.obs.Session = s

	fail := func(err error) {
		s.End, s.Err = loginEnd(ctx, err), libraryText(err)
		if s.End != client.EndCancelled && time.Since(begin) >= limit {
			// The library turns the end of time into an end of the connection.
			s.End, s.Err = client.EndTimeout, "no answer in time"
			s.Stuck = conn.stuckAt()
		}
		if lost := conn.lost(); errors.Is(lost, errFlood) {
			s.End, s.Err = client.EndFlood, lost.Error()
		}
	}
	runCommand(s, login, w.wantsTTY(), fail)
	if s.End != "" && s.End != client.EndTimeout && s.End != client.EndCancelled && s.End != client.EndFlood {
		s.Fault = faultOf(login)
	}
	s.Ms = ms(time.Since(begin))
	if s.Opened && !s.Ran && s.End == "" && !w.opt.Command && !client.SaysNoSession(s.Output) {
		s.Shell = tryShell(login)
		if ctx.Err() != nil {
			s.Shell = nil // it was we who ended it
		}
	}
}

// runCommand runs the command and writes down what came of it.
func runCommand(s *client.Session, login *ssh.Client, tty bool, fail func(error)) {
	session, err := login.NewSession()
	if err != nil {
		fail(err)
		return
	}
	defer session.Close()
	var out outputTail
	session.Stdout, session.Stderr = &out, &out
	if tty {
		s.TTY = client.TTYGiven
		if err := session.RequestPty(terminalType(), 24, 80, nil); err != nil {
			s.TTY = client.TTYRefused
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
		if s.End != client.EndTimeout && s.End != client.EndCancelled && errors.As(err, new(*ssh.ExitMissingError)) {
			s.End, s.Err = client.EndClosed, "the session ended without an exit status"
		}
	}
}

// tryShell asks for what a person asks for, the account's shell, on the same
// connection, and looks whether it ends by itself. It types nothing.
func tryShell(login *ssh.Client) *client.Shell {
	session, err := login.NewSession()
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
	sh := &client.Shell{Exit: -1}
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

// endWait is how long the library may take to say why a connection ended that it
// has given up already.
const endWait = 100 * time.Millisecond

// faultOf is the error that ended a connection under its channels, which only see
// that it is gone.
func faultOf(login *ssh.Client) string {
	ended := make(chan error, 1)
	go func() { ended <- login.Wait() }() // ends with the connection, which the walk closes
	select {
	case err := <-ended:
		if err != nil {
			return libraryText(err)
		}
	case <-time.After(endWait):
	}
	return ""
}
