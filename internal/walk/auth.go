package walk

import (
	"context"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"sshwhy/internal/client"
)

// maxOffers bounds how many keys are offered. Servers end the connection after
// MaxAuthTries (6 by default) anyway.
const maxOffers = 20

// randReader is what signers are given.
type randReader = io.Reader

// authenticator offers one key after the other.
type authenticator struct {
	obs     *client.Login
	conn    *resumedConn
	begin   time.Time
	keys    []identity // those of obs.Keys
	index   int        // of the next key
	current *offer     // nil before the first and between two
	offered int
	partial int
	accept  []string // PubkeyAcceptedAlgorithms
	// leastBits is the shortest RSA key that ssh offers (RequiredRSASize); 0 where it does not say.
	leastBits int
	close     func()
	only      func(allowed []string) string // says what of this login only ssh itself can do
	own       string                        // what it said, where ssh itself is to make the login
}

// auth prepares what ssh would try.
func (w *walker) auth(ctx context.Context, conn *resumedConn) *authenticator {
	c := &w.obs.Config
	l := &client.Login{User: c.Get("user"), Ours: methodsOf(c), Batch: c.Get("batchmode") == "yes", Nobody: w.nobodyToAsk(), OnlyNamed: c.Get("identitiesonly") == "yes"}
	a := &authenticator{obs: l, conn: conn, begin: time.Now(), close: func() {}}
	if w.opt.NoAuth {
		return a
	}
	if list := c.Get("pubkeyacceptedalgorithms"); list != "" {
		a.accept = strings.Split(list, ",")
	}
	a.leastBits, _ = strconv.Atoi(c.Get("requiredrsasize"))
	files := identities(c)
	for _, path := range c.Values["certificatefile"] {
		files = addCert(files, expandTokens(path, c))
	}
	var fromAgent []identity
	l.Agent, fromAgent, a.close = openAgent(c)
	a.keys = offerOrder(files, fromAgent, l.OnlyNamed)
	l.Keys = observed(a.keys)
	l.Unlisted = unlisted(files)
	if c.Program != "" {
		a.only = func(allowed []string) string { return w.onlySSHCan(ctx, l, allowed) }
	}
	return a
}

// methodsOf are the methods that the configuration allows, in ssh's order.
func methodsOf(c *client.Config) []string {
	all := []string{"gssapi-with-mic", "hostbased", "publickey", "keyboard-interactive", "password"}
	if list := c.Get("preferredauthentications"); list != "" {
		all = strings.Split(list, ",")
	}
	keyword := map[string]string{
		"gssapi-with-mic": "gssapiauthentication", "hostbased": "hostbasedauthentication", "publickey": "pubkeyauthentication",
		"keyboard-interactive": "kbdinteractiveauthentication", "password": "passwordauthentication",
	}
	return slices.DeleteFunc(all, func(m string) bool {
		v := c.Get(keyword[m])
		return v == "no" || v == "false"
	})
}

// addCert adds a CertificateFile to the key that it certifies.
func addCert(files []identity, path string) []identity {
	cert := readCert(path)
	if cert == nil {
		return files
	}
	for _, k := range files {
		if k.public != nil && k.Cert == nil && string(k.public.Marshal()) == string(cert.Key.Marshal()) {
			return append([]identity{k.certified(path, cert)}, files...)
		}
	}
	return files
}

// banner keeps the text that the server shows.
func (a *authenticator) banner(text string) error {
	if a.obs.FirstMs > 0 {
		a.obs.Late = text[:min(len(text), maxBannerText)]
	}
	a.obs.Banner += text[:min(len(text), max(0, maxBannerText-len(a.obs.Banner)))]
	return nil
}

// next is called before every attempt: it writes down how the last one went and
// gives the next key.
func (a *authenticator) next(state *ssh.ClientAuthContext) (ssh.AuthMethod, error) {
	if a.obs.FirstMs == 0 {
		a.obs.FirstMs = ms(time.Since(a.begin))
		a.obs.Allowed = state.AllowedMethods
		if a.only != nil && a.conn.lost() == nil {
			if a.own = a.only(state.AllowedMethods); a.own != "" {
				return nil, errStop // before any key is offered: the host sees one login only
			}
		}
	}
	if gone := a.conn.lost(); gone != nil {
		return nil, gone // the library would go on and forget it
	}
	a.obs.Left = state.AllowedMethods
	if a.current != nil {
		switch {
		case a.current.sha1:
			a.current.key.State = client.KeyNoSign
		case len(state.PartialSuccessMethods) > a.partial:
			a.current.key.State = client.KeyPartial
		case a.current.signed && a.current.signer != nil:
			a.current.key.State = client.KeyBadSign
		case a.current.signed:
			a.current.key.State = client.KeyWelcome
		default:
			a.current.key.State = client.KeyRejected
		}
		a.partial, a.current = len(state.PartialSuccessMethods), nil
	}
	if !slices.Contains(state.AllowedMethods, "publickey") || !slices.Contains(a.obs.Ours, "publickey") {
		return nil, errStop
	}
	for a.index < len(a.keys) && a.offered < maxOffers {
		k := a.keys[a.index]
		o := &offer{key: &a.obs.Keys[a.index], public: k.public, signer: k.signer, accept: a.accept}
		a.index++
		if k.public == nil || !a.offerable(o) {
			continue
		}
		a.current = o
		a.offered++
		return ssh.PublicKeys(o), nil
	}
	return nil, errStop
}

