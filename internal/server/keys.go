package server

import (
	"slices"
	"strings"

	"sshwhy/internal/facts"
	"sshwhy/internal/report"
)

// tri is an answer that may not be known.
type tri int

const (
	maybe tri = iota
	no
	yes
)

func triOf(b bool) tri {
	if b {
		return yes
	}
	return no
}

// passwordWay reports whether the account can be logged in to with a password.
func (v *view) passwordWay() tri {
	e, a := v.Effective, v.Account
	if !e.Origin.Known() {
		return maybe
	}
	byPassword := e.Value("passwordauthentication") == "yes"
	byKeyboard := e.Value("kbdinteractiveauthentication") == "yes" && e.Value("usepam") == "yes"
	root := e.Value("permitrootlogin")
	switch {
	case !byPassword && !byKeyboard, a.UID == 0 && root != "yes":
		return no
	case !a.StateBy.Known():
		return maybe
	case a.Password == facts.PasswordUsable, a.Password == facts.PasswordNone && e.Value("permitemptypasswords") == "yes":
		return yes
	}
	return no
}

// keyWay reports whether the account can be logged in to with a key.
func (v *view) keyWay() tri {
	e := v.Effective
	switch {
	case !e.Origin.Known():
		return maybe
	case e.Value("pubkeyauthentication") == "no", v.Revoked.Useless != "":
		return no
	}
	if byFile := v.keysByFile(); byFile != no || !v.otherKeySource() {
		return byFile
	}
	if v.commandFault() != nil && v.Certs.CA == "" {
		return no
	}
	return maybe
}

// keysByFile reports whether a key in a file of the account lets the visitor in.
func (v *view) keysByFile() tri {
	for _, k := range v.Access.Keys {
		if k.File.Origin.Known() && k.File.Meta.Size > 0 && !v.deniedKeys(k) && v.keyFault(k) == nil && v.holdsUsable(k) {
			return yes
		}
	}
	if !v.Access.ReadAll {
		return maybe
	}
	return no
}

// otherKeySource: keys may come from a command, or be signed by an authority.
func (v *view) otherKeySource() bool {
	for _, k := range []string{"authorizedkeyscommand", "trustedusercakeys"} {
		if val := v.Effective.Value(k); val != "" && val != "none" {
			return true
		}
	}
	return false
}

// fault is what StrictModes has against one path.
type fault struct {
	at    facts.HostFile
	owner bool
}

// keyFault is the first thing that keeps sshd from using a key file: it, or a
// directory above it, belongs to somebody else or can be written by others.
// Debian's sshd accepts a group that holds nobody but the user.
func (v *view) keyFault(k facts.KeyFile) *fault {
	if v.Effective.Value("strictmodes") == "no" {
		return nil
	}
	for _, h := range append([]facts.HostFile{k.File}, k.Above...) {
		if !h.Origin.Known() {
			continue
		}
		if h.Meta.UID != 0 && h.Meta.UID != v.Account.UID || !v.readable(h) {
			return &fault{h, true}
		}
		forbidden := uint32(0o022)
		if v.System.Debianish() && v.Account.Private && h.Meta.GID == v.Account.GID {
			forbidden = 0o002
		}
		if h.Meta.Mode&forbidden != 0 {
			return &fault{h, false}
		}
	}
	return nil
}

// readable reports whether the user may read the file, or pass the directory:
// sshd opens authorized_keys with the user's rights. Other groups of the user
// are not looked into: what any group may read counts as readable.
func (v *view) readable(h facts.HostFile) bool {
	need := uint32(0o4)
	if h.Meta.Type == "dir" {
		need = 0o1
	}
	switch {
	case v.Account.UID == 0:
		return true
	case h.Meta.UID == v.Account.UID:
		return h.Meta.Mode&(need<<6) != 0
	}
	return h.Meta.Mode&(need|need<<3) != 0
}

