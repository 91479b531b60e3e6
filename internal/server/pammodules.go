package server

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"sshwhy/internal/facts"
)

// passing are modules that turn nobody away (their manual pages, RETURN VALUES),
// or only where the machine itself is in a state that other checks look for.
var passing = [...]string{
	"pam_permit.so", "pam_env.so", "pam_motd.so", "pam_mail.so", "pam_lastlog.so", "pam_lastlog2.so", "pam_umask.so", "pam_mkhomedir.so",
	"pam_oddjob_mkhomedir.so", "pam_systemd.so", "pam_elogind.so", "pam_loginuid.so", "pam_keyinit.so", "pam_selinux.so", "pam_xauth.so",
	"pam_cap.so", "pam_faildelay.so", "pam_warn.so", "pam_echo.so", "pam_issue.so", "pam_tty_audit.so", "pam_group.so", "pam_rootok.so",
	"pam_gnome_keyring.so", "pam_kwallet5.so", "pam_fprintd.so", "pam_unix.so", "pam_faillock.so", "pam_canonicalize_user.so", "pam_openrc.so",
}

// pamModules are the modules that may turn somebody away, and whose rules are read.
var pamModules = map[string]func(*view, *facts.PAMEntry) moduleSays{
	"pam_deny.so": func(*view, *facts.PAMEntry) moduleSays {
		return refuses("it lets nobody in", "Look at the rules before it: one of them is to let the account in.")
	},
	"pam_nologin.so":    (*view).asksNologin,
	"pam_access.so":     (*view).asksAccess,
	"pam_listfile.so":   (*view).asksListfile,
	"pam_time.so":       (*view).asksTime,
	"pam_succeed_if.so": (*view).asksSucceedIf,
	"pam_shells.so":     (*view).asksShells,
	"pam_localuser.so":  (*view).asksLocal,
	"pam_usertype.so":   (*view).asksUsertype,
	"pam_limits.so":     (*view).asksLimits,
	"pam_exec.so":       (*view).asksExec,
	"pam_sss.so":        (*view).asksDirectory,
	"pam_ldap.so":       (*view).asksDirectory,
	"pam_winbind.so":    (*view).asksDirectory,
	"pam_krb5.so":       (*view).asksDirectory,
	"pam_namespace.so":  func(v *view, _ *facts.PAMEntry) moduleSays { return emptyFile(v.PAM.Namespaces) },
	"pam_sepermit.so": func(v *view, _ *facts.PAMEntry) moduleSays {
		if !v.SELinux.Enforcing {
			return says("ignore")
		}
		return emptyFile(v.PAM.Contexts)
	},
	"pam_securetty.so": func(v *view, _ *facts.PAMEntry) moduleSays {
		if v.Account.UID != 0 {
			return says("success")
		}
		return unasked("whether /etc/securetty lets root in over SSH was not looked at")
	},
}

// emptyFile: a module that does nothing without a line in its file.
func emptyFile(lines []facts.PAMLine) moduleSays {
	if len(lines) == 0 {
		return says("ignore")
	}
	return unasked(fmt.Sprintf("what line %d of %s means is not worked out", lines[0].Quote.Line, lines[0].Quote.Source))
}

func (v *view) asksNologin(e *facts.PAMEntry) moduleSays {
	if e.Arg("file") != "" {
		return unasked("whether " + e.Arg("file") + " exists was not looked at")
	}
	if len(v.Access.NoLogin) > 0 && v.Account.UID != 0 {
		return refuses(v.Access.NoLogin[0].Path+" exists", "Remove the file.")
	}
	return says("ignore")
}

func (v *view) asksShells(*facts.PAMEntry) moduleSays {
	if !v.PAM.Shells.OK() {
		return unasked("/etc/shells could not be read")
	}
	for line := range strings.Lines(string(v.PAM.Shells.Data)) {
		if text, _, _ := strings.Cut(line, "#"); strings.TrimSpace(text) == v.Account.Shell {
			return says("success")
		}
	}
	return refuses(fmt.Sprintf("/etc/shells does not name the login shell %s", v.Account.Shell), "Add the shell to /etc/shells, or give the account one that stands there.", v.Account.Line)
}