// offerable reports whether ssh would offer the key. One that is encrypted is
// offered too: the server's answer says whether its passphrase would help.
func (a *authenticator) offerable(o *offer) bool {
	k := o.key
	switch k.Fault {
	case "", client.FaultEncrypted, client.FaultTouch:
	default:
		return false
	}
	if k.Bits > 0 && k.Bits < a.leastBits {
		k.Fault, k.Detail = client.FaultShort, strconv.Itoa(a.leastBits)
		return false
	}
	if len(o.acceptable()) == 0 {
		k.Fault = client.FaultExcluded
		return false
	}
	return true
}

// finish settles the last key when the handshake is over.
func (a *authenticator) finish(err error) {
	if a.current == nil {
		return
	}
	a.current.key.State = client.KeyUndecided
	switch {
	case err == nil:
		a.current.key.State = client.KeyAccepted
	case a.current.signed && a.current.signer == nil:
		a.current.key.State = client.KeyWelcome
	}
}

// offer is one key as it is offered: a signer that notes when it is asked to sign,
// which happens only after the server has said that it would accept the key.
type offer struct {
	key    *client.Key // what is told of it
	public ssh.PublicKey
	signer ssh.Signer // nil where it cannot sign without its owner
	accept []string   // PubkeyAcceptedAlgorithms
	signed bool       // it was asked to sign
	sha1   bool       // the server would take it with ssh-rsa signatures only, which the configuration forbids
}

var errCannotSign = errors.New("the private key cannot be used without its owner")

func (o *offer) PublicKey() ssh.PublicKey { return o.public }

func (o *offer) Sign(rand io.Reader, data []byte) (*ssh.Signature, error) {
	return o.SignWithAlgorithm(rand, data, o.public.Type())
}

func (o *offer) SignWithAlgorithm(rand io.Reader, data []byte, algorithm string) (*ssh.Signature, error) {
	if !slices.Contains(o.acceptable(), algorithm) {
		o.sha1 = true
		return nil, errCannotSign
	}
	o.signed = true
	if o.key.Fault != "" {
		o.signer = nil
	}
	switch signer := o.signer.(type) {
	case nil:
		return nil, errCannotSign
	case ssh.AlgorithmSigner:
		sig, err := signer.SignWithAlgorithm(rand, data, algorithm)
		if err != nil {
			o.key.Detail = err.Error()
		}
		return sig, err
	default:
		return signer.Sign(rand, data)
	}
}

// Algorithms are the signature algorithms to negotiate with: those that the
// configuration accepts, and for RSA at last SHA-1, which is never used unless
// accepted but shows that the server knows nothing better.
func (o *offer) Algorithms() []string {
	list := o.acceptable()
	if strings.HasPrefix(o.public.Type(), ssh.KeyAlgoRSA) && !slices.Contains(list, ssh.KeyAlgoRSA) {
		list = append(list, ssh.KeyAlgoRSA)
	}
	return list
}

// acceptable are the signature algorithms of the key that the configuration
// accepts, best first.
func (o *offer) acceptable() []string {
	kind := o.public.Type()
	plain := strings.TrimSuffix(kind, "-cert-v01@openssh.com")
	list := []string{plain}
	switch {
	case plain == ssh.KeyAlgoRSA:
		list = []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSA}
	case strings.HasPrefix(plain, "sk-"):
		list = []string{plain + "@openssh.com"}
		if strings.HasSuffix(plain, "@openssh.com") {
			list = []string{plain}
		}
	}
	if len(o.accept) == 0 {
		return list
	}
	return slices.DeleteFunc(list, func(algorithm string) bool {
		want := algorithm
		if kind != plain {
			want = strings.TrimSuffix(algorithm, "@openssh.com") + "-cert-v01@openssh.com"
		}
		return !slices.Contains(o.accept, want)
	})
}

// judgeCert says whether a user certificate is valid now.
func judgeCert(cert *ssh.Certificate) *client.KeyCert {
	const forever = 1<<63 - 1
	c := &client.KeyCert{Principals: cert.ValidPrincipals, Sources: cert.CriticalOptions["source-address"]}
	if cert.SignatureKey != nil {
		c.CA = ssh.FingerprintSHA256(cert.SignatureKey)
	}
	now := uint64(time.Now().Unix())
	if cert.ValidAfter > 0 && cert.ValidAfter <= forever {
		c.After = time.Unix(int64(cert.ValidAfter), 0).UTC().Format(time.RFC3339)
	}
	if cert.ValidBefore <= forever {
		c.Before = time.Unix(int64(cert.ValidBefore), 0).UTC().Format(time.RFC3339)
	}
	switch {
	case cert.CertType != ssh.UserCert:
		c.Fault = "it is a host certificate"
	case cert.ValidAfter > now:
		c.Fault = "it is not valid before " + c.After
	case cert.ValidBefore <= now && c.Before != "":
		c.Fault = "it expired on " + c.Before
	}
	return c
}
