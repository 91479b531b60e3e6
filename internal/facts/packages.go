package facts

import (
	"strings"

	"sshwhy/internal/evidence"
)

// Package is what the package databases say of SSH servers.
type Package struct {
	Origin    Origin // of the database that was asked
	Installed []Installed
	Missing   []Quote // what the tool said of packages that are not there
}

// Installed is one package that provides an SSH server, in whatever state.
type Installed struct {
	Name    string
	Version string
	State   string // dpkg's db:Status-Abbrev, "ii" where the database has no states
	Quote   Quote
}

// Complete reports whether the package is installed and configured.
func (p Installed) Complete() bool {
	return strings.HasPrefix(p.State, "ii") || strings.HasPrefix(p.State, "hi")
}

// Unpacked reports whether the package's files are there and its installation
// was never finished (half-installed, unpacked, half-configured, triggers).
func (p Installed) Unpacked() bool {
	return len(p.State) > 1 && strings.ContainsRune("HUFWt", rune(p.State[1]))
}

// The package databases. Only one of them is the machine's own, and asking the
// others costs nothing: their programs are not there.
var (
	itemDpkg = evidence.Command("dpkg-query", "-W", "-f=${Package}\\t${Version}\\t${db:Status-Abbrev}\\n",
		"openssh-server", "openssh-server-gssapi", "dropbear", "dropbear-bin", "tinysshd")
	itemRpm    = evidence.Command("rpm", "-q", "--qf", "%{NAME}\\t%{VERSION}-%{RELEASE}\\tii\\n", "openssh-server", "openssh", "dropbear")
	itemApk    = evidence.Command("apk", "info", "-v", "-e", "openssh-server", "openssh", "dropbear")
	itemPacman = evidence.Command("pacman", "-Q", "openssh", "dropbear")
	itemDpkgDB = evidence.Stat("/var/lib/dpkg/status")
)

func wantPackage(b *evidence.Bundle, _ Ask) []evidence.Item {
	items := []evidence.Item{itemDpkgDB}
	if !b.Has(itemDpkgDB) {
		return items
	}
	if b.Get(itemDpkgDB).OK() {
		return append(items, itemDpkg)
	}
	return append(items, itemRpm, itemApk, itemPacman)
}

// anyExit: the package tools end with 1 as soon as one of the names is not
// installed, and name that on standard error; what they print is still true.
func anyExit(exit int) bool { return exit == 0 || exit == 1 }

func parsePackage(b *evidence.Bundle) Package {
	p := Package{Origin: Origin{Status: evidence.Skipped, Reason: "no package database that sshwhy knows", Source: "package database"}}
	for _, it := range []evidence.Item{itemDpkg, itemRpm, itemApk, itemPacman} {
		r := b.Get(it)
		if !r.OK() {
			continue
		}
		p.Origin = ran(it, r, func(exit int) bool { return anyExit(exit) || it.Args[0] == "rpm" && exit < 10 })
		for _, line := range lines(r.Data) {
			if in, ok := parseInstalled(it.Args[0], line); ok {
				in.Quote = Quote{Source: p.Origin.Source, Text: clip(line)}
				p.Installed = append(p.Installed, in)
			}
		}
		for _, line := range lines(r.Stderr) {
			if strings.Contains(line, "openssh-server") && !strings.Contains(line, "gssapi") {
				p.Missing = append(p.Missing, Quote{Source: p.Origin.Source, Text: clip(line)})
			}
		}
		break
	}
	return p
}

func parseInstalled(tool, line string) (Installed, bool) {
	switch tool {
	case "dpkg-query", "rpm":
		f := strings.Split(line, "\t")
		if len(f) != 3 || f[0] == "" {
			return Installed{}, false
		}
		in := Installed{Name: f[0], Version: f[1], State: strings.TrimRight(f[2], " ")}
		// "un" is a package that dpkg only knows by name.
		return in, !strings.HasPrefix(in.State, "un")
	case "pacman":
		name, version, ok := strings.Cut(line, " ")
		return Installed{Name: name, Version: version, State: "ii"}, ok
	default: // apk: openssh-server-9.7_p1-r4
		i := strings.IndexFunc(line, func(r rune) bool { return r >= '0' && r <= '9' })
		if i < 2 || line[i-1] != '-' {
			return Installed{Name: line, State: "ii"}, line != ""
		}
		return Installed{Name: line[:i-1], Version: line[i:], State: "ii"}, true
	}
}

// Server returns the package that brings OpenSSH's server, if the database has it.
func (p Package) Server() (Installed, bool) {
	for _, in := range p.Installed {
		switch in.Name {
		case "openssh-server", "openssh-server-gssapi":
			return in, true
		}
	}
	for _, in := range p.Installed {
		if in.Name == "openssh" {
			return in, true
		}
	}
	return Installed{}, false
}
