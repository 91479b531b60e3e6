package facts

import (
	"path"
	"strings"

	"sshwhy/internal/evidence"
)

// Certificates is what sshd goes by where the visitor comes with a certificate:
// the authorities it trusts, and the names (principals) it lets in to the account.
type Certificates struct {
	CA        string // TrustedUserCAKeys; "" where it is not set
	CAFile    Origin
	Trusted   []AuthorizedKey // the authorities' keys
	Whole     bool            // the file was read to its end
	File      HostFile        // AuthorizedPrincipalsFile, as the user sees it; no Path where it is not set
	Read      Origin
	Names     []Quote    // its lines that are no comments
	Command   []HostFile // AuthorizedPrincipalsCommand and every directory above it
	CommandBy string     // AuthorizedPrincipalsCommandUser
	NoSuch    Origin     // of that user: Absent where there is none
}

func caItem(e Effective) (evidence.Item, bool) {
	p := e.Value("trustedusercakeys")
	if !path.IsAbs(p) {
		return evidence.Item{}, false
	}
	return evidence.File(path.Clean(p)).AtMost(keyFileSize), true
}

// principalsFile is the file for the account, with its tokens replaced.
func principalsFile(e Effective, a Account) string {
	w := e.Value("authorizedprincipalsfile")
	if w == "" || strings.EqualFold(w, "none") {
		return ""
	}
	if paths := namedPaths([]string{w}, a); len(paths) == 1 {
		return paths[0]
	}
	return ""
}

func principalsCommand(e Effective) []string {
	words := e.Fields("authorizedprincipalscommand")
	if len(words) == 0 || !path.IsAbs(words[0]) {
		return nil
	}
	p := path.Clean(words[0])
	return append([]string{p}, dirsAbove(p, "/")...)
}

func wantCertificates(b *evidence.Bundle, ask Ask) []evidence.Item {
	a := parseAccount(b, ask)
	e := parseEffective(b, ask)
	ca, ok := caItem(e)
	if !a.Origin.Known() || !ok {
		return nil
	}
	items := []evidence.Item{ca} // sshd reads it as root
	if p := principalsFile(e, a); p != "" && a.Rights != nil {
		items = append(items, evidence.File(p).AtMost(keyFileSize).AsUser(a.Rights))
		for _, dir := range append([]string{p}, dirsAbove(p, "/")...) {
			items = append(items, evidence.Stat(dir).AsUser(a.Rights))
		}
	}
	for _, p := range principalsCommand(e) {
		items = append(items, evidence.Stat(p))
	}
	if u := e.Value("authorizedprincipalscommanduser"); len(principalsCommand(e)) > 0 && plainUser(u) && !strings.EqualFold(u, "none") {
		items = append(items, evidence.Command("getent", "passwd", u))
	}
	return items
}

func parseCertificates(b *evidence.Bundle, ask Ask) Certificates {
	a := parseAccount(b, ask)
	e := parseEffective(b, ask)
	ca, ok := caItem(e)
	if !a.Origin.Known() || !ok {
		return Certificates{}
	}
	r := b.Get(ca)
	c := Certificates{CA: ca.Path, CAFile: originOf(ca, r), Whole: r.OK() && !r.Truncated}
	c.Trusted, _ = ParseAuthorizedKeys(ca.Path, r.Data)
	if p := principalsFile(e, a); p != "" {
		it := evidence.File(p).AtMost(keyFileSize).AsUser(a.Rights)
		c.File = hostFileAs(b, a.Rights, p)
		c.Read = originOf(it, b.Get(it))
		for i, line := range lines(b.Get(it).Data) { // auth2-pubkeyfile.c, auth_process_principals
			text, _, _ := strings.Cut(line, "#")
			if text = strings.TrimSpace(text); text != "" {
				c.Names = append(c.Names, Quote{Source: p, Line: i + 1, Text: clip(text)})
			}
		}
	}
	for _, p := range principalsCommand(e) {
		c.Command = append(c.Command, hostFile(b, p))
	}
	c.CommandBy = e.Value("authorizedprincipalscommanduser")
	if it := evidence.Command("getent", "passwd", c.CommandBy); b.Has(it) {
		r := b.Get(it)
		if c.NoSuch = ran(it, r, exitZero); r.OK() && r.Exit == 2 {
			c.NoSuch.Status = evidence.Absent
		}
	}
	return c
}
