// Package redact takes out of a bundle what must not leave the machine: private
// keys, passwords, tokens and password hashes, wherever they stand. What is
// taken out leaves a mark that names its kind, so the rest stays readable and
// can still be diagnosed.
//
// With Strict it also replaces addresses, public keys, and the names of people
// and hosts, by others that are the same throughout the bundle.
//
// It knows shapes, not meanings: a password that looks like any other word, in a
// place where no password belongs, it cannot know. So a bundle is text that a
// person can read before sending it.
package redact

import (
	"bytes"
	"crypto/rand"

	"sshwhy/internal/evidence"
)

// Options of Bundle.
type Options struct {
	Strict bool   // replace addresses, public keys, host and user names too
	Salt   []byte // makes the replacements of Strict; nil: random, so two bundles cannot be matched
}

// Bundle returns a redacted copy. The bundle itself is not changed.
func Bundle(b *evidence.Bundle, opt Options) *evidence.Bundle {
	out := evidence.NewBundle()
	out.Tool, out.Way, out.Taken, out.UID, out.Plain = b.Tool, b.Way, b.Taken, b.UID, b.Plain
	change := func(data []byte) []byte { return data }
	if opt.Strict {
		salt := opt.Salt
		if salt == nil {
			salt = make([]byte, 32)
			_, _ = rand.Read(salt) // never fails: crypto/rand
		}
		change = newPseudonyms(b, salt).text
	}
	for _, key := range b.Keys() {
		r := b.Lookup(key)
		clean := func(data []byte) []byte {
			if data == nil {
				return nil
			}
			return change(ofItem(key, data))
		}
		name := func(s string) string { return string(change(Text([]byte(s)))) }
		c := r
		c.Data, c.Stderr, c.Reason = clean(r.Data), clean(r.Stderr), name(r.Reason)
		if r.Meta != nil {
			m := *r.Meta
			m.Link = name(m.Link)
			c.Meta = &m
		}
		c.Matches = nil
		for _, m := range r.Matches {
			m.Path, m.Meta.Link = name(m.Path), name(m.Meta.Link)
			c.Matches = append(c.Matches, m)
		}
		out.PutKey(name(key), c)
	}
	return out
}

// secretFiles are files that are a secret as a whole. The public half of a key
// ends in .pub and is none.
var secretFiles = pattern(`^file(?: as [^:]*)?:.*(?:/(?:id_[a-z0-9_]+|identity|ssh_host_[a-z0-9_]+_key|[^/]*\.(?:pem|key|ppk|p12|pfx|jks|keytab)|\.google_authenticator|\.netrc|_netrc|\.pgpass|\.my\.cnf|\.vault-token|\.git-credentials|\.htpasswd|sssd\.secrets|secrets\.ldb|secrets\.tdb|passdb\.tdb))$`)

// ofItem redacts what came back for the item with that key.
func ofItem(key string, data []byte) []byte {
	if len(data) == 0 {
		return data
	}
	if secretFiles().MatchString(key) {
		return []byte("<redacted: secret file>\n")
	}
	return Text(bytes.Clone(shadowFile(key, data)))
}

// Text redacts the secrets in any text or binary data. Its time is linear in the
// data's length.
func Text(data []byte) []byte {
	low := lower(data)
	for _, r := range wholeRules {
		if r.hinted(low) {
			data = r.apply(data)
			low = lower(data)
		}
	}
	if !anyHint(low) {
		return blobs(accounts(data))
	}
	return blobs(accounts(byLine(data)))
}

// lower is ASCII lower case, of the same length whatever the bytes are.
func lower(data []byte) []byte {
	out := make([]byte, len(data))
	for i, c := range data {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		out[i] = c
	}
	return out
}

// byLine applies the rules for single lines. NUL ends a line too: so are the
// variables of /proc/PID/environ separated.
func byLine(data []byte) []byte {
	out := make([]byte, 0, len(data))
	var block passwordBlock
	for len(data) > 0 {
		n := bytes.IndexAny(data, "\n\x00")
		if n < 0 {
			n = len(data) - 1
		}
		line := data[:n+1]
		data = data[n+1:]
		line = block.line(line)
		low := lower(line)
		for _, r := range lineRules {
			if r.hinted(low) {
				line = r.apply(line)
				low = lower(line)
			}
		}
		out = append(out, line...)
	}
	return out
}

func anyHint(low []byte) bool {
	for _, r := range lineRules {
		if r.hinted(low) {
			return true
		}
	}
	return bytes.Contains(low, []byte("chpasswd"))
}
