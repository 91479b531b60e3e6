package facts

import (
	"strings"

	"sshwhy/internal/evidence"
)

// Script is an init script's service where systemd is not the init: OpenRC's
// sshd, Debian's sysv ssh, runit's sshd.
type Script struct {
	Origin  Origin
	Name    string // ssh or sshd; "" where there is no script
	State   string // of OpenRC: started, stopped, crashed, …; "" where nothing says
	Enabled *bool  // whether it is in a runlevel; nil where that is not known
	Quote   Quote
}

var (
	scriptNames  = []string{"ssh", "sshd"}
	itemRCState  = evidence.Command("rc-service", "sshd", "status")
	itemRCLevels = evidence.Glob("/etc/runlevels/*/sshd")
	itemSVDirs   = evidence.Glob("/etc/sv/ssh*")
	itemSVLinks  = evidence.Glob("/etc/service/ssh*")
	itemSVVoid   = evidence.Glob("/var/service/ssh*")
	itemRCLinks  = evidence.Glob("/etc/rc[2-5].d/S*ssh*")
)

func wantScript(b *evidence.Bundle, _ Ask) []evidence.Item {
	items := []evidence.Item{evidence.Stat("/etc/init.d/ssh"), evidence.Stat("/etc/init.d/sshd")}
	if !b.Has(itemSystemd) {
		return items
	}
	switch parseSystem(b).Init {
	case InitOpenRC:
		items = append(items, itemRCState, itemRCLevels)
	case InitRunit:
		items = append(items, itemSVDirs, itemSVLinks, itemSVVoid)
	case InitSysV:
		items = append(items, itemRCLinks)
	}
	return items
}

func parseScript(b *evidence.Bundle) Script {
	s := Script{Origin: Origin{Status: evidence.Absent, Source: "/etc/init.d"}}
	for _, name := range scriptNames {
		if it := evidence.Stat("/etc/init.d/" + name); b.Get(it).OK() {
			s.Origin, s.Name = originOf(it, b.Get(it)), name
			break
		}
	}
	switch parseSystem(b).Init {
	case InitOpenRC:
		r := b.Get(itemRCState)
		// " * status: started"; rc-service ends with 3 where it is stopped.
		_, state, _ := strings.Cut(firstLine(r.Data)+firstLine(r.Stderr), "status: ")
		s.State = strings.TrimSpace(state)
		s.Quote = Quote{Source: "rc-service sshd status", Text: firstLine(r.Data)}
		s.Enabled = matched(b, itemRCLevels)
	case InitRunit:
		if m := b.Get(itemSVDirs).Matches; len(m) > 0 {
			s.Name = m[0].Path[strings.LastIndex(m[0].Path, "/")+1:]
			s.Origin = Origin{Status: evidence.Known, Source: m[0].Path}
		}
		if s.Enabled = matched(b, itemSVLinks); s.Enabled != nil && !*s.Enabled {
			s.Enabled = matched(b, itemSVVoid)
		}
	case InitSysV:
		s.Enabled = matched(b, itemRCLinks)
	}
	return s
}

// matched reports whether a glob found something; nil where it was not looked at.
func matched(b *evidence.Bundle, it evidence.Item) *bool {
	r := b.Get(it)
	if r.Status != evidence.Known && r.Status != evidence.Absent {
		return nil
	}
	found := len(r.Matches) > 0
	return &found
}
