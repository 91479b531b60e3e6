package facts

import (
	"math"
	"strconv"
	"strings"
	"time"

	"sshwhy/internal/evidence"
)

// Account is the account the visitor asks for. No password or hash is read:
// passwd -S and chage say what a diagnosis needs, and of a locked password
// whether it is "!" or "*" that locks it.
type Account struct {
	Origin   Origin // Skipped where no user was asked about; Absent where there is no such account
	Name     string
	UID, GID int
	Home     string
	Shell    string
	Line     Quote
	Groups   []string // names of all groups
	GroupsBy Origin
	// Rights are those that sshd takes on before it touches the user's files, and that
	// they are looked at with; nil where they are not known.
	Rights  *evidence.User
	Private bool // the primary group has no other members (Debian's sshd lets it write)

	Password PasswordState
	State    Quote // the line of passwd -S
	StateBy  Origin
	// Mark is what the password begins with where it is locked: "!" or "*".
	// Without PAM sshd on Linux lets no account in whose password begins with
	// "!" (configure.ac, LOCKED_PASSWD_PREFIX), and minds no "*". "" where it
	// is not known.
	Mark   string
	MarkBy Quote

	Expires         time.Time // account; zero: never, or not known
	PasswordExpires time.Time
	MustChange      bool // the password must be changed at the next login
	Expiry          Origin
	ExpiryLines     []Quote

	ShellFile Binary
	HomeDir   HostFile
	Root      HostFile // "/", which he must be able to pass
}

// PasswordState is the second field of `passwd -S`.
type PasswordState string

// The states of a password.
const (
	PasswordUsable PasswordState = "P"
	PasswordLocked PasswordState = "L"
	PasswordNone   PasswordState = "NP" // an empty one
)

// HostFile is a path with its metadata.
type HostFile struct {
	Origin Origin
	Path   string
	Meta   evidence.Meta
}

// Quote shows the file's metadata.
func (h HostFile) Quote() Quote {
	if !h.Origin.Known() {
		return Quote{Source: "stat " + h.Path, Text: string(h.Origin.Status)}
	}
	return MetaQuote(h.Path, h.Meta)
}

// hostFile is the path as root sees it, or whoever looks.
func hostFile(b *evidence.Bundle, path string) HostFile { return hostFileAs(b, nil, path) }

// hostFileAs is the path as the user sees it.
func hostFileAs(b *evidence.Bundle, u *evidence.User, path string) HostFile {
	it := evidence.Stat(path).AsUser(u)
	r := b.Get(it)
	h := HostFile{Origin: originOf(it, r), Path: path}
	if r.Meta != nil {
		h.Meta = *r.Meta
	}
	return h
}

// plainUser reports whether a name can be handed to programs: no account name
// begins with "-" or holds these.
func plainUser(name string) bool {
	return name != "" && name[0] != '-' && !strings.ContainsAny(name, ":/, \t\n\x00") && len(name) <= 256
}

func accountItems(user string) (passwd, groups, state, aging evidence.Item) {
	return evidence.Command("getent", "passwd", user), evidence.Command("id", "-Gn", user),
		evidence.Command("passwd", "-S", user), evidence.Command("chage", "-l", user)
}

func wantAccount(b *evidence.Bundle, ask Ask) []evidence.Item {
	if !plainUser(ask.User) {
		return nil
	}
	passwd, groups, state, aging := accountItems(ask.User)
	items := []evidence.Item{passwd, groupNumbers(ask.User)} // at once: his files wait for both
	a := parseAccount(b, ask)
	if !a.Origin.Known() {
		return items
	}
	items = append(items, evidence.Stat("/"), groups, state, aging, evidence.Command("getent", "group", strconv.Itoa(a.GID)), sharers(a.GID))
	if a.Rights == nil {
		return items
	}
	items = append(items, evidence.Stat(a.Shell).AsUser(a.Rights)) // it is he who runs it
	if strings.HasPrefix(a.Home, "/") {
		items = append(items, evidence.Stat(a.Home).AsUser(a.Rights))
	}
	if mark, ok := lockMark(ask.User); ok { // not only where passwd says locked: a console is looked at in one round
		items = append(items, mark)
	}
	return items
}

func groupNumbers(user string) evidence.Item { return evidence.Command("id", "-G", user) }

// readRights puts together who the user is for the kernel. Without all his groups
// he would seem to be kept from what he may read: then nothing is looked at as him.
func (a *Account) readRights(b *evidence.Bundle, uidWord, gidWord string) {
	uid, err := strconv.ParseUint(uidWord, 10, 32)
	gid, err2 := strconv.ParseUint(gidWord, 10, 32)
	if err != nil || err2 != nil || uid == math.MaxUint32 || gid == math.MaxUint32 { // -1 is "as it is" to the kernel
		return
	}
	u := &evidence.User{Name: a.Name, UID: uint32(uid), GID: uint32(gid)}
	r := b.Get(groupNumbers(a.Name))
	for word := range strings.FieldsSeq(string(r.Data)) {
		if n, err := strconv.ParseUint(word, 10, 32); err == nil && n != math.MaxUint32 {
			u.Groups = append(u.Groups, uint32(n))
		}
	}
	if b.Plain || r.OK() && r.Exit == 0 && len(u.Groups) > 0 {
		a.Rights = u
	}
}

