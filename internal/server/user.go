package server

import (
	"fmt"
	"slices"
	"strings"

	"sshwhy/internal/facts"
	"sshwhy/internal/report"
	"sshwhy/internal/shquote"
)

// The checks of this file ask whether the account the visitor wants lets them
// in. Without a user asked about they say nothing, but for checkNoLogin.

// known reports whether the account asked about exists and could be read.
func (v *view) known() bool { return v.Account.Origin.Known() }

func checkUser(v *view, p *part) {
	a := v.Account
	switch {
	case a.Name == "" || a.Origin.Known():
	case absent(a.Origin):
		f := p.found("user-unknown", report.Blocking, "There is no account %q on this machine.", a.Name)
		quote(f, facts.Quote{Source: a.Origin.Source, Text: "(no such user)"})
		if a.Origin.Source == "getent passwd" {
			mend(f, "Log in with a name that exists.")
			return
		}
		mend(f, "Log in with a name that exists, or make the account.", do("adduser "+shquote.Operand(a.Name), "deluser "+shquote.Operand(a.Name)))
	default:
		p.cannot("account "+a.Name, a.Origin.Reason)
	}
	// Without Match blocks the settings are the same for everyone.
	general := v.Effective.Origin.Known() && v.Config.Complete() && len(v.Config.All("Match")) == 0
	if e := v.Effective; a.Name != "" && v.Program.Sshd.Origin.Known() && !e.Visitor.Known() && !general {
		p.cannot("settings for "+a.Name, "sshd could not say what its configuration means for this visitor: "+e.Visitor.Reason)
	}
}

func checkNoLogin(v *view, p *part) {
	if v.known() && v.Account.UID == 0 {
		return
	}
	if len(v.Access.NoLogin) > 0 && !v.nologinIgnored() {
		n := v.Access.NoLogin[0]
		f := p.found("nologin-file", report.Blocking, "The file %s keeps everyone but root from logging in.", n.Path)
		quote(f, n.Text)
		if n.Text.Text == "" {
			quote(f, facts.Quote{Source: "stat " + n.Path, Text: "exists"})
		}
		rm := do("rm "+shquote.Operand(n.Path), "touch "+shquote.Operand(n.Path))
		rm.Act = &report.Action{Kind: report.ActRemove, Path: n.Path, Opens: "every account, not only root"}
		mend(f, "Remove the file, once whatever it announces is over (systemd makes /run/nologin while it boots or goes down).", rm)
	}
}

// nologinIgnored reports whether PAM lets the account in without minding the file:
// with UsePAM sshd itself does not look for it (session.c, do_nologin).
func (v *view) nologinIgnored() bool {
	if !v.known() || !strings.EqualFold(v.Effective.Value("usepam"), "yes") || v.PAM.Origin.Unseen() || len(v.PAM.Lost) > 0 || v.PAM.Abort.Text != "" {
		return false
	}
	account, _ := v.pamVerdict("account")
	session, _ := v.pamVerdict("session")
	return account == yes && session == yes
}

func checkRootLogin(v *view, p *part) {
	if !v.known() || v.Account.UID != 0 {
		return
	}
	var impact report.Impact
	var words string
	switch v.Effective.Value("permitrootlogin") {
	case "no":
		impact, words = report.Blocking, "PermitRootLogin is no: root may not log in by SSH at all."
	case "without-password", "prohibit-password":
		if impact = report.Note; v.keyWay() == no {
			impact = report.Blocking
		}
		words = "PermitRootLogin lets root in with a key only, not with a password."
	case "forced-commands-only":
		if impact = report.Note; v.keyWay() == no {
			return // the key says why: keyRefused
		}
		words = "PermitRootLogin lets root run forced commands only, with a key that carries one."
	default:
		return
	}
	f := p.found("root-login-disabled", impact, "%s", words)
	quote(f, v.Effective.Quote("permitrootlogin")...)
	v.quoteSetting(f, "PermitRootLogin")
	if v.Effective.Value("permitrootlogin") == "no" && v.hasKeys() {
		v.admitBySetting(f, "PermitRootLogin", "prohibit-password", "with a key")
		return
	}
	advise(f, "Log in as another user and use sudo, or put a key into root's authorized_keys and set PermitRootLogin prohibit-password.")
}

func first(words []string) string {
	if len(words) == 0 {
		return ""
	}
	return words[0]
}

func checkAccountState(v *view, p *part) {
	a := v.Account
	if !v.known() {
		return
	}
	if a.StateBy.Unseen() {
		p.cannot("state of the account "+a.Name, unseenReason(v, a.StateBy))
	}
	now := v.taken
	if !a.Expires.IsZero() && now >= a.Expires.Unix() {
		f := p.found("account-locked", report.Blocking, "The account %s expired on %s.", a.Name, a.Expires.Format("2006-01-02"))
		quote(f, a.ExpiryLines...)
		step := do("chage -E -1 "+shquote.Operand(a.Name), "chage -E "+a.Expires.Format("2006-01-02")+" "+shquote.Operand(a.Name))
		step.Act = &report.Action{Kind: report.ActCommand, Argv: []string{"chage", "-E", "-1", a.Name},
			Inverse: []string{"chage", "-E", a.Expires.Format("2006-01-02"), a.Name}, Opens: a.Name}
		mend(f, "Take the expiry date off the account.", step)
		return
	}
	if a.MustChange || !a.PasswordExpires.IsZero() && now >= a.PasswordExpires.Unix() {
		f := p.found("password-expired", report.Blocking, "The password of %s has expired: it must be changed at the next login, which a script or a file copy cannot do.", a.Name)
		quote(f, a.ExpiryLines...)
		quote(f, a.State)
		mend(f, "Set a new password.", do("passwd "+shquote.Operand(a.Name), ""))
	}
	v.lockedPassword(p)
}

