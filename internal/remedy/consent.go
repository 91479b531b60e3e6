package remedy

import (
	"sshwhy/internal/report"
	"sshwhy/internal/sshconf"
)

// opens says whom an action lets in, where that follows from the action
// itself: whatever the remedy was called, such a step needs the consent of
// --open. "" is nobody new. What an edit of sshd's configuration does follows
// from all of that (effect.go).
func opens(a report.Action) string {
	switch a.Kind {
	case report.ActFirewall:
		if a.Firewall == nil {
			return ""
		}
		// A hole that the running firewall has already and the permanent one
		// lacks lets nobody in who is not let in now.
		if a.Firewall.PermanentOnly {
			return a.Opens
		}
		return orEveryone(a.Firewall.Source)
	case report.ActUnban:
		return a.Source + ", banned until now"
	case report.ActHostsAllow:
		return orEveryone(a.Source)
	case report.ActUnit:
		if a.Verb == report.VerbUnmask {
			return orElse(a.Opens, "whoever the server admits: somebody had masked "+a.Unit)
		}
	}
	return a.Opens
}

func orElse(s, other string) string {
	if s != "" {
		return s
	}
	return other
}

func orEveryone(source string) string {
	if source == "" {
		return "every address"
	}
	return source
}

// forbidden says why an action is never done automatically.
func forbidden(a report.Action) string {
	if a.Kind != report.ActEdit || a.Check != report.CheckSSHD {
		return ""
	}
	for _, e := range a.Edits {
		l, _ := sshconf.ParseLine(e.Old)
		_, known := sshconf.Lookup(sshconf.Server, l.Keyword)
		match := l.Is("Match") || l.Swallowed() == "Match" || !known && sshconf.LooksLike(l.Keyword, "Match")
		if match && (e.Op == report.LineComment || e.Op == report.LineDelete) {
			return "without its Match line, what follows would hold for everyone"
		}
	}
	return ""
}
