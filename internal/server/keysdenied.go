package server

import (
	"cmp"
	"fmt"

	"sshwhy/internal/facts"
	"sshwhy/internal/report"
)

// What sshd is refused as the user. A path of his may be a link to anywhere:
// what it leads to is then not said to be wrong, and nothing is mended through it.

// deniedKeys reports whether the user himself, and so sshd, may not read a file
// of keys. Where we looked with other rights than his, nothing is known.
func (v *view) deniedKeys(k facts.KeyFile) bool {
	return v.Access.AsUser && (denied(k.File.Origin) || denied(k.Read))
}

// checkDenied tells of the first file of keys that leads where it should not, or
// that the user may not read; it reports whether there is one.
func (v *view) checkDenied(p *part) bool {
	for _, k := range v.Access.Keys {
		switch fl := v.keyFault(k); {
		case v.deniedKeys(k):
			v.keysDenied(p, k)
			return true
		case fl != nil && k.File.Origin.Known() && fl.at.Meta.Link != "":
			v.keysElsewhere(p, k, fl.at)
			return true
		}
	}
	return false
}

// keysDenied names what stands between the user and the file: a link, or a
// directory on the way.
func (v *view) keysDenied(p *part, k facts.KeyFile) {
	name, path := v.Account.Name, k.File.Path
	all := append(append([]facts.HostFile{k.File}, k.Above...), k.Way...)
	for i := len(all) - 1; i >= 0; i-- { // from the root down, as the system goes
		h := all[i]
		link := h.Meta.Link
		if i == 0 && k.Link != "" {
			link = k.Link
		}
		switch {
		case link != "" && (i == 0 || !h.Origin.Known() || !v.readable(h)):
			v.leadsAway(p, k, h.Path, link, name+" may not read")
			return
		case !h.Origin.Known() || v.readable(h):
		case i <= len(k.Above): // the file, or a directory of the user's
			v.keyPermissions(p, report.Blocking, k, &fault{h, true})
			return
		default:
			f := p.found("authorized-keys-permissions", report.Blocking, "sshd cannot read %s as %s, who may not pass %s (mode %04o).", path, name, h.Path, h.Meta.Mode)
			quote(f, h.Quote())
			advise(f, "Let others pass the directory, or let AuthorizedKeysFile name a file that "+name+" can reach.")
			return
		}
	}
	f := p.found("authorized-keys-permissions", report.Blocking, "sshd cannot read %s as %s: the system refuses it.", path, name)
	quote(f, facts.Quote{Source: path, Text: cmp.Or(k.Read.Reason, k.File.Origin.Reason, "permission denied")})
	advise(f, "See which directory, access control list or security module keeps "+name+" from the file.")
}

// keysElsewhere: a link of the user's leads to what StrictModes does not accept.
func (v *view) keysElsewhere(p *part, k facts.KeyFile, at facts.HostFile) {
	why := "does not belong to " + v.Account.Name
	if at.Meta.UID == 0 || at.Meta.UID == v.Account.UID {
		why = "others can write to"
	}
	if !v.readable(at) {
		why = v.Account.Name + " may not read"
	}
	v.leadsAway(p, k, at.Path, at.Meta.Link, why)
}

// leadsAway tells of the link and of nothing behind it.
func (v *view) leadsAway(p *part, k facts.KeyFile, path, target, why string) {
	f := p.found("authorized-keys-permissions", report.Blocking, "sshd does not take the keys of %s: %s is a symbolic link that leads to %s, which %s.", v.Account.Name, path, target, why)
	quote(f, facts.Quote{Source: "readlink " + path, Text: target})
	quote(f, v.Effective.Quote("authorizedkeysfile")...)
	advise(f, fmt.Sprintf("Ask %s why the link is there; put a file with the public keys in its place.", v.Account.Name))
}
