package facts

import (
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"strings"

	"golang.org/x/crypto/ssh"

	"sshwhy/internal/evidence"
	"sshwhy/internal/sshwire"
)

// readKeyLine reads "[options] type base64 [comment]". Where sshd can read no key there
// (auth2-pubkeyfile.c, auth_check_authkey_line), it says why.
func readKeyLine(text string) (k AuthorizedKey, why string) {
	key, comment, options, _, err := ssh.ParseAuthorizedKey([]byte(text))
	if err != nil {
		return refusedLine(text)
	}
	blob := base64.StdEncoding.EncodeToString(key.Marshal())
	k = AuthorizedKey{Type: key.Type(), Fingerprint: ssh.FingerprintSHA256(key), Blob: string(key.Marshal()), Bits: rsaBits(key), Comment: comment}
	k.Options, k.Fault = readKeyOptions(options)
	k.Quote.Text = quoteKey(text, k.Type, blob)
	return k, ""
}

// rsaBits is the length of an RSA key, 0 for any other.
func rsaBits(key ssh.PublicKey) int {
	if c, ok := key.(ssh.CryptoPublicKey); ok {
		if k, ok := c.CryptoPublicKey().(*rsa.PublicKey); ok {
			return k.N.BitLen()
		}
	}
	return 0
}

// quoteKey is a line without the bulk of its key, and what follows that.
func quoteKey(text, typ, blob string) string {
	at := max(0, strings.Index(text, blob))
	return text[:min(len(text), at+quotedKey-len(typ))]
}

// refusedLine is for a line that the library does not take: because nobody could, or
// because its key is of a kind that only sshd knows. Of such a one no more is known than
// that its parts are whole, and nothing is said against it.
func refusedLine(text string) (AuthorizedKey, string) {
	why := ""
	for _, at := range []int{0, optionsEnd(text)} { // as sshd: options are looked for where no key stands in front
		f := strings.FieldsFunc(text[at:], func(r rune) bool { return r == ' ' || r == '\t' })
		if len(f) < 2 {
			continue
		}
		typ, blob := f[0], f[1]
		raw, inner, whole := keyBlob(blob)
		switch {
		case inner == "":
		case inner != typ:
			why = "names the type " + evidence.Excerpt(typ, maxWord) + " and holds a key of type " + evidence.Excerpt(inner, maxWord)
		case !whole:
			why = "is cut off, or damaged"
		default:
			sum := sha256.Sum256(raw)
			k := AuthorizedKey{Type: typ, Blob: string(raw), Fingerprint: "SHA256:" + base64.RawStdEncoding.EncodeToString(sum[:])}
			_, comment, _ := strings.Cut(text[at:], blob)
			k.Comment, k.Quote.Text = strings.TrimSpace(comment), quoteKey(text, typ, blob)
			k.Options, k.Fault = readKeyOptions(splitKeyOptions(text[:at]))
			return k, ""
		}
	}
	switch {
	case strings.HasPrefix(text, "\ufeff"):
		return AuthorizedKey{}, "begins with a byte order mark, as some editors write one"
	case why != "":
		return AuthorizedKey{}, why
	case openQuote(text):
		return AuthorizedKey{}, "has a quote that is not closed"
	}
	return AuthorizedKey{}, "holds no whole key: its type and the key must stand in one line, the options in front without blanks"
}

// keyBlob decodes a key (RFC 4253 section 6.6), and says which type it says it is of, ""
// where it is none, and whether its parts are whole.
func keyBlob(blob string) (raw []byte, typ string, whole bool) {
	raw, err := base64.StdEncoding.DecodeString(blob)
	if err != nil {
		return nil, "", false
	}
	first, rest, ok := sshwire.CutString(raw)
	if !ok {
		return nil, "", false
	}
	whole = len(rest) > 0
	for len(rest) > 0 && whole {
		_, rest, whole = sshwire.CutString(rest)
	}
	return raw, string(first), whole
}

// optionsEnd is where the options end: at the first blank outside of quotes, \" being
// none (sshkey.c, sshkey_advance_past_options).
func optionsEnd(text string) int {
	end := len(text)
	walkOptions(text, func(i int, c byte) bool {
		if c != ',' {
			end = i
		}
		return c == ','
	})
	return end
}

// splitKeyOptions are the options that stand in front of a key.
func splitKeyOptions(text string) []string {
	var out []string
	start := 0
	walkOptions(text, func(i int, c byte) bool {
		out = append(out, text[start:i])
		start = i + 1
		return true
	})
	return append(out, text[start:])
}

// walkOptions calls each for every comma and blank outside of quotes, until it returns
// false, and reports whether a quote stays open.
func walkOptions(text string, each func(i int, c byte) bool) (open bool) {
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && i+1 < len(text) && text[i+1] == '"':
			i++
		case c == '"':
			open = !open
		case open:
		case c == ',' || c == ' ' || c == '\t':
			if !each(i, c) {
				return false
			}
		}
	}
	return open
}

func openQuote(text string) bool {
	return walkOptions(text, func(_ int, c byte) bool { return c == ',' })
}
