package walk

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"sshwhy/internal/client"
	"sshwhy/internal/proc"
)

const (
	maxRevoked = 32 << 20 // of one file; more is left to ssh itself
	// krlLimit bounds `ssh-keygen -Q`.
	krlLimit = 5 * time.Second
	// krlMagic begins a key revocation list (OpenSSH's PROTOCOL.krl).
	krlMagic = "SSHKRL\n\x00"
)

// revokedLists looks the key up in every file of RevokedHostKeys, as ssh does before it
// looks at anything else (sshconnect.c: verify_host_key, sshkey_check_revoked).
func (w *walker) revokedLists(ctx context.Context, key ssh.PublicKey) []client.RevokedList {
	c := &w.obs.Config
	var out []client.RevokedList
	for _, list := range c.Values["revokedhostkeys"] {
		for _, path := range splitPaths(list) {
			if path == "none" {
				continue
			}
			if c.Program == "" { // ssh -G prints the path that ssh opens: 10.0 expands it, 9.2 does not
				path = expandTokens(path, c)
			}
			out = append(out, w.revokedBy(ctx, path, key))
		}
	}
	return out
}

func (w *walker) revokedBy(ctx context.Context, path string, key ssh.PublicKey) client.RevokedList {
	l := client.RevokedList{Path: path}
	data, err := readSome(path, maxRevoked)
	var odd *notRegular
	switch {
	case errors.As(err, &odd) && odd.kind == client.KindNull: // nothing is in it
	case errors.As(err, &odd) && odd.kind == client.KindDir:
		l.Err = err.Error()
	case errors.As(err, &odd), errors.Is(err, errTooLarge):
		l.Left = err.Error()
	case errors.Is(err, fs.ErrNotExist):
		l.Err = "it does not exist"
	case err != nil:
		_, l.Err = errnoOf(err)
	case bytes.HasPrefix(data, []byte(krlMagic)):
		askKeygen(ctx, &l, w.obs.Config.Program, key)
	default:
		readRevoked(&l, data, key)
	}
	return l
}

// readRevoked finds a key, or the authority of its certificate, in a list of public keys. ssh
// reads to the first line with the key; a line before it that is none, or has options
// in front, makes the whole list unreadable (authfile.c: sshkey_in_file; tried with
// 9.2 and 10.0).
func readRevoked(l *client.RevokedList, data []byte, key ssh.PublicKey) {
	wanted := [][]byte{key.Marshal()}
	if cert, ok := key.(*ssh.Certificate); ok {
		wanted = [][]byte{cert.Key.Marshal(), cert.SignatureKey.Marshal()}
	}
	n := 0
	for raw := range bytes.Lines(data) {
		n++
		text := strings.TrimSpace(string(raw))
		if text == "" || text[0] == '#' {
			continue
		}
		listed := publicKey(text)
		switch {
		case listed == nil && maybeKey(text):
			l.Left = fmt.Sprintf("line %d may be a key of a kind that only ssh knows", n)
			return
		case listed == nil:
			l.Err = fmt.Sprintf("line %d is no public key", n)
			return
		}
		if cert, ok := listed.(*ssh.Certificate); ok {
			listed = cert.Key
		}
		if slices.ContainsFunc(wanted, func(w []byte) bool { return bytes.Equal(listed.Marshal(), w) }) {
			l.Hit, l.Line, l.Text = true, n, text
			return
		}
	}
}

// publicKey reads a line that is a public key and a comment, or returns nil.
func publicKey(text string) ssh.PublicKey {
	key, _, options, _, err := ssh.ParseAuthorizedKey([]byte(text))
	if err != nil || len(options) > 0 || strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == '\t' })[0] != key.Type() {
		return nil
	}
	return key
}

// maybeKey reports whether a line begins like a key, of whatever type.
func maybeKey(text string) bool {
	for _, prefix := range []string{"ssh-", "ecdsa-", "sk-", "webauthn-", "mldsa"} {
		if strings.HasPrefix(text, prefix) {
			return true
		}
	}
	return false
}

// askKeygen asks ssh-keygen about a key revocation list, whose format only OpenSSH reads.
func askKeygen(ctx context.Context, l *client.RevokedList, program string, key ssh.PublicKey) {
	keygen := filepath.Join(filepath.Dir(program), "ssh-keygen") // of the same release
	if _, err := os.Stat(keygen); program == "" || err != nil {
		if keygen, err = proc.UserFind("ssh-keygen"); err != nil {
			l.Left = "it is a key revocation list, and there is no ssh-keygen to read it"
			return
		}
	}
	dir, err := os.MkdirTemp("", "sshwhy-")
	if err != nil {
		l.Left = err.Error()
		return
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "key.pub")
	if err := os.WriteFile(file, ssh.MarshalAuthorizedKey(key), 0o600); err != nil {
		l.Left = err.Error()
		return
	}
	res := run(ctx, krlLimit, keygen, "-Q", "-f", l.Path, file)
	said := strings.TrimSpace(strings.TrimPrefix(string(res.Out), file))
	switch {
	case res.OK():
	case res.Ending == proc.Exited && res.Exit == 1 && strings.Contains(said, "REVOKED"):
		l.Hit, l.Text = true, "ssh-keygen -Q "+said
	case res.Ending == proc.Exited:
		l.Err = client.FirstLine(string(res.Err))
	default:
		l.Left = "ssh-keygen did not say whether the key is in it"
	}
}
