package walk

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

	"sshwhy/internal/client"
)

const maxKeyFile = 1 << 20

// defaultIdentities are the files that ssh tries unasked (readconf.c:
// fill_default_options).
var defaultIdentities = [...]string{"id_rsa", "id_ecdsa", "id_ecdsa_sk", "id_ed25519", "id_ed25519_sk", "id_xmss", "id_dsa", "id_mldsa44_ed25519"}

// identity is a key that ssh may offer: what is told of it, and what signs with it.
type identity struct {
	client.Key
	public ssh.PublicKey // nil where it is not known
	signer ssh.Signer    // nil where it cannot sign without its owner
}

// observed is what is told of keys.
func observed(keys []identity) []client.Key {
	var out []client.Key
	for _, k := range keys {
		out = append(out, k.Key)
	}
	return out
}

// identities reads the identity files of the configuration. Default files that
// do not exist are left out.
func identities(c *client.Config) []identity {
	paths := c.Values["identityfile"]
	defaults := 0
	for _, p := range paths {
		if slices.Contains(defaultIdentities[:], filepath.Base(p)) {
			defaults++
		}
	}
	named := defaults < 4 // all of them together were not typed by anybody
	var out []identity
	for _, p := range paths {
		if p == "none" {
			continue
		}
		path := expandTokens(p, c)
		cert := readCert(path + "-cert.pub")
		k := readKey(path)
		k.Named = named
		if k.Fault == client.FaultMissing && !named {
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
func expandTokens(path string, c *client.Config) string {
	home, _ := os.UserHomeDir()
	local := ""
	if u, err := user.Current(); err == nil {
		local = u.Username
	}
	replace := strings.NewReplacer("%%", "%", "%d", home, "%h", c.Host(), "%p", strconv.Itoa(c.Port()), "%r", c.Get("user"), "%u", local)
	return expandHome(replace.Replace(path))
}

// readKey reads one identity file as ssh would, and says what is wrong with it.
func readKey(path string) identity {
	k := identity{Key: client.Key{File: path}}
	st, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		k.Fault = client.FaultMissing
		return k
	}
	data, err := readSome(path, maxKeyFile)
	if err != nil {
		k.Fault, k.Detail = client.FaultDenied, err.Error()
		return k
	}
	k.parse(data)
	if k.public == nil {
		k.public = readPublic(path + ".pub")
	}
	if k.Fault != client.FaultPublic {
		k.Mode = looseMode(st)
		if k.Mode != "" {
			k.Fault, k.signer = client.FaultMode, nil
		}
	}
	k.describe()
	return k
}

// parse reads the content of a key file.
func (k *identity) parse(data []byte) {
	signer, err := ssh.ParsePrivateKey(data)
	var locked *ssh.PassphraseMissingError
	isPEM := bytes.HasPrefix(data, []byte("-----BEGIN"))
	switch {
	case bytes.HasPrefix(data, []byte("PuTTY-User-Key-File")):
		k.Fault = client.FaultPuTTY
	case isPEM && bytes.Contains(data, []byte("\r\n")):
		k.Fault = client.FaultCRLF
	case formatFault(data) != "":
		k.Fault, k.Detail = client.FaultFormat, formatFault(data)
	case bytes.Contains(data, []byte("BEGIN OPENSSH")) && !bytes.Contains(data, []byte("-----END OPENSSH PRIVATE KEY-----\n")):
		k.Fault = client.FaultNewline
		if err != nil && !errors.As(err, &locked) {
			k.Fault, k.Detail = client.FaultFormat, "it is cut off"
		}
	case err == nil:
		k.signer, k.public = signer, signer.PublicKey()
	case errors.As(err, &locked):
		k.Fault, k.public = client.FaultEncrypted, locked.PublicKey
	default:
		if public, comment, _, _, perr := ssh.ParseAuthorizedKey(data); perr == nil {
			k.Fault, k.public, k.Comment = client.FaultPublic, public, comment
			return
		}
		k.Fault, k.Detail = client.FaultFormat, strings.TrimPrefix(err.Error(), "ssh: ")
		if public := ownPublic(data); public != nil && !canSignWith(public.Type()) {
			k.Fault, k.Detail, k.public = client.FaultForeign, "", public
			if strings.HasPrefix(public.Type(), "sk-") {
				k.Fault = client.FaultTouch
			}
		}
	}
}

// formatFault says what keeps a file from being read as a key although all of one
// may be in it, or "". OpenSSH's own format must begin with the first byte of the
// file (sshkey.c: private2_uudecode), which our library does not mind.
func formatFault(data []byte) string {
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

// canSignWith reports whether our library can use private keys of a type; of the
// others it cannot say whether they are sound.
func canSignWith(kind string) bool {
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

func (k *identity) describe() {
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
func (k identity) certified(path string, cert *ssh.Certificate) identity {
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
func unlisted(listed []identity) []client.Key {
	home, err := os.UserHomeDir()
	if err != nil {
		return nil
	}
	dir := filepath.Join(home, ".ssh")
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	var out []client.Key
	for _, e := range entries[:min(len(entries), 100)] {
		path := filepath.Join(dir, e.Name())
		if !e.Type().IsRegular() || slices.ContainsFunc(listed, func(k identity) bool { return k.File == path }) {
			continue
		}
		data, err := readSome(path, maxKeyFile)
		if err != nil || !bytes.Contains(data[:min(len(data), 64)], []byte("PRIVATE KEY-----")) {
			continue
		}
		k := readKey(path)
		k.Detail = ""
		out = append(out, k.Key)
	}
	return out
}
