package server

import (
	"fmt"
	"slices"
	"strings"

	"sshwhy/internal/facts"
	"sshwhy/internal/report"
)

// Certificates of users: the authorities that sshd trusts and the names (principals)
// that it lets in to an account (sshd_config(5), TrustedUserCAKeys). Whether anybody
// has a certificate cannot be seen from here, so that a fault blocks only where no
// key of the account works.

// checkCertificates asks whether a certificate of a trusted authority would be taken.
func checkCertificates(v *view, p *part) {
	c := v.Certs
	if !v.known() || c.CA == "" || v.Effective.Value("pubkeyauthentication") == "no" {
		return
	}
	fault, words, lines, setting := v.certificateFault(p)
	if words == "" {
		if v.keyWay() == maybe {
			p.also("certificates", fmt.Sprintf("whether the visitor has one that an authority in %s signed cannot be seen here", c.CA))
		}
		return
	}
	impact := report.Blocking
	switch {
	case v.keysByFile() == yes:
		impact = report.Note
	case v.passwordWay() == yes:
		impact = report.Degrading
	}
	words = fmt.Sprintf("No certificate is taken for %s: %s.", v.Account.Name, words)
	var f *report.Finding
	switch fault {
	case noAuthority:
		f = p.found("authorized-keys-missing", impact, "%s", words)
	case noSignature:
		f = p.found("no-mutual-signature", impact, "%s", words)
	default:
		f = p.found("principals-missing", impact, "%s", words)
	}
	for _, s := range setting {
		quote(f, v.Effective.Quote(strings.ToLower(s))...)
		v.quoteSetting(f, s)
	}
	quote(f, lines...)
	advise(f, "Put back what is missing, or correct "+strings.Join(setting, " and ")+".")
}

// certFault is what of a certificate's way is broken.
type certFault int

const (
	noPrincipal certFault = iota
	noAuthority
	noSignature
)

// certificateFault is what keeps every certificate out, in the order in which sshd
// asks (auth2-pubkey.c, user_cert_trusted_ca).
func (v *view) certificateFault(p *part) (fault certFault, words string, lines []facts.Quote, settings []string) {
	c := v.Certs
	no := func(file string) facts.Quote {
		return facts.Quote{Source: "stat " + file, Text: "No such file or directory"}
	}
	switch {
	case absent(c.CAFile):
		return noAuthority, fmt.Sprintf("TrustedUserCAKeys names %s, which does not exist", c.CA), []facts.Quote{no(c.CA)}, []string{"TrustedUserCAKeys"}
	case c.CAFile.Unseen():
		p.cannot("certificates", "could not read "+c.CA+": "+unseenReason(v, c.CAFile))
		return
	case c.Whole && len(c.Trusted) == 0:
		return noAuthority, fmt.Sprintf("%s holds no public key of an authority", c.CA), []facts.Quote{{Source: c.CA, Text: "(no public key)"}}, []string{"TrustedUserCAKeys"}
	}
	if list := v.Effective.Value("casignaturealgorithms"); list != "" && c.Whole &&
		!slices.ContainsFunc(c.Trusted, func(k facts.AuthorizedKey) bool { return facts.AcceptsKey(strings.Split(list, ","), k.Type) }) {
		return noSignature, fmt.Sprintf("CASignatureAlgorithms leaves out what the authority in %s signs with (%s)", c.CA, c.Trusted[0].Type),
			[]facts.Quote{c.Trusted[0].Quote}, []string{"CASignatureAlgorithms"}
	}
	if list := v.Effective.Value("pubkeyacceptedalgorithms"); list != "" && !strings.Contains(list, "-cert-v01@openssh.com") {
		return noSignature, "PubkeyAcceptedAlgorithms has no type of certificate", nil, []string{"PubkeyAcceptedAlgorithms"}
	}
	return v.principalsFault(p, no)
}

// principalsFault: with AuthorizedPrincipalsFile or AuthorizedPrincipalsCommand only
// the names count that these give; without, the name of the account.
func (v *view) principalsFault(p *part, no func(string) facts.Quote) (fault certFault, words string, lines []facts.Quote, settings []string) {
	c := v.Certs
	if c.File.Path == "" && len(c.Command) == 0 {
		return
	}
	byFile, byCommand := "", ""
	switch {
	case c.File.Path == "":
	case absent(c.File.Origin):
		byFile, lines = fmt.Sprintf("AuthorizedPrincipalsFile leads to %s, which does not exist", c.File.Path), append(lines, no(c.File.Path))
	case denied(c.File.Origin) || denied(c.Read):
		byFile, lines = fmt.Sprintf("%s may not read %s", v.Account.Name, c.File.Path), append(lines, c.File.Quote())
	case !c.Read.Known():
		p.cannot("certificates", "could not read "+c.File.Path+": "+c.Read.Reason)
		return
	case len(c.Names) == 0:
		byFile, lines = c.File.Path+" names nobody", append(lines, c.File.Quote())
	default:
		return // some name is let in
	}
	if len(c.Command) > 0 {
		if byCommand = v.principalsCommandFault(); byCommand == "" {
			return // it is not run for this: checkKeywords tells so
		}
		lines = append(lines, c.Command[0].Quote())
	}
	if byFile != "" {
		settings = append(settings, "AuthorizedPrincipalsFile")
	}
	if byCommand != "" {
		settings = append(settings, "AuthorizedPrincipalsCommand")
	}
	words = strings.Join(slices.DeleteFunc([]string{byFile, byCommand}, func(s string) bool { return s == "" }), ", and ")
	return noPrincipal, words, lines, settings
}

// principalsCommandFault is what keeps sshd from running the command (misc.c,
// subprocess: it and all above it must be root's alone).
func (v *view) principalsCommandFault() string {
	for i, h := range v.Certs.Command {
		switch {
		case i == 0 && absent(h.Origin):
			return fmt.Sprintf("AuthorizedPrincipalsCommand names %s, which does not exist", h.Path)
		case h.Origin.Known() && (h.Meta.UID != 0 || h.Meta.Mode&0o022 != 0):
			return fmt.Sprintf("sshd does not run AuthorizedPrincipalsCommand, because others than root can write to %s", h.Path)
		case i == 0 && h.Origin.Known() && h.Meta.Mode&0o111 == 0:
			return fmt.Sprintf("AuthorizedPrincipalsCommand names %s, which is not executable", h.Path)
		}
	}
	if absent(v.Certs.NoSuch) {
		return fmt.Sprintf("AuthorizedPrincipalsCommand is to run as %s, and there is no such account", v.Certs.CommandBy)
	}
	return ""
}
