package client

import (
	"bytes"
	"crypto/rsa"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/crypto/ssh"
)

// Key is a key that ssh would offer, or could not.
type Key struct {
	File        string   `json:"file,omitempty"`  // identity file; empty if only the agent has it
	Agent       bool     `json:"agent,omitempty"` // the agent has the private key
	Named       bool     `json:"named,omitempty"` // -i or IdentityFile names it; not one of ssh's defaults
	Type        string   `json:"type,omitempty"`
	Bits        int      `json:"bits,omitempty"` // length of an RSA key
	Fingerprint string   `json:"fingerprint,omitempty"`
	Comment     string   `json:"comment,omitempty"`
	Fault       string   `json:"fault,omitempty"` // why it cannot be used: the fault… constants
	Mode        string   `json:"mode,omitempty"`  // permission bits of the file, in octal
	Detail      string   `json:"detail,omitempty"`
	Cert        *KeyCert `json:"cert,omitempty"`
	State       KeyState `json:"state,omitempty"` // how the server took it; empty if it was not offered

	public ssh.PublicKey
	signer ssh.Signer
}

// KeyCert is the validity of a user certificate.
type KeyCert struct {
	Principals []string `json:"principals,omitempty"`
	After      string   `json:"after,omitempty"`
	Before     string   `json:"before,omitempty"`
	Fault      string   `json:"fault,omitempty"`
	CA         string   `json:"ca,omitempty"`      // fingerprint of the authority that signed it
	Sources    string   `json:"sources,omitempty"` // the networks it holds for (critical option source-address)
}

// KeyState is the server's answer to a key.
type KeyState string

// The answers.
const (
	KeyRejected  KeyState = "rejected"
	KeyAccepted  KeyState = "accepted" // and the login succeeded with it
	KeyPartial   KeyState = "partial"  // accepted, and the server wants another method as well
	KeyWelcome   KeyState = "welcome"  // the server would take it, but nothing could sign
	KeyBadSign   KeyState = "bad signature"
	KeyNoSign    KeyState = "no signature algorithm in common"
	KeyUndecided KeyState = "undecided" // offered last before the connection ended
)

// Why a key cannot be used.
const (
	faultMissing   = "missing"
	faultDenied    = "unreadable"
	faultMode      = "permissions"
	faultPublic    = "public key"
	faultPuTTY     = "PuTTY format"
	faultCRLF      = "Windows line ends"
	faultNewline   = "no newline at the end"
	faultFormat    = "not a private key"
	faultEncrypted = "passphrase"
	faultTouch     = "needs a touch"
	faultExcluded  = "type not accepted here"
	faultShort     = "RSA key too short"
	faultForeign   = "type that only ssh itself knows"
)

const maxKeyFile = 1 << 20

// defaultIdentities are the files that ssh tries unasked (readconf.c:
// fill_default_options).
var defaultIdentities = [...]string{"id_rsa", "id_ecdsa", "id_ecdsa_sk", "id_ed25519", "id_ed25519_sk", "id_xmss", "id_dsa", "id_mldsa44_ed25519"}

// identities reads the identity files of the configuration. Default files that
// do not exist are left out.
func identities(c *Config) []Key {
	paths := c.Values["identityfile"]
	defaults := 0
	for _, p := range paths {
		if slices.Contains(defaultIdentities[:], filepath.Base(p)) {
			defaults++
		}
	}
	named := defaults < 4 // all of them together were not typed by anybody
	var out []Key
	for _, p := range paths {
		if p == "none" {
			continue
		}
		path := expandTokens(p, c)
		cert := readCert(path + "-cert.pub")
		k := readKey(path)
		k.Named = named
		if k.Fault == faultMissing && !named {
			continue
		}
		if cert != nil && k.public != nil {
			out = append(out, k.certified(path+"-cert.pub", cert))
		}
		out = append(out, k)
	}
	return out
}

// expandTokens expands ~ and the tokens that IdentityFile knows (ssh_config(5)).
func expandTokens(path string, c *Config) string {
	home, _ := os.UserHomeDir()
	local := ""
	if u, err := user.Current(); err == nil {
		local = u.Username
	}
	replace := strings.NewReplacer("%%", "%", "%d", home, "%h", c.Host(), "%p", strconv.Itoa(c.Port()), "%r", c.Get("user"), "%u", local)
	return expandHome(replace.Replace(path))
}

// readKey reads one identity file as ssh would, and says what is wrong with it.
func readKey(path string) Key {
	k := Key{File: path}
	st, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		k.Fault = faultMissing
		return k
	}
	data, err := readSome(path, maxKeyFile)
	if err != nil {
		k.Fault, k.Detail = faultDenied, err.Error()
		return k
	}
	k.parse(data)
	if k.public == nil {
		k.public = readPublic(path + ".pub")
	}
	if k.Fault != faultPublic {
		k.Mode = looseMode(st)
		if k.Mode != "" {
			k.Fault, k.signer = faultMode, nil
		}
	}
	k.describe()
	return k
}

