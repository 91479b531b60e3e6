package server

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"sshwhy/internal/evidence"
	"sshwhy/internal/facts"
	"sshwhy/internal/report"
)

// What is run at a login before the user has a say: the shell, a forced command, the
// start files. All of it is read and none of it run, so that what these programs do
// is not said to be fine, only that they can be started.

// sftpAlone reports whether sshd itself serves the session (ForceCommand
// internal-sftp), so that no shell is needed.
func (v *view) sftpAlone() bool {
	return slices.ContainsFunc(v.Login.Forced, func(f facts.ForcedCommand) bool { return f.SFTP && !f.ByKey })
}

// chrooted reports whether the session is shut into a directory.
func (v *view) chrooted() bool { return len(v.Access.Chroot) > 0 }

// cannotRun is why the kernel does not run a program for the user, "" where nothing
// speaks against it; doubt is what could not be looked at.
func (v *view) cannotRun(r facts.RunProgram) (why string, lines []facts.Quote, doubt string) {
	name := v.Account.Name
	switch {
	case absent(r.Origin):
		return "does not exist", []facts.Quote{{Source: "stat " + r.Final, Text: "No such file or directory"}}, ""
	case denied(r.Origin):
		return fmt.Sprintf("lies behind %s, which %s may not pass (mode %04o)", r.At.Path, name, r.At.Meta.Mode), []facts.Quote{r.At.Quote()}, ""
	case !r.Origin.Known():
		return "", nil, r.Origin.Reason
	}
	meta := facts.MetaQuote(r.Final, r.Meta)
	switch {
	case r.Meta.Type != "file":
		return "is a " + r.Meta.Type + " and no program", []facts.Quote{meta}, ""
	case !v.Account.May(r.Meta, 1):
		return fmt.Sprintf("may not be executed by %s (mode %04o)", name, r.Meta.Mode), []facts.Quote{meta}, ""
	case r.NoExec:
		return "lies on " + r.Mount.Mount + ", which is mounted noexec", []facts.Quote{r.Mount.Option}, ""
	case r.Meta.Size == 0:
		return "is empty", []facts.Quote{meta}, ""
	case r.ELF != nil && r.ELF.Cut:
		return fmt.Sprintf("is cut short at %d bytes", r.Meta.Size), []facts.Quote{meta}, ""
	case r.ELF != nil && r.ELF.Machine != v.Login.Machine && v.Login.Machine != 0 && !sisters(r.ELF.Machine, v.Login.Machine):
		return "is built for another kind of processor", []facts.Quote{meta}, ""
	case len(r.Libraries) > 0:
		library, _, _ := strings.Cut(r.Libraries[0].Text, " ")
		return "lacks the shared library " + library, r.Libraries, ""
	case r.Interpreter != nil && absent(r.Interpreter.Origin):
		return fmt.Sprintf("wants to be run by %q, which does not exist", r.Interpreter.Asked),
			[]facts.Quote{meta, {Source: "stat " + r.Interpreter.Final, Text: "No such file or directory"}}, ""
	case r.Interpreter != nil && r.Interpreter.Origin.Known() && !v.Account.May(r.Interpreter.Meta, 1):
		return fmt.Sprintf("wants to be run by %s, which %s may not execute", r.Interpreter.Asked, name), []facts.Quote{facts.MetaQuote(r.Interpreter.Final, r.Interpreter.Meta)}, ""
	case len(r.Through) > 0 && !slices.ContainsFunc(r.Through, func(t facts.Reached) bool { return !absent(t.Origin) }):
		return fmt.Sprintf("wants to be run by %q, which is in no directory of the path", path.Base(r.Through[0].Asked)), []facts.Quote{meta}, ""
	}
	return "", nil, ""
}

// sisters are machines whose kernel runs each other's programs: x86-64 and i386,
// arm64 and arm (elf(5), e_machine).
func sisters(a, b uint16) bool {
	pairs := [][2]uint16{{62, 3}, {183, 40}, {21, 20}, {22, 22}}
	return slices.Contains(pairs, [2]uint16{a, b}) || slices.Contains(pairs, [2]uint16{b, a})
}

