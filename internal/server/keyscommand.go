package server

import (
	"fmt"

	"sshwhy/internal/report"
	"sshwhy/internal/shquote"
)

// commandFault is what keeps sshd from running AuthorizedKeysCommand: it is not
// there, or it or a directory above it is not root's alone.
func (v *view) commandFault() *fault {
	for i, h := range v.Access.Command {
		switch {
		case i == 0 && absent(h.Origin):
			return &fault{h, false}
		case h.Origin.Known() && h.Meta.UID != 0:
			return &fault{h, true}
		case h.Origin.Known() && h.Meta.Mode&0o022 != 0:
			return &fault{h, false}
		}
	}
	return nil
}

func (v *view) commandFailed(p *part, fl *fault) {
	command, path, m := v.Access.Command[0].Path, fl.at.Path, fl.at.Meta
	words := fmt.Sprintf("%s can be written by others (mode %04o)", path, m.Mode)
	step := chmod(path, m.Mode&^0o022, m.Mode)
	switch {
	case absent(fl.at.Origin):
		words = path + " does not exist"
		step = report.Step{}
	case fl.owner:
		words = fmt.Sprintf("%s belongs to uid %d, not to root", path, m.UID)
		step = do("chown -h root "+shquote.Word(path), fmt.Sprintf("chown -h %d %s", m.UID, shquote.Word(path)))
	}
	step.Act = nil
	f := p.found("authorized-keys-command-failed", report.Blocking, "sshd does not run AuthorizedKeysCommand %s, because %s.", command, words)
	quote(f, fl.at.Quote())
	quote(f, v.Effective.Quote("authorizedkeyscommand")...)
	quoteEntries(f, v.Journal.Last(1, "Unsafe AuthorizedKeysCommand", "AuthorizedKeysCommand"))
	if everybodys(m) {
		advise(f, fmt.Sprintf("Others are to write to %s, so leave it as it is: read the program, put it where only root writes, and let AuthorizedKeysCommand name that place.", path))
		return
	}
	if step.Do == "" {
		advise(f, "Put the program back, or take AuthorizedKeysCommand out of the configuration.")
		return
	}
	advise(f, "Read the program first: whoever could write to it decides who gets in. If it is right, give it to root alone.", step)
}
