package walk

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"sshwhy/internal/client"
	"sshwhy/internal/report"
)

// hostile is a host that completes the key exchange with the key that is on record,
// takes whatever key it is offered, and does what it likes on the way.
type hostile struct {
	rekey uint64                                // bytes after which it exchanges keys again
	login func(ssh.ServerPreAuthConn)           // while the login is under way
	after func(ssh.Conn, <-chan ssh.NewChannel) // in place of serving sessions
	wire  func(net.Conn) net.Conn               // between it and the network
}

// start runs it, and returns the options of a walk to it.
func (h hostile) start(t *testing.T) Options {
	t.Helper()
	key := newSigner(t)
	config := &ssh.ServerConfig{
		Config:            ssh.Config{RekeyThreshold: h.rekey},
		PublicKeyCallback: func(ssh.ConnMetadata, ssh.PublicKey) (*ssh.Permissions, error) { return nil, nil },
	}
	if h.login != nil {
		var peer ssh.ServerPreAuthConn
		config.PreAuthConnCallback = func(c ssh.ServerPreAuthConn) { peer = c }
		config.PublicKeyCallback = func(ssh.ConnMetadata, ssh.PublicKey) (*ssh.Permissions, error) {
			h.login(peer)
			return nil, errors.New("no")
		}
	}
	config.AddHostKey(key)
	port := serve(t, func(c net.Conn) {
		if h.wire != nil {
			c = h.wire(c)
		}
		conn, channels, requests, err := ssh.NewServerConn(c, config)
		if err != nil {
			return
		}
		defer conn.Close()
		go ssh.DiscardRequests(requests)
		if h.after != nil {
			h.after(conn, channels)
			return
		}
		serveSessions(channels)
	})
	dir := t.TempDir()
	known := writeFile(t, dir, "known_hosts", "[127.0.0.1]:"+port+" "+string(ssh.MarshalAuthorizedKey(key.PublicKey())))
	block, err := ssh.MarshalPrivateKey(newSigner(t).private, "")
	if err != nil {
		t.Fatal(err)
	}
	id := writeFile(t, dir, "id", string(pem.EncodeToMemory(block)))
	return walkOptions(port, "-o", "UserKnownHostsFile="+known, "-o", "IdentityFile="+id)
}

// walkOptions are those of a walk without an ssh program, by somebody who may be asked.
func walkOptions(port string, args ...string) Options {
	somebody := false
	return Options{Args: append([]string{"-F", "none", "-p", port, "-o", "GlobalKnownHostsFile=none", "-o", "IdentityAgent=none"}, args...),
		Host: "alice@127.0.0.1", SSH: "-", Version: "test", alone: &somebody}
}

// The keys of a test: signer and the private half.
type testSigner struct {
	ssh.Signer
	private ed25519.PrivateKey
}

func newSigner(t *testing.T) testSigner {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return testSigner{s, private}
}

// serveSessions does what a usual server does with the test command.
func serveSessions(channels <-chan ssh.NewChannel) {
	for n := range channels {
		c, requests, err := n.Accept()
		if err != nil {
			return
		}
		go func() {
			for r := range requests {
				_ = r.Reply(true, nil)
				if r.Type == "exec" {
					_, _ = io.WriteString(c, strings.Repeat("0", bigOutput))
					_, _ = c.SendRequest("exit-status", false, []byte{0, 0, 0, 0})
					_ = c.Close()
				}
			}
		}()
	}
}

// TestRekeying: a host may exchange keys as often as it likes, also while the session
// runs, and gets neither a panic nor more time by it.
func TestRekeying(t *testing.T) {
	for _, threshold := range []uint64{256, 1024} {
		begin := time.Now()
		var told atomic.Int32
		o := Walk(t.Context(), hostile{rekey: threshold}.start(t), func(Progress) { told.Add(1) })
		if o.Login == nil || !o.Login.OK || o.Session == nil || !o.Session.Ran {
			t.Errorf("a key exchange every %d bytes: %s (%+v, %+v)", threshold, client.Diagnose(o, "test").Headline, o.Login, o.Session)
		}
		if took := time.Since(begin); took > 10*time.Second || told.Load() == 0 {
			t.Errorf("took %v, told %d times", took, told.Load())
		}
	}
}

