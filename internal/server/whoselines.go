package server

import (
	"fmt"
	"slices"
	"strings"

	"sshwhy/internal/evidence"
	"sshwhy/internal/facts"
	"sshwhy/internal/report"
	"sshwhy/internal/shquote"
)

// Whose lines are they? What keeps sshd from reading a file of keys is that
// somebody else could have written it; so whoever makes its mode strict makes
// valid what stands in it. The keys are listed, and the step opens. A file of a
// third user's is given to nobody: what it was there for cannot be seen.

// maxListed bounds how many keys a finding lists.
const maxListed = 10

// keyPermissions tells what StrictModes, or the account's own rights, have
// against a file of keys.
func (v *view) keyPermissions(p *part, impact report.Impact, k facts.KeyFile, fl *fault) {
	a, m, path := v.Account, fl.at.Meta, fl.at.Path
	f := p.found("authorized-keys-permissions", impact, "sshd ignores %s, because %s can be written by others (mode %04o).", k.File.Path, path, m.Mode)
	switch {
	case fl.owner && m.UID == a.UID:
		f.Summary = fmt.Sprintf("sshd cannot read %s as %s, because of the mode %04o of %s.", k.File.Path, a.Name, m.Mode, path)
	case fl.owner:
		f.Summary = fmt.Sprintf("sshd ignores %s, because %s belongs to uid %d, not to %s.", k.File.Path, path, m.UID, a.Name)
	}
	quote(f, fl.at.Quote())
	quote(f, v.Effective.Quote("strictmodes")...)
	quoteEntries(f, v.Journal.Last(1, "Authentication refused: bad ownership or modes"))
	opens := ""
	if fl.owner && m.UID != 0 && m.UID != a.UID || slices.ContainsFunc(chain(k), v.othersWrote) {
		opens = v.listKeys(f, path)
	}
	switch {
	case !fl.owner && v.shares(fl.at):
		v.adviseOwnPlace(f, fl.at)
	case !fl.owner:
		mend(f, "Give the path to the user alone.", v.chmodOf(k, fl.at, m.Mode&^0o022))
	case m.UID == a.UID:
		need := uint32(0o400)
		if m.Type == "dir" {
			need = 0o500
		}
		mend(f, "Let the user read it.", v.chmodOf(k, fl.at, m.Mode|need))
	case m.UID == 0 && m.Type == "file":
		step := v.chownOf(k, fl.at)
		step.Act = &report.Action{Kind: report.ActOwner, Path: path, User: a.Name}
		mend(f, "Give the file to the user, if it holds keys and nothing else.", step)
	default:
		v.adviseOwners(f, k)
	}
	if f.Remedy.Kind == report.Advice {
		return
	}
	if opens != "" {
		f.Remedy.Kind = report.Open
		f.Remedy.Summary = "Look at the keys that stand there first: somebody else could have put them there. " + f.Remedy.Summary
		f.Remedy.Steps[0].Act.Opens = opens
	}
}

// chain is a file of keys and the directories above it, nearest first.
func chain(k facts.KeyFile) []facts.HostFile { return append([]facts.HostFile{k.File}, k.Above...) }

// othersWrote says whether others than the user and root could have put
// something into a file or directory. A group that seems to hold the user alone
// is no excuse here: another account may have it for its primary group, and with
// an access control list the group's bits are the mask of all who are named (acl(5)).
func (v *view) othersWrote(h facts.HostFile) bool {
	if !h.Origin.Known() {
		return false
	}
	return h.Meta.Mode&0o022 != 0 || h.Meta.UID != 0 && h.Meta.UID != v.Account.UID
}

// shares says whether a directory that others can write to is not the user's but
// a home or another place that root has laid out, such as /tmp: that others write
// there may be what it is for.
func (v *view) shares(h facts.HostFile) bool {
	return h.Meta.Type == "dir" && h.Meta.UID != v.Account.UID && !strings.HasPrefix(h.Path, strings.TrimSuffix(v.Account.Home, "/")+"/")
}

// everybodys says whether a directory is there for all to write to, as /tmp: it has
// the sticky bit (inode(7)).
func everybodys(m evidence.Meta) bool { return m.Type == "dir" && m.Mode&0o1000 != 0 }

// adviseOwnPlace is for keys in a directory that many share: to take it away
// from the others would break what they do there.
func (v *view) adviseOwnPlace(f *report.Finding, h facts.HostFile) {
	if h.Path == v.Account.Home {
		advise(f, fmt.Sprintf("Others write to %s, and it is not %s's: give the account a home of its own, with the keys in it.", h.Path, v.Account.Name))
		return
	}
	advise(f, fmt.Sprintf("Others write to %s, and it is not %s's: let AuthorizedKeysFile name a place where nobody else writes.", h.Path, v.Account.Name))
}

