package walk

import (
	"bytes"
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"sshwhy/internal/client"
	"sshwhy/internal/sshconf"
)

// hostKey is the look at the host's key. What is on record about it is read before the
// host shows it.
type hostKey struct {
	*client.HostKey
	w     *walker
	known []knownKey // the lines of Known, with their keys
	names []string   // that a certificate of the host may be for
}

// hostKey reads what is on record.
func (w *walker) hostKey() *hostKey {
	c := &w.obs.Config
	h := &client.HostKey{Names: hostNames(c), Strict: c.Get("stricthostkeychecking"), Batch: c.Get("batchmode") == "yes", Nobody: w.nobodyToAsk()}
	known, files := lookUp(knownFiles(c), h.Names)
	for _, k := range known {
		h.Known = append(h.Known, k.KnownKey)
	}
	h.Files = files
	h.LeastBits, _ = strconv.Atoi(c.Get("requiredrsasize"))
	// sshconnect.c, check_host_key: by the address connected to, and not under an alias.
	h.Localhost = c.Get("nohostauthenticationforlocalhost") == "yes" && slices.Contains([]string{"", "none"}, c.Get("hostkeyalias")) && w.obs.Proxy == nil && w.obs.ChosenAddr().Addr().IsLoopback()
	h.Command = given(c, "knownhostscommand")
	h.Elsewhere = h.Command || given(c, "verifyhostkeydns")
	return &hostKey{HostKey: h, w: w, known: known, names: append(slices.Clone(h.Names), strings.ToLower(c.Host()))}
}

// order puts the algorithms of keys on record first, as ssh does
// (sshconnect2.c: order_hostkeyalgs), so that the server shows the known key.
func (h *hostKey) order(algorithms []string) []string {
	if len(algorithms) == 0 {
		algorithms = ssh.SupportedAlgorithms().HostKeys
	}
	known := func(algorithm string) bool {
		return slices.ContainsFunc(h.Known, func(k client.KnownKey) bool {
			switch {
			case k.Marker == client.MarkCA:
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

// take writes down the key that the host showed, and what the lists of revoked keys and
// the host's zone say of it.
func (h *hostKey) take(ctx context.Context, key ssh.PublicKey) {
	h.Type, h.Bits = key.Type(), rsaBits(key)
	plain, want := key, key
	if cert, ok := key.(*ssh.Certificate); ok {
		h.Cert = h.certificate(cert)
		plain, want = cert.Key, cert.SignatureKey
		if !h.trusts(want) { // unknown authority: ssh falls back to the key inside
			want = plain
		}
	}
	h.Fingerprint = ssh.FingerprintSHA256(plain)
	h.Key = strings.TrimSpace(string(ssh.MarshalAuthorizedKey(plain)))
	blob := want.Marshal()
	for i, k := range h.known {
		if bytes.Equal(k.key.Marshal(), blob) {
			h.Same = append(h.Same, i)
		}
	}
	h.Revoked = h.w.revokedLists(ctx, key)
	h.DNS = h.w.askKeyDNS(ctx, h.HostKey, plain)
}

// trusts reports whether a key is on record as an authority that signs host keys.
func (h *hostKey) trusts(key ssh.PublicKey) bool {
	return slices.ContainsFunc(h.known, func(k knownKey) bool {
		return k.Marker == client.MarkCA && bytes.Equal(k.key.Marshal(), key.Marshal())
	})
}

// certificate judges a host certificate at this moment and for these names.
func (h *hostKey) certificate(cert *ssh.Certificate) *client.HostCert {
	const forever = 1<<63 - 1
	c := &client.HostCert{CA: ssh.FingerprintSHA256(cert.SignatureKey), Principals: cert.ValidPrincipals}
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

// isName reports whether a principal of a certificate, which may be a pattern, names
// the host.
func (h *hostKey) isName(principal string) bool {
	return slices.ContainsFunc(h.names, func(n string) bool { return sshconf.Wildcard(strings.ToLower(principal), n) })
}

// given reports whether a keyword is set to something else than nothing.
func given(c *client.Config, keyword string) bool {
	return !slices.Contains([]string{"", "none", "no", "false"}, c.Get(keyword))
}
