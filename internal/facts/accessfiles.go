package facts

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"sshwhy/internal/evidence"
)

// AccessFiles are the files that decide whether the visitor asked about may log in.
type AccessFiles struct {
	NoLogin []NoLogin // those of /etc/nologin and /run/nologin that exist
	Keys    []KeyFile // where sshd looks for the user's public keys, in its order
	Usual   []KeyFile // where people put keys, wherever sshd looks for this visitor's: see otherPaths
	Chroot  []HostFile
	Command []HostFile // AuthorizedKeysCommand and every directory above it
	ReadAll bool       // every path could be looked at
	AsUser  bool       // the user's files were looked at with the user's rights
}

// NoLogin is a file that keeps everyone but root out, with what it tells them.
type NoLogin struct {
	Path string
	Text Quote
}

// KeyFile is one authorized_keys file and the directories above it, up to the
// home, as the user sees them: sshd opens it with the user's rights
// (auth2-pubkeyfile.c, auth_openkeyfile).
type KeyFile struct {
	File HostFile
	// Read says whether its content could be read. Link is where the path leads if it
	// is a symbolic link itself.
	Read Origin
	Link string
	// Way are the directories above the home or, elsewhere, above those of Above, the
	// nearest first: the user must be able to pass them.
	Way   []HostFile
	Above []HostFile // nearest first
	Whole bool       // it was read to its end, so that Held and Bad are all there is
	Held  []AuthorizedKey
	Bad   []BadKeyLine // lines that are neither a comment nor a key
}

// keyFileSize bounds how much of an authorized_keys file is read.
const keyFileSize = 256 << 10

var noLoginPaths = []string{"/etc/nologin", "/run/nologin", "/var/run/nologin"}

// usualKeyFiles is AuthorizedKeysFile's default (sshd_config(5)).
var usualKeyFiles = []string{".ssh/authorized_keys", ".ssh/authorized_keys2"}

func wantAccess(b *evidence.Bundle, ask Ask) []evidence.Item {
	var items []evidence.Item
	for _, p := range noLoginPaths[:2] {
		items = append(items, evidence.File(p).AtMost(4<<10))
	}
	a := parseAccount(b, ask)
	if !a.Origin.Known() {
		return items
	}
	e := parseEffective(b, ask)
	items = append(items, wantKeys(b, e, a)...)
	for _, p := range append(chrootDirs(e, a), commandPaths(e)...) {
		items = append(items, evidence.Stat(p)) // sshd checks these as root
	}
	return items
}

// wantKeys are the user's files of keys, and what leads to them, as the user.
func wantKeys(b *evidence.Bundle, e Effective, a Account) []evidence.Item {
	if a.Rights == nil {
		return nil
	}
	var items []evidence.Item
	looked := keyPaths(e, a)
	for _, p := range looked {
		items = append(items, evidence.File(p).AtMost(keyFileSize).AsUser(a.Rights))
	}
	for _, p := range append(looked, otherPaths(b, a)...) {
		items = append(items, evidence.Stat(p).AsUser(a.Rights))
		for _, dir := range dirsAbove(p, "/") {
			items = append(items, evidence.Stat(dir).AsUser(a.Rights))
		}
	}
	return items
}

func parseAccess(b *evidence.Bundle, ask Ask) AccessFiles {
	out := AccessFiles{ReadAll: true}
	for _, p := range noLoginPaths[:2] {
		if r := b.Get(evidence.File(p)); r.OK() {
			out.NoLogin = append(out.NoLogin, NoLogin{Path: p, Text: Quote{Source: p, Line: 1, Text: firstLine(r.Data)}})
		}
	}
	a := parseAccount(b, ask)
	if !a.Origin.Known() {
		return out
	}
	e := parseEffective(b, ask)
	out.AsUser = !b.Plain && (b.UID == 0 || b.UID == a.UID)
	out.Keys = keyFiles(b, a, keyPaths(e, a))
	out.ReadAll = !slices.ContainsFunc(out.Keys, func(k KeyFile) bool { // a pattern since OpenSSH 10.0, a name before
		return strings.ContainsAny(k.File.Path, "*?[") && k.File.Origin.Status == evidence.Absent
	})
	out.Usual = keyFiles(b, a, otherPaths(b, a))
	for _, dir := range chrootDirs(e, a) {
		out.Chroot = append(out.Chroot, hostFile(b, dir))
	}
	for _, p := range commandPaths(e) {
		out.Command = append(out.Command, hostFile(b, p))
	}
	for _, k := range out.Keys {
		denied := out.AsUser && k.File.Origin.Status == evidence.Denied // to sshd as well
		out.ReadAll = out.ReadAll && (denied || !k.File.Origin.Unseen())
	}
	return out
}

