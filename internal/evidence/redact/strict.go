package redact

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/netip"

	"sshwhy/internal/evidence"
)

// pseudonyms replaces what points at people and machines, the same thing by the
// same other thing throughout one bundle.
type pseudonyms struct {
	salt  []byte
	block cipher.Block // the random function that addresses are mapped with
	addrs map[netip.Addr]netip.Addr
	names map[string]string // lower case name → replacement
	keys  map[string]string // base64 of a public key → replacement
	marks map[string]string // fingerprint → replacement

	ordinary map[string]bool // names that stay
}

func newPseudonyms(b *evidence.Bundle, salt []byte) *pseudonyms {
	p := &pseudonyms{salt: salt, addrs: map[netip.Addr]netip.Addr{}, names: map[string]string{},
		keys: map[string]string{}, marks: map[string]string{}, ordinary: wordSet(ordinaryNames)}
	p.block, _ = aes.NewCipher(p.sum("addresses", "")[:16]) // fails only for other key lengths
	p.collectNames(b)
	for _, key := range b.Keys() {
		r := b.Lookup(key)
		p.collectKeys(r.Data)
		p.collectKeys(r.Stderr)
	}
	return p
}

// sum is a random function of what and s that nobody without the salt can compute.
func (p *pseudonyms) sum(what, s string) []byte {
	h := hmac.New(sha256.New, p.salt)
	h.Write([]byte(what + "\x00" + s))
	return h.Sum(nil)
}

// text replaces everything in data. Names come last: nothing that the others put
// in can be one.
func (p *pseudonyms) text(data []byte) []byte {
	data = p.publicKeys(data)
	data = p.fingerprints(data)
	data = p.identifiers(data)
	data = p.addresses(data)
	return p.replaceNames(data)
}

// identifier matches machine ids, boot ids, serial UUIDs and hardware addresses.
var identifier = pattern(`\b(?:[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}|[0-9a-f]{32}|(?:[0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2})\b`)

func (p *pseudonyms) identifiers(data []byte) []byte {
	var out []byte
	last := 0
	for _, m := range identifier().FindAllIndex(data, -1) {
		if m[0] > 0 && data[m[0]-1] == ':' && m[1]-m[0] == len("00:00:00:00:00:00") || m[1] < len(data) && data[m[1]] == ':' && m[1]-m[0] == len("00:00:00:00:00:00") {
			continue // six bytes of a longer fingerprint
		}
		out = append(append(out, data[last:m[0]]...), p.identifier(data[m[0]:m[1]])...)
		last = m[1]
	}
	if last == 0 {
		return data
	}
	return append(out, data[last:]...)
}

func (p *pseudonyms) identifier(m []byte) []byte {
	digits := hex.EncodeToString(p.sum("identifier", string(m)))
	zero := true
	for _, c := range m {
		zero = zero && (c == '0' || c == ':' || c == '-')
	}
	if zero {
		return m // the loopback's hardware address, the nil UUID
	}
	out := make([]byte, len(m))
	for i, c := range m {
		out[i] = c
		if c != '-' && c != ':' {
			out[i], digits = digits[0], digits[1:]
		}
	}
	return out
}
