package client

import (
	"fmt"

	"sshwhy/internal/report"
	"sshwhy/internal/shquote"
)

// keyDNS compares the key with what the host's zone publishes. With VerifyHostKeyDNS
// ssh does so itself, and warns of a difference as loudly as of a changed key; it ends
// the connection only where the key is not on record either.
func (d *diagnosis) keyDNS(h *HostKey) {
	k := h.DNS
	if k == nil {
		return
	}
	if len(k.Records) == 0 {
		if k.Code == "" {
			d.incomplete("host key in DNS", fmt.Sprintf("VerifyHostKeyDNS asks for it, and no name server answered (%s)", k.Err))
		}
		return
	}
	if k.Matches() {
		return
	}
	why := fmt.Sprintf("DNS publishes other fingerprints for %s than that of the key it shows (%s %s): the host has new keys and its zone was not changed, or another machine answers.", d.host, h.Type, h.Fingerprint)
	if !k.ofThisKind() {
		why = fmt.Sprintf("DNS publishes fingerprints for %s, but none for a key of the kind it shows (%s %s).", d.host, h.Type, h.Fingerprint)
	}
	d.find("host-key-dns-mismatch", report.Confirmed, why, append(h.evidence(d, nil), k.evidence()...),
		advice("Compare the key with the one that the host's console prints. If it is the same, put the lines that ssh-keygen -r prints into the zone.",
			onServer("ssh-keygen -r "+shquote.Operand(d.host)), onClient("dig +dnssec SSHFP "+shquote.Operand(d.host))))
	switch {
	case k.Wanted == "":
		d.lowerImpact(report.Note)
	case !h.Refused():
		d.lowerImpact(report.Degrading)
	}
}

// ofThisKind reports whether any record is of a key of the kind shown.
func (k *KeyDNS) ofThisKind() bool {
	for _, r := range k.Records {
		if r.Same || r.Other {
			return true
		}
	}
	return false
}

// evidence are the records as they came, and who vouches for them.
func (k *KeyDNS) evidence() []report.Evidence {
	if k == nil {
		return nil
	}
	said := "not vouched for by DNSSEC (no AD bit)"
	switch {
	case k.Secure && k.TrustAD:
		said = "vouched for by DNSSEC (AD bit)"
	case k.Secure:
		said = "the name server vouches for it (AD bit), and resolv.conf has no option trust-ad, so ssh does not believe it"
	}
	var out []report.Evidence
	for _, r := range k.Records[:min(len(k.Records), 6)] {
		verdict := "for a key of another kind"
		if r.Same {
			verdict = "this key's"
		} else if r.Other {
			verdict = "another key's"
		}
		out = append(out, report.Evidence{Source: fmt.Sprintf("SSHFP of %s at %s, %s", k.Name, k.Server, said),
			Excerpt: fmt.Sprintf("SSHFP %d %d %s (%s)", r.Algorithm, r.Hash, r.Fingerprint, verdict)})
	}
	return out
}
