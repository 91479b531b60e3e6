package facts

import (
	"path"
	"slices"
	"strings"

	"sshwhy/internal/evidence"
)

// The package databases of machines that have no dpkg. Only one of them is the
// machine's own, and asking the others costs nothing: their programs are not there.
var (
	// By file, since "openssh" brings the server on old SUSE and only shared
	// files on Fedora. --whatprovides looks into the database and not at the
	// disk, so a file that was deleted still has its owner.
	itemRpm = evidence.Command("rpm", "-q", "--whatprovides", "--qf", "%{NAME}\\t%{VERSION}-%{RELEASE}\\n",
		"/usr/sbin/sshd", "/usr/bin/sshd", "dropbear", "tinysshd")
	itemApk     = evidence.Command("apk", "info", "-v", "-e", "openssh-server", "openssh-server-pam", "openssh-server-krb5", "dropbear", "tinyssh")
	itemPacman  = evidence.Command("pacman", "-Q", "openssh", "dropbear", "tinyssh")
	itemXbps    = evidence.Command("xbps-query", "-p", "pkgver,state", "openssh")
	itemPortage = evidence.Glob("/var/db/pkg/net-misc/openssh-[0-9]*")

	otherDatabases = []evidence.Item{itemRpm, itemApk, itemPacman, itemXbps, itemPortage}
)

func parseOtherPackages(b *evidence.Bundle, p Package) Package {
	for _, db := range []struct {
		item  evidence.Item
		parse func(string) (Installed, bool)
	}{{itemRpm, parseRpm}, {itemApk, parseApk}, {itemPacman, parsePacman}, {itemXbps, parseXbps}} {
		r := b.Get(db.item)
		if !r.OK() {
			if r.Status != evidence.Absent && r.Status != evidence.Skipped {
				p.Origin = originOf(db.item, r)
			}
			continue
		}
		p.Origin = originOf(db.item, r)
		for _, line := range append(lines(r.Data), lines(r.Stderr)...) {
			q := Quote{Source: p.Origin.Source, Text: clip(line)}
			if in, ok := db.parse(line); ok {
				in.Quote = q
				if !slices.ContainsFunc(p.Installed, func(old Installed) bool { return old.Name == in.Name && old.Version == in.Version }) {
					p.Installed = append(p.Installed, in)
				}
			} else if notThere(line) {
				p.Missing = append(p.Missing, q)
			}
		}
		if broken := firstLine(r.Stderr); len(p.Installed)+len(p.Missing) == 0 && r.Exit != 0 && broken != "" || rpmCannotRead(r) {
			p.Origin.Status, p.Origin.Reason = evidence.Failed, broken
			p.Installed, p.Missing = nil, nil
		}
		return p
	}
	if r := b.Get(itemPortage); r.OK() {
		p.Origin = originOf(itemPortage, r)
		for _, m := range r.Matches {
			name, version, _ := strings.Cut(path.Base(m.Path), "-")
			p.Installed = append(p.Installed, Installed{Name: name, Version: version, State: "ii",
				Quote: Quote{Source: "ls " + path.Dir(m.Path), Text: clip(path.Base(m.Path))}})
		}
	}
	return p
}

// notThere reports whether a line says that the SSH server is not installed:
// "file /usr/sbin/sshd is not owned by any package" or, where there is no such
// file either, "error: file /usr/sbin/sshd: No such file or directory" (rpm),
// "error: package 'openssh' was not found" (pacman).
func notThere(line string) bool {
	for _, end := range [...]string{"/usr/sbin/sshd is not owned by any package", "file /usr/sbin/sshd: No such file or directory", "package 'openssh' was not found"} {
		if strings.HasSuffix(line, end) {
			return true
		}
	}
	return false
}

// rpmCannotRead: with an unreadable database rpm says "not installed" of everything.
func rpmCannotRead(r evidence.Result) bool {
	return strings.Contains(string(r.Stderr), "cannot open Packages")
}

// parseRpm reads NAME and VERSION-RELEASE between tabs; everything else rpm prints is prose.
func parseRpm(line string) (Installed, bool) {
	name, version, ok := strings.Cut(line, "\t")
	return Installed{Name: name, Version: version, State: "ii"}, ok && name != "" && !strings.Contains(name, " ")
}

// parsePacman reads "openssh 10.2p1-2".
func parsePacman(line string) (Installed, bool) {
	f := strings.Fields(line)
	if len(f) != 2 || strings.HasSuffix(f[0], ":") {
		return Installed{}, false
	}
	return Installed{Name: f[0], Version: f[1], State: "ii"}, true
}

// parseApk reads "openssh-server-10.0_p1-r7".
func parseApk(line string) (Installed, bool) {
	i := strings.IndexFunc(line, func(r rune) bool { return r >= '0' && r <= '9' })
	if i < 2 || line[i-1] != '-' || strings.Contains(line, " ") {
		return Installed{}, false
	}
	return Installed{Name: line[:i-1], Version: line[i:], State: "ii"}, true
}

// parseXbps reads "openssh-9.9p1_1"; the second line, "installed", is the state.
func parseXbps(line string) (Installed, bool) {
	name, version, ok := strings.Cut(line, "-")
	return Installed{Name: name, Version: version, State: "ii"}, ok && name == "openssh"
}
