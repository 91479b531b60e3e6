package client

import (
	"net/netip"
	"strings"
)

// CheckHost says why what was typed cannot be a host for ssh, or "". A leading
// dash would be an option; the other characters are the ones that ssh 9.6 and
// later refuse (ssh.c: valid_hostname, valid_ruser), because a ProxyCommand or
// a Match exec would hand them to a shell.
func CheckHost(typed string) string {
	host := typed
	if rest, ok := strings.CutPrefix(typed, "ssh://"); ok {
		host, _, _ = strings.Cut(rest, "/")
	}
	if i := strings.LastIndexByte(host, '@'); i >= 0 {
		if fault := badBytes(host[:i], "'`\";&<>|(){}"); fault != "" {
			return "the user name holds " + fault
		}
		host = host[i+1:]
	}
	switch {
	case typed == "" || host == "":
		return "no host was given"
	case strings.HasPrefix(typed, "-") || strings.HasPrefix(host, "-"):
		return "a host name cannot start with a dash"
	case strings.Contains(typed, "://") && !strings.HasPrefix(typed, "ssh://"):
		return "it is a URL, and ssh wants a host name"
	case len(host) > 1025:
		return "it is longer than any host name"
	}
	if fault := badBytes(host, "'`\"$\\;&<>|(){} "); fault != "" {
		return "the host name holds " + fault
	}
	return ""
}

// badBytes names the first byte of text that is a control character or in bad.
func badBytes(text, bad string) string {
	for _, c := range []byte(text) {
		switch {
		case c < ' ' || c == 0x7f:
			return "a control character"
		case strings.IndexByte(bad, c) >= 0:
			if c == ' ' {
				return "a blank"
			}
			return "the character " + string(c)
		}
	}
	return ""
}

// nameBytes are what host names and addresses are made of (RFC 952, with the
// underscore that some networks use).
const nameBytes = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._:%[]"

// hintForHost says what was probably meant by a host that does not resolve.
func hintForHost(typed, name string) string {
	if _, after, ok := strings.Cut(name, ":"); ok && after != "" && strings.Trim(after, "0123456789") == "" {
		if _, err := netip.ParseAddr(name); err != nil {
			return "give the port with -p: ssh " + "-p " + after + " " + strings.Replace(typed, ":"+after, "", 1)
		}
	}
	for _, c := range []byte(name) {
		if c < 0x80 && strings.IndexByte(nameBytes, c) < 0 && c != '/' {
			return "the character " + string(c) + " stands in no host name"
		}
	}
	if strings.ContainsRune(name, '/') {
		return "a host name has no slash; for a URL write ssh://host"
	}
	return ""
}
