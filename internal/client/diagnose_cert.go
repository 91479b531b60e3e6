package client

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"sshwhy/internal/report"
	"sshwhy/internal/shquote"
)

// certRejected is for a user certificate that the server does not take. What the
// certificate itself says comes first (sshkey.c: sshkey_cert_check_authority);
// only where nothing in it is wrong, the server's trust is in doubt.
func (d *diagnosis) certRejected(l *Login, k Key) {
	c := k.Cert
	look := onClient("ssh-keygen -Lf " + shquote.Path(k.File))
	if k.File == "" {
		look = onClient("ssh-add -L | ssh-keygen -Lf -")
	}
	cause, certainty, why := "certificate-expired", report.Likely, ""
	remedy := advice("Have a new certificate signed.", look)
	from := d.source()
	switch {
	case c.Fault != "":
		certainty, why = report.Confirmed, c.Fault
	case len(c.Principals) == 0:
		why = "it names no user at all (no principal), which sshd does not take from an authority of TrustedUserCAKeys"
	case !slices.Contains(c.Principals, l.User):
		why = fmt.Sprintf("it is for %s, not for %s", strings.Join(c.Principals, ", "), l.User)
		remedy = advice("Log in as a user that the certificate names, or have a new one signed.", look)
	case c.Sources != "" && from.IsValid() && !within(c.Sources, from):
		cause, why = "publickey-rejected", fmt.Sprintf("it holds only for connections from %s, and this one comes from %s (unless a router on the way changes that)", c.Sources, from)
		remedy = advice("Connect from one of these networks, or have a certificate signed without this limit.", look)
	default:
		cause, why = "publickey-rejected", fmt.Sprintf("it is valid and for %s, so the server does not trust the authority that signed it (%s), or keeps another list of principals", l.User, c.CA)
		remedy = advice("Look on the server whether TrustedUserCAKeys holds that authority, and at AuthorizedPrincipalsFile.", look,
			onServer("sudo sshd -T -C user="+shquote.Word(l.User)+" | grep -i -E 'trustedusercakeys|authorizedprincipals|revokedkeys'"))
	}
	d.find(cause, certainty, fmt.Sprintf("%s rejects the certificate %s: %s.", d.host, k.Label(), why), d.loginEvidence(l), remedy)
}

// source is the address from which this machine sends to the one that was chosen.
func (d *diagnosis) source() netip.Addr {
	chosen := d.o.ChosenAddr().Addr()
	for _, r := range d.o.Routes {
		if r.Addr == chosen {
			return r.Source
		}
	}
	return netip.Addr{}
}

// within reports whether an address is in a list of addresses and networks, or
// whether the list cannot be read.
func within(list string, addr netip.Addr) bool {
	for _, word := range strings.Split(list, ",") {
		if p, err := netip.ParsePrefix(word); err == nil {
			if p.Contains(addr) {
				return true
			}
			continue
		}
		a, err := netip.ParseAddr(word)
		if err != nil || a == addr {
			return true
		}
	}
	return false
}

// words are what a certificate says of itself, for evidence.
func (c *KeyCert) words() string {
	valid := "always"
	if c.After != "" || c.Before != "" {
		valid = strings.TrimSpace(c.After + " to " + c.Before)
	}
	text := fmt.Sprintf("certificate of %s for %s, valid %s", c.CA, list(c.Principals), valid)
	if c.Sources != "" {
		text += ", from " + c.Sources
	}
	return text
}
