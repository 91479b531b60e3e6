//go:build linux

// Command labpeer plays the servers the lab needs and Debian does not package: hosts
// that answer on port 22 and are no SSH server, and a small name server.
//
//	labpeer MODE [ADDRESS]           ADDRESS is host:port, ":22" by default
//	labpeer dns ADDRESS NAME=ADDR…   answers these names, REFUSED to NAME=refused, nothing to NAME=silent,
//	                                 SERVFAIL to NAME=servfail, a host key to NAME=sshfp:ALGORITHM:HASH:HEX
//	                                 (and to NAME=ad with the AD bit), NXDOMAIN to all others
//
// It says "ready" on standard error when it listens, and serves until it is killed.
package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"time"
)

// modes are what a connection meets, by name. Each returns when the connection is to be closed.
var modes = map[string]func(net.Conn){
	"silent": func(c net.Conn) { io.Copy(io.Discard, c) },
	"close":  func(c net.Conn) {},
	"reset":  func(c net.Conn) { c.(*net.TCPConn).SetLinger(0) },
	"late":   func(c net.Conn) { time.Sleep(5 * time.Second); c.(*net.TCPConn).SetLinger(0) },
	"ssh1":   func(c net.Conn) { say(c, "SSH-1.5-OpenSSH_2.9p2\n"); io.Copy(io.Discard, c) },
	"http":   onFirstLine("HTTP/1.1 400 Bad Request\r\nServer: nginx/1.26.3\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n<html><body>400 Bad Request</body></html>\r\n"),
	"tls":    onFirstLine("\x15\x03\x01\x00\x02\x02\x46"), // alert: fatal, protocol_version
	"ftp":    func(c net.Conn) { say(c, "220 (vsFTPd 3.0.5)\r\n"); io.Copy(io.Discard, c) },
	"smtp":   func(c net.Conn) { say(c, "220 mail.example.org ESMTP Postfix\r\n"); io.Copy(io.Discard, c) },
	"telnet": func(c net.Conn) {
		say(c, "\xff\xfd\x18\xff\xfd\x20\xff\xfd\x23\xff\xfd\x27\r\nlogin: ")
		io.Copy(io.Discard, c)
	},
	"mysql": func(c net.Conn) {
		say(c, "J\x00\x00\x00\x0a8.0.36\x00\x08\x00\x00\x00abcdefgh\x00")
		io.Copy(io.Discard, c)
	},
	"endless":   endless,
	"escapes":   func(c net.Conn) { say(c, "\x1b]0;owned\x07\x1b[2J\x1b[31mhello\x00\r\n"); io.Copy(io.Discard, c) },
	"drip":      drip,
	"half":      func(c net.Conn) { say(c, "SSH-2.0-OpenSSH_9.2p1\r\n"); c.Close() },
	"no-kex":    func(c net.Conn) { say(c, "SSH-2.0-OpenSSH_9.2p1\r\n"); io.Copy(io.Discard, c) },
	"penalized": func(c net.Conn) { say(c, "Not allowed at this time\r\n") },
	"full":      nil, // listens with a queue of one and never accepts
}

func main() {
	if len(os.Args) < 2 {
		fail("usage: labpeer MODE [ADDRESS] | labpeer dns ADDRESS NAME=ADDR…")
	}
	mode, addr := os.Args[1], ":22"
	if len(os.Args) > 2 {
		addr = os.Args[2]
	}
	if mode == "dns" {
		serveNames(addr, os.Args[min(3, len(os.Args)):])
		return
	}
	handler, ok := modes[mode]
	if !ok {
		fail("no mode %q", mode)
	}
	if handler == nil {
		listenFull(addr)
		return
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		fail("%v", err)
	}
	fmt.Fprintln(os.Stderr, "ready")
	for {
		c, err := l.Accept()
		if err != nil {
			fail("%v", err)
		}
		go func() { defer c.Close(); handler(c) }()
	}
}

func say(c net.Conn, text string) { io.WriteString(c, text) }

// onFirstLine waits for the client's first line, answers, and closes.
func onFirstLine(answer string) func(net.Conn) {
	return func(c net.Conn) {
		var got []byte
		buf := make([]byte, 512)
		for !slices.Contains(got, '\n') && len(got) < 4096 {
			n, err := c.Read(buf)
			if err != nil {
				return
			}
			got = append(got, buf[:n]...)
		}
		say(c, answer)
	}
}

// endless sends bytes without a line end for as long as they are taken.
func endless(c net.Conn) {
	chunk := strings.Repeat("x", 4096)
	for {
		if _, err := io.WriteString(c, chunk); err != nil {
			return
		}
	}
}

// drip sends a good banner, one byte every two seconds.
func drip(c net.Conn) {
	for _, b := range []byte("SSH-2.0-OpenSSH_9.2p1\r\n") {
		if _, err := c.Write([]byte{b}); err != nil {
			return
		}
		time.Sleep(2 * time.Second)
	}
}

func fail(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "labpeer: "+format+"\n", args...)
	os.Exit(1)
}
