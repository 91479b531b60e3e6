package facts

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"path"
	"strings"

	"sshwhy/internal/evidence"
	"sshwhy/internal/sshwire"
)

// Revoked is the list that RevokedKeys names. sshd reads it as root, before it
// looks for a key anywhere, and where it cannot use the list it refuses every key
// and every certificate (auth.c, auth_key_is_revoked; sshd_config(5)).
type Revoked struct {
	Origin  Origin // Skipped where RevokedKeys is not set
	Path    string
	Useless string // why sshd cannot use it; "" where it can
	At      Quote  // the line that it cannot read
	Whole   bool   // all of it was read and understood: see Revokes
	blobs   map[string]Quote
	sums    map[string]bool // raw digests, SHA-1 and SHA-256
}

// Revokes reports whether a key stands in the list, and where it does as a line, which.
func (r Revoked) Revokes(k AuthorizedKey) (Quote, bool) {
	if q, ok := r.blobs[k.Blob]; ok {
		return q, true
	}
	s1, s256 := sha1.Sum([]byte(k.Blob)), sha256.Sum256([]byte(k.Blob))
	if r.sums[string(s1[:])] || r.sums[string(s256[:])] {
		return Quote{Source: r.Path, Text: k.Fingerprint}, true
	}
	return Quote{}, false
}

func revokedItem(b *evidence.Bundle, ask Ask) (evidence.Item, bool) {
	p := parseEffective(b, ask).Value("revokedkeys")
	if !path.IsAbs(p) {
		return evidence.Item{}, false
	}
	return evidence.File(path.Clean(p)), true
}

func wantRevoked(b *evidence.Bundle, ask Ask) []evidence.Item {
	if it, ok := revokedItem(b, ask); ok && ask.User != "" {
		return []evidence.Item{it}
	}
	return nil
}

func parseRevoked(b *evidence.Bundle, ask Ask) Revoked {
	it, ok := revokedItem(b, ask)
	if !ok || ask.User == "" {
		return Revoked{Origin: Origin{Status: evidence.Skipped, Reason: "no list of revoked keys is set, or no user was asked about"}}
	}
	res := b.Get(it)
	r := Revoked{Origin: originOf(it, res), Path: it.Path, blobs: map[string]Quote{}, sums: map[string]bool{}}
	switch {
	case res.Status == evidence.Absent:
		r.Useless = "it does not exist"
	case res.Meta != nil && res.Meta.Type == "dir":
		r.Useless = "it is a directory"
	case !res.OK():
	case bytes.HasPrefix(res.Data, []byte(krlMagic)):
		r.readKRL(res.Data)
		r.Whole = r.Whole && !res.Truncated
	default:
		r.readLines(res.Data)
		r.Whole = r.Whole && !res.Truncated
	}
	return r
}

// readLines reads a list of public keys, one a line without options; a line that
// is none makes sshd refuse every key (authfile.c, sshkey_in_file).
func (r *Revoked) readLines(data []byte) {
	for i, line := range lines(data) {
		text := strings.TrimLeft(line, " \t")
		if text == "" || text[0] == '#' {
			continue
		}
		k, why := readKeyLine(strings.TrimRight(text, " \t\r"))
		q := Quote{Source: r.Path, Line: i + 1, Text: clip(text[:min(len(text), quotedKey)])}
		if why != "" || len(k.Options) > 0 {
			r.Useless, r.At = fmt.Sprintf("line %d of it is no public key", i+1), q
			return
		}
		r.blobs[k.Blob] = q
	}
	r.Whole = true
}

// krlMagic begins a key revocation list (OpenSSH, PROTOCOL.krl).
const krlMagic = "SSHKRL\n\x00"

// The sections of a key revocation list (PROTOCOL.krl).
const (
	krlCertificates = 1
	krlExplicit     = 2
	krlSHA1         = 3
	krlSignature    = 4
	krlSHA256       = 5
)

// readKRL reads "magic, format 1, version, date, flags, two strings", and then
// sections. Those about certificates revoke no plain key.
func (r *Revoked) readKRL(data []byte) {
	const head = len(krlMagic) + 4 + 3*8
	cut := func() []byte {
		field, rest, ok := sshwire.CutString(data)
		if !ok {
			r.Useless = "it is a key revocation list cut short"
			data = nil
			return nil
		}
		data = rest
		return field
	}
	if len(data) < head || binary.BigEndian.Uint32(data[len(krlMagic):]) != 1 {
		r.Useless = "it is a key revocation list of a format that is not known"
		return
	}
	data = data[head:]
	cut()
	cut()
	r.Whole = r.Useless == ""
	for len(data) > 0 {
		kind := data[0]
		data = data[1:]
		section := cut()
		switch kind {
		case krlExplicit, krlSHA1, krlSHA256:
			for len(section) > 0 {
				key, rest, ok := sshwire.CutString(section)
				if !ok {
					r.Useless = "it is a key revocation list cut short"
					break
				}
				if section = rest; kind == krlExplicit {
					r.blobs[string(key)] = Quote{Source: r.Path, Text: "(key revocation list, explicit key)"}
				} else {
					r.sums[string(key)] = true
				}
			}
		case krlCertificates, krlSignature:
		default: // an extension may be one that must be understood
			r.Whole = false
		}
	}
	r.Whole = r.Whole && r.Useless == ""
}
