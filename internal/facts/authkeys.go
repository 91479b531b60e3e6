package facts

import (
	"bytes"
	"strings"
	"time"

	"sshwhy/internal/sshconf"
)

// AuthorizedKey is one line of an authorized_keys file that holds a key
// (sshd(8), AUTHORIZED_KEYS FILE FORMAT).
type AuthorizedKey struct {
	Quote       Quote  // the line, without the bulk of the key
	Type        string // ssh-ed25519
	Bits        int    // of an RSA modulus; 0: another type
	Fingerprint string // SHA256:…, as ssh-keygen -l prints it
	Blob        string // the key itself, raw (RFC 4253, section 6.6)
	Options     []KeyOption
	Comment     string // what stands behind the key; mostly whose it is
	Fault       string // why sshd passes over the line although it can read the key, as the end of a sentence; "" where nothing is known
}

// BadKeyLine is a line that is no comment and holds no key that sshd can read: it passes
// over it without a word.
type BadKeyLine struct {
	Quote Quote
	Why   string // the end of a sentence: "is cut off"
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

// ParseAuthorizedKeys reads an authorized_keys file.
func ParseAuthorizedKeys(source string, data []byte) (keys []AuthorizedKey, bad []BadKeyLine) {
	n := 0
	for line := range bytes.Lines(data) {
		if n++; n > maxKeyLines {
			break
		}
		text := strings.TrimSpace(string(line))
		if text == "" || text[0] == '#' {
			continue
		}
		quote := Quote{Source: source, Line: n, Text: text[:min(len(text), quotedKey)]}
		k, why := readKeyLine(text)
		if why != "" {
			bad = append(bad, BadKeyLine{quote, why})
			continue
		}
		quote.Text = k.Quote.Text
		k.Quote = quote
		keys = append(keys, k)
	}
	return keys, bad
}

// quotedKey is how much of a key is quoted: enough to find it by.
const quotedKey = 60

// MatchFrom matches a client against the patterns of from="…". Without
// UseDNS, which is the default, sshd knows no client by name, so that a name
// there never matches (auth2-pubkeyfile.c, match_host_and_ip).
func MatchFrom(list string, client Caller) Part {
	best := NoOne
	for p := range strings.SplitSeq(list, ",") {
		p, negated := strings.CutPrefix(strings.TrimSpace(p), "!")
		m := hostPattern(p, client)
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