// TestKeyGate: what the first key exchange decided stands for the connection.
func TestKeyGate(t *testing.T) {
	first, other := newSigner(t).PublicKey(), newSigner(t).PublicKey()
	decided := 0
	g := &keyGate{decide: func(ssh.PublicKey) error { decided++; return nil }}
	for n := range maxRekeys {
		if err := g.check("", nil, first); err != nil {
			t.Fatalf("key exchange %d: %v", n+1, err)
		}
	}
	if err := g.check("", nil, first); !errors.Is(err, errRekeys) {
		t.Errorf("one more: %v", err)
	}
	if err := g.check("", nil, other); !errors.Is(err, errOtherKey) {
		t.Errorf("another key: %v", err)
	}
	if decided != 1 {
		t.Errorf("decided %d times", decided)
	}
	refuse := &keyGate{decide: func(ssh.PublicKey) error { return errStop }}
	if err := refuse.check("", nil, first); !errors.Is(err, errStop) {
		t.Errorf("a key that was refused: %v", err)
	}
}

// memoryBudget is how much more heap a walk may take, whatever the host sends: four
// times what is read of one connection.
const memoryBudget = 4 * maxWire

// TestHostileHosts: whatever a host sends, the walk ends in its time and with bounded
// memory, and has something to say.
func TestHostileHosts(t *testing.T) {
	forever := func(step func() error) {
		for step() == nil {
		}
	}
	ident, ignore := "SSH-2.0-OpenSSH_9.2p1\r\n", plainPacket(append([]byte{2, 0, 0, 0x7f, 0}, make([]byte, 0x7f00)...))
	offer := plainPacket(kexInitOf("curve25519-sha256", "ssh-ed25519"))
	for _, tt := range []struct {
		name  string
		start func(*testing.T) Options
	}{
		{"banners for ever", hostile{login: func(c ssh.ServerPreAuthConn) {
			forever(func() error { return c.SendAuthBanner(strings.Repeat("b", 30000)) })
		}}.start},
		{"no answer to a key", hostile{login: func(ssh.ServerPreAuthConn) { time.Sleep(5 * time.Second) }}.start},
		{"requests for ever", hostile{after: func(c ssh.Conn, _ <-chan ssh.NewChannel) {
			forever(func() error { _, _, err := c.SendRequest("x", false, make([]byte, 30000)); return err })
		}}.start},
		{"requests that want an answer", hostile{after: func(c ssh.Conn, _ <-chan ssh.NewChannel) {
			forever(func() error { _, _, err := c.SendRequest("x", true, nil); return err })
		}}.start},
		{"channels for ever", hostile{after: func(c ssh.Conn, _ <-chan ssh.NewChannel) {
			forever(func() error {
				_, _, err := c.OpenChannel("x11", make([]byte, 30000))
				if errors.As(err, new(*ssh.OpenChannelError)) {
					return nil
				}
				return err
			})
		}}.start},
		{"output for ever", hostile{after: func(_ ssh.Conn, channels <-chan ssh.NewChannel) {
			for n := range channels {
				c, requests, err := n.Accept()
				if err != nil {
					return
				}
				go func() {
					for r := range requests {
						_ = r.Reply(true, nil)
					}
				}()
				go forever(func() error { _, err := c.Write(make([]byte, 30000)); return err })
			}
		}}.start},
		{"output for ever, and keys all the time", hostile{rekey: 256, after: func(_ ssh.Conn, channels <-chan ssh.NewChannel) {
			for n := range channels {
				c, requests, err := n.Accept()
				if err != nil {
					return
				}
				go func() {
					for r := range requests {
						_ = r.Reply(true, nil)
					}
				}()
				go forever(func() error { _, err := c.Write(make([]byte, 1000)); return err })
			}
		}}.start},
		{"a byte at a time", hostile{wire: func(c net.Conn) net.Conn { return &drip{c} }}.start},
		{"IGNORE for ever before its lists", raw(ident, ignore)},
		{"IGNORE for ever in the key exchange", raw(ident+string(offer), ignore)},
		{"a list of 80,000 names", raw(ident, plainPacket(kexInitOf(strings.Repeat("ab,", 80000)+"x", "ssh-ed25519")))},
		{"a name of 200,000 bytes", raw(ident, plainPacket(kexInitOf(strings.Repeat("a", 200000), "ssh-ed25519")))},
	} {
		t.Run(tt.name, func(t *testing.T) {
			opt := tt.start(t)
			opt.Timeout = time.Second
			goroutines := runtime.NumGoroutine()
			var peak atomic.Uint64
			stop := watchHeap(&peak)
			begin := time.Now()
			o := Walk(t.Context(), opt, nil)
			took := time.Since(begin)
			stop()
			r := client.Diagnose(o, "test")
			if took > 6*time.Second {
				t.Errorf("took %v", took)
			}
			if peak.Load() > memoryBudget {
				t.Errorf("took %d MiB", peak.Load()>>20)
			}
			if r.Headline == "" || r.Verdict == report.VerdictOK {
				t.Errorf("%s: %q", r.Verdict, r.Headline)
			}
			if text, _ := json.Marshal(r); len(text) > 64<<10 {
				t.Errorf("a report of %d bytes", len(text))
			}
			for n := 0; runtime.NumGoroutine() > goroutines+4; n++ { // of the server's side
				if n == 100 {
					t.Fatalf("%d goroutines before, %d after", goroutines, runtime.NumGoroutine())
				}
				time.Sleep(20 * time.Millisecond)
			}
			t.Logf("%v, %d MiB: %s", took.Round(time.Millisecond), peak.Load()>>20, r.Headline)
		})
	}
}

