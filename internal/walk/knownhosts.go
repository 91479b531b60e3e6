package walk

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1" // #nosec: the hash of hashed names in known_hosts, see sshd(8)
	"encoding/base64"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/crypto/ssh"

	"sshwhy/internal/client"
	"sshwhy/internal/sshconf"
)

const (
	maxKnownHosts = 32 << 20 // of one file; more is not read
	maxKnownLines = 200      // that name the host
	maxPassedOver = 120      // bytes of a line that ssh does not read
)

// knownKey is a line about the host, with its key.
type knownKey struct {
	client.KnownKey
	key ssh.PublicKey
}

// hostNames are the names under which ssh looks for a host's key: HostKeyAlias
// or the host name, with the port in brackets if it is not 22, and then without
// (sshconnect.c: get_hostfile_hostname_ipaddr, "checking without port").
func hostNames(c *client.Config) []string {
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
func knownFiles(c *client.Config) []client.KnownFile {
	var out []client.KnownFile
	home, _ := os.UserHomeDir()
	for _, keyword := range []string{"userknownhostsfile", "globalknownhostsfile"} {
		for _, list := range c.Values[keyword] {
			for _, path := range splitPaths(list) {
				if path == "none" {
					continue
				}
				if path = expandHome(path); c.Program == "" { // ssh -G has expanded the tokens
					path = expandTokens(path, c)
				}
				below := home != "" && strings.HasPrefix(filepath.Clean(path), filepath.Clean(home)+string(filepath.Separator))
				out = append(out, client.KnownFile{Path: path, Global: keyword == "globalknownhostsfile", Home: below})
			}
		}
	}
	return out
}

// rootDenies reports whether the nearest thing on the way to a path that can be looked
// at belongs to root.
func rootDenies(path string) bool {
	for {
		st, err := os.Lstat(path)
		if err == nil {
			return rootOwns(st)
		}
		up := filepath.Dir(path)
		if up == path {
			return false
		}
		path = up
	}
}

// splitPaths takes a list of paths apart as ssh -G prints it: with blanks between
// them, and without the quotes around one that holds a blank (C:\Users\Jane Doe/.ssh).
// Words that together name something that is there are one path.
func splitPaths(list string) []string {
	var out []string
	words := strings.Fields(list)
	for len(words) > 0 {
		n := len(words)
		for n > 1 && !exists(strings.Join(words[:n], " ")) {
			n--
		}
		out, words = append(out, strings.Join(words[:n], " ")), words[n:]
	}
	return out
}

func exists(path string) bool {
	_, err := os.Lstat(expandHome(path))
	return err == nil
}

// lookUp finds all lines about any of the names.
func lookUp(files []client.KnownFile, names []string) (known []knownKey, states []client.KnownFile) {
	for _, f := range files {
		data, err := readSome(f.Path, maxKnownHosts)
		var odd *notRegular
		switch {
		case errors.Is(err, fs.ErrNotExist):
			f.Err = client.FileMissing
		case errors.As(err, &odd):
			f.Kind = odd.kind
		case err != nil:
			_, f.Err = errnoOf(err)
			if f.Denied = errors.Is(err, fs.ErrPermission); f.Denied {
				f.Root = rootDenies(f.Path)
			}
		}
		states = append(states, f)
		lines, passedOver := parseKnownHosts(f.Path, data, names)
		states[len(states)-1].PassedOver = passedOver
		known = append(known, lines...)
	}
	return known[:min(len(known), maxKnownLines)], states
}

// parseKnownHosts returns the lines that are about one of the names, and the first that
// is and cannot be read, which ssh passes over.
func parseKnownHosts(path string, data []byte, names []string) (out []knownKey, passedOver *client.Applied) {
	n := 0
	for line := range bytes.Lines(data) {
		if n++; len(out) >= maxKnownLines {
			break
		}
		fields := strings.FieldsFunc(string(line), func(r rune) bool { return strings.ContainsRune(" \t\r\n", r) })
		if len(fields) > 0 && fields[0][0] == '@' {
			fields = fields[1:] // the marker
		}
		if len(fields) < 3 || fields[0][0] == '#' {
			continue
		}
		name := matchHosts(fields[0], names) // before the key is read: there may be many
		if name == "" {
			continue
		}
		text := strings.TrimSpace(string(line))
		marker, _, key, _, _, err := ssh.ParseKnownHosts(line)
		if err != nil {
			if passedOver == nil {
				passedOver = &client.Applied{File: path, Line: n, Text: text[:min(len(text), maxPassedOver)]}
			}
			continue
		}
		k := knownKey{key: key, KnownKey: client.KnownKey{File: path, Line: n, Text: text, Name: name, Type: key.Type(), Fingerprint: ssh.FingerprintSHA256(key)}}
		if marker != "" {
			k.Marker = "@" + marker
		}
		out = append(out, k)
	}
	return out, passedOver
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
		if sshconf.Wildcard(strings.ToLower(pattern), name) {
			if negated {
				return false
			}
			found = true
		}
	}
	return found
}
