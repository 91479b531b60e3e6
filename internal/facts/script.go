package facts

import (
	"path"
	"slices"
	"strings"

	"sshwhy/internal/evidence"
)

// Script is the SSH service of a machine whose init is not systemd: an init
// script (sysvinit, OpenRC, many containers) or a service directory of runit.
type Script struct {
	Origin  Origin       // of the script or the directory
	Name    string       // ssh, sshd, dropbear, …; "" where there is none
	State   ServiceState // what its manager says
	Quote   Quote        // in which words
	Enabled *bool        // whether the next boot starts it; nil where that is not known
	AtBoot  []Quote      // what shows that: links, or a file that forbids it
	Level   string       // the runlevel the machine boots into: "default", "2"; "" for runit
	Linked  bool         // sysvinit: links of any kind are there, so that update-rc.d can switch them
	Link    string       // runit: where the directory is, or would be, linked for runsvdir to see
	Dir     string       // runit: the service directory
	Log     []Quote      // runit: the last lines that the service wrote
}

// ServiceState is how a service manager other than systemd sees a service.
type ServiceState string

// The states. "" is: nothing says.
const (
	StateStarted ServiceState = "started"
	StateStopped ServiceState = "stopped"
	StateCrashed ServiceState = "crashed" // OpenRC: was started, and its process is gone
	StateFailed  ServiceState = "failed"  // OpenRC: could not be started. runit: is started again and again
	StateUnseen  ServiceState = "unseen"  // runit: no link, so runsvdir does not know it
)

// scriptNames are what SSH servers are called, the likelier first.
var scriptNames = []string{"ssh", "sshd", "dropbear", "tinysshd", "tinyssh"}

// Where the service managers keep what they know.
var (
	itemRunlevels = evidence.Glob("/etc/runlevels/*/*")
	itemRCStates  = evidence.Glob("/run/openrc/*/*")
	itemSoftlevel = evidence.File("/run/openrc/softlevel")
	itemRCLinks   = evidence.Glob("/etc/rc[2-5].d/*")
	itemInitTable = evidence.File("/etc/inittab")
	itemSVDirs    = evidence.Glob("/etc/sv/*/run")
	itemSVLinks   = evidence.Glob("/etc/service/*")
	itemSVVoid    = evidence.Glob("/var/service/*")
	itemVarSV     = evidence.Stat("/var/service")
)

func initScript(name string) evidence.Item { return evidence.Stat("/etc/init.d/" + name) }

func wantScript(b *evidence.Bundle, _ Ask) []evidence.Item {
	var items []evidence.Item
	for _, name := range scriptNames[:2] {
		items = append(items, initScript(name))
	}
	if !b.Has(itemSystemd) || b.Get(itemSystemd).OK() {
		return items
	}
	for _, name := range scriptNames[2:] {
		items = append(items, initScript(name))
	}
	items = append(items, itemNotToBeRun)
	switch parseSystem(b).Init {
	case InitOpenRC:
		items = append(items, itemRunlevels, itemRCStates, itemSoftlevel)
	case InitRunit:
		items = append(items, itemSVDirs, itemSVLinks, itemSVVoid, itemVarSV, itemRCLinks)
	case InitSysV:
		items = append(items, itemRCLinks, itemInitTable)
	}
	return append(items, parseScript(b).wants(parseSystem(b).Init)...)
}

// wants is what is looked at once the service's name is known.
func (s Script) wants(init Init) []evidence.Item {
	switch {
	case s.Name == "":
		return nil
	case s.Dir != "":
		return []evidence.Item{svStatus(s), evidence.Stat(s.Dir + "/down"), svLog("/var/log/runit/", s), svLog("/var/log/", s)}
	case init == InitOpenRC:
		return []evidence.Item{rcStatus(s)}
	}
	return []evidence.Item{lsbStatus(s)}
}

func svStatus(s Script) evidence.Item  { return evidence.Command("sv", "status", s.Link) }
func rcStatus(s Script) evidence.Item  { return evidence.Command("rc-service", s.Name, "status") }
func lsbStatus(s Script) evidence.Item { return evidence.Command("service", s.Name, "status") }
func svLog(dir string, s Script) evidence.Item {
	return evidence.File(dir + s.Name + "/current")
}

