package server

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"sshwhy/internal/facts"
	"sshwhy/internal/report"
)

// holdsUsable reports whether sshd would take a key of the file from this
// visitor. What could not be read counts as usable: nothing is known against it.
func (v *view) holdsUsable(k facts.KeyFile) bool {
	if k.File.Meta.Type == "dir" {
		return false
	}
	return !k.Whole || slices.ContainsFunc(k.Held, func(key facts.AuthorizedKey) bool { return v.keyRefused(key) == nil })
}

// refusal is why sshd passes over a key that it can read.
type refusal struct {
	cause   string
	words   string // ends a sentence that begins with the key's place
	setting string // of sshd's configuration that decides; "" where the line itself does
	advice  string
}

// keyRefused is what speaks against one key for this visitor; nil: nothing that
// can be seen.
func (v *view) keyRefused(k facts.AuthorizedKey) *refusal {
	if k.Fault != "" {
		return &refusal{"authorized-keys-missing", k.Fault, "", "Correct the options in front of that key, or take them out."}
	}
	if _, ca := k.Option("cert-authority"); ca {
		return nil // the certificates that it signed are not here to be looked at
	}
	if from, ok := k.Option("from"); ok && v.q.Client.IsValid() &&
		facts.MatchFrom(from, v.CallerOfSSHD(v.q.Client)) == facts.NoOne {
		return &refusal{"authorized-keys-missing", fmt.Sprintf("is not for %s: its from= names others", v.q.Client), "usedns",
			"Let the from= of that line name the visitor's address (a host name there counts only with UseDNS yes)."}
	}
	if why := v.revocation(k); why != nil {
		return why
	}
	if v.Account.UID == 0 && v.Effective.Value("permitrootlogin") == "forced-commands-only" {
		if _, bound := k.Option("command"); !bound {
			return &refusal{"root-login-disabled", "carries no command, and PermitRootLogin is forced-commands-only", "permitrootlogin",
				"Log in as another user and use sudo, or put a key with a command there for what is to be done."}
		}
	}
	if at, ok := k.Option("expiry-time"); ok && facts.KeyExpired(at, v.taken) {
		return &refusal{"authorized-keys-missing", "has expired (expiry-time " + at + ")", "", "Put a new key there, or give that one a later expiry-time."}
	}
	if list := v.Effective.Value("pubkeyacceptedalgorithms"); list != "" && !facts.AcceptsKey(strings.Split(list, ","), k.Type) {
		return &refusal{"no-mutual-signature", "is " + k.Type + ", which PubkeyAcceptedAlgorithms leaves out", "pubkeyacceptedalgorithms",
			"Put a key of a type that this server accepts there, or add this one's to PubkeyAcceptedAlgorithms."}
	}
	if least, err := strconv.Atoi(v.Effective.Value("requiredrsasize")); err == nil && k.Bits > 0 && k.Bits < least {
		return &refusal{"rsa-key-too-small", fmt.Sprintf("has %d bits, and sshd takes none below %d (RequiredRSASize)", k.Bits, least), "requiredrsasize",
			"Make a new key (ssh-keygen -t ed25519), and put its public half there."}
	}
	return nil
}

// nothingUsable tells why a file of keys that is there, and that sshd reads,
// lets the visitor in by none of them.
func (v *view) nothingUsable(p *part, k facts.KeyFile) {
	path := k.File.Path
	if k.File.Meta.Type == "dir" {
		f := p.found("authorized-keys-missing", report.Blocking, "%s is a directory: sshd wants a file with keys there.", path)
		quote(f, k.File.Quote())
		mend(f, "Move the directory away, and put the visitor's public key into a file of that name.")
		return
	}
	if len(k.Held) == 0 {
		why := ""
		if len(k.Bad) > 0 {
			why = fmt.Sprintf(": line %d %s", k.Bad[0].Quote.Line, k.Bad[0].Why)
		}
		f := p.found("authorized-keys-missing", report.Blocking, "%s holds no key that sshd can read%s.", path, why)
		for _, b := range k.Bad[:min(len(k.Bad), 3)] {
			quote(f, b.Quote)
		}
		if len(k.Bad) == 0 {
			quote(f, k.File.Quote())
		}
		mend(f, "Put the visitor's public key there, whole and in one line (ssh-copy-id, where a password still works).")
		return
	}
	why := v.keyRefused(k.Held[0])
	words := fmt.Sprintf("The key in %s line %d %s.", path, k.Held[0].Quote.Line, why.words)
	if len(k.Held) > 1 {
		words = fmt.Sprintf("None of the %d keys in %s lets %s in; that in line %d %s.", len(k.Held), path, v.Account.Name, k.Held[0].Quote.Line, why.words)
	}
	f := p.found(why.cause, report.Blocking, "%s", words)
	for _, key := range k.Held[:min(len(k.Held), 3)] {
		quote(f, key.Quote)
	}
	if why.setting != "" {
		quote(f, v.Effective.Quote(why.setting)...)
		v.quoteSetting(f, why.setting)
	}
	if why.setting == "usedns" {
		quote(f, v.Names.Quotes...)
	}
	mend(f, why.advice)
}

// otherKeys compares the keys that the visitor offers with those of the account,
// where both are known.
func (v *view) otherKeys(p *part) {
	if len(v.q.Keys) == 0 {
		return
	}
	var files []string
	var held []facts.AuthorizedKey
	for _, k := range v.Access.Keys {
		switch {
		case absent(k.File.Origin):
			continue
		case !k.Whole:
			return
		case v.keyFault(k) == nil:
			files, held = append(files, k.File.Path), append(held, k.Held...)
		}
	}
	var refused *refusal
	at := facts.Quote{}
	for _, key := range held {
		if _, ca := key.Option("cert-authority"); ca {
			return
		}
		if slices.Contains(v.q.Keys, key.Fingerprint) {
			if refused = v.keyRefused(key); refused == nil {
				return // this key is good here
			}
			at = key.Quote
		}
	}
	where := strings.Join(files, " and ")
	if refused != nil {
		f := p.found(refused.cause, report.Blocking, "The visitor's key, in %s line %d, %s.", at.Source, at.Line, refused.words)
		quote(f, at)
		mend(f, refused.advice)
		return
	}
	f := p.found("authorized-keys-missing", report.Blocking, "None of the keys that the visitor offers stands in %s, which lets in %s.", where, count(len(held), "other key", "other keys"))
	for _, k := range v.q.Keys {
		quote(f, facts.Quote{Source: "offered by the visitor", Text: k})
	}
	for _, key := range held[:min(len(held), 3)] {
		quote(f, key.Quote)
	}
	mend(f, "Add the visitor's public key there (ssh-copy-id, where a password still works), or use the key that stands there.")
}
