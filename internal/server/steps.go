package server

import (
	"fmt"
	"strings"

	"sshwhy/internal/evidence"
	"sshwhy/internal/facts"
	"sshwhy/internal/report"
	"sshwhy/internal/shquote"
)

// What a step of a remedy is made of: the command for a person, and the same act
// as data for the driver of fixes.

func checkConfigStep(v *view) report.Step {
	s := do(shquote.Word(v.sshd())+" -t", "")
	if v.Privsep.Dir.Status == evidence.Absent {
		// It went with the stopped unit (RuntimeDirectory=), and sshd -t complains of it before it says that all is well.
		s.Do = "mkdir -p -m 755 " + v.Privsep.Path + " && " + s.Do
	}
	s.Act = &report.Action{Kind: report.ActCommand, Argv: []string{v.sshd(), "-t"}}
	return s
}

// do is a command on the server and the one that takes it back.
func do(command, undo string) report.Step {
	return report.Step{Do: command, Undo: undo, Where: report.OnServer}
}

// known is a step done by a program whose inverse is known.
func known(command, undo []string, path string) report.Step {
	s := do(shquote.Join(command), shquote.Join(undo))
	s.Act = &report.Action{Kind: report.ActCommand, Argv: command, Inverse: undo, Path: path}
	return s
}

// chmod sets a file's permission bits.
func chmod(path string, mode, before uint32) report.Step {
	s := do(fmt.Sprintf("chmod %04o %s", mode, shquote.Word(path)), fmt.Sprintf("chmod %04o %s", before, shquote.Word(path)))
	s.Act = &report.Action{Kind: report.ActMode, Path: path, Mode: mode}
	return s
}

// commentOut takes one line of the configuration out of force.
func commentOut(d facts.Directive) report.Step { return commentLine(d.Quote, report.CheckSSHD) }

// commentLine puts a comment sign before a line of a file.
func commentLine(q facts.Quote, checker report.Checker) report.Step {
	file := shquote.Word(q.Source)
	s := do(fmt.Sprintf("sed -i '%d s/^/# /' %s", q.Line, file), fmt.Sprintf("sed -i '%d s/^# //' %s", q.Line, file))
	s.Act = &report.Action{
		Kind: report.ActEdit, Path: q.Source, Check: checker,
		Edits: []report.LineEdit{{Line: q.Line, Old: q.Text, Op: report.LineComment}},
	}
	return s
}

// replaceLine puts another line in the place of a directive.
func replaceLine(d facts.Directive, with string) report.Step {
	sed := func(text string) string {
		return fmt.Sprintf("sed -i %s %s", shquote.Word(fmt.Sprintf("%d c %s", d.Quote.Line, sedText(text))), shquote.Word(d.Quote.Source))
	}
	s := do(sed(with), sed(d.Quote.Text))
	s.Act = &report.Action{Kind: report.ActEdit, Path: d.Quote.Source, Check: report.CheckSSHD,
		Edits: []report.LineEdit{{Line: d.Quote.Line, Old: d.Quote.Text, Op: report.LineReplace, New: with}}}
	return s
}

// lineAfter puts a line behind a directive's.
func lineAfter(d facts.Directive, text string) report.Step {
	file := shquote.Word(d.Quote.Source)
	s := do(fmt.Sprintf("sed -i %s %s", shquote.Word(fmt.Sprintf("%d a %s", d.Quote.Line, text)), file), fmt.Sprintf("sed -i %dd %s", d.Quote.Line+1, file))
	s.Act = &report.Action{Kind: report.ActEdit, Path: d.Quote.Source, Check: report.CheckSSHD,
		Edits: []report.LineEdit{{Line: d.Quote.Line, Old: d.Quote.Text, Op: report.LineAfter, New: text}}}
	return s
}

// sedText is a line as the text of sed's command c, which takes backslashes and
// leading blanks for its own (sed(1)).
func sedText(line string) string {
	return strings.ReplaceAll(line, `\`, `\\`)
}

// unit is one act of systemctl.
func unit(verb report.UnitVerb, name string) report.Step {
	s := do("systemctl "+string(verb)+" "+shquote.Operand(name), "")
	s.Act = &report.Action{Kind: report.ActUnit, Unit: name, Verb: verb}
	if back := opposite(verb); back != "" {
		s.Undo = "systemctl " + back + " " + shquote.Operand(name)
	}
	return s
}

// wanted lets a service that runs start at boot. Enabling it would bring its other names back,
// too, and up to release 258 systemd may then take it for dead while it runs
// (github.com/systemd/systemd/pull/39703): on Debian 13 it does every second time.
func wanted(service string) report.Step {
	s := do("systemctl add-wants multi-user.target "+shquote.Operand(service), "systemctl disable "+shquote.Operand(service))
	s.Act = &report.Action{Kind: report.ActUnit, Unit: service, Verb: report.VerbWant}
	return s
}

// opposite is the verb that takes another back.
func opposite(verb report.UnitVerb) string {
	switch verb {
	case report.VerbStart:
		return "stop"
	case report.VerbEnable:
		return "disable"
	case report.VerbUnmask:
		return "mask"
	}
	return ""
}

// daemonReload makes systemd read its unit files again.
func daemonReload() report.Step {
	s := do("systemctl daemon-reload", "")
	s.Act = &report.Action{Kind: report.ActUnit, Verb: report.VerbDaemonReload}
	return s
}