func keyFiles(b *evidence.Bundle, a Account, paths []string) []KeyFile {
	var out []KeyFile
	for _, p := range paths {
		k := KeyFile{File: hostFileAs(b, a.Rights, p)}
		above := dirsAbove(p, a.Home)
		for _, dir := range above {
			k.Above = append(k.Above, hostFileAs(b, a.Rights, dir))
		}
		for _, dir := range dirsAbove(p, "/")[len(above):] {
			k.Way = append(k.Way, hostFileAs(b, a.Rights, dir))
		}
		it := evidence.File(p).AtMost(keyFileSize).AsUser(a.Rights)
		r := b.Get(it)
		k.Read, k.Link = originOf(it, r), k.File.Meta.Link
		if r.Meta != nil && r.Meta.Link != "" {
			k.Link = r.Meta.Link
		}
		if r.OK() && !r.Truncated {
			k.Whole = true
			k.Held, k.Bad = ParseAuthorizedKeys(p, r.Data)
		}
		out = append(out, k)
	}
	return out
}

// keyPaths are the files that AuthorizedKeysFile names for the user.
func keyPaths(e Effective, a Account) []string {
	words := e.Fields("authorizedkeysfile")
	if len(words) == 0 && !e.Origin.Known() {
		words = usualKeyFiles
	}
	return namedPaths(words, a)
}

// namedPaths are the files that words of AuthorizedKeysFile mean for the user.
func namedPaths(words []string, a Account) []string {
	var out []string
	for _, w := range words {
		if strings.EqualFold(w, "none") {
			continue
		}
		if p := expandTokens(w, a); strings.HasPrefix(p, "/") {
			out = append(out, path.Clean(p))
		} else if strings.HasPrefix(a.Home, "/") {
			out = append(out, path.Join(a.Home, p))
		}
	}
	return out
}

// otherPaths are the usual files, and those that AuthorizedKeysFile names for
// anybody, in a Match block that need not be about this visitor.
func otherPaths(b *evidence.Bundle, a Account) []string {
	words := slices.Clone(usualKeyFiles)
	for _, d := range parseConfig(b).All("AuthorizedKeysFile") {
		words = append(words, d.Args...)
	}
	var out []string
	for _, p := range namedPaths(words, a) {
		if !slices.Contains(out, p) && len(out) < maxOtherPaths {
			out = append(out, p)
		}
	}
	return out
}

// maxOtherPaths bounds how many files are looked at where sshd does not look.
const maxOtherPaths = 16

// expandTokens replaces %h, %u, %U and %% (sshd_config(5), TOKENS).
func expandTokens(s string, a Account) string {
	return strings.NewReplacer("%%", "%", "%h", a.Home, "%u", a.Name, "%U", strconv.Itoa(a.UID)).Replace(s)
}

// dirsAbove are the directories that StrictModes checks: those above the file up
// to and with the home, or up to the root where it lies elsewhere (auth.c,
// safe_path).
func dirsAbove(file, home string) []string {
	home = path.Clean("/" + home)
	var out []string
	for dir := path.Dir(file); len(out) < 64; dir = path.Dir(dir) {
		out = append(out, dir)
		if dir == home || dir == "/" {
			break
		}
	}
	return out
}

// commandPaths are AuthorizedKeysCommand and everything above it, all of which
// must be root's alone (misc.c, subprocess).
func commandPaths(e Effective) []string {
	words := e.Fields("authorizedkeyscommand")
	if len(words) == 0 || !strings.HasPrefix(words[0], "/") {
		return nil
	}
	p := path.Clean(words[0])
	return append([]string{p}, dirsAbove(p, "/")...)
}

// chrootDirs are ChrootDirectory and everything above it (session.c, safely_chroot).
func chrootDirs(e Effective, a Account) []string {
	v := e.Value("chrootdirectory")
	if v == "" || strings.EqualFold(v, "none") {
		return nil
	}
	p := path.Clean("/" + expandTokens(v, a))
	return append([]string{p}, dirsAbove(p, "/")...)
}