func parseScript(b *evidence.Bundle) Script {
	s := Script{Origin: Origin{Status: evidence.Absent, Source: "/etc/init.d"}}
	sys := parseSystem(b)
	if sys.Init == InitRunit && s.readRunit(b) {
		return s
	}
	s.Name = scriptName(b, func(name string) bool { return b.Get(initScript(name)).OK() })
	if s.Name == "" {
		return s
	}
	s.Origin = originOf(initScript(s.Name), b.Get(initScript(s.Name)))
	switch sys.Init {
	case InitOpenRC:
		s.readOpenRC(b)
	case InitSysV, InitRunit: // Debian's runit runs the scripts of runlevel 2, too
		s.readRCLinks(b, sys.Init)
		s.readLSB(b)
	case InitNone:
		s.readLSB(b)
	}
	return s
}

// scriptName chooses among the services that are there: the first whose program
// is there, too (a package that was removed leaves its script behind), else the first.
func scriptName(b *evidence.Bundle, exists func(name string) bool) string {
	first := ""
	for _, name := range scriptNames {
		if !exists(name) {
			continue
		}
		switch name {
		case "ssh", "sshd":
			if sshdPath(b) != "" {
				return name
			}
		case "dropbear":
			if firstSeen(b, dropbearPaths) != "" {
				return name
			}
		default:
			return name
		}
		if first == "" {
			first = name
		}
	}
	return first
}

// readLSB reads `service NAME status`, whose exit status is the LSB's: 0 runs,
// 1 and 2 dead with a pid or lock file left, 3 does not run, 4 and above not known.
func (s *Script) readLSB(b *evidence.Bundle) {
	r := b.Get(lsbStatus(*s))
	if !r.OK() {
		return
	}
	s.Quote = Quote{Source: originOf(lsbStatus(*s), r).Source, Text: firstLine(append(slices.Clone(r.Data), r.Stderr...))}
	switch r.Exit {
	case 0:
		s.State = StateStarted
	case 1, 2, 3:
		s.State = StateStopped
	}
}

// readRCLinks reads /etc/rcN.d: S01ssh starts it in that runlevel, K01ssh stops it.
func (s *Script) readRCLinks(b *evidence.Bundle, init Init) {
	s.Level = "2" // Debian's default, and the one whose scripts its runit runs
	for _, line := range lines(b.Get(itemInitTable).Data) {
		if f := strings.Split(line, ":"); init == InitSysV && len(f) > 2 && f[2] == "initdefault" && f[1] != "" {
			s.Level = f[1] // inittab(5): id:runlevels:action:process
		}
	}
	r := b.Get(itemRCLinks)
	if r.Status != evidence.Known && r.Status != evidence.Absent {
		return
	}
	enabled := false
	for _, m := range r.Matches {
		dir, link := path.Split(m.Path)
		if len(link) < 4 || link[3:] != s.Name {
			continue
		}
		s.Linked = true
		if dir != "/etc/rc"+s.Level+".d/" {
			continue
		}
		enabled = enabled || link[0] == 'S'
		s.AtBoot = append(s.AtBoot, linkQuote(m))
	}
	s.Enabled = &enabled
}

