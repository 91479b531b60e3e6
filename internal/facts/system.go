package facts

import (
	"strconv"
	"strings"

	"sshwhy/internal/evidence"
)

// Init is the program that starts services on a machine.
type Init string

// The inits that are told apart.
const (
	InitSystemd Init = "systemd"
	InitOpenRC  Init = "openrc"
	InitRunit   Init = "runit"
	InitSysV    Init = "sysvinit"
	InitNone    Init = "none" // a container, or something not known: nothing here starts services
)

// System is what kind of machine this is.
type System struct {
	Release Origin
	ID      string // os-release ID: debian, ubuntu, fedora, …
	Like    string // os-release ID_LIKE
	Version string // os-release VERSION_ID
	Name    string // os-release PRETTY_NAME
	Init    Init
	InitBy  Quote   // what the init was told by
	PID1    string  // the name of process 1
	Uptime  float64 // seconds since boot; 0 where unknown
	UpBy    Quote   // what Uptime was read from
}

var (
	itemRelease = evidence.File("/etc/os-release")
	itemPID1    = evidence.File("/proc/1/comm")
	itemUptime  = evidence.File("/proc/uptime")
	// sd_booted(3): this directory exists if and only if systemd is the init.
	itemSystemd = evidence.Stat("/run/systemd/system")
	itemOpenRC  = evidence.Stat("/run/openrc/softlevel")
	itemRunit   = evidence.Stat("/run/runit")
	itemInittab = evidence.Stat("/etc/inittab")
)

func wantSystem(*evidence.Bundle, Ask) []evidence.Item {
	return []evidence.Item{itemRelease, itemPID1, itemUptime, itemSystemd, itemOpenRC, itemRunit, itemInittab}
}

func parseSystem(b *evidence.Bundle) System {
	r := b.Get(itemRelease)
	s := System{Release: originOf(itemRelease, r), Init: InitNone}
	for _, line := range lines(r.Data) {
		key, value, _ := strings.Cut(line, "=")
		value = strings.Trim(value, `"'`)
		switch key {
		case "ID":
			s.ID = value
		case "ID_LIKE":
			s.Like = value
		case "VERSION_ID":
			s.Version = value
		case "PRETTY_NAME":
			s.Name = value
		}
	}
	s.PID1 = strings.TrimSpace(string(b.Get(itemPID1).Data))
	if f := strings.Fields(string(b.Get(itemUptime).Data)); len(f) > 0 {
		s.Uptime, _ = strconv.ParseFloat(f[0], 64)
		s.UpBy = Quote{Source: itemUptime.Path, Text: firstLine(b.Get(itemUptime).Data)}
	}
	switch {
	case b.Get(itemSystemd).OK():
		s.Init, s.InitBy = InitSystemd, Quote{Source: itemSystemd.Path, Text: "exists"}
	case b.Get(itemOpenRC).OK():
		s.Init = InitOpenRC
	case b.Get(itemRunit).OK() && strings.HasPrefix(s.PID1, "runit"):
		s.Init = InitRunit
	case s.PID1 == "init" && b.Get(itemInittab).OK():
		s.Init = InitSysV
	}
	if s.Init != InitSystemd {
		s.InitBy = Quote{Source: itemPID1.Path, Text: s.PID1}
	}
	return s
}

// Debianish reports whether the machine speaks Debian's language (apt, ssh.service).
func (s System) Debianish() bool { return s.is("debian", "ubuntu") }

// is reports whether the machine is, or derives from, one of the distributions.
func (s System) is(ids ...string) bool {
	for _, id := range ids {
		if s.ID == id {
			return true
		}
		for _, like := range strings.Fields(s.Like) {
			if like == id {
				return true
			}
		}
	}
	return false
}

// Family names the world of packages the machine lives in: apt, dnf, zypper,
// pacman, apk, xbps, emerge; "" where it is not known.
func (s System) Family() string {
	switch {
	case s.is("debian", "ubuntu"):
		return "apt"
	case s.is("fedora", "rhel", "centos"):
		return "dnf"
	case s.is("suse", "opensuse"), strings.HasPrefix(s.ID, "opensuse"):
		return "zypper"
	case s.is("arch"):
		return "pacman"
	case s.is("alpine"):
		return "apk"
	case s.is("void"):
		return "xbps"
	case s.is("gentoo"):
		return "emerge"
	}
	return ""
}
