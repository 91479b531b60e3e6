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
	// Needed are the packages that OpenSSH's server cannot be configured
	// without; looked at only where its own installation was never finished.
	Needed []Installed
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

// Half reports whether not even the files are all there (half-installed): then
// dpkg wants the package again before it can be configured.
func (p Installed) Half() bool { return len(p.State) > 1 && p.State[1] == 'H' }

// Debian's database. It is asked alone where it is the machine's own.
var (
	itemDpkg = evidence.Command("dpkg-query", "-W", "-f=${Package}\\t${Version}\\t${db:Status-Abbrev}\\n",
		"openssh-server", "openssh-server-gssapi", "dropbear", "dropbear-bin", "tinysshd")
	itemDpkgDB     = evidence.Stat("/var/lib/dpkg/status")
	itemDpkgNeeded = evidence.Command("dpkg-query", "-W", "-f=${Package}\\t${Version}\\t${db:Status-Abbrev}\\n",
		"openssh-client", "openssh-client-gssapi", "openssh-sftp-server", "openssh-sk-helper")
)

func wantPackage(b *evidence.Bundle, _ Ask) []evidence.Item {
	items := []evidence.Item{itemDpkgDB}
	if !b.Has(itemDpkgDB) {
		return items
	}
	if b.Get(itemDpkgDB).OK() {
		items = append(items, itemDpkg)
		if in, ok := parsePackage(b).Server(); ok && in.Unpacked() {
			items = append(items, itemDpkgNeeded)
		}
		return items
	}
	return append(items, otherDatabases...)
}

// anyExit: the package tools end with 1 as soon as one of the names is not
// installed, and name that on standard error; what they print is still true.
func anyExit(exit int) bool { return exit == 0 || exit == 1 }

func parsePackage(b *evidence.Bundle) Package {
	p := Package{Origin: Origin{Status: evidence.Skipped, Reason: "no package database that sshwhy knows", Source: "package database"}}
	r := b.Get(itemDpkg)
	if !r.OK() {
		return parseOtherPackages(b, p)
	}
	p.Origin = ran(itemDpkg, r, anyExit)
	for _, line := range lines(r.Data) {
		if in, ok := parseDpkg(line); ok {
			in.Quote = Quote{Source: p.Origin.Source, Text: clip(line)}
			p.Installed = append(p.Installed, in)
		}
	}
	for _, line := range lines(b.Get(itemDpkgNeeded).Data) {
		if in, ok := parseDpkg(line); ok {
			in.Quote = Quote{Source: "dpkg-query -W", Text: clip(line)}
			p.Needed = append(p.Needed, in)
		}
	}
	for _, line := range lines(r.Stderr) {
		if strings.Contains(line, "openssh-server") && !strings.Contains(line, "gssapi") {
			p.Missing = append(p.Missing, Quote{Source: p.Origin.Source, Text: clip(line)})
		}
	}
	return p
}

// parseDpkg reads NAME, VERSION and db:Status-Abbrev between tabs.
func parseDpkg(line string) (Installed, bool) {
	f := strings.Split(line, "\t")
	if len(f) != 3 || f[0] == "" {
		return Installed{}, false
	}
	in := Installed{Name: f[0], Version: f[1], State: strings.TrimRight(f[2], " ")}
	// "un" is a package that dpkg only knows by name.
	return in, !strings.HasPrefix(in.State, "un")
}

// Server returns the package that brings OpenSSH's server, if the database has it.
func (p Package) Server() (Installed, bool) {
	for _, in := range p.Installed {
		if in.Name == "openssh-server" || strings.HasPrefix(in.Name, "openssh-server-") {
			return in, true
		}
	}
	for _, in := range p.Installed {
		if in.Name == "openssh" { // Arch, Void, Gentoo, old SUSE: client and server in one
			return in, true
		}
	}
	return Installed{}, false
}
