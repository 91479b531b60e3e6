package walk

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"sshwhy/internal/client"
)

// A trace finds out where the packets to a silent port are lost, as far as one can
// from here: segments whose time to live ends at a router make it answer (RFC 792,
// time exceeded). A router that answers for another port of the host and not for
// this one does not get this one's packets.
const (
	traceBatch = 5                      // hops asked at once
	traceHops  = 20                     // how far at most
	traceWait  = 300 * time.Millisecond // for the answers of one batch, at most
	// traceLost is how long to ask for the silent port: three SYNs, since the kernel
	// repeats them after one second and two, and routers answer only now and then.
	traceLost = 2300 * time.Millisecond
)

// trace compares the routers that answer for a closed port of the host with those
// that answer for the silent one. Nothing of it reaches the silent port itself. It
// returns nil where the host's distance cannot be found.
func trace(ctx context.Context, asked, closed netip.AddrPort, d dialer) *client.Trace {
	t := &client.Trace{Asked: asked, Other: closed.Port()}
	d.limit = traceWait
	for first := 1; first <= traceHops && t.Distance == 0; first += traceBatch {
		for i, a := range dialHops(ctx, closed, first, first+traceBatch-1, d) {
			if a.Outcome == client.Connected || a.Errno == client.ECONNREFUSED && a.ICMP == nil {
				t.Distance = first + i
				break
			}
			t.Hops = append(t.Hops, client.Hop{Other: exceededBy(a)})
		}
	}
	if t.Distance == 0 || ctx.Err() != nil {
		return nil
	}
	d.limit = traceLost
	for i, a := range dialHops(ctx, asked, 1, t.Distance-1, d) {
		if a.Outcome == client.Unwaited {
			return nil // cut short: its silence would say nothing
		}
		t.Hops[i].Asked = exceededBy(a)
	}
	return t
}

// dialHops tries to connect with each time to live from first to last.
func dialHops(ctx context.Context, to netip.AddrPort, first, last int, d dialer) []client.Attempt {
	out := make([]client.Attempt, max(0, last-first+1))
	var all sync.WaitGroup
	for i := range out {
		d := d
		d.hops = first + i
		all.Go(func() {
			conn, a := dial(ctx, to, d)
			if conn != nil {
				_ = conn.Close()
			}
			out[i] = a
		})
	}
	all.Wait()
	return out
}

// exceededBy is the router that said that the time to live was over.
func exceededBy(a client.Attempt) netip.Addr {
	if a.ICMP != nil && a.ICMP.TimeExceeded() && !a.ICMP.Own {
		return a.ICMP.Offender
	}
	return netip.Addr{}
}
