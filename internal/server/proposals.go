package server

import (
	"fmt"
	"slices"
	"strings"

	"sshwhy/internal/facts"
	"sshwhy/internal/report"
)

// What two sides must have in common before a login can begin: this machine's part
// of it. The lists of the visitor's program are not known here; those that ssh has
// had by itself since OpenSSH 7.4 are (myproposal.h).

// proposals are the lists, each with what an ssh of any of these releases takes.
var proposals = [...]struct {
	keyword, cause, what string
	usual                []string
}{
	{"KexAlgorithms", "no-common-kex", "key exchange methods", strings.Fields(`mlkem768x25519-sha256 sntrup761x25519-sha512 sntrup761x25519-sha512@openssh.com
		curve25519-sha256 curve25519-sha256@libssh.org ecdh-sha2-nistp256 ecdh-sha2-nistp384 ecdh-sha2-nistp521
		diffie-hellman-group-exchange-sha256 diffie-hellman-group16-sha512 diffie-hellman-group18-sha512 diffie-hellman-group14-sha256`)},
	{"Ciphers", "no-common-cipher", "ciphers", strings.Fields(`chacha20-poly1305@openssh.com aes128-gcm@openssh.com aes256-gcm@openssh.com aes128-ctr aes192-ctr aes256-ctr`)},
	{"MACs", "no-common-mac", "MACs", strings.Fields(`umac-64-etm@openssh.com umac-128-etm@openssh.com hmac-sha2-256-etm@openssh.com hmac-sha2-512-etm@openssh.com
		hmac-sha1-etm@openssh.com umac-64@openssh.com umac-128@openssh.com hmac-sha2-256 hmac-sha2-512 hmac-sha1`)},
}

// withMAC are the ciphers that need no MAC besides.
var withMAC = [...]string{"chacha20-poly1305@openssh.com", "aes128-gcm@openssh.com", "aes256-gcm@openssh.com"}

func commaList(s string) []string {
	return slices.DeleteFunc(strings.Split(s, ","), func(w string) bool { return w == "" })
}

// checkProposals asks whether the lists of the configuration have anything in common
// with those of a usual ssh.
func checkProposals(v *view, p *part) {
	if !v.Effective.Origin.Known() {
		return
	}
	for _, l := range proposals {
		has := commaList(v.Effective.Value(l.keyword))
		if len(has) == 0 || slices.ContainsFunc(has, func(a string) bool { return slices.Contains(l.usual, a) }) {
			continue
		}
		if l.keyword == "MACs" && slices.ContainsFunc(commaList(v.Effective.Value("Ciphers")), func(c string) bool { return slices.Contains(withMAC[:], c) }) {
			continue
		}
		f := p.found(l.cause, report.Degrading, "This server takes only %s that no ssh offers by itself: %s.", l.what, strings.Join(has[:min(len(has), 4)], ", "))
		f.Certainty = report.Likely
		quote(f, v.Effective.Quote(l.keyword)...)
		v.quoteSetting(f, l.keyword)
		advise(f, "Let "+l.keyword+" name one that the visitor's program has (ssh -Q lists them).")
	}
}

// checkHostKeyAlgorithms asks whether there is a key of one of the types that
// HostKeyAlgorithms names: sshd starts without, and ends every connection (kex.c).
func checkHostKeyAlgorithms(v *view, p *part) {
	list := commaList(v.Effective.Value("hostkeyalgorithms"))
	agent := v.Effective.Value("hostkeyagent")
	if !v.Effective.Origin.Known() || len(list) == 0 || len(v.Config.All("HostKeyAlgorithms")) == 0 || v.presentKeys() == 0 || agent != "" && agent != "none" {
		return
	}
	certificates := len(v.Effective.Values["hostcertificate"]) > 0
	var types []string
	for _, k := range v.HostKeys.Keys {
		switch {
		case !k.Origin.Known():
			continue
		case k.Type == "":
			p.also("host keys", "of which type "+k.Path+" is could not be seen")
			return
		}
		types = append(types, k.Type)
		if facts.AcceptsKey(list, k.Type) || certificates && slices.ContainsFunc(list, func(a string) bool { return strings.Contains(a, "-cert-v01@") }) {
			return
		}
	}
	f := p.found("no-common-host-key", report.Blocking, "HostKeyAlgorithms takes only %s, and this machine has no such host key (it has %s): sshd ends every connection.",
		strings.Join(list[:min(len(list), 4)], ", "), strings.Join(types, ", "))
	quote(f, v.Effective.Quote("hostkeyalgorithms")...)
	v.quoteSetting(f, "HostKeyAlgorithms")
	for _, k := range v.HostKeys.Keys {
		if k.Origin.Known() {
			quote(f, facts.Quote{Source: k.Path, Text: k.Type})
		}
	}
	advise(f, fmt.Sprintf("Let HostKeyAlgorithms name a type of which there is a key (%s), or make one of a type that it names (ssh-keygen -A).", types[0]))
}
