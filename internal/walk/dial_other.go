//go:build !linux

package walk

import (
	"context"
	"net"
	"net/netip"
	"time"

	"sshwhy/internal/client"
)

// dial makes one connection with the means of every system: an error number and
// the time, and no more.
func dial(ctx context.Context, target netip.AddrPort, d dialer) (net.Conn, client.Attempt) {
	a := client.Attempt{Addr: target, LimitMs: ms(d.limit)}
	begin := time.Now()
	nd := net.Dialer{Timeout: d.limit}
	if d.bind.IsValid() {
		nd.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(d.bind, 0))
	}
	conn, err := nd.DialContext(ctx, "tcp", target.String())
	a.Ms = ms(time.Since(begin))
	switch timeout, ok := err.(net.Error); {
	case err == nil:
		a.Outcome = client.Connected
		return conn, a
	case ctx.Err() != nil:
		a.Outcome = client.Unwaited
	case ok && timeout.Timeout():
		a.Outcome = client.Silent
	default:
		a.Outcome = client.Failed
		a.Errno, a.Text = errnoOf(err)
	}
	return nil, a
}

// canTrace: which router an ICMP message came from is not known here.
const canTrace = false

// compareTTL cannot be done without the socket options of Linux.
func compareTTL(context.Context, client.Attempt, dialer) *client.Reset { return nil }

// segments would be a raw socket, which is not used here.
type segments struct{}

func (*segments) close() {}

func (*race) watchResets(context.Context)                               {}
func (*race) probeResets(context.Context, client.Attempt) *client.Reset { return nil }

// retransFail is a counter of Linux.
func retransFail() int { return 0 }

// stuckBytes is not known without TCP_INFO.
func stuckBytes(net.Conn) *client.Stuck { return nil }