// noFormat: execve(2) takes no text without "#!", though a shell runs it.
func noFormat(r facts.RunProgram) bool {
	return r.Origin.Known() && r.Head.Known() && r.ELF == nil && !r.Script && r.Meta.Size > 0
}

// checkLoginShell asks whether the shell can be run by the user, beyond what sshd
// asks itself before it lets anybody in (checkShell).
func checkLoginShell(v *view, p *part) {
	shell := v.Login.Shell
	if !v.known() || v.sftpAlone() || slices.ContainsFunc(p.findings, func(f report.Finding) bool { return f.Cause == "shell-invalid" }) {
		return
	}
	if root := v.Account.Root; root.Origin.Known() && !v.Account.May(root.Meta, 1) {
		f := p.found("authorized-keys-permissions", report.Blocking, "%s may not pass the root directory (mode %04o), so that sshd finds no key of theirs and no shell runs.", v.Account.Name, root.Meta.Mode)
		quote(f, root.Quote())
		advise(f, "Let everybody pass the root directory again (chmod 755 /).")
		return
	}
	why, lines, doubt := v.cannotRun(shell)
	if why == "" && noFormat(shell) {
		why, lines = "is no program that the kernel can run", []facts.Quote{facts.MetaQuote(shell.Final, shell.Meta)}
	}
	switch {
	case doubt != "":
		p.also("login shell", fmt.Sprintf("could not look at %s as %s: %s", v.Account.Shell, v.Account.Name, doubt))
		return
	case why == "":
		return
	}
	f := p.found("login-environment-broken", report.Blocking, "The login shell of %s, %s, %s: every session ends at once.", v.Account.Name, v.Account.Shell, why)
	if v.chrooted() {
		f.Summary = fmt.Sprintf("The login shell of %s, %s, %s in the directory that the session is shut into, %s: every session ends at once.", v.Account.Name, v.Account.Shell, why, v.Access.Chroot[0].Path)
		quote(f, v.Effective.Quote("chrootdirectory")...)
	}
	quote(f, v.Account.Line)
	quote(f, lines...)
	advise(f, "Mend the shell, or give the account another one.")
}

// checkForcedCommand asks whether what sshd or the key runs in place of the
// visitor's command can be run.
func checkForcedCommand(v *view, p *part) {
	if !v.known() {
		return
	}
	broken := 0
	var last *report.Finding
	for _, c := range v.Login.Forced {
		why, lines, certain := v.forcedFault(p, c)
		if why == "" {
			continue
		}
		broken++
		by := "ForceCommand"
		if c.ByKey {
			by = fmt.Sprintf("The command= of the key in %s line %d", c.Quote.Source, c.Quote.Line)
		}
		f := p.found("forced-command-fails", report.Blocking, "%s %s: %s.", by, why, excerpt(c.Text))
		if !certain {
			f.Certainty = report.Likely
		}
		quote(f, c.Quote)
		if !c.ByKey {
			v.quoteSetting(f, "ForceCommand")
		}
		quote(f, lines...)
		advise(f, "Put the program where the command names it, or correct the command.")
		last = f
	}
	if last != nil && last.Impact == report.Blocking && v.otherKeysFree(broken) {
		last.Impact = report.Degrading // another key comes in without it
	}
}

// otherKeysFree reports whether some key of the account is not bound to one of the
// commands that fail.
func (v *view) otherKeysFree(broken int) bool {
	if len(v.Login.Forced) == 0 || !v.Login.Forced[0].ByKey {
		return false
	}
	if broken < len(v.Login.Forced) {
		return true
	}
	for _, k := range v.Access.Keys {
		for _, key := range k.Held {
			if _, bound := key.Option("command"); !bound {
				return true
			}
		}
	}
	return false
}

// forcedFault is what keeps a forced command from being run.
func (v *view) forcedFault(p *part, c facts.ForcedCommand) (why string, lines []facts.Quote, certain bool) {
	switch {
	case c.SFTP:
		return "", nil, true
	case c.Endings:
		return "ends every session at once", nil, true
	case c.Opaque != "":
		p.also("forced command", fmt.Sprintf("what %q does was not tried: %s", excerpt(c.Text), c.Opaque))
		return "", nil, true
	}
	var doubts []string
	for _, r := range c.Tried {
		var doubt string
		switch why, lines, doubt = v.cannotRun(r); {
		case doubt != "":
			doubts = append(doubts, doubt)
		case why == "":
			return "", nil, true
		}
	}
	if len(doubts) > 0 {
		p.also("forced command", "could not look for the program of "+excerpt(c.Text)+": "+doubts[0])
		return "", nil, false
	}
	if len(c.Tried) > 1 {
		return "names a program that is in none of the directories in which a shell looks", nil, false
	}
	return "names a program that " + why, lines, true
}

