package client

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1" // #nosec: the hash of hashed names in known_hosts, see sshd(8)
	"encoding/base64"
	"errors"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"golang.org/x/crypto/ssh"
)

// Markers of known_hosts lines (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT).
const (
	markRevoked = "@revoked"
	markCA      = "@cert-authority"
)

const (
	maxKnownHosts = 32 << 20 // of one file; more is not read
	maxKnownLines = 200      // that name the host
)

// KnownKey is a line of a known_hosts file that is about the host.
type KnownKey struct {
	File        string `json:"file"`
	Line        int    `json:"line"`
	Text        string `json:"text"`
	Marker      string `json:"marker,omitempty"`
	Name        string `json:"name"` // what was looked up and matched
	Type        string `json:"type"`
	Fingerprint string `json:"fingerprint"`
	key         ssh.PublicKey
}

// KnownFile is a known_hosts file and whether it could be read.
type KnownFile struct {
	Path string `json:"path"`
	Err  string `json:"err,omitempty"` // "missing" or the system's words
}

// hostNames are the names under which ssh looks for a host's key: HostKeyAlias
// or the host name, with the port in brackets if it is not 22, and then without
// (sshconnect.c: get_hostfile_hostname_ipaddr, "checking without port").
func hostNames(c *Config) []string {
	if alias := c.Get("hostkeyalias"); alias != "" && alias != "none" {
		return []string{strings.ToLower(alias)}
	}
	host := strings.ToLower(c.Host())
	if port := c.Port(); port != 22 {
		return []string{"[" + host + "]:" + strconv.Itoa(port), host}
	}
	return []string{host}
}

// knownFiles are the files that ssh reads host keys from, the user's first.
func knownFiles(c *Config) []string {
	var out []string
	for _, keyword := range []string{"userknownhostsfile", "globalknownhostsfile"} {
		for _, list := range c.Values[keyword] {
			for _, path := range strings.Fields(list) {
				if path != "none" {
					out = append(out, expandHome(path))
				}
			}
		}
	}
	return out
}

// lookUp finds all lines about any of the names.
func lookUp(files, names []string) (known []KnownKey, states []KnownFile) {
	for _, path := range files {
		data, err := readSome(path, maxKnownHosts)
		state := KnownFile{Path: path}
		switch {
		case errors.Is(err, fs.ErrNotExist):
			state.Err = "missing"
		case err != nil:
			_, state.Err = errnoOf(err)
		}
		states = append(states, state)
		known = append(known, parseKnownHosts(path, data, names)...)
	}
	return known[:min(len(known), maxKnownLines)], states
}

// readSome reads a regular file up to a limit.
func readSome(path string, limit int64) ([]byte, error) {
	st, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case !st.Mode().IsRegular():
		return nil, errors.New("not a regular file")
	case st.Size() > limit:
		return nil, errors.New("too large")
	}
	return os.ReadFile(path)
}

// parseKnownHosts returns the lines that are about one of the names. Lines that
// cannot be parsed are skipped, as ssh does.
func parseKnownHosts(path string, data []byte, names []string) []KnownKey {
	var out []KnownKey
	n := 0
	for line := range bytes.Lines(data) {
		n++
		text := strings.TrimSpace(string(line))
		if text == "" || text[0] == '#' {
			continue
		}
		fields := strings.Fields(text)
		k := KnownKey{File: path, Line: n, Text: text}
		if fields[0][0] == '@' {
			k.Marker, fields = fields[0], fields[1:]
		}
		if len(fields) < 3 || len(out) >= maxKnownLines {
			continue
		}
		if k.Name = matchHosts(fields[0], names); k.Name == "" {
			continue
		}
		blob, err := base64.StdEncoding.DecodeString(fields[2])
		if err != nil {
			continue
		}
		if k.key, err = ssh.ParsePublicKey(blob); err != nil {
			continue
		}
		k.Type, k.Fingerprint = k.key.Type(), ssh.FingerprintSHA256(k.key)
		out = append(out, k)
	}
	return out
}

// matchHosts returns the first of names that the host field of a line covers.
func matchHosts(field string, names []string) string {
	for _, name := range names {
		if strings.HasPrefix(field, "|1|") {
			if hashedMatch(field, name) {
				return name
			}
		} else if listMatch(field, name) {
			return name
		}
	}
	return ""
}

// hashedMatch compares with a hashed name: |1|salt|HMAC-SHA1(salt, name).
func hashedMatch(field, name string) bool {
	saltText, sumText, ok := strings.Cut(strings.TrimPrefix(field, "|1|"), "|")
	if !ok {
		return false
	}
	salt, err1 := base64.StdEncoding.DecodeString(saltText)
	sum, err2 := base64.StdEncoding.DecodeString(sumText)
	if err1 != nil || err2 != nil {
		return false
	}
	mac := hmac.New(sha1.New, salt)
	mac.Write([]byte(name))
	return hmac.Equal(mac.Sum(nil), sum)
}

// listMatch matches a comma-separated pattern list; a pattern with ! that
// matches rules the whole line out.
func listMatch(list, name string) bool {
	found := false
	for pattern := range strings.SplitSeq(list, ",") {
		pattern, negated := strings.CutPrefix(pattern, "!")
		if wildcard(strings.ToLower(pattern), name) {
			if negated {
				return false
			}
			found = true
		}
	}
	return found
}

// wildcard matches * and ? (ssh_config(5), PATTERNS) in linear memory and
// without backtracking further than the last star.
func wildcard(pattern, name string) bool {
	p, n, star, mark := 0, 0, -1, 0
	for n < len(name) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, n
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == name[n]):
			p++
			n++
		case star >= 0:
			mark++
			p, n = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}