func (v *view) asksLocal(e *facts.PAMEntry) moduleSays {
	switch local := v.PAM.Local; {
	case e.Arg("file") != "" || local.Unseen():
		return unasked("whether the account is one of its file was not looked at")
	case local.Known():
		return says("success")
	}
	return refuses("the account does not stand in /etc/passwd", "Let a rule for accounts of the directory come before it.", v.Account.Line)
}

// leastUser is the lowest number of an account of a person where login.defs says
// nothing else (login.defs(5), UID_MIN).
const leastUser = 1000

func (v *view) asksUsertype(e *facts.PAMEntry) moduleSays {
	system := v.Account.UID < leastUser
	if slices.Contains(e.Args, "issystem") == system && slices.Contains(e.Args, "isregular") != system {
		return says("success")
	}
	return refuses(fmt.Sprintf("the account's number is %d", v.Account.UID), "See whom the rule is to let in.", v.Account.Line)
}

// asksDirectory: modules of directory services know no local account.
func (v *view) asksDirectory(e *facts.PAMEntry) moduleSays {
	switch {
	case e.Phase == "session":
		return says("ignore")
	case v.PAM.Local.Known():
		m := refuses("it does not know the account, which is one of this machine's own", "Let the rule ignore accounts that it does not know (user_unknown=ignore).", v.Account.Line)
		m.answers = []string{"user_unknown"}
		return m
	}
	return unasked("it asks a directory, which decides by rules of its own")
}

func (v *view) asksExec(e *facts.PAMEntry) moduleSays {
	switch file, r := v.PAM.Program(*e); {
	case file == "" || r.OK() && r.Meta != nil && r.Meta.Mode&0o111 != 0:
		return unasked("it runs a program, which was not run for this")
	case r.OK():
		return refuses(fmt.Sprintf("it is to run %s, which is not executable", file), "Make the program executable.", facts.MetaQuote(file, *r.Meta))
	case r.Status == "absent":
		return refuses(fmt.Sprintf("it is to run %s, which does not exist", file), "Put the program back, or take the line out.", facts.Quote{Source: "stat " + file, Text: "No such file or directory"})
	default:
		return unasked("it runs " + file + ", which could not be looked at")
	}
}

// asksLimits: of the limits only maxlogins and maxsyslogins turn anybody away; of
// several lines the most particular counts, and of these the last (limits.conf(5)).
func (v *view) asksLimits(*facts.PAMEntry) moduleSays {
	best, rank := facts.PAMLine{}, 0
	for _, l := range v.PAM.Limits {
		if len(l.Fields) < 4 || l.Fields[2] != "maxlogins" && l.Fields[2] != "maxsyslogins" || l.Fields[1] == "soft" {
			continue
		}
		if n := v.limitRank(l.Fields[0]); n > 0 && n >= rank {
			best, rank = l, n
		}
	}
	switch {
	case rank == 0 || best.Fields[3] == "unlimited" || best.Fields[3] == "-1" || best.Fields[3] == "-":
		return says("success")
	case best.Fields[3] == "0":
		return refuses(fmt.Sprintf("line %d of %s allows no login at all", best.Quote.Line, best.Quote.Source), "Raise the limit, or take the line out.", best.Quote)
	}
	return unasked(fmt.Sprintf("line %d of %s allows %s logins at once, which were not counted", best.Quote.Line, best.Quote.Source, best.Fields[3]))
}

// limitRank says how particularly a domain of limits.conf names the account; 0: not
// at all. Patterns and groups do not mean root.
func (v *view) limitRank(domain string) int {
	a := v.Account
	group, isGroup := strings.CutPrefix(domain, "@")
	percent, isPercent := strings.CutPrefix(domain, "%")
	low, high, isRange := strings.Cut(domain, ":")
	switch {
	case domain == a.Name:
		return 4
	case isRange && !isGroup && !isPercent:
		from, err := strconv.Atoi(low)
		to, err2 := strconv.Atoi(high)
		if (err == nil || low == "") && (err2 == nil || high == "") && a.UID >= from && (high == "" || a.UID <= to) {
			return 3
		}
	case a.UID == 0:
	case isGroup && slices.Contains(a.Groups, group), isPercent && percent != "" && slices.Contains(a.Groups, percent):
		return 2
	case domain == "*", domain == "%":
		return 1
	}
	return 0
}