// readOpenRC reads the links OpenRC keeps of runlevels and of states, and
// `rc-service NAME status`: openrc-run scripts say " * status: crashed", init
// scripts of the LSB kind (Debian's) whatever they like, with the LSB's exit status.
// Of the latter OpenRC notes only the start at boot, so its "started" proves nothing.
func (s *Script) readOpenRC(b *evidence.Bundle) {
	if s.Level = firstLine(b.Get(itemSoftlevel).Data); s.Level == "" {
		s.Level = "default"
	}
	if r := b.Get(itemRunlevels); r.Status == evidence.Known || r.Status == evidence.Absent {
		enabled := false
		for _, m := range r.Matches {
			level := path.Base(path.Dir(m.Path))
			if path.Base(m.Path) == s.Name && slices.Contains([]string{s.Level, "default", "boot", "sysinit"}, level) {
				enabled = true
				s.AtBoot = append(s.AtBoot, linkQuote(m))
			}
		}
		s.Enabled = &enabled
	}
	known := func(state string) bool {
		return slices.ContainsFunc(b.Get(itemRCStates).Matches, func(m evidence.Match) bool { return m.Path == "/run/openrc/"+state+"/"+s.Name })
	}
	r := b.Get(rcStatus(*s))
	if !r.OK() {
		return
	}
	said := string(r.Data) + string(r.Stderr)
	s.Quote = Quote{Source: originOf(rcStatus(*s), r).Source, Text: firstLine([]byte(said))}
	_, word, _ := strings.Cut(said, "status: ")
	word, _, _ = strings.Cut(word, "\n")
	switch {
	case strings.HasPrefix(word, "crashed"):
		s.State = StateCrashed
	case known("failed"):
		s.State = StateFailed
	case strings.HasPrefix(word, "started"), word == "" && r.Exit == 0:
		s.State = StateStarted
	case strings.HasPrefix(word, "stopped"), word == "" && r.Exit == 3:
		s.State = StateStopped
	}
}

// maxSVLog is how many lines of a runit service's log are kept.
const maxSVLog = 6

// readRunit looks for a service directory; it reports whether there is one.
func (s *Script) readRunit(b *evidence.Bundle) bool {
	s.Name = scriptName(b, func(name string) bool {
		return slices.ContainsFunc(b.Get(itemSVDirs).Matches, func(m evidence.Match) bool { return m.Path == "/etc/sv/"+name+"/run" })
	})
	if s.Name == "" {
		return false
	}
	s.Dir = "/etc/sv/" + s.Name
	s.Origin = Origin{Status: evidence.Known, Source: s.Dir}
	links, seen := itemSVLinks, b.Get(itemSVLinks) // Debian; Void has /var/service
	if b.Get(itemVarSV).OK() {
		links, seen = itemSVVoid, b.Get(itemSVVoid)
	}
	s.Link = path.Dir(links.Path) + "/" + s.Name
	if seen.Status != evidence.Known && seen.Status != evidence.Absent {
		return true
	}
	enabled := false
	for _, m := range seen.Matches {
		if m.Path == s.Link {
			enabled = true
			s.AtBoot = append(s.AtBoot, linkQuote(m))
		}
	}
	if s.State = StateUnseen; enabled {
		s.readSV(b)
	}
	if down := evidence.Stat(s.Dir + "/down"); b.Get(down).OK() && enabled { // runsv(8)
		enabled = false
		s.AtBoot = append(s.AtBoot, Quote{Source: "stat " + down.Path, Text: "exists"})
	}
	s.Enabled = &enabled
	return true
}

// readSV reads `sv status`: "run: ssh: (pid 164) 6s; run: log: …",
// "down: ssh: 1s, normally up, want up", "fail: ssh: …" (sv(8)), and the log.
func (s *Script) readSV(b *evidence.Bundle) {
	s.State = ""
	r := b.Get(svStatus(*s))
	if r.OK() {
		s.Quote = Quote{Source: originOf(svStatus(*s), r).Source, Text: firstLine(append(slices.Clone(r.Data), r.Stderr...))}
		own, _, _ := strings.Cut(s.Quote.Text, ";") // what follows is the log's own service
		switch {
		case strings.HasPrefix(own, "run:"):
			s.State = StateStarted
		case strings.HasPrefix(own, "down:") && strings.Contains(own, "want up"), strings.HasPrefix(own, "finish:"):
			s.State = StateFailed
		case strings.HasPrefix(own, "down:"):
			s.State = StateStopped
		}
	}
	for _, it := range []evidence.Item{svLog("/var/log/runit/", *s), svLog("/var/log/", *s)} {
		all := lines(b.Get(it).Data)
		for i := max(0, len(all)-maxSVLog); i < len(all); i++ {
			s.Log = append(s.Log, Quote{Source: it.Path, Line: i + 1, Text: clip(all[i])})
		}
	}
}

// linkQuote shows a link as ls -l ends.
func linkQuote(m evidence.Match) Quote {
	text := m.Path
	if m.Meta.Link != "" {
		text += " -> " + m.Meta.Link
	}
	return Quote{Source: "ls -l " + path.Dir(m.Path), Text: clip(text)}
}
