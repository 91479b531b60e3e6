package walk

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"sshwhy/internal/client"
	"sshwhy/internal/sshwire"
)

const (
	// leastLogin bounds key exchange and authentication together. A server that
	// waits for DNS, PAM or GSSAPI takes seconds; LoginGraceTime is 120.
	leastLogin = 20 * time.Second
	// maxBannerText bounds what is kept of the text a server shows before login.
	maxBannerText = 4096
)

// errStop is how our callbacks end a handshake that has shown enough.
var errStop = errors.New("stopped by sshwhy")

// login makes the key exchange, checks the host key and authenticates, on the
// connection whose banner and offer were already read. Until the host's key is
// accepted no key file is read, no agent asked and nothing offered.
func (w *walker) login(ctx context.Context, conn net.Conn, read []byte, rest io.Reader) {
	begin, limit := time.Now(), w.wait(leastKex)
	done := w.report("hostkey", w.obs.Chosen, limit)
	waitFor(ctx, conn, limit)
	h := w.hostKey()
	resumed := &resumedConn{Conn: conn, in: io.MultiReader(bytes.NewReader(read), rest), skip: len(identFor(w.opt.Version)) + 2}
	var a *authenticator
	gate := &keyGate{decide: func(key ssh.PublicKey) error {
		h.take(ctx, key)
		h.Ms = ms(time.Since(begin))
		done()
		done = func() {}
		if !w.accepts(ctx, conn, h.HostKey) {
			return errStop
		}
		limit = w.wait(leastLogin)
		done = w.report("auth", w.obs.Chosen, limit)
		waitFor(ctx, conn, limit)
		begin = time.Now()
		a = w.auth(ctx, resumed)
		w.obs.Login = a.obs
		return nil
	}}
	config := &ssh.ClientConfig{
		Config:            w.algorithms(),
		User:              w.obs.Config.Get("user"),
		ClientVersion:     identFor(w.opt.Version),
		HostKeyCallback:   gate.check,
		HostKeyAlgorithms: w.padded(h.order(w.obs.Kex.Client["hostkeyalgorithms"])),
		BannerCallback:    func(text string) error { return a.banner(text) },
		AuthCallback:      func(state *ssh.ClientAuthContext) (ssh.AuthMethod, error) { return a.next(state) },
	}
	c, channels, requests, err := ssh.NewClientConn(resumed, w.obs.Chosen, config)
	done()
	w.obs.HostKey = h.HostKey
	switch {
	case h.Type == "":
		h.Ms = ms(time.Since(begin))
		w.noKey(ctx, h.HostKey, resumed, err)
		return
	case a == nil && h.LeftToSSH() != "":
		w.ownSSH(ctx, h.LeftToSSH())
		return
	case a == nil:
		return
	}
	defer a.close()
	a.obs.Ms = ms(time.Since(begin))
	if a.finish(err); err != nil {
		w.noLogin(ctx, a, err)
		return
	}
	a.obs.OK = true
	login := ssh.NewClient(c, channels, requests)
	defer login.Close()
	waitFor(ctx, conn, w.wait(leastSession))
	w.session(ctx, resumed, login)
}

// accepts reports whether the walk goes on with the key that the host shows; a person
// is asked where ssh would ask one.
func (w *walker) accepts(ctx context.Context, conn net.Conn, h *client.HostKey) bool {
	if h.Asks() {
		waitFor(ctx, conn, askLimit+time.Second)
		w.askAbout(ctx, h)
	}
	return !w.opt.NoAuth && !h.Refused()
}

// noLogin is for a login that was not granted, or is left to ssh itself.
func (w *walker) noLogin(ctx context.Context, a *authenticator, err error) {
	switch {
	case a.own != "":
		_ = a.conn.Close() // the next connection takes its place
		w.ownSSH(ctx, a.own)
	case !errors.Is(err, errStop):
		a.obs.End, a.obs.Err = loginEnd(ctx, err), libraryText(err)
	}
}

// waitFor gives a phase of the connection its end. It is called once for each phase:
// nothing that the peer sends gives it more time.
func waitFor(ctx context.Context, conn net.Conn, limit time.Duration) {
	_ = conn.SetDeadline(time.Now().Add(limit))
	if ctx.Err() != nil { // it may have ended while the deadline was set
		_ = conn.SetDeadline(time.Unix(1, 0))
	}
}

// maxRekeys is how many key exchanges a peer may begin. sshd with RekeyLimit 1K makes
// about twenty in a login and a session of ours.
const maxRekeys = 256

// The ends that a peer's key exchanges may have.
var (
	errOtherKey = errors.New("the host shows another key when keys are exchanged again")
	errRekeys   = errors.New("the host exchanges keys without end")
)

// keyGate is what the library asks in every key exchange. A peer may begin one at any
// time (RFC 4253 section 9), also while the session runs: decide sees the first alone,
// whose key stays that of the host.
type keyGate struct {
	decide func(ssh.PublicKey) error

	mu    sync.Mutex // the library asks from goroutines of its own
	first []byte
	times int
}

func (g *keyGate) check(_ string, _ net.Addr, key ssh.PublicKey) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.times++
	blob := key.Marshal()
	switch {
	case g.first == nil:
		g.first = blob
		return g.decide(key)
	case !bytes.Equal(g.first, blob):
		return errOtherKey
	case g.times > maxRekeys:
		return errRekeys
	}
	return nil
}

// noKey writes down why the key exchange did not come to the host's key.
func (w *walker) noKey(ctx context.Context, h *client.HostKey, conn *resumedConn, err error) {
	h.End, h.Err = loginEnd(ctx, err), libraryText(err)
	h.Unable = errors.As(err, new(*ssh.AlgorithmNegotiationError)) // lists that we do not know, for want of an ssh program
	if h.End == client.EndTimeout {
		h.Stuck = conn.stuckAt()
		if w.obs.Proxy == nil {
			h.Small = w.smallPackets(ctx)
		}
	}
}

