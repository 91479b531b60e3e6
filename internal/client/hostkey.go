package client

import (
	"bytes"
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

// HostKey is the key that the host showed, and what is on record about it.
type HostKey struct {
	Type        string        `json:"type,omitempty"` // empty if the key exchange did not get that far
	Fingerprint string        `json:"fingerprint,omitempty"`
	Names       []string      `json:"names,omitempty"` // under which it was looked up
	Known       []KnownKey    `json:"known,omitempty"` // lines about the host, or about the authority that signed its certificate
	Same        []int         `json:"same,omitempty"`  // indexes in Known of lines with this very key (or authority)
	Files       []KnownFile   `json:"files,omitempty"`
	Strict      string        `json:"strict,omitempty"`    // StrictHostKeyChecking
	Batch       bool          `json:"batch,omitempty"`     // BatchMode
	Nobody      bool          `json:"nobody,omitempty"`    // there is no terminal on which ssh could ask
	Localhost   bool          `json:"localhost,omitempty"` // this machine's own, which NoHostAuthenticationForLocalhost exempts
	Command     bool          `json:"command,omitempty"`   // KnownHostsCommand may print a key that is in no file
	Elsewhere   bool          `json:"elsewhere,omitempty"` // that, or DNS may vouch for one
	Revoked     []RevokedList `json:"revoked,omitempty"`
	Cert        *HostCert     `json:"cert,omitempty"`
	Bits        int           `json:"bits,omitempty"`       // length of an RSA key
	LeastBits   int           `json:"least_bits,omitempty"` // that ssh takes (RequiredRSASize)
	Answer      Answered      `json:"answer,omitempty"`     // what the person said of an unknown key
	End         string        `json:"end,omitempty"`
	Err         string        `json:"err,omitempty"`
	Unable      bool          `json:"unable,omitempty"` // our own library lacks what ssh has
	Stuck       *Stuck        `json:"stuck,omitempty"`
	Small       string        `json:"small,omitempty"` // what a second try with small packets got: endOf, or "passed"
	DNS         *KeyDNS       `json:"dns,omitempty"`
	Ms          float64       `json:"ms"`

	names      []string
	key        ssh.PublicKey
	askDNS     func() *KeyDNS
	askRevoked func() []RevokedList
}

// HostCert is the certificate that the host showed.
type HostCert struct {
	CA         string   `json:"ca"` // fingerprint of the authority
	Principals []string `json:"principals,omitempty"`
	After      string   `json:"after,omitempty"`
	Before     string   `json:"before,omitempty"`
	Fault      string   `json:"fault,omitempty"` // why it does not hold for this host now
}

// Stuck is what TCP knew when the other side fell silent.
type Stuck struct {
	Unacked int `json:"unacked"` // segments sent and not acknowledged
	Retrans int `json:"retrans"`
	OutOf   int `json:"out_of_order"` // segments received after a gap
}

// hostKey reads what is on record before the connection shows its key.
func (w *walker) hostKey(ctx context.Context) *HostKey {
	c := &w.obs.Config
	h := &HostKey{Names: hostNames(c), Strict: c.Get("stricthostkeychecking"), Batch: c.Get("batchmode") == "yes", Nobody: w.nobody()}
	h.Known, h.Files = lookUp(knownFiles(c), h.Names)
	h.LeastBits, _ = strconv.Atoi(c.Get("requiredrsasize"))
	// sshconnect.c, check_host_key: by the address connected to, and not under an alias.
	h.Localhost = c.Get("nohostauthenticationforlocalhost") == "yes" && slices.Contains([]string{"", "none"}, c.Get("hostkeyalias")) && w.obs.Proxy == nil && w.obs.chosenAddr().Addr().IsLoopback()
	h.Command = given(c, "knownhostscommand")
	h.Elsewhere = h.Command || given(c, "verifyhostkeydns")
	h.names = append(slices.Clone(h.Names), strings.ToLower(c.Host()))
	h.askRevoked = func() []RevokedList { return w.revokedLists(ctx, h.key) }
	h.askDNS = func() *KeyDNS { return w.askKeyDNS(ctx, h) }
	return h
}

// order puts the algorithms of keys on record first, as ssh does
// (sshconnect2.c: order_hostkeyalgs), so that the server shows the known key.
func (h *HostKey) order(algorithms []string) []string {
	if len(algorithms) == 0 {
		algorithms = ssh.SupportedAlgorithms().HostKeys
	}
	known := func(algorithm string) bool {
		return slices.ContainsFunc(h.Known, func(k KnownKey) bool {
			switch {
			case k.Marker == markCA:
				return strings.Contains(algorithm, "-cert-")
			case k.Marker != "" || k.Name != h.Names[0]:
				return false
			case k.Type == ssh.KeyAlgoRSA:
				return algorithm == ssh.KeyAlgoRSA || algorithm == ssh.KeyAlgoRSASHA256 || algorithm == ssh.KeyAlgoRSASHA512
			default:
				return k.Type == algorithm
			}
		})
	}
	safe, weak := ssh.SupportedAlgorithms().HostKeys, ssh.InsecureAlgorithms().HostKeys
	var first, rest []string
	for _, a := range algorithms {
		switch {
		case !slices.Contains(safe, a) && !slices.Contains(weak, a):
		case known(a):
			first = append(first, a)
		default:
			rest = append(rest, a)
		}
	}
	return append(first, rest...)
}

// take writes down the key that the host showed.
func (h *HostKey) take(key ssh.PublicKey) {
	h.Type, h.Fingerprint, h.key, h.Bits = key.Type(), ssh.FingerprintSHA256(key), key, rsaBits(key)
	want := key
	if cert, ok := key.(*ssh.Certificate); ok {
		h.Fingerprint = ssh.FingerprintSHA256(cert.Key)
		h.Cert = h.certificate(cert)
		want = cert.SignatureKey
		if h.same(want, markCA) == nil { // unknown authority: ssh falls back to the key inside
			want = cert.Key
		}
	}
	blob := want.Marshal()
	for i, k := range h.Known {
		if bytes.Equal(k.key.Marshal(), blob) {
			h.Same = append(h.Same, i)
		}
	}
	if h.askRevoked != nil {
		h.Revoked = h.askRevoked()
	}
	if h.askDNS != nil {
		h.DNS = h.askDNS()
	}
}

// same returns the line with this key and marker.
func (h *HostKey) same(key ssh.PublicKey, marker string) *KnownKey {
	for i, k := range h.Known {
		if k.Marker == marker && bytes.Equal(k.key.Marshal(), key.Marshal()) {
			return &h.Known[i]
		}
	}
	return nil
}

// certificate judges a host certificate at this moment and for these names.
func (h *HostKey) certificate(cert *ssh.Certificate) *HostCert {
	const forever = 1<<63 - 1
	c := &HostCert{CA: ssh.FingerprintSHA256(cert.SignatureKey), Principals: cert.ValidPrincipals}
	now := uint64(time.Now().Unix())
	stamp := func(t uint64) string {
		if t == 0 || t > forever {
			return "always"
		}
		return time.Unix(int64(t), 0).UTC().Format(time.RFC3339)
	}
	c.After, c.Before = stamp(cert.ValidAfter), stamp(cert.ValidBefore)
	switch {
	case cert.CertType != ssh.HostCert:
		c.Fault = "it is a user certificate"
	case cert.ValidAfter > now:
		c.Fault = "it is not valid before " + c.After
	case cert.ValidBefore <= now && cert.ValidBefore <= forever:
		c.Fault = "it expired on " + c.Before
	case len(cert.ValidPrincipals) > 0 && !slices.ContainsFunc(cert.ValidPrincipals, h.isName):
		c.Fault = "it is for " + strings.Join(cert.ValidPrincipals, ", ")
	}
	return c
}

func (h *HostKey) isName(principal string) bool {
	return slices.ContainsFunc(h.names, func(n string) bool { return wildcard(strings.ToLower(principal), n) })
}

// given reports whether a keyword is set to something else than nothing.
func given(c *Config, keyword string) bool {
	return !slices.Contains([]string{"", "none", "no", "false"}, c.Get(keyword))
}

// Standing is what the records say about the key.
type Standing string

// The standings.
const (
	KeyKnown   Standing = "known"
	KeyNew     Standing = "new"
	KeyChanged Standing = "changed"
	KeyRevoked Standing = "revoked"
	KeyBadCert Standing = "bad certificate"
	KeyBarred  Standing = "list of revoked keys unreadable" // then ssh takes no key at all
)

// Standing judges the key as ssh does (hostfile.c check_hostkeys_by_key_or_type,
// sshconnect.c verify_host_key, check_host_key): a list of revoked keys comes first,
// then a revoked line, which always counts; another key under the full name is a
// change; a line without the port only ever confirms. The lines are never empty but
// for KeyNew.
func (h *HostKey) Standing() (Standing, []KnownKey) {
	for _, l := range h.Revoked {
		line := KnownKey{File: l.Path, Line: l.Line, Text: l.Text, Type: h.Type, Fingerprint: h.Fingerprint}
		switch {
		case l.Hit:
			return KeyRevoked, []KnownKey{line}
		case l.Err != "":
			line.Text = l.Err
			return KeyBarred, []KnownKey{line}
		}
	}
	var same, other []KnownKey
	for i, k := range h.Known {
		isSame := slices.Contains(h.Same, i)
		switch {
		case k.Marker == markRevoked && isSame:
			return KeyRevoked, []KnownKey{k}
		case k.Marker == markCA && isSame:
			if h.Cert != nil && h.Cert.Fault != "" {
				return KeyBadCert, []KnownKey{k}
			}
			same = append(same, k)
		case k.Marker != "":
		case isSame:
			same = append(same, k)
		case k.Name == h.Names[0]:
			other = append(other, k)
		}
	}
	switch {
	case len(same) > 0:
		return KeyKnown, same
	case len(other) > 0:
		return KeyChanged, other
	default:
		return KeyNew, nil
	}
}

// tooShort reports whether the host's key is an RSA key that ssh takes for none.
func (h *HostKey) tooShort() bool { return h.Bits > 0 && h.Bits < h.LeastBits }

// unread are the files in which ssh may find keys that the walk did not see.
func (h *HostKey) unread() []KnownFile {
	return slices.DeleteFunc(slices.Clone(h.Files), func(f KnownFile) bool { return !f.Unread() })
}

// inList reports whether a file of RevokedHostKeys names the key.
func (h *HostKey) inList() bool {
	return slices.ContainsFunc(h.Revoked, func(l RevokedList) bool { return l.Hit })
}

// left says what of the judgement only ssh itself can make, or "".
func (h *HostKey) left() string {
	for _, l := range h.Revoked {
		if l.Left != "" {
			return "the list of revoked keys " + l.Path + " (" + l.Left + ")"
		}
	}
	if standing, _ := h.Standing(); h.Command && (standing == KeyNew || standing == KeyChanged) && !h.accepted() {
		return "the keys that KnownHostsCommand prints"
	}
	return ""
}

// strictly reports whether ssh refuses an unknown key instead of asking.
func (h *HostKey) strictly() bool {
	switch h.Strict {
	case "no", "false", "off", "accept-new":
		return false
	case "yes", "true":
		return true
	default: // ask: nobody can answer in batch mode or without a terminal
		return h.Batch || h.Nobody
	}
}

// unasked reports whether ssh takes an unknown key without asking.
func (h *HostKey) unasked() bool { return h.lenient() || h.Strict == "accept-new" }

// lenient reports whether ssh goes on even with a changed key.
func (h *HostKey) lenient() bool { return h.Strict == "no" || h.Strict == "false" || h.Strict == "off" }

// refused reports whether the walk ends here: where ssh would end the connection, and
// where it would ask and nobody has said yes. A key that DNS vouches for is taken
// without a look at the records (sshconnect.c, verify_host_key).
func (h *HostKey) refused() bool {
	if h.tooShort() {
		return true
	}
	standing, _ := h.Standing()
	if h.left() != "" {
		return true
	}
	if h.accepted() && standing != KeyBarred && !h.inList() {
		return false
	}
	switch standing {
	case KeyKnown:
		return false
	case KeyNew:
		return !h.unasked() && h.Answer != AnswerYes
	case KeyChanged:
		return !h.lenient()
	default:
		return true
	}
}
