package facts

import (
	"path"
	"strings"

	"sshwhy/internal/evidence"
)

// Reached is a path followed as the kernel follows it for a user, one directory
// after the other, symbolic links included.
type Reached struct {
	Asked  string // below Root, as it is named
	Root   string // what is "/" to whoever asks; "" for the machine's own
	Final  string // where the links end, seen from outside of Root
	Origin Origin // Known: there is something; Absent; Denied; else it could not be followed
	Meta   evidence.Meta
	// At is where it ended: what does not exist, or the directory that may not be passed.
	At HostFile
}

// maxLinks is how many symbolic links the kernel follows in one path (path_resolution(7)).
const maxLinks = 40

// follow goes along a path as the user; want is what must be looked at next.
func follow(b *evidence.Bundle, u *evidence.User, root, asked string) (r Reached, want []evidence.Item) {
	r = Reached{Asked: asked, Root: root}
	if u == nil || !strings.HasPrefix(asked, "/") {
		r.Origin = Origin{Status: evidence.Skipped, Reason: "whose rights count is not known", Source: asked}
		return r, nil
	}
	look := func(p string) (evidence.Result, bool) {
		it := evidence.Stat(path.Join("/", root, p)).AsUser(u)
		if !b.Has(it) {
			want = append(want, it)
			return evidence.Result{}, false
		}
		return b.Get(it), true
	}
	at, rest := "/", strings.Split(strings.Trim(path.Clean(asked), "/"), "/")
	res, seen := look("/")
	for links := 0; seen && len(rest) > 0 && rest[0] != ""; {
		r.At = hostFileAs(b, u, path.Join("/", root, at))
		next := path.Join(at, rest[0])
		if res, seen = look(next); !seen {
			break
		}
		if !res.OK() {
			r.Origin, r.Final = originOf(evidence.Stat(path.Join("/", root, next)), res), path.Join("/", root, next)
			if res.Status == evidence.Absent {
				r.At = HostFile{Origin: r.Origin, Path: r.Final}
			}
			return r, nil
		}
		rest = rest[1:]
		if res.Meta == nil || res.Meta.Link == "" {
			at = next
			continue
		}
		if links++; links > maxLinks {
			r.Origin = Origin{Status: evidence.Failed, Reason: "too many symbolic links", Source: asked}
			return r, nil
		}
		parts := strings.Split(strings.Trim(path.Clean(res.Meta.Link), "/"), "/")
		rest = append(parts, rest...)
		if path.IsAbs(res.Meta.Link) {
			at = "/"
		}
		res, seen = look(at)
	}
	if len(want) > 0 { // all that is left of it at once: most paths hold no links
		want = nil
		look(at)
		for i := range rest {
			look(path.Join(append([]string{at}, rest[:i+1]...)...))
		}
		r.Origin = Origin{Status: evidence.Skipped, Reason: "not looked at", Source: asked}
		return r, want
	}
	r.Final = path.Join("/", root, at)
	r.Origin = originOf(evidence.Stat(r.Final), res)
	if res.Meta != nil {
		r.Meta = *res.Meta
	}
	return r, nil
}

// May reports whether the mode of a file gives the user that right (4 read, 2
// write, 1 execute or pass). Access control lists are not seen: where there is one,
// the group's bits are the most that any entry gives (acl(5)).
func (a Account) May(m evidence.Meta, right uint32) bool {
	switch {
	case a.UID == 0:
		return right != 1 || m.Type == "dir" || m.Mode&0o111 != 0
	case m.UID == a.UID:
		return m.Mode&(right<<6) != 0
	}
	if a.Rights != nil {
		for _, g := range a.Rights.Groups {
			if m.GID == int(g) {
				return m.Mode&(right<<3) != 0
			}
		}
	}
	return m.Mode&right != 0
}
