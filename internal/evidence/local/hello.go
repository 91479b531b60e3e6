package local

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"syscall"

	"sshwhy/internal/evidence"
	"sshwhy/internal/sshwire"
)

// sayHello connects to a port of this machine as an SSH client does, and leaves
// again before a login begins. ctx has the item's time limit.
func sayHello(ctx context.Context, it evidence.Item) evidence.Result {
	at, err := netip.ParseAddrPort(it.Path)
	if err != nil {
		return failed("not an address and a port")
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", at.String())
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return evidence.Result{Status: evidence.Absent, Reason: "connection refused", Exit: -1}
	case errors.Is(err, syscall.EPERM), errors.Is(err, syscall.EACCES):
		return evidence.Result{Status: evidence.Denied, Reason: "connecting was not permitted", Exit: -1}
	case ctx.Err() != nil:
		return failed("no connection within " + it.TimeLimit().String())
	case err != nil:
		return failed("no connection: " + reasonOf(err))
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	// An error of this write shows in the read, with whatever was said first.
	_, _ = io.WriteString(conn, evidence.HelloIdent)
	var said bytes.Buffer
	err = readHello(io.TeeReader(conn, &said))
	if ctx.Err() != nil && errors.Is(err, net.ErrClosed) {
		return evidence.HelloEnded(evidence.HelloSilent, said.Bytes())
	}
	if err == nil {
		_, _ = conn.Write(evidence.HelloBye())
	}
	return evidence.HelloEnded(helloEnd(err), said.Bytes())
}

// readHello reads up to the list of algorithms. sshwire bounds how much that is.
func readHello(conn io.Reader) error {
	r := sshwire.NewReader(conn)
	if _, err := r.ReadIdent(); err != nil {
		return err
	}
	_, _, err := r.ReadKexInit()
	return err
}

// helloEnd is how an answer ended.
func helloEnd(err error) int {
	goodbye := new(sshwire.Disconnect)
	switch {
	case err == nil:
		return evidence.HelloWhole
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, &goodbye),
		errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return evidence.HelloClosed
	}
	return evidence.HelloForeign
}
