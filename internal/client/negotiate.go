package client

import (
	"slices"
	"strings"
)

// Negotiated is one of the choices of RFC 4253 section 7.1: the first of the
// client's list that the server has too.
type Negotiated struct {
	Keyword string   // of ssh_config(5), in lower case
	Choice  string   // empty where the lists have nothing in common
	Client  []string // our list; empty where it is not known (no ssh program)
	Server  []string

	cause string // where there is no choice
	what  string // in a sentence
}

// Negotiate makes the choices in the order in which ssh makes them (kex.c).
func (k *Kex) Negotiate() []Negotiated {
	s := k.Server
	choices := []Negotiated{
		{cause: "no-common-kex", what: "key exchange method", Keyword: "kexalgorithms", Server: s.Kex},
		{cause: "no-common-host-key", what: "host key type", Keyword: "hostkeyalgorithms", Server: s.HostKey},
		{cause: "no-common-cipher", what: "cipher", Keyword: "ciphers", Server: s.CipherOut},
		{cause: "no-common-mac", what: "MAC (integrity check)", Keyword: "macs", Server: s.MACOut},
	}
	for i := range choices {
		n := &choices[i]
		n.Client = k.Client[n.Keyword]
		for _, a := range n.Client {
			if slices.Contains(n.Server, a) && !IsMarker(a) {
				n.Choice = a
				break
			}
		}
	}
	if cipher := choices[2].Choice; strings.Contains(cipher, "gcm") || strings.Contains(cipher, "poly1305") {
		return choices[:3] // these ciphers bring their own integrity check
	}
	return choices
}

// IsMarker reports whether an entry of the key exchange list is no algorithm but the
// marker of an extension (RFC 8308, OpenSSH PROTOCOL 1.10).
func IsMarker(name string) bool {
	return strings.HasPrefix(name, "ext-info-") || strings.HasPrefix(name, "kex-strict-")
}

// Incompatible reports whether two lists have nothing in common, so that ssh would
// end here.
func (k *Kex) Incompatible() bool {
	for _, n := range k.Negotiate() {
		if len(n.Client) > 0 && n.Choice == "" {
			return true
		}
	}
	return false
}
