package client

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"sshwhy/internal/report"
	"sshwhy/internal/shquote"
)

// session judges what became of the login.
func (d *diagnosis) session() {
	s := d.o.Session
	if d.o.Login != nil && d.o.Login.OK && !d.stop && d.forwards() {
		return
	}
	if d.o.Login != nil && d.o.Login.OK && s == nil && !d.stop {
		d.stage(report.StageSession, report.StatusSkipped, 0, "not asked for")
		return
	}
	if d.skipped(report.StageSession, s != nil) {
		return
	}
	evidence := []report.Evidence{{Source: "session: " + s.Command, Excerpt: strings.TrimSpace(fmt.Sprintf("exit %d %s %s\n%s", s.Exit, s.Signal, s.Err, s.Output))}}
	// What cloud images print, and end, when root logs in.
	otherLogin := regexp.MustCompile(`[Pp]lease login as the user "?([a-z_][a-z0-9_-]*)"? rather than`)
	if m := otherLogin.FindStringSubmatch(s.Output); m != nil {
		d.stage(report.StageSession, report.StatusFailed, s.Ms, "the account only says that another one is to be used")
		d.find("wrong-user", report.Confirmed, fmt.Sprintf("%s wants %s to log in as %s.", d.host, d.o.Login.User, m[1]), evidence,
			advice("Log in as "+m[1]+".", onClient(d.ssh("-l "+shquote.Word(m[1])))))
		return
	}
	d.terminal(s)
	// sshd's own words (session.c, do_pam_chauthtok), whatever the command.
	if strings.Contains(s.Output, "WARNING: Your password has expired.") {
		d.stage(report.StageSession, report.StatusFailed, s.Ms, "the password has expired")
		d.find("password-expired", report.Confirmed,
			fmt.Sprintf("%s logs %s in and wants a new password first, which only a terminal can give: commands, copies and tunnels fail.", d.host, d.o.Login.User), evidence,
			advice("Log in once with a terminal and give a new password; or have it changed on the server.",
				onClient(d.ssh("-t")), onServer("sudo passwd "+shquote.Operand(d.o.Login.User))))
		return
	}
	switch {
	case s.End == EndCancelled:
		d.stage(report.StageSession, report.StatusUnknown, s.Ms, "not complete before it was stopped")
	case s.Ran:
		d.stage(report.StageSession, report.StatusOK, s.Ms, "a command ran")
	case s.Opened && s.Exit >= 0 && !SaysNoSession(s.Output):
		d.otherProgram(s, evidence)
	case s.End == EndTimeout && s.Stuck.lossy():
		d.stage(report.StageSession, report.StatusFailed, s.Ms, "the session hangs: large packets do not arrive")
		d.find("mtu-blackhole", report.Likely,
			fmt.Sprintf("%s logs %s in, and the session hangs as soon as a large packet is on its way: something on the way carries less than it says.", d.host, d.o.Login.User),
			append(evidence, s.Stuck.evidence()), mtuRemedy(d.o.ChosenAddr().Addr()))
	case s.End == EndTimeout && s.Opened:
		d.stage(report.StageSession, report.StatusUnknown, s.Ms, "the session was granted; the test command did not end in %s", seconds(s.Ms))
		d.incomplete("session", "the test command did not end: a forced command, or a shell that hangs in its start files")
	default:
		d.stage(report.StageSession, report.StatusFailed, s.Ms, "%s", strings.TrimSpace(s.Err+" "+FirstLine(s.Output)))
		d.find("session-refused", report.Confirmed,
			fmt.Sprintf("%s logs %s in and then gives no session: %s.", d.host, d.o.Login.User, strings.TrimSpace(FirstLine(s.Output)+" "+s.Err)), evidence,
			advice("Look on the server at the account's shell, its home, ForceCommand and MaxSessions.", onServer("sudo sshwhy server --user "+shquote.Word(d.o.Login.User))))
	}
}

// terminal is for a server that gives no terminal where ssh asks for one.
func (d *diagnosis) terminal(s *Session) {
	if s.TTY != TTYRefused {
		return
	}
	d.find("pty-allocation-failed", report.Confirmed,
		fmt.Sprintf("%s logs %s in and gives no terminal: a shell runs without prompt and line editing, and full-screen programs do not.", d.host, d.o.Login.User),
		[]report.Evidence{{Source: "session at " + d.o.Chosen, Excerpt: "pty-req: refused (SSH_MSG_CHANNEL_FAILURE)"}},
		advice("Look on the server whether a rule forbids terminals (PermitTTY, no-pty or restrict in authorized_keys), or whether /dev/pts is missing or full.",
			onClient(d.ssh("-T")), onServer("sudo sshd -T -C user="+shquote.Word(d.o.Login.User)+" | grep -i permittty"), onServer("mount | grep devpts; cat /proc/sys/kernel/pty/nr /proc/sys/kernel/pty/max")))
	switch asked := d.o.Config.Get("requesttty"); {
	case asked == "yes" || asked == "true" || asked == "force": // ssh gives up: measured with 9.2 and 10.0
	case s.Ran:
		d.lowerImpact(report.Degrading)
	default: // an account for one program, which has no use for a terminal
		d.lowerImpact(report.Note)
	}
}

