package facts

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"net/netip"
	"strings"
	"time"

	"sshwhy/internal/sshconf"
	"sshwhy/internal/sshwire"
)

// AuthorizedKey is one line of an authorized_keys file that holds a key
// (sshd(8), AUTHORIZED_KEYS FILE FORMAT).
type AuthorizedKey struct {
	Quote       Quote  // the line, without the bulk of the key
	Type        string // ssh-ed25519
	Bits        int    // of an RSA modulus; 0: another type
	Fingerprint string // SHA256:…, as ssh-keygen -l prints it
	Options     []KeyOption
	Comment     string // what stands behind the key; mostly whose it is
}

// KeyOption is one of the words before the key.
type KeyOption struct {
	Name  string // lower case
	Value string // "" where it has none
}

// Option returns the first option of that name.
func (k AuthorizedKey) Option(name string) (value string, ok bool) {
	for _, o := range k.Options {
		if o.Name == name {
			return o.Value, true
		}
	}
	return "", false
}

// maxKeyLines bounds how many lines of a file are looked at; sshd has no bound.
const maxKeyLines = 5000

// ParseAuthorizedKeys reads an authorized_keys file. A line that is no comment
// and holds no key is bad: sshd passes over it without a word.
func ParseAuthorizedKeys(source string, data []byte) (keys []AuthorizedKey, bad []Quote) {
	n := 0
	for line := range bytes.Lines(data) {
		if n++; n > maxKeyLines {
			break
		}
		text := strings.TrimSpace(string(line))
		if text == "" || text[0] == '#' {
			continue
		}
		k, ok := authorizedKey(text)
		k.Quote.Source, k.Quote.Line = source, n
		if ok {
			keys = append(keys, k)
			continue
		}
		k.Quote.Text = text[:min(len(text), quotedKey)]
		bad = append(bad, k.Quote)
	}
	return keys, bad
}

// quotedKey is how much of a key is quoted: enough to find it by.
const quotedKey = 60

// authorizedKey reads "[options] type base64 [comment]": the options come first
// where the first word is no type (auth2-pubkeyfile.c).
func authorizedKey(text string) (k AuthorizedKey, ok bool) {
	rest := text
	for range 2 {
		word, after, _ := strings.Cut(strings.TrimLeft(rest, " \t"), " ")
		blob, comment, _ := strings.Cut(strings.TrimLeft(after, " \t"), " ")
		if k.readKey(word, strings.TrimRight(blob, "\t")) {
			head := len(text) - len(rest) + len(word) + 1
			k.Quote.Text = text[:min(len(text), head+quotedKey-len(word))]
			k.Comment = strings.TrimSpace(comment)
			return k, true
		}
		if k.Options != nil {
			return k, false
		}
		k.Options, rest = keyOptions(rest)
	}
	return k, false
}

// readKey takes a key whose outer and inner type are the same.
func (k *AuthorizedKey) readKey(typ, blob string) bool {
	raw, err := base64.StdEncoding.DecodeString(blob)
	if err != nil {
		return false
	}
	inner, fields, ok := sshwire.CutString(raw)
	if !ok || string(inner) != typ || typ == "" {
		return false
	}
	sum := sha256.Sum256(raw)
	k.Type, k.Fingerprint = typ, "SHA256:"+base64.RawStdEncoding.EncodeToString(sum[:])
	parts := 0
	for ; len(fields) > 0; parts++ {
		var field []byte
		if field, fields, ok = sshwire.CutString(fields); !ok {
			return false // cut short, as by a line break
		}
		if typ == "ssh-rsa" && parts == 1 { // the modulus, after the exponent
			k.Bits = bitLength(field)
		}
	}
	return parts > 0
}

func bitLength(mpint []byte) int {
	mpint = bytes.TrimLeft(mpint, "\x00")
	if len(mpint) == 0 {
		return 0
	}
	n := len(mpint) * 8
	for bit := byte(0x80); mpint[0]&bit == 0; bit >>= 1 {
		n--
	}
	return n
}

// keyOptions cuts the options off: words with commas between, whose values may
// stand in quotes, \" being a quote in them (auth-options.c).
func keyOptions(text string) (options []KeyOption, rest string) {
	options = []KeyOption{} // not nil: they have been looked for
	text = strings.TrimLeft(text, " \t")
	start, quoted, i := 0, false, 0
	take := func(end int) {
		name, value, _ := strings.Cut(text[start:end], "=")
		value = strings.TrimSuffix(strings.TrimPrefix(value, `"`), `"`)
		options = append(options, KeyOption{strings.ToLower(name), strings.ReplaceAll(value, `\"`, `"`)})
	}
	for ; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && i+1 < len(text) && text[i+1] == '"':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == ',':
			take(i)
			start = i + 1
		case c == ' ' || c == '\t':
			take(i)
			return options, text[i:]
		}
	}
	take(len(text))
	return options, ""
}

// MatchFrom matches a client against the patterns of from="…". Without
// UseDNS, which is the default, sshd knows no client by name, so that a name
// there never matches (auth2-pubkeyfile.c, match_host_and_ip).
func MatchFrom(list string, client netip.Addr, useDNS bool) Part {
	best := NoOne
	for p := range strings.SplitSeq(list, ",") {
		p, negated := strings.CutPrefix(strings.TrimSpace(p), "!")
		m := hostPattern(p, client)
		if m == Some && client.IsValid() && !useDNS {
			m = NoOne
		}
		switch {
		case negated && m == Everyone:
			return NoOne
		case negated:
		default:
			best = max(best, m)
		}
	}
	return best
}

// KeyExpired tells whether expiry-time="YYYYMMDD[HHMM[SS]][Z]" has passed; the
// time is the machine's own where no Z follows, whose zone is not known here:
// then it has passed only where it has passed everywhere.
func KeyExpired(value string, now int64) bool {
	text, utc := strings.CutSuffix(strings.ToUpper(value), "Z")
	layout := "20060102150405"
	if len(text) > len(layout) || len(text) < 8 {
		return false
	}
	at, err := time.Parse(layout[:len(text)], text)
	if err != nil {
		return false
	}
	doubt := int64(0)
	if !utc {
		doubt = int64(12 * time.Hour / time.Second) // no zone is further behind UTC
	}
	return now > at.Unix()+doubt
}

// AcceptsKey tells whether a list of signature algorithms, as sshd -T prints
// it, has one that a key of this type can make; an RSA key can make three.
func AcceptsKey(algorithms []string, typ string) bool {
	makes := []string{typ}
	if typ == "ssh-rsa" {
		makes = []string{"rsa-sha2-512", "rsa-sha2-256", "ssh-rsa"}
	}
	for _, a := range algorithms {
		for _, m := range makes {
			if sshconf.Wildcard(a, m) {
				return true
			}
		}
	}
	return false
}
