package walk

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"sshwhy/internal/client"
	"sshwhy/internal/sshwire"
)

// identFor is what this program says of itself, in the place where ssh names
// its version (RFC 4253 section 4.2: no blank, no minus sign).
func identFor(version string) string {
	clean := []byte(client.IdentPrefix)
	for _, c := range []byte(version) {
		if c > ' ' && c < 0x7f && c != '-' {
			clean = append(clean, c)
		}
	}
	return string(clean)
}

// banner sends our identification string at once, as ssh does, and reads the
// peer's.
func (w *walker) banner(ctx context.Context, conn net.Conn) (*sshwire.Reader, bool) {
	limit := w.wait(leastBanner)
	defer w.report("banner", w.obs.Chosen, limit)()
	reader, b := readBanner(conn, identFor(w.opt.Version)+"\r\n", limit)
	if ctx.Err() != nil && b.End != "" {
		b.End = client.EndCancelled
	}
	w.obs.Banner = b
	if b.End != "" && b.Ident.Bytes == 0 && (b.End == client.EndClosed || b.End == client.EndReset) && ctx.Err() == nil {
		w.probeTLS(ctx)
	}
	return reader, b.End == "" && b.Ident.SSH2() && !b.Echoes()
}

// readBanner sends hello and reads an identification string.
func readBanner(conn net.Conn, hello string, limit time.Duration) (*sshwire.Reader, *client.Banner) {
	begin := time.Now()
	_ = conn.SetDeadline(begin.Add(limit))
	// An error of this write shows in the read, with whatever the peer said first.
	_, _ = io.WriteString(conn, hello)
	reader := sshwire.NewReader(conn)
	ident, err := reader.ReadIdent()
	b := &client.Banner{Ident: ident, Ms: ms(time.Since(begin))}
	if err != nil {
		b.End, b.Err = endOf(err), errText(err)
	}
	return reader, b
}

// tlsHello is a minimal TLS 1.2 ClientHello. A TLS server answers it with a
// handshake or alert record (bytes 0x16 or 0x15, 0x03), and nothing else does.
const tlsHello = "\x16\x03\x01\x00\x2f\x01\x00\x00\x2b\x03\x03" +
	"does this port speak TLS? sshwhy" + // the 32 random bytes
	"\x00\x00\x04\xc0\x2f\x00\x2f\x01\x00"

// probeTLS asks a peer that closed without a word whether it speaks TLS: a
// second connection, and the last one.
func (w *walker) probeTLS(ctx context.Context) {
	target := w.obs.ChosenAddr()
	if !target.IsValid() {
		return
	}
	d := w.dialer()
	d.limit = min(d.limit, 2*time.Second)
	conn, _ := dial(ctx, target, d)
	if conn == nil {
		return
	}
	defer conn.Close()
	_, w.obs.Second = readBanner(conn, tlsHello, d.limit)
}

// endOf names how reading from a peer ended.
func endOf(err error) client.End {
	var packet *sshwire.PacketError
	var disconnect *sshwire.Disconnect
	var timeout net.Error
	switch {
	case errors.As(err, &disconnect):
		return client.EndDisconnect
	case errors.As(err, &packet), errors.Is(err, sshwire.ErrBadPacket), errors.Is(err, sshwire.ErrBadIdent),
		errors.Is(err, sshwire.ErrNotText), errors.Is(err, sshwire.ErrLineTooLong),
		errors.Is(err, sshwire.ErrTooManyLines), errors.Is(err, sshwire.ErrTooManySkips):
		return client.EndProtocol
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return client.EndClosed
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return client.EndReset
	case errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return client.EndTimeout
	default:
		return client.EndError
	}
}

// errText is the error without the addresses and ports around it.
func errText(err error) string {
	var op *net.OpError
	if errors.As(err, &op) {
		err = op.Err
	}
	return err.Error()
}