// parse reads the content.
func (k *Key) parse(data []byte) {
	signer, err := ssh.ParsePrivateKey(data)
	var locked *ssh.PassphraseMissingError
	isPEM := bytes.HasPrefix(data, []byte("-----BEGIN"))
	switch {
	case bytes.HasPrefix(data, []byte("PuTTY-User-Key-File")):
		k.Fault = faultPuTTY
	case isPEM && bytes.Contains(data, []byte("\r\n")):
		k.Fault = faultCRLF
	case misplaced(data) != "":
		k.Fault, k.Detail = faultFormat, misplaced(data)
	case bytes.Contains(data, []byte("BEGIN OPENSSH")) && !bytes.Contains(data, []byte("-----END OPENSSH PRIVATE KEY-----\n")):
		k.Fault = faultNewline
		if err != nil && !errors.As(err, &locked) {
			k.Fault, k.Detail = faultFormat, "it is cut off"
		}
	case err == nil:
		k.signer, k.public = signer, signer.PublicKey()
	case errors.As(err, &locked):
		k.Fault, k.public = faultEncrypted, locked.PublicKey
	default:
		if public, comment, _, _, perr := ssh.ParseAuthorizedKey(data); perr == nil {
			k.Fault, k.public, k.Comment = faultPublic, public, comment
			return
		}
		k.Fault, k.Detail = faultFormat, strings.TrimPrefix(err.Error(), "ssh: ")
		if public := ownPublic(data); public != nil && !usable(public.Type()) {
			k.Fault, k.Detail, k.public = faultForeign, "", public
			if strings.HasPrefix(public.Type(), "sk-") {
				k.Fault = faultTouch
			}
		}
	}
}

// misplaced says what keeps a file from being read as a key although all of one
// may be in it, or "". OpenSSH's own format must begin with the first byte of the
// file (sshkey.c: private2_uudecode), which our library does not mind.
func misplaced(data []byte) string {
	begin := bytes.Index(data, []byte("-----BEGIN OPENSSH PRIVATE KEY-----"))
	switch {
	case len(bytes.TrimSpace(data)) == 0:
		return "it is empty"
	case begin > 0 && bytes.HasPrefix(data, []byte("\xef\xbb\xbf")):
		return "it begins with a byte order mark, as some editors write one"
	case begin > 0 && len(bytes.TrimSpace(data[:begin])) == 0:
		return "blanks or empty lines stand before its first line"
	case begin > 0:
		return "other text stands before its line BEGIN OPENSSH PRIVATE KEY"
	case begin == 0 && bytes.Count(data, []byte("\n")) < 2:
		return "its lines were joined into one"
	}
	return ""
}

// usable reports whether our library can use private keys of a type; of the
// others it cannot say whether they are sound.
func usable(kind string) bool {
	switch kind {
	case ssh.KeyAlgoRSA, ssh.KeyAlgoED25519, ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521:
		return true
	}
	return false
}

// ownPublic reads the public half that stands unencrypted in a private key file
// of OpenSSH's own format (PROTOCOL.key), or nil.
func ownPublic(data []byte) ssh.PublicKey {
	block, _ := pem.Decode(data)
	if block == nil || block.Type != "OPENSSH PRIVATE KEY" {
		return nil
	}
	rest, ok := bytes.CutPrefix(block.Bytes, []byte("openssh-key-v1\x00"))
	var file struct {
		Cipher, KDF, Options string
		Keys                 uint32
		Public               []byte
		Rest                 []byte `ssh:"rest"`
	}
	if !ok || ssh.Unmarshal(rest, &file) != nil {
		return nil
	}
	key, err := ssh.ParsePublicKey(file.Public)
	if err != nil {
		return nil
	}
	return key
}

func (k *Key) describe() {
	if k.public != nil {
		k.Type, k.Fingerprint, k.Bits = k.public.Type(), ssh.FingerprintSHA256(k.public), rsaBits(k.public)
	}
}

// rsaBits is the length of an RSA key, 0 for any other.
func rsaBits(key ssh.PublicKey) int {
	if cert, ok := key.(*ssh.Certificate); ok {
		key = cert.Key
	}
	c, ok := key.(ssh.CryptoPublicKey)
	if !ok {
		return 0
	}
	if k, ok := c.CryptoPublicKey().(*rsa.PublicKey); ok {
		return k.N.BitLen()
	}
	return 0
}

// certified is the same key with its certificate.
func (k Key) certified(path string, cert *ssh.Certificate) Key {
	c := k
	c.File, c.Cert = path, judgeCert(cert)
	c.public = cert
	if k.signer != nil {
		if s, err := ssh.NewCertSigner(cert, k.signer); err == nil {
			c.signer = s
		}
	}
	c.describe()
	return c
}

// readPublic reads a .pub file, or returns nil.
func readPublic(path string) ssh.PublicKey {
	data, err := readSome(path, maxKeyFile)
	if err != nil {
		return nil
	}
	key, _, _, _, err := ssh.ParseAuthorizedKey(data)
	if err != nil {
		return nil
	}
	return key
}

func readCert(path string) *ssh.Certificate {
	cert, _ := readPublic(path).(*ssh.Certificate)
	return cert
}

// unlisted are private keys in ~/.ssh that the configuration does not name:
// ssh never offers them.
func unlisted(listed []Key) []Key {
	home, err := os.UserHomeDir()
	if err != nil {
		return nil
	}
	dir := filepath.Join(home, ".ssh")
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	var out []Key
	for _, e := range entries[:min(len(entries), 100)] {
		path := filepath.Join(dir, e.Name())
		if !e.Type().IsRegular() || slices.ContainsFunc(listed, func(k Key) bool { return k.File == path }) {
			continue
		}
		data, err := readSome(path, maxKeyFile)
		if err != nil || !bytes.Contains(data[:min(len(data), 64)], []byte("PRIVATE KEY-----")) {
			continue
		}
		k := readKey(path)
		k.Detail = ""
		out = append(out, k)
	}
	return out
}
