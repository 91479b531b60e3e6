package facts

import (
	"fmt"
	"strings"

	"sshwhy/internal/evidence"
)

// Privsep is the directory and the user of privilege separation.
type Privsep struct {
	Dir  Origin
	Path string
	Meta evidence.Meta
	User Origin // the account sshd: Known, or Absent where getent knows no such user
	Line Quote
}

// Debian and Ubuntu: /run/sshd, made by the unit (RuntimeDirectory=sshd) and
// gone while it is stopped. Others package the directory.
var (
	privsepDirs = []string{"/run/sshd", "/usr/share/empty.sshd", "/var/empty/sshd", "/var/empty", "/var/lib/empty", "/var/chroot/ssh"}
	itemGetent  = evidence.Command("getent", "passwd", "sshd")
)

func wantPrivsep(*evidence.Bundle, Ask) []evidence.Item {
	return []evidence.Item{evidence.Stat(privsepDirs[0]), itemGetent}
}

func parsePrivsep(b *evidence.Bundle) Privsep {
	it := evidence.Stat(privsepDirs[0])
	r := b.Get(it)
	p := Privsep{Dir: originOf(it, r), Path: it.Path}
	if r.Meta != nil {
		p.Meta = *r.Meta
	}
	u := b.Get(itemGetent)
	p.User = originOf(itemGetent, u)
	if u.OK() && u.Exit == 2 { // getent(1): 2 is "not found"
		p.User.Status = evidence.Absent
	} else if u.OK() && u.Exit != 0 {
		p.User.Status = evidence.Failed
	}
	p.Line = Quote{Source: p.User.Source, Text: firstLine(u.Data)}
	return p
}

// MetaQuote shows a file's metadata as ls -l would begin: mode and numeric owner.
func MetaQuote(path string, m evidence.Meta) Quote {
	return Quote{Source: "stat " + path, Text: fmt.Sprintf("%s %04o uid %d gid %d, %d bytes", m.Type, m.Mode, m.UID, m.GID, m.Size)}
}

// Sound reports whether sshd accepts a directory for privilege separation:
// owned by root, not writable for group or others (sshd.c).
func (p Privsep) Sound() bool {
	return p.Dir.Known() && strings.HasPrefix(p.Meta.Type, "dir") && p.Meta.UID == 0 && p.Meta.Mode&0o022 == 0
}
