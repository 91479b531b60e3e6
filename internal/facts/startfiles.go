package facts

import (
	"path"
	"slices"
	"strings"

	"sshwhy/internal/evidence"
)

// StartFiles are what the shell and sshd read and run at a login before the visitor
// has a say: the shell's start files, ~/.ssh/rc and /etc/ssh/sshrc (sshd(8), LOGIN
// PROCESS, SSHRC). They are read, never run; what belongs to the user, as the user.
type StartFiles struct {
	Shell []StartFile // of the shell, in its order
	RC    *StartFile  // the one that sshd runs with /bin/sh; nil where there is none
}

// StartFile is one of them.
type StartFile struct {
	Path  string
	Read  Origin
	Ender *Ender // the first command that every login comes to and that ends it, or never ends
	Every bool   // it is read for a command, too, and not only for a login at a terminal
}

// Ender is a command at the top level of a start file after which there is no session.
type Ender struct {
	Kind    EndKind
	Program RunProgram // what exec puts in the place of the shell
	Tried   []RunProgram
	Quote   Quote
}

// EndKind is how a command ends a session.
type EndKind string

// The ways in which a start file ends a session.
const (
	Exits  EndKind = "exit"
	Execs  EndKind = "exec"
	Sleeps EndKind = "sleep"
)

// startFileSize bounds how much of one is read.
const startFileSize = 64 << 10

// startFiles says which files a shell reads (bash(1), zsh(1), csh(1), dash(1),
// fish(1)): at a login, and for each command over SSH. Debian and Fedora build bash
// so that it reads ~/.bashrc for commands over SSH.
var startFiles = map[string]struct{ every, login []string }{
	"bash":  {[]string{"/etc/bash.bashrc", "~/.bashrc"}, []string{"/etc/profile", "~/.bash_profile", "~/.bash_login", "~/.profile"}},
	"rbash": {[]string{"/etc/bash.bashrc", "~/.bashrc"}, []string{"/etc/profile", "~/.bash_profile", "~/.bash_login", "~/.profile"}},
	"sh":    {nil, []string{"/etc/profile", "~/.profile"}},
	"dash":  {nil, []string{"/etc/profile", "~/.profile"}},
	"ash":   {nil, []string{"/etc/profile", "~/.profile"}},
	"ksh":   {nil, []string{"/etc/profile", "~/.profile"}},
	"zsh":   {[]string{"/etc/zshenv", "/etc/zsh/zshenv", "~/.zshenv"}, []string{"/etc/zsh/zprofile", "~/.zprofile", "/etc/zsh/zshrc", "~/.zshrc", "~/.zlogin"}},
	"fish":  {[]string{"~/.config/fish/config.fish"}, nil},
	"csh":   {[]string{"/etc/csh.cshrc", "~/.cshrc"}, []string{"/etc/csh.login", "~/.login"}},
	"tcsh":  {[]string{"/etc/csh.cshrc", "~/.tcshrc", "~/.cshrc"}, []string{"/etc/csh.login", "~/.login"}},
}

const systemRC = "/etc/ssh/sshrc"

// startItem is the file as it is read: in the home as the user.
func startItem(a Account, name string) (evidence.Item, string) {
	if rest, ok := strings.CutPrefix(name, "~/"); ok {
		p := path.Join(a.Home, rest)
		return evidence.File(p).AtMost(startFileSize).AsUser(a.Rights), p
	}
	return evidence.File(name).AtMost(startFileSize), name
}

func wantStartFiles(b *evidence.Bundle, ask Ask) []evidence.Item {
	a := parseAccount(b, ask)
	if !a.Origin.Known() || a.Rights == nil || !path.IsAbs(a.Home) {
		return nil
	}
	var items []evidence.Item
	files := startFiles[path.Base(a.Shell)]
	for _, name := range slices.Concat(files.every, files.login, []string{"~/.ssh/rc", systemRC}) {
		it, _ := startItem(a, name)
		items = append(items, it)
	}
	c := &programReader{b: b, u: a.Rights}
	readStartFiles(b, a, c)
	return append(items, c.want...)
}

func parseStartFiles(b *evidence.Bundle, ask Ask) StartFiles {
	a := parseAccount(b, ask)
	if !a.Origin.Known() || a.Rights == nil || !path.IsAbs(a.Home) {
		return StartFiles{}
	}
	return readStartFiles(b, a, &programReader{b: b, u: a.Rights})
}

func readStartFiles(b *evidence.Bundle, a Account, c *programReader) StartFiles {
	var out StartFiles
	files := startFiles[path.Base(a.Shell)]
	personal := false // of ~/.bash_profile, ~/.bash_login and ~/.profile the first that is there counts
	for _, name := range files.every {
		if f, ok := readStartFile(b, a, c, name); ok {
			f.Every = true
			out.Shell = append(out.Shell, f)
		}
	}
	for _, name := range files.login {
		alone := strings.HasPrefix(name, "~/.bash_") || name == "~/.profile"
		if f, ok := readStartFile(b, a, c, name); ok && !(alone && personal) {
			out.Shell, personal = append(out.Shell, f), personal || alone
		}
	}
	for _, name := range []string{"~/.ssh/rc", systemRC} {
		if f, ok := readStartFile(b, a, c, name); ok && out.RC == nil {
			f.Every = true
			out.RC = &f
		}
	}
	return out
}

func readStartFile(b *evidence.Bundle, a Account, c *programReader, name string) (StartFile, bool) {
	it, p := startItem(a, name)
	r := b.Get(it)
	f := StartFile{Path: p, Read: originOf(it, r)}
	if !r.OK() { // whoever may not read it does not run it
		return f, false
	}
	if r.OK() && !r.Truncated && !strings.HasSuffix(name, "csh") && !strings.HasSuffix(name, ".fish") && !strings.Contains(name, "csh") {
		f.Ender = c.ender(p, string(r.Data), a)
	}
	return f, true
}

// longSleep is how many seconds of sleep count as never ending: longer than any
// client waits.
const longSleep = 300

// ender finds the first command at the top level that ends the shell, as far as
// that stands there plainly; nil where there is none, or the text is not understood.
func (c *programReader) ender(file, text string, a Account) *Ender {
	for _, cmd := range topCommands(text) {
		e := &Ender{Quote: Quote{Source: file, Line: cmd.line, Text: clip(strings.Join(cmd.words, " "))}}
		switch cmd.words[0] {
		case "return":
			return nil
		case "exit", "logout":
			e.Kind = Exits
			return e
		case "sleep":
			if len(cmd.words) == 2 && slices.Contains([]string{"infinity", "inf"}, cmd.words[1]) || len(cmd.words) == 2 && plainNumber(cmd.words[1]) >= longSleep {
				e.Kind = Sleeps
				return e
			}
		case "exec":
			if len(cmd.words) < 2 || strings.ContainsAny(cmd.words[1], "<>$`\"'*?-=\\") {
				continue
			}
			e.Kind = Execs
			word := cmd.words[1]
			switch {
			case path.IsAbs(word):
				e.Tried = []RunProgram{c.program(word, false)}
			case !strings.Contains(word, "/"):
				for _, dir := range c.directories(a) {
					e.Tried = append(e.Tried, c.program(path.Join(dir, word), false))
				}
			default:
				continue
			}
			return e
		}
	}
	return nil
}

func plainNumber(s string) int {
	n := 0
	for _, c := range s {
		if c < '0' || c > '9' || n > 1<<30 {
			return 0
		}
		n = 10*n + int(c-'0')
	}
	return n
}
