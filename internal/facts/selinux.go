package facts

import (
	"strings"

	"sshwhy/internal/evidence"
)

// SELinux says whether the kernel enforces an SELinux policy, and what it and
// AppArmor refused sshd.
type SELinux struct {
	Origin    Origin // Absent where there is no SELinux
	Enforcing bool
	Quote     Quote
	AppArmor  Quote    // shows that an AppArmor profile for sshd is enforced; empty where none is
	Denials   []Denial // of this boot, the newest last
	Labels    []Label  // of the key file of the user asked about and the directories above it
}

var itemEnforce = evidence.File("/sys/fs/selinux/enforce")

func wantSELinux(*evidence.Bundle, Ask) []evidence.Item { return []evidence.Item{itemEnforce} }

// parseMandatory is parseSELinux with what was refused.
func parseMandatory(b *evidence.Bundle, ask Ask) SELinux {
	s := parseSELinux(b)
	s.AppArmor, _ = confined(b)
	s.Denials = parseDenials(b)
	s.Labels = parseLabels(b, ask)
	return s
}

func parseSELinux(b *evidence.Bundle) SELinux {
	r := b.Get(itemEnforce)
	s := SELinux{Origin: originOf(itemEnforce, r)}
	s.Enforcing = strings.TrimSpace(string(r.Data)) == "1"
	s.Quote = Quote{Source: itemEnforce.Path, Line: 1, Text: firstLine(r.Data)}
	return s
}
