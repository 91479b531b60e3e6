//go:build linux

package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"syscall"
	"time"
)

// listenFull listens, has its accept queue cut to nothing, fills it itself and never accepts.
func listenFull(addr string) {
	var fd int
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(f uintptr) { fd = int(f) })
	}}
	l, err := lc.Listen(context.Background(), "tcp4", addr)
	if err != nil {
		fail("%v", err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		fail("listen: %v", err)
	}
	target := net.JoinHostPort("127.0.0.1", fmt.Sprint(l.Addr().(*net.TCPAddr).Port))
	for range 3 {
		go net.DialTimeout("tcp", target, time.Hour)
	}
	time.Sleep(300 * time.Millisecond)
	fmt.Fprintln(os.Stderr, "ready")
	select {}
}