// listKeys lists the keys that sshd would take from a path, or from the files
// below it, and says who gets in with them; "" where nobody does.
func (v *view) listKeys(f *report.Finding, path string) string {
	var keys []facts.AuthorizedKey
	unread := ""
	for _, k := range v.Access.Keys {
		if at := k.File.Path; !k.File.Origin.Known() || at != path && !strings.HasPrefix(at, path+"/") {
			continue
		}
		keys = append(keys, k.Held...)
		if !k.Whole {
			unread = k.File.Path
		}
	}
	for _, k := range keys[:min(len(keys), maxListed)] {
		quote(f, facts.Quote{Source: k.Quote.Source, Line: k.Quote.Line, Text: strings.TrimSpace(k.Type + " " + k.Fingerprint + " " + k.Comment)})
	}
	if more := len(keys) - maxListed; more > 0 {
		quote(f, facts.Quote{Source: path, Text: fmt.Sprintf("and %s", count(more, "more key", "more keys"))})
	}
	switch {
	case unread != "":
		return "whoever holds a key in " + unread + ", which could not be read whole"
	case len(keys) == 0:
		return ""
	case len(keys) == 1:
		return "whoever holds this key"
	}
	return fmt.Sprintf("whoever holds these %d keys", len(keys))
}

// chmodOf sets the mode of a part of the chain. By hand its owner does it,
// whom it is given to first where it is root's: root's chmod would follow a
// link that the user has put there.
func (v *view) chmodOf(k facts.KeyFile, h facts.HostFile, mode uint32) report.Step {
	before := h.Meta.Mode
	if h.Meta.Type == "file" && h.Meta.UID != 0 { // no fix sets these on what is not root's
		mode, before = mode&^0o6000, before&^0o6000
	}
	step := chmod(h.Path, mode, before)
	if v.Account.UID == 0 || v.decidedAt(k, h) == "" {
		return step
	}
	as := "runuser -u " + shquote.Word(v.Account.Name) + " -- "
	step.Do, step.Undo = as+step.Do, as+step.Undo
	if h.Meta.UID != v.Account.UID {
		give := v.chownOf(k, h)
		step.Do, step.Undo = give.Do+" && "+step.Do, step.Undo+" && "+give.Undo
	}
	return step
}

// decidedAt is the outermost directory above a part of the chain that others
// than root can write to: who does, decides what has the names below it. "" is
// none.
func (v *view) decidedAt(k facts.KeyFile, h facts.HostFile) string {
	all := chain(k)
	for i, o := range slices.Backward(all) {
		if o.Path == h.Path {
			break
		}
		if i > 0 && (!o.Origin.Known() || o.Meta.UID != 0 || o.Meta.Mode&0o022 != 0) {
			return o.Path
		}
	}
	return ""
}

// chownOf gives a part of the chain to the user. By hand, find goes down to it
// without following a link, and chown -h follows none at the end.
func (v *view) chownOf(k facts.KeyFile, h facts.HostFile) report.Step {
	to, back := "chown -h "+shquote.Operand(v.Account.Name), fmt.Sprintf("chown -h %d", h.Meta.UID)
	top := v.decidedAt(k, h)
	if top == "" {
		return do(to+" "+shquote.Word(h.Path), back+" "+shquote.Word(h.Path))
	}
	kind := "f -links 1"
	if h.Meta.Type == "dir" {
		kind = "d"
	}
	pattern := strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(h.Path) // find(1), -path
	depth := strings.Count(strings.TrimPrefix(h.Path, top), "/")
	find := fmt.Sprintf("find %s -maxdepth %d -path %s -type %s -execdir ", shquote.Word(top), depth, shquote.Word(pattern), kind)
	return do(find+to+` {} \;`, find+back+` {} \;`)
}

// adviseOwners is for what belongs to a third user, and for root's directories,
// with whatever is in them: from the top, so that the way to each is the
// user's before it is given.
func (v *view) adviseOwners(f *report.Finding, k facts.KeyFile) {
	var steps []report.Step
	for _, h := range slices.Backward(chain(k)) {
		if h.Origin.Known() && h.Meta.UID != v.Account.UID && (h.Meta.UID != 0 || !v.readable(h)) {
			steps = append(steps, v.chownOf(k, h))
		}
	}
	advise(f, "Look at what is there and whose it is; if it is the user's, give it to the user.", steps...)
}
