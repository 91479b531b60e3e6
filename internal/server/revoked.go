package server

import (
	"fmt"

	"sshwhy/internal/facts"
	"sshwhy/internal/report"
)

// checkRevoked asks whether sshd can use the list that RevokedKeys names: where it
// cannot, it refuses every key (auth2-pubkey.c).
func checkRevoked(v *view, p *part) {
	r := v.Revoked
	switch {
	case !v.known() || r.Path == "" || v.Effective.Value("pubkeyauthentication") == "no":
	case r.Useless != "":
		impact := report.Blocking
		if !v.hasKeys() && !v.otherKeySource() && v.passwordWay() == yes {
			impact = report.Degrading
		}
		f := p.found("revoked-key", impact, "sshd refuses every key, because it cannot use the list of revoked keys %s: %s.", r.Path, r.Useless)
		quote(f, v.Effective.Quote("revokedkeys")...)
		v.quoteSetting(f, "RevokedKeys")
		quote(f, r.At)
		if absent(r.Origin) {
			quote(f, facts.Quote{Source: "stat " + r.Path, Text: "No such file or directory"})
		}
		advise(f, "Put the right list back: without it nobody knows which keys were revoked, so an empty one lets those in again.")
	case !r.Origin.Known():
		p.cannot("revoked keys", "could not read "+r.Path+": "+unseenReason(v, r.Origin))
	case !r.Whole:
		p.also("revoked keys", "not all of "+r.Path+" is understood here")
	case v.keyWay() == yes:
		for _, k := range v.Access.Keys {
			for _, key := range k.Held {
				if at, ok := r.Revokes(key); ok {
					f := p.found("revoked-key", report.Note, "The key in %s line %d is revoked; others of the account are not.", key.Quote.Source, key.Quote.Line)
					quote(f, key.Quote, at)
					mend(f, "Use another key, or have the revocation taken back if it is a mistake.")
					return
				}
			}
		}
	}
}

// revocation is why a revoked key is not taken; nil where it is not known to be revoked.
func (v *view) revocation(k facts.AuthorizedKey) *refusal {
	at, ok := v.Revoked.Revokes(k)
	if !ok {
		return nil
	}
	place := at.Source
	if at.Line > 0 {
		place = fmt.Sprintf("line %d of %s", at.Line, at.Source)
	}
	return &refusal{"revoked-key", "is revoked by " + place + " (RevokedKeys)", "revokedkeys", "Make a new key and put its public half there, or have the revocation taken back if it is a mistake."}
}