// checkKeys looks for public keys that sshd would take for the user.
func checkKeys(v *view, p *part) {
	e, a := v.Effective, v.Account
	if !v.known() || !e.Origin.Known() || absent(a.HomeDir.Origin) || a.UID == 0 && e.Value("permitrootlogin") == "no" {
		return
	}
	if e.Value("pubkeyauthentication") == "no" {
		v.keysOff(p)
		return
	}
	if !v.Access.ReadAll {
		p.cannot("keys of "+a.Name, "not all of the home directory could be looked at: "+unseenReason(v, facts.Origin{Reason: "no permission, or it is not in the bundle"}))
		return
	}
	if v.Revoked.Useless != "" {
		return // checkRevoked tells why none is taken
	}
	switch v.keyWay() {
	case yes:
		v.otherKeys(p)
		return
	case maybe:
		return
	}
	if fl := v.commandFault(); fl != nil {
		v.commandFailed(p, fl)
		return
	}
	// The keys are there, so a key is how the user means to come in; that a
	// password might do does not make it work.
	if v.checkDenied(p) {
		return
	}
	for _, k := range v.Access.Keys {
		if fl := v.keyFault(k); fl != nil && k.File.Origin.Known() {
			v.keyPermissions(p, report.Blocking, k, fl)
			return
		}
	}
	for _, k := range v.Access.Keys {
		if k.File.Origin.Known() && k.File.Meta.Size > 0 && !v.holdsUsable(k) {
			v.nothingUsable(p, k)
			return
		}
	}
	v.noUserKeys(p)
}

// noUserKeys: nothing where sshd looks; perhaps the keys are where it does not.
func (v *view) noUserKeys(p *part) {
	a := v.Account
	var looked []string
	for _, k := range v.Access.Keys {
		looked = append(looked, k.File.Path)
	}
	for _, k := range v.Access.Usual {
		if k.File.Origin.Known() && k.File.Meta.Size > 0 && !slices.Contains(looked, k.File.Path) {
			f := p.found("authorized-keys-location", report.Blocking, "The keys of %s are in %s, and sshd looks for them in %s.", a.Name, k.File.Path, orNowhere(looked))
			quote(f, v.Effective.Quote("authorizedkeysfile")...)
			v.quoteSetting(f, "AuthorizedKeysFile")
			quote(f, k.File.Quote())
			mend(f, "Move the keys to where sshd looks, or let AuthorizedKeysFile name the file.")
			return
		}
	}
	impact := report.Note // a user with a password needs no key
	if v.passwordWay() == no {
		impact = report.Blocking
	}
	f := p.found("authorized-keys-missing", impact, "There is no key for %s: sshd looks in %s.", a.Name, orNowhere(looked))
	for _, k := range v.Access.Keys {
		quote(f, k.File.Quote())
	}
	quote(f, v.Effective.Quote("authorizedkeysfile")...)
	mend(f, "Put the visitor's public key there (ssh-copy-id, where a password still works).")
}

func orNowhere(paths []string) string {
	if len(paths) == 0 {
		return "no file at all"
	}
	return strings.Join(paths, " and ")
}

// keysOff: public keys are switched off.
func (v *view) keysOff(p *part) {
	impact := report.Note
	if v.hasKeys() || v.passwordWay() == no {
		impact = report.Blocking
	}
	f := p.found("pubkey-auth-disabled", impact, "Public key authentication is switched off, so no key of %s works.", v.Account.Name)
	quote(f, v.Effective.Quote("pubkeyauthentication")...)
	v.quoteSetting(f, "PubkeyAuthentication")
	v.admitBySetting(f, "PubkeyAuthentication", "yes", "with a key")
}

func (v *view) hasKeys() bool {
	return slices.ContainsFunc(v.Access.Keys, func(k facts.KeyFile) bool { return k.File.Origin.Known() && k.File.Meta.Size > 0 })
}

// keysMeant are findings that show that keys are how the account is meant to come in.
var keysMeant = [...]string{"authorized-keys-location", "authorized-keys-permissions", "authorized-keys-selinux", "authorized-keys-command-failed", "revoked-key", "principals-missing"}

// checkPasswordOff: the account has a password and no key, and passwords are off.
func checkPasswordOff(v *view, p *part) {
	e, a := v.Effective, v.Account
	if !v.known() || !e.Origin.Known() || a.Password != facts.PasswordUsable || a.UID == 0 || v.passwordWay() != no || v.keyWay() != no || v.hasKeys() ||
		slices.ContainsFunc(p.findings, func(f report.Finding) bool { return slices.Contains(keysMeant[:], f.Cause) }) {
		return
	}
	f := p.found("password-auth-disabled", report.Blocking, "%s has a password and no key, and this server accepts no passwords.", a.Name)
	quote(f, e.Quote("passwordauthentication")...)
	quote(f, e.Quote("kbdinteractiveauthentication")...)
	v.quoteSetting(f, "PasswordAuthentication")
	quote(f, a.State)
	v.admitBySetting(f, "PasswordAuthentication", "yes", "with a password")
}