// excerpt bounds a command that is shown in a sentence.
func excerpt(s string) string { return evidence.Excerpt(s, 80) }

// checkStartFiles looks for a start file that ends every session.
func checkStartFiles(v *view, p *part) {
	if !v.known() {
		return
	}
	if rc := v.Start.RC; rc != nil && v.Effective.Value("permituserrc") != "no" || rc != nil && rc.Path == "/etc/ssh/sshrc" {
		v.startFile(p, *rc, true)
		if rc.Ender == nil || rc.Ender.Kind != facts.Sleeps {
			p.also("sshrc", "what "+rc.Path+" does was not tried: sshd waits for it at each login")
		}
	}
	if len(v.Login.Forced) > 0 && !v.Login.Forced[0].ByKey { // it is read for a forced command as for any other
		return
	}
	for _, f := range v.Start.Shell {
		if v.startFile(p, f, false) {
			return
		}
	}
}

// startFile tells of a file in which every login comes to an end.
func (v *view) startFile(p *part, s facts.StartFile, rc bool) bool {
	if s.Ender == nil {
		return false
	}
	why := ""
	var lines []facts.Quote
	switch s.Ender.Kind {
	case facts.Exits:
		if rc {
			return false // it ends the rc file alone
		}
		why = "ends every session"
	case facts.Sleeps:
		why = "never ends, so that no session begins"
	case facts.Execs:
		var found bool
		if why, lines, found = v.execFault(s.Ender); !found || rc {
			return false
		}
	}
	impact, whom := report.Blocking, ""
	if !s.Every {
		whom = ", at a login with a terminal"
	}
	f := p.found("login-environment-broken", impact, "Line %d of %s %s%s: %s.", s.Ender.Quote.Line, s.Path, why, whom, excerpt(s.Ender.Quote.Text))
	f.Certainty = report.Likely // it was read, and not run
	quote(f, s.Ender.Quote)
	quote(f, lines...)
	advise(f, "Take the line out, or make it hold only where it is meant to.")
	return true
}

// execFault is what keeps a start file's exec from putting anything in the place of
// the shell, which then ends.
func (v *view) execFault(e *facts.Ender) (why string, lines []facts.Quote, found bool) {
	for _, r := range e.Tried {
		w, l, doubt := v.cannotRun(r)
		if doubt != "" || w == "" {
			return "", nil, false
		}
		why, lines = w, l
	}
	if len(e.Tried) > 1 {
		return "puts a program in the place of the shell that is in no directory of the path", nil, true
	}
	return "puts a program in the place of the shell that " + why, lines, len(e.Tried) > 0
}

// leastLimits are the values of limits.conf below which no session can be started.
var leastLimits = map[string]int{"nproc": 4, "nofile": 10, "as": 20000, "stack": 64, "data": 256, "fsize": 1}

// checkLimits looks for a limit of PAM's under which no shell runs.
func checkLimits(v *view, p *part) {
	if !v.known() || v.Account.UID == 0 {
		return
	}
	for _, l := range v.PAM.Limits {
		if len(l.Fields) < 4 || v.limitRank(l.Fields[0]) == 0 {
			continue
		}
		least, known := leastLimits[l.Fields[2]]
		var n int
		if _, err := fmt.Sscanf(l.Fields[3], "%d", &n); !known || err != nil || n < 0 || n >= least {
			continue
		}
		f := p.found("login-environment-broken", report.Blocking, "Line %d of %s gives %s so little (%s %s) that no session can be started.", l.Quote.Line, l.Quote.Source, v.Account.Name, l.Fields[2], l.Fields[3])
		f.Certainty = report.Likely
		quote(f, l.Quote)
		advise(f, "Raise the limit.")
		return
	}
}
