package facts

import (
	"strings"

	"sshwhy/internal/evidence"
)

// Program is the sshd on disk and its helpers.
type Program struct {
	Sshd     Binary
	Session  Binary // sshd-session, since OpenSSH 9.8; Absent is normal before
	Auth     Binary // sshd-auth, since OpenSSH 10.0
	Version  string // as `ssh -V`/`sshd -V` prints it; "" where unknown
	Dropbear Binary
}

// Binary is one program file.
type Binary struct {
	Origin    Origin
	Path      string
	Meta      evidence.Meta
	Loader    Origin  // whether ldd could be asked
	Libraries []Quote // one line of ldd each
	Missing   []Quote // libraries that ldd did not find
	Wrap      *Quote  // the line that shows libwrap, if the program is linked with it
}

// Where distributions keep sshd and its helpers (Debian and Fedora, Arch, SUSE, Gentoo, self-built).
var (
	sshdPaths     = []string{"/usr/sbin/sshd", "/usr/bin/sshd", "/usr/local/sbin/sshd"}
	libexecs      = []string{"/usr/lib/openssh/", "/usr/libexec/openssh/", "/usr/lib/ssh/", "/usr/libexec/", "/usr/libexec/ssh/", "/usr/lib/misc/", "/usr/lib64/misc/", "/usr/local/libexec/"}
	dropbearPaths = []string{"/usr/sbin/dropbear", "/usr/bin/dropbear"}
)

func wantProgram(b *evidence.Bundle, _ Ask) []evidence.Item {
	var items []evidence.Item
	for _, p := range sshdPaths {
		items = append(items, evidence.Stat(p))
	}
	for _, p := range dropbearPaths {
		items = append(items, evidence.Stat(p))
	}
	for _, dir := range libexecs {
		items = append(items, evidence.Stat(dir+"sshd-session"), evidence.Stat(dir+"sshd-auth"))
	}
	if it, ok := lddItem(b, sshdPath(b)); ok {
		items = append(items, it)
	}
	if it, ok := lddItem(b, sessionPath(b)); ok {
		items = append(items, it)
	}
	return items
}

// lddItem asks for the libraries of a program, and of sshd's helper in the same
// process; musl's ldd takes one program only.
func lddItem(b *evidence.Bundle, path string) (evidence.Item, bool) {
	if path == "" {
		return evidence.Item{}, false
	}
	both := []string{sshdPath(b), sessionPath(b)}
	if both[0] != "" && both[1] != "" && (path == both[0] || path == both[1]) && parseSystem(b).Family() != "apk" {
		return evidence.Command("ldd", both[0], both[1]), true
	}
	return evidence.Command("ldd", path), true
}

// sshdPath is where sshd is; "" where none was seen.
func sshdPath(b *evidence.Bundle) string { return firstSeen(b, sshdPaths) }

func sessionPath(b *evidence.Bundle) string { return firstSeen(b, under(libexecs, "sshd-session")) }

func under(dirs []string, name string) []string {
	out := make([]string, len(dirs))
	for i, d := range dirs {
		out[i] = d + name
	}
	return out
}

func firstSeen(b *evidence.Bundle, paths []string) string {
	for _, p := range paths {
		if b.Get(evidence.Stat(p)).OK() {
			return p
		}
	}
	return ""
}

func parseProgram(b *evidence.Bundle) Program {
	return Program{
		Sshd:     parseBinary(b, sshdPaths),
		Session:  parseBinary(b, under(libexecs, "sshd-session")),
		Auth:     parseBinary(b, under(libexecs, "sshd-auth")),
		Dropbear: parseBinary(b, dropbearPaths),
	}
}

// parseBinary reads the first of the paths that exists. Absent is said only
// where all of them were looked at.
func parseBinary(b *evidence.Bundle, paths []string) Binary {
	bin := Binary{Origin: Origin{Status: evidence.Absent, Source: paths[0], Reason: "no such file"}, Path: paths[0]}
	for _, p := range paths {
		it := evidence.Stat(p)
		r := b.Get(it)
		switch {
		case r.OK():
			bin.Origin, bin.Path = originOf(it, r), p
			if r.Meta != nil {
				bin.Meta = *r.Meta
			}
			bin.readLdd(b)
			return bin
		case r.Status != evidence.Absent:
			bin.Origin = originOf(it, r)
		}
	}
	return bin
}

// readLdd reads `ldd PATH`: "libwrap.so.0 => /lib/…", "libfoo.so.1 => not found".
func (bin *Binary) readLdd(b *evidence.Bundle) {
	it, _ := lddItem(b, bin.Path)
	r := b.Get(it)
	bin.Loader = ran(it, r, exitZero)
	about := "" // with two programs, "PATH:" stands before the lines of each
	for _, line := range append(lines(r.Data), lines(r.Stderr)...) {
		if head, ok := strings.CutSuffix(line, ":"); ok && strings.HasPrefix(line, "/") {
			about = head
		}
		if about != "" && about != bin.Path {
			continue
		}
		q := Quote{Source: bin.Loader.Source, Text: clip(strings.TrimSpace(line))}
		name, _, _ := strings.Cut(q.Text, " ")
		switch {
		case strings.HasSuffix(q.Text, "=> not found"):
			bin.Missing = append(bin.Missing, q)
		case strings.HasPrefix(q.Text, "Error loading shared library"): // musl
			bin.Missing = append(bin.Missing, q)
		case strings.HasPrefix(name, "libwrap.so"):
			bin.Wrap = &q
		}
		if strings.Contains(q.Text, "=>") {
			bin.Libraries = append(bin.Libraries, q)
		}
	}
}

// Wrapped returns the line that proves that TCP wrappers are honoured: libwrap
// is linked into sshd (Debian up to 12) or into sshd-session (since 9.8).
// known is false where that could not be looked at.
func (p Program) Wrapped() (q *Quote, known bool) {
	known = p.Sshd.Loader.Known() && (!p.Session.Origin.Known() || p.Session.Loader.Known()) && !p.Session.Origin.Unseen()
	if p.Session.Wrap != nil {
		return p.Session.Wrap, true
	}
	return p.Sshd.Wrap, known || p.Sshd.Wrap != nil
}
