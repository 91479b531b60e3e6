//go:build linux

package evidencetest

import (
	"bytes"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"sshwhy/internal/evidence"
)

// plainPacket is an unencrypted packet of SSH (RFC 4253 section 6); its padding
// holds what a shell may spoil.
func plainPacket(payload string) string {
	padding := "\x00\n\xff\x80'\r\x1b%"
	length := 1 + len(payload) + len(padding)
	return string([]byte{0, 0, byte(length >> 8), byte(length), byte(len(padding))}) + payload + padding
}

// hellos are servers on the loopback, one for each way in which one may answer.
func hellos(t *testing.T) []testCase {
	t.Helper()
	var lists strings.Builder
	for range 10 {
		lists.WriteString("\x00\x00\x00\x0bx25519,a,b\xff")
	}
	kexinit := plainPacket("\x14" + "\x00cookie\n of 16b\n" + lists.String() + "\x00\x00\x00\x00\x00")
	whole := "one\r\n\r\nSSH-2.0-test it's\r\n" + plainPacket("\x02\x00\x00\x00\x00") + kexinit
	said := func(exit int, data string) evidence.Result {
		return evidence.Result{Status: evidence.Known, Exit: exit, Data: []byte(data)}
	}
	unused := serve(t, nil)
	return []testCase{
		{name: "hello whole", item: evidence.Hello(serve(t, func(c net.Conn) { talk(t, c, whole) })), want: said(evidence.HelloWhole, whole)},
		{name: "hello closed at once", item: evidence.Hello(serve(t, say(""))), want: said(evidence.HelloClosed, "")},
		{name: "hello closed after a word", item: evidence.Hello(serve(t, say("Not allowed at this time\r\n"))), want: said(evidence.HelloClosed, "Not allowed at this time\r\n")},
		{name: "hello closed after the greeting", item: evidence.Hello(serve(t, say("SSH-2.0-x\r\n"))), want: said(evidence.HelloClosed, "SSH-2.0-x\r\n")},
		{name: "hello silent", item: evidence.Hello(serve(t, wait(""))), want: said(evidence.HelloSilent, "")},
		{name: "hello silent after the greeting", item: evidence.Hello(serve(t, wait("SSH-2.0-x\r\n\x00"))), want: said(evidence.HelloSilent, "SSH-2.0-x\r\n\x00")},
		{name: "hello foreign", item: evidence.Hello(serve(t, wait("a\x00b\n"))), want: said(evidence.HelloForeign, "a\x00b\n")},
		{name: "hello to nobody", item: evidence.Hello(unused), want: is(evidence.Absent)},
		{name: "hello without an address", item: evidence.Item{Kind: evidence.KindHello, Path: "localhost:22"}, want: is(evidence.Failed)},
	}
}

// serve answers each connection with talk; nil: nobody listens there.
func serve(t *testing.T, talk func(net.Conn)) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	at := l.Addr().(*net.TCPAddr).AddrPort()
	if talk == nil {
		must(t, l.Close())
		return at
	}
	var talking sync.WaitGroup
	t.Cleanup(func() { l.Close(); talking.Wait() })
	talking.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			talking.Go(func() { defer c.Close(); talk(c) })
		}
	})
	return at
}

// say waits for the other side's identification and closes after some words.
func say(words string) func(net.Conn) {
	return func(c net.Conn) {
		_, _ = io.ReadFull(c, make([]byte, len(evidence.HelloIdent))) // what is unread would make a reset of the close
		_, _ = io.WriteString(c, words)
	}
}

// wait keeps the connection open after some words, until the other side closes it.
func wait(words string) func(net.Conn) {
	return func(c net.Conn) {
		_, _ = io.WriteString(c, words)
		_, _ = io.Copy(io.Discard, c)
	}
}

// talk is a whole server: it expects an identification string, and after its own
// words a DISCONNECT and the end.
func talk(t *testing.T, c net.Conn, words string) {
	_ = c.SetDeadline(time.Now().Add(slowest))
	ident := make([]byte, len(evidence.HelloIdent))
	if _, err := io.ReadFull(c, ident); err != nil || string(ident) != evidence.HelloIdent {
		t.Errorf("it begins with %q (%v)", ident, err)
	}
	_, _ = io.WriteString(c, words)
	if bye, err := io.ReadAll(c); err != nil || !bytes.Equal(bye, evidence.HelloBye()) {
		t.Errorf("it leaves with %q (%v)", bye, err)
	}
}