// watchHeap notes how much the heap grows above what it is now, until it is stopped.
func watchHeap(peak *atomic.Uint64) (stop func()) {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	base, quit, gone := m.HeapAlloc, make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gone)
		for {
			select {
			case <-quit:
				return
			case <-time.After(5 * time.Millisecond):
			}
			var m runtime.MemStats
			if runtime.ReadMemStats(&m); m.HeapAlloc > base {
				peak.Store(max(peak.Load(), m.HeapAlloc-base))
			}
		}
	}()
	return func() { close(quit); <-gone }
}

// drip is a connection that writes one byte every now and then.
type drip struct{ net.Conn }

func (d *drip) Write(p []byte) (int, error) {
	for n := range p {
		if _, err := d.Conn.Write(p[n : n+1]); err != nil {
			return n, err
		}
		time.Sleep(20 * time.Millisecond)
	}
	return len(p), nil
}

// raw is a host that says hello once and then the same packet without end.
func raw(hello string, again []byte) func(*testing.T) Options {
	return func(t *testing.T) Options {
		return walkOptions(serve(t, func(c net.Conn) {
			go func() { _, _ = io.Copy(io.Discard, c) }()
			_, err := io.WriteString(c, hello)
			for err == nil {
				_, err = c.Write(again)
			}
		}))
	}
}

// plainPacket is a packet before the first key exchange (RFC 4253 section 6).
func plainPacket(payload []byte) []byte {
	padding := 8 - (5+len(payload))%8 + 8
	packet := binary.BigEndian.AppendUint32(nil, uint32(1+len(payload)+padding))
	packet = append(append(packet, byte(padding)), payload...)
	return append(packet, make([]byte, padding)...)
}

// kexInitOf is a KEXINIT that offers these and what every client has.
func kexInitOf(kex, hostKey string) []byte {
	payload := append([]byte{20}, make([]byte, 16)...)
	for _, list := range []string{kex, hostKey, "aes128-ctr", "aes128-ctr", "hmac-sha2-256", "hmac-sha2-256", "none", "none", "", ""} {
		payload = append(binary.BigEndian.AppendUint32(payload, uint32(len(list))), list...)
	}
	return append(payload, 0, 0, 0, 0, 0)
}