// smallPackets tries the key exchange once more, on a new connection whose
// segments are small in both directions. If that works, large packets are lost
// on the way.
func (w *walker) smallPackets(ctx context.Context) string {
	d := w.dialer()
	d.segment = client.SmallSegment
	conn, attempt := dial(ctx, w.obs.ChosenAddr(), d)
	if conn == nil {
		return string(attempt.Outcome)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(w.wait(leastKex)))
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	passed := false
	_, _, _, err := ssh.NewClientConn(conn, w.obs.Chosen, &ssh.ClientConfig{
		Config: w.algorithms(), ClientVersion: identFor(w.opt.Version),
		HostKeyCallback: func(string, net.Addr, ssh.PublicKey) error { passed = true; return errStop },
	})
	if passed {
		return client.SmallPassed
	}
	return string(loginEnd(ctx, err))
}

// algorithms are ssh's lists, as far as our own library has them. That it has
// fewer is never the host's fault: see HostKey.Unable.
func (w *walker) algorithms() ssh.Config {
	k := w.obs.Kex
	safe, weak := ssh.SupportedAlgorithms(), ssh.InsecureAlgorithms()
	pick := func(keyword string, have ...[]string) []string {
		all := slices.Concat(have...)
		if len(k.Client[keyword]) == 0 {
			return have[0]
		}
		return slices.DeleteFunc(slices.Clone(k.Client[keyword]), func(a string) bool { return !slices.Contains(all, a) })
	}
	return ssh.Config{
		KeyExchanges: pick("kexalgorithms", safe.KeyExchanges, weak.KeyExchanges),
		Ciphers:      pick("ciphers", safe.Ciphers, weak.Ciphers),
		MACs:         pick("macs", safe.MACs, weak.MACs),
	}
}

// padded adds names that no server has to the list of host key algorithms, so
// that our KEXINIT is as large as ssh's own: a path that loses large packets
// must lose ours too.
func (w *walker) padded(algorithms []string) []string {
	have, want := len(strings.Join(algorithms, ",")), 0
	for _, keyword := range algorithmKeywords {
		list := len(strings.Join(w.obs.Kex.Client[keyword], ","))
		want += list
		if keyword == "ciphers" || keyword == "macs" {
			want += list // once for each direction
		}
	}
	c := w.algorithms()
	have += len(strings.Join(c.KeyExchanges, ",")) + 2*len(strings.Join(c.Ciphers, ",")) + 2*len(strings.Join(c.MACs, ","))
	out := slices.Clone(algorithms)
	for n := 0; have < want && n < 64; n++ {
		pad := "padding-" + string(rune('a'+n%26)) + strings.Repeat("x", 40) + "@sshwhy.invalid"
		out = append(out, pad)
		have += len(pad) + 1
	}
	return out
}

// loginEnd names how a handshake ended.
func loginEnd(ctx context.Context, err error) client.End {
	switch {
	case ctx.Err() != nil:
		return client.EndCancelled
	case errors.Is(err, errFlood), errors.Is(err, errRekeys):
		return client.EndFlood
	case strings.Contains(err.Error(), "ssh: disconnect, reason"):
		return client.EndDisconnect
	default:
		return endOf(err)
	}
}

// libraryText takes the library's own words off an error.
func libraryText(err error) string {
	text := errText(err)
	for _, prefix := range []string{"ssh: handshake failed: ", "ssh: "} {
		text = strings.TrimPrefix(text, prefix)
	}
	// What the library says where the connection is closed under it.
	if text == "EOF" || strings.HasSuffix(text, ": EOF") || strings.HasPrefix(text, "unexpected packet in response to channel open: <nil>") {
		return "the server closed the connection"
	}
	return client.Excerpt(text) // it may hold both sides' lists
}

// resumedConn is a connection whose first bytes were already read and whose
// identification string was already sent: it gives the former again and drops
// the latter.
type resumedConn struct {
	net.Conn
	in   io.Reader
	skip int

	mu     sync.Mutex // the library reads and closes from goroutines of its own
	closed bool
	taken  int           // bytes that were read
	stuck  *client.Stuck // what TCP knew when it was closed
	gone   error         // why nothing more could be read, before it was closed
}

func (c *resumedConn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.closed, c.stuck = true, stuckBytes(c.Conn)
	}
	return c.Conn.Close()
}

// maxWire bounds what is read of a connection, in bytes. A login with a session takes
// some ten thousand, and texts of the host are added to that.
const maxWire = 8 << 20

var errFlood = errors.New("the host sent more than 8 MiB, which no login takes")

func (c *resumedConn) Read(p []byte) (int, error) {
	n, err := c.in.Read(p)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.taken += n; c.taken > maxWire && err == nil {
		n, err = 0, errFlood
	}
	if err != nil && !c.closed && c.gone == nil {
		c.gone = err
	}
	return n, err
}

// lost is why nothing more could be read, or nil; stuckAt is what TCP knew at
// the end.
func (c *resumedConn) lost() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.gone
}

func (c *resumedConn) stuckAt() *client.Stuck {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stuck
}

func (c *resumedConn) Write(p []byte) (int, error) {
	drop := min(c.skip, len(p))
	c.skip -= drop
	if drop == len(p) {
		return drop, nil
	}
	n, err := c.Conn.Write(p[drop:])
	return n + drop, err
}

// replay is what the library has to read again: the identification string and
// the packets up to the server's KEXINIT.
func replay(ident sshwire.Ident, wire []byte) []byte {
	return append([]byte(ident.Line+"\r\n"), wire...)
}
