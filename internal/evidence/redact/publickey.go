package redact

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
)

// publicKey matches the base64 of a public key or certificate in SSH's wire
// format: it begins with the length of the type's name.
var publicKey = pattern(`AAAA[A-Za-z0-9+/]{20,}={0,2}`)

// fingerprint matches the two forms of a fingerprint that OpenSSH prints.
var fingerprint = pattern(`SHA256:[A-Za-z0-9+/]{43}|(?:\b|MD5:)(?:[0-9a-f]{2}:){15}[0-9a-f]{2}\b`)

// collectKeys remembers the public keys in data, so that a fingerprint of one,
// in whatever other item, becomes the fingerprint of its replacement.
func (p *pseudonyms) collectKeys(data []byte) {
	if !bytes.Contains(data, []byte("AAAA")) {
		return
	}
	for _, m := range publicKey().FindAll(data, -1) {
		text := string(m)
		if _, known := p.keys[text]; known {
			continue
		}
		blob, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			p.keys[text] = text[:4] + base64.RawStdEncoding.EncodeToString(p.sum("key", text))
			continue
		}
		other := p.otherKey(blob)
		p.keys[text] = base64.StdEncoding.EncodeToString(other)
		for i, old := range fingerprints(blob) {
			p.marks[old] = fingerprints(other)[i]
		}
	}
}

// otherKey is a key of the same type and size whose numbers are random.
func (p *pseudonyms) otherKey(blob []byte) []byte {
	out := bytes.Clone(blob)
	random, n := p.sum("key", string(blob)), 0
	next := func() byte {
		if n == len(random) {
			random, n = p.sum("more", string(random)), 0
		}
		n++
		return random[n-1]
	}
	for field, at := 0, 0; at+4 <= len(out); field++ {
		size := int(binary.BigEndian.Uint32(out[at:]))
		at += 4
		if size > len(out)-at {
			at -= 4
			size = len(out) - at
		}
		body := out[at : at+size]
		at += size
		if field == 0 || size <= 3 || bytes.HasPrefix(body, []byte("nistp")) {
			continue // type, curve, the exponent of RSA
		}
		for i := range body {
			if i == 0 && body[0] < 8 || i == 1 && body[0] == 0 {
				continue // the sign byte and the top bit, which give the size
			}
			body[i] = next()
		}
	}
	return out
}

func fingerprints(blob []byte) []string {
	long, short := sha256.Sum256(blob), md5.Sum(blob)
	digits := hex.EncodeToString(short[:])
	var old []byte
	for i := 0; i < len(digits); i += 2 {
		if i > 0 {
			old = append(old, ':')
		}
		old = append(old, digits[i:i+2]...)
	}
	return []string{"SHA256:" + base64.RawStdEncoding.EncodeToString(long[:]), string(old)}
}

func (p *pseudonyms) publicKeys(data []byte) []byte {
	if !bytes.Contains(data, []byte("AAAA")) {
		return data
	}
	return publicKey().ReplaceAllFunc(data, func(m []byte) []byte {
		if other, ok := p.keys[string(m)]; ok {
			return []byte(other)
		}
		return []byte("AAAA" + base64.RawStdEncoding.EncodeToString(p.sum("key", string(m))))
	})
}

func (p *pseudonyms) fingerprints(data []byte) []byte {
	return fingerprint().ReplaceAllFunc(data, func(m []byte) []byte {
		prefix := ""
		if bytes.HasPrefix(m, []byte("MD5:")) {
			prefix, m = "MD5:", m[4:]
		}
		if other, ok := p.marks[string(m)]; ok {
			return []byte(prefix + other)
		}
		random := p.sum("fingerprint", string(m))
		if bytes.HasPrefix(m, []byte("SHA256:")) {
			return []byte("SHA256:" + base64.RawStdEncoding.EncodeToString(random))
		}
		return []byte(prefix + fingerprints(random)[1])
	})
}