// Exit statuses with which a shell says that a command is not there, or is no program that
// may be run (POSIX, Shell Command Language, 2.8.2).
const (
	notExecutable = 126
	notFound      = 127
)

// cannotRun reports whether a session ended because what was to run in it cannot be run:
// a shell says so by its exit status, and sshd, where it is the shell itself, with the
// error of execve(2) behind the shell's path, and 1 (session.c, do_child).
func cannotRun(exit int, said string) bool {
	path, why, ok := strings.Cut(said, ": ")
	switch {
	case exit == notFound || exit == notExecutable:
		return true
	case exit != 1 || !ok || !strings.HasPrefix(path, "/") || strings.Contains(path, " "):
		return false
	}
	return slices.Contains([]string{"Permission denied", "No such file or directory", "Not a directory", "Is a directory", "Exec format error", "Operation not permitted",
		"Too many levels of symbolic links", "Input/output error", "Cannot allocate memory", "Resource temporarily unavailable", "Accessing a corrupted shared library",
		"Invalid argument", "Text file busy"}, why)
}

// otherProgram is for a session in which something else than the test command
// ran: a forced command, a restricted shell, or a shell that ends at once.
func (d *diagnosis) otherProgram(s *Session, evidence []report.Evidence) {
	sh := s.Shell
	switch {
	case sh == nil && strings.TrimSpace(s.Output) == "" && s.Exit != 0 && d.o.OwnSSH != nil:
		d.stage(report.StageSession, report.StatusUnknown, s.Ms, "a session was granted; something else than the test command ran and ended with %d", s.Exit)
		d.incomplete("session", "something else than the test command ran, without a word (a forced command, or a shell that ends at once); a shell was not asked for")
		return
	case sh == nil || !sh.Ended:
		d.stage(report.StageSession, report.StatusOK, s.Ms, "a session was granted; something else than the test command ran (a forced command or a restricted shell) and ended with %d", s.Exit)
		return
	}
	evidence = append(evidence, report.Evidence{Source: "session: shell", Excerpt: strings.TrimSpace(fmt.Sprintf("exit %d\n%s", sh.Exit, sh.Output))})
	look := advice("Look on the server at the account's shell, at ForceCommand, at command= in authorized_keys, and at what the shell reads when it starts.",
		onServer("getent passwd "+shquote.Operand(d.o.Login.User)), onServer("sudo sshd -T -C user="+shquote.Word(d.o.Login.User)+" | grep -i forcecommand"))
	said := FirstLine(sh.Output)
	if said == "" {
		d.stage(report.StageSession, report.StatusFailed, s.Ms, "the session ends at once, with %d", sh.Exit)
		d.find("session-refused", report.Confirmed,
			fmt.Sprintf("%s logs %s in, and the session ends at once with exit status %d and without a word: the account's shell refuses (as /bin/false does), a forced command ends, or a start-up file of the shell ends it.",
				d.host, d.o.Login.User, sh.Exit), evidence, look)
		return
	}
	if cannotRun(sh.Exit, said) {
		d.stage(report.StageSession, report.StatusFailed, s.Ms, "what the server runs in place of a shell cannot be run: %s", said)
		d.find("session-refused", report.Likely,
			fmt.Sprintf("%s logs %s in, and what it runs there cannot be run: %q.", d.host, d.o.Login.User, said), evidence, look)
		return
	}
	d.stage(report.StageSession, report.StatusOK, s.Ms, "no shell: a program of the server's choice runs and ends with %d", sh.Exit)
	d.find("session-refused", report.Likely,
		fmt.Sprintf("%s logs %s in and gives no shell: a program of the server's choice runs instead, says %q and ends.", d.host, d.o.Login.User, said), evidence, look)
	d.lowerImpact(report.Degrading)
	if sh.Exit == 0 || expectedUser(d.host) != "" {
		d.lowerImpact(report.Note) // it did what it is there for
	}
}

// SaysNoSession reports whether what a session printed says that there is none
// (nologin(8) and pam_nologin).
func SaysNoSession(output string) bool {
	return strings.Contains(output, "This account is currently not available") || strings.Contains(output, "System is going down") ||
		strings.Contains(output, "account is not available")
}

// allWell is the headline of a walk without a fault.
func (d *diagnosis) allWell() string {
	target := fmt.Sprintf("%s port %d", d.host, d.r.Target.Port)
	switch {
	case d.o.Login != nil && d.o.Login.OK:
		return fmt.Sprintf("All is well: %s can log in to %s %s.", d.o.Login.User, target, d.with())
	case d.o.HostKey != nil && d.o.HostKey.Type != "":
		return fmt.Sprintf("An SSH server answers at %s, and its host key (%s) is no obstacle; no login was tried.", target, d.o.HostKey.Fingerprint)
	default:
		return fmt.Sprintf("An SSH server answers at %s and agrees on how to talk; no login was tried.", target)
	}
}
