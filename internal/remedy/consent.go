package remedy

import (
	"slices"
	"strings"

	"sshwhy/internal/report"
)

// opens says whom an action lets in, where that follows from the action
// itself: whatever the remedy was called, such a step needs the consent of
// --open. "" is nobody new.
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
	case report.ActEdit:
		if a.Check == report.CheckSSHD {
			for _, e := range a.Edits {
				if word := dropped(e); word != "" {
					return orElse(a.Opens, "perhaps those whom "+word+" was to keep out")
				}
			}
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

// restrictive are the sshd_config keywords (sshd_config(5)) whose loss may let
// somebody in. A misspelt one meant the same. Port and ListenAddress are not
// among them: a server that cannot listen where it is told serves nobody, and
// listening elsewhere is what its repair is for.
var restrictive = [...]string{
	"AllowUsers", "DenyUsers", "AllowGroups", "DenyGroups", "PermitRootLogin", "PasswordAuthentication",
	"KbdInteractiveAuthentication", "ChallengeResponseAuthentication", "PubkeyAuthentication",
	"HostbasedAuthentication", "GSSAPIAuthentication", "KerberosAuthentication", "PermitEmptyPasswords",
	"AuthenticationMethods", "ForceCommand", "ChrootDirectory", "MaxAuthTries", "UsePAM",
	"AllowTcpForwarding", "PermitOpen", "PermitTunnel", "RevokedKeys", "TrustedUserCAKeys",
	"AuthorizedKeysFile", "AuthorizedPrincipalsFile", "StrictModes", "RequiredRSASize", "Match",
	"Ciphers", "MACs", "KexAlgorithms", "PubkeyAcceptedAlgorithms", "DisableForwarding", "RefuseConnection",
}

// closedByNo are those of them that "no" makes as strict as they can be.
var closedByNo = [...]string{"PermitRootLogin", "PermitEmptyPasswords", "PasswordAuthentication", "KbdInteractiveAuthentication",
	"ChallengeResponseAuthentication", "PubkeyAuthentication", "HostbasedAuthentication", "GSSAPIAuthentication",
	"KerberosAuthentication", "AllowTcpForwarding", "PermitTunnel"}

// dropped names the restrictive keyword that an edit takes out of an
// sshd_config, or replaces by another keyword. "" is none.
func dropped(e report.LineEdit) string {
	was := keyword(e.Old)
	if was == "" || (e.Op != report.LineComment && e.Op != report.LineDelete && e.Op != report.LineReplace) {
		return ""
	}
	meant := nearest(was)
	if meant == "" {
		return ""
	}
	if e.Op == report.LineReplace && strings.EqualFold(keyword(e.New), meant) &&
		(arguments(e.New) == arguments(e.Old) || arguments(e.New) == "no" && slices.Contains(closedByNo[:], meant)) {
		return "" // the same rule, spelt right, or its strictest form
	}
	return meant
}

// forbidden says why an action is never done automatically.
func forbidden(a report.Action) string {
	if a.Kind != report.ActEdit || a.Check != report.CheckSSHD {
		return ""
	}
	for _, e := range a.Edits {
		if (e.Op == report.LineComment || e.Op == report.LineDelete) && strings.EqualFold(nearest(keyword(e.Old)), "Match") {
			return "without its Match line, what follows would hold for everyone"
		}
	}
	return ""
}

func keyword(line string) string {
	f := strings.FieldsFunc(line, func(r rune) bool { return r == ' ' || r == '\t' || r == '=' || r == '"' })
	if len(f) == 0 || strings.HasPrefix(f[0], "#") {
		return ""
	}
	return f[0]
}

func arguments(line string) string {
	line = strings.TrimLeft(line, " \t\"")
	line = strings.TrimPrefix(line, keyword(line))
	return strings.Join(strings.FieldsFunc(line, func(r rune) bool { return r == ' ' || r == '\t' || r == '=' }), " ")
}

// nearest is the restrictive keyword that a word is, or is a slip of: at most
// two letters wrong, fewer in a short word.
func nearest(word string) string {
	best, at := "", 3
	for _, r := range restrictive {
		limit := min(2, len(r)/3)
		if d := distance(strings.ToLower(word), strings.ToLower(r)); d <= limit && d < at {
			best, at = r, d
		}
	}
	return best
}

// distance is the edit distance of two words, which are cut at 40 letters:
// no keyword is that long.
func distance(a, b string) int {
	a, b = a[:min(len(a), 40)], b[:min(len(b), 40)]
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := diagonal
			if a[i-1] != b[j-1] {
				cost = 1 + min(diagonal, row[j], row[j-1])
			}
			diagonal, row[j] = row[j], cost
		}
	}
	return row[len(b)]
}
