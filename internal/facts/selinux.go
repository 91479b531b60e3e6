package facts

import (
	"strings"

	"sshwhy/internal/evidence"
)

// SELinux says whether the kernel enforces an SELinux policy.
type SELinux struct {
	Origin    Origin // Absent where there is no SELinux
	Enforcing bool
	Quote     Quote
}

var itemEnforce = evidence.File("/sys/fs/selinux/enforce")

func wantSELinux(*evidence.Bundle, Ask) []evidence.Item { return []evidence.Item{itemEnforce} }

func parseSELinux(b *evidence.Bundle) SELinux {
	r := b.Get(itemEnforce)
	s := SELinux{Origin: originOf(itemEnforce, r)}
	s.Enforcing = strings.TrimSpace(string(r.Data)) == "1"
	s.Quote = Quote{Source: itemEnforce.Path, Line: 1, Text: firstLine(r.Data)}
	return s
}