// lockedPassword: with PAM a locked password only means that no password works;
// without it sshd refuses the account altogether (auth.c, allowed_user).
func (v *view) lockedPassword(p *part) {
	a := v.Account
	if a.Password != facts.PasswordLocked || strings.EqualFold(v.Effective.Value("usepam"), "yes") || a.Mark != "" && a.Mark != "!" {
		return
	}
	f := p.found("account-locked", report.Blocking, "The account %s is locked, and without PAM sshd lets no locked account in, not even with a key.", a.Name)
	quote(f, a.State)
	quote(f, v.Effective.Quote("usepam")...)
	quote(f, a.MarkBy)
	if a.Mark == "" {
		f.Certainty = report.Likely // passwd -S says L for "*", too, which sshd accepts
	}
	if a.Mark != "!" || !v.hasKeys() {
		advise(f, "Unlock the account, or set UsePAM yes.", do("passwd -u "+shquote.Operand(a.Name), "passwd -l "+shquote.Operand(a.Name)))
		return
	}
	// "*" is no password either, and no lock to sshd: keys are taken again, and nothing else.
	star := do("usermod -p '*' "+shquote.Operand(a.Name), "passwd -l "+shquote.Operand(a.Name))
	star.Act = &report.Action{Kind: report.ActCommand, Argv: []string{"usermod", "-p", "*", a.Name},
		Inverse: []string{"passwd", "-l", a.Name}, Opens: a.Name + ", with a key and with no password, from every address"}
	mend(f, "Let keys in again, and no password.", star)
}

func checkShell(v *view, p *part) {
	a := v.Account
	if !v.known() {
		return
	}
	var words string
	switch file := a.ShellFile; {
	case v.sftpAlone() && v.chrooted(), v.chrooted() && !lastWord(a.Shell, "nologin", "false"):
		return // sshd asks for no shell outside: checkLoginShell looks inside
	case absent(file.Origin):
		words = fmt.Sprintf("The login shell of %s, %s, does not exist.", a.Name, a.Shell)
	case file.Origin.Known() && file.Meta.Type == "file" && file.Meta.Mode&0o111 == 0:
		words = fmt.Sprintf("The login shell of %s, %s, is not executable.", a.Name, a.Shell)
	case v.sftpAlone():
		return // sshd serves it itself, and runs no shell
	case lastWord(a.Shell, "nologin", "false"):
		words = fmt.Sprintf("The login shell of %s is %s, which ends every session at once.", a.Name, a.Shell)
	default:
		return
	}
	f := p.found("shell-invalid", report.Blocking, "%s", words)
	quote(f, a.Line)
	if a.ShellFile.Origin.Known() {
		quote(f, facts.MetaQuote(a.Shell, a.ShellFile.Meta))
	}
	mend(f, "Give the account a shell, if a person is to log in.", do("chsh -s /bin/bash "+shquote.Operand(a.Name), "chsh -s "+shquote.Word(a.Shell)+" "+shquote.Operand(a.Name)))
}

// lastWord reports whether a path ends in one of the names.
func lastWord(file string, names ...string) bool {
	return slices.Contains(names, file[strings.LastIndexByte(file, '/')+1:])
}

func checkHome(v *view, p *part) {
	a := v.Account
	if !v.known() || !absent(a.HomeDir.Origin) {
		return
	}
	impact, means := report.Blocking, "and with it no authorized_keys"
	if v.otherKeySource() || v.keysByFile() == yes {
		impact, means = report.Degrading, "so that sessions begin in the root directory"
	}
	f := p.found("home-missing", impact, "The home directory of %s, %s, does not exist, %s.", a.Name, a.Home, means)
	quote(f, a.Line, facts.Quote{Source: "stat " + a.Home, Text: "No such file or directory"})
	mend(f, "Make the home directory.", do("mkhomedir_helper "+shquote.Operand(a.Name), "rmdir "+shquote.Word(a.Home)))
}

func checkChroot(v *view, p *part) {
	if !v.known() {
		return
	}
	for i, dir := range slices.Backward(v.Access.Chroot) { // the way to each is root's before it is mended
		var words string
		switch {
		case absent(dir.Origin) && i == 0:
			words = fmt.Sprintf("ChrootDirectory %s does not exist.", dir.Path)
		case dir.Origin.Known() && (dir.Meta.UID != 0 || dir.Meta.Mode&0o022 != 0):
			words = fmt.Sprintf("ChrootDirectory: %s must belong to root and be writable for root only (uid %d, mode %04o); sshd ends the session.", dir.Path, dir.Meta.UID, dir.Meta.Mode)
		default:
			continue
		}
		f := p.found("chroot-permissions", report.Blocking, "%s", words)
		quote(f, dir.Quote())
		quote(f, v.Effective.Quote("chrootdirectory")...)
		v.quoteSetting(f, "ChrootDirectory")
		if everybodys(dir.Meta) {
			advise(f, fmt.Sprintf("Others are to write to %s, so leave it as it is: let ChrootDirectory name a directory to which only root writes, all the way down.", dir.Path))
			return
		}
		mend(f, "Let root own it, without write permission for others; give the user a directory of their own inside.",
			do(fmt.Sprintf("chown -h root:root %s && chmod go-w %s", shquote.Word(dir.Path), shquote.Word(dir.Path)), ""))
		return
	}
}