// lockMark asks for the mark of a locked password, and prints nothing else of
// /etc/shadow. Awk would read a backslash in a name as an escape.
func lockMark(user string) (evidence.Item, bool) {
	const program = `$1==user {print ($2 ~ /^[!*]/) ? substr($2,1,1) : "other"}`
	return evidence.Command("awk", "-F:", "-v", "user="+user, program, "/etc/shadow"), !strings.Contains(user, `\`)
}

func parseAccount(b *evidence.Bundle, ask Ask) Account {
	a := Account{Name: ask.User, Origin: Origin{Status: evidence.Skipped, Reason: "no user asked about"}}
	if ask.User == "" {
		return a
	}
	if !plainUser(ask.User) {
		a.Origin = Origin{Status: evidence.Absent, Reason: "no account can have such a name", Source: "getent passwd"}
		return a
	}
	passwd, groups, state, aging := accountItems(ask.User)
	r := b.Get(passwd)
	a.Origin = ran(passwd, r, exitZero)
	if r.OK() && r.Exit == 2 { // getent(1): not found
		a.Origin.Status, a.Origin.Reason = evidence.Absent, "no such user"
	}
	if !a.Origin.Known() {
		return a
	}
	f := strings.Split(firstLine(r.Data), ":")
	if len(f) < 7 {
		a.Origin.Status, a.Origin.Reason = evidence.Failed, "its output is not a passwd line"
		return a
	}
	a.UID, _ = strconv.Atoi(f[2])
	a.GID, _ = strconv.Atoi(f[3])
	a.readRights(b, f[2], f[3])
	a.Home, a.Shell = f[5], f[6]
	if a.Shell == "" {
		a.Shell = "/bin/sh" // passwd(5)
	}
	f[1] = "x" // an old system may keep a hash here
	a.Line = Quote{Source: a.Origin.Source, Text: clip(strings.Join(f, ":"))}
	g := b.Get(groups)
	a.GroupsBy = ran(groups, g, exitZero)
	a.Groups = strings.Fields(string(g.Data))
	a.Private = privateGroup(b, a)
	a.readState(b, state)
	a.readAging(b, aging)
	a.ShellFile = shellFile(b, a)
	a.Root = hostFile(b, "/")
	a.HomeDir = hostFileAs(b, a.Rights, a.Home)
	return a
}

// shellFile is the program that is run for the user, as he sees it.
func shellFile(b *evidence.Bundle, a Account) Binary {
	h := hostFileAs(b, a.Rights, a.Shell)
	return Binary{Origin: h.Origin, Path: h.Path, Meta: h.Meta}
}

// sharers asks for the accounts of this machine whose primary group that is.
func sharers(gid int) evidence.Item {
	return evidence.Command("awk", "-F:", "-v", "gid="+strconv.Itoa(gid), "$4==gid {print $1}", "/etc/passwd")
}

// privateGroup: "alice:x:1000:" or "alice:x:1000:alice", and nobody else has it for
// the primary group (Debian's misc.c, secure_permissions).
func privateGroup(b *evidence.Bundle, a Account) bool {
	for name := range strings.FieldsSeq(string(b.Get(sharers(a.GID)).Data)) {
		if name != a.Name {
			return false
		}
	}
	f := strings.Split(firstLine(b.Get(evidence.Command("getent", "group", strconv.Itoa(a.GID))).Data), ":")
	return len(f) == 4 && (f[3] == "" || f[3] == a.Name)
}

func (a *Account) readState(b *evidence.Bundle, it evidence.Item) {
	r := b.Get(it)
	a.StateBy = ran(it, r, exitZero)
	if !a.StateBy.Known() {
		return
	}
	// alice P 2026-11-20 0 99999 7 -1; Red Hat's passwd says PS, LK and NP.
	switch nth(firstLine(r.Data), 1) {
	case "P", "PS":
		a.Password = PasswordUsable
	case "L", "LK":
		a.Password = PasswordLocked
	case "NP":
		a.Password = PasswordNone
	}
	a.State = Quote{Source: it.Key()[len("cmd:"):], Text: firstLine(r.Data)}
	mark, _ := lockMark(a.Name)
	if m := b.Get(mark); a.Password == PasswordLocked && m.OK() && m.Exit == 0 {
		a.Mark = firstLine(m.Data)
		a.MarkBy = Quote{Source: "password of " + a.Name + " in /etc/shadow begins with", Text: a.Mark}
	}
}

// readAging reads `chage -l`: "Account expires\t: Jan 02, 2026", or "never".
func (a *Account) readAging(b *evidence.Bundle, it evidence.Item) {
	r := b.Get(it)
	a.Expiry = ran(it, r, exitZero)
	for i, line := range lines(r.Data) {
		key, value, _ := strings.Cut(line, ":")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		q := Quote{Source: a.Expiry.Source, Line: i + 1, Text: clip(line)}
		switch key {
		case "Account expires":
			a.Expires = chageDate(value)
			a.ExpiryLines = append(a.ExpiryLines, q)
		case "Password expires":
			a.PasswordExpires = chageDate(value)
			a.MustChange = a.MustChange || strings.Contains(value, "must be changed")
			a.ExpiryLines = append(a.ExpiryLines, q)
		}
	}
}

func chageDate(s string) time.Time {
	for _, layout := range []string{"Jan 02, 2006", "2006-01-02"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t
		}
	}
	return time.Time{}
}
