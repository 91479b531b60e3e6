package walk

import (
	"context"
	"net"
	"net/netip"
	"strconv"
	"time"

	"sshwhy/internal/client"
)

const (
	// stagger is how long the first address has for itself. A host that answers
	// at once sees one connection, as from ssh.
	stagger = 100 * time.Millisecond
	// patience is how long a connection that stands waits for an address that
	// ssh would have tried before it.
	patience = 250 * time.Millisecond
	// silence is when other ports of a host that has not answered are tried.
	silence = 1500 * time.Millisecond
)

// dialer is how to make one connection.
type dialer struct {
	limit  time.Duration
	bind   netip.Addr // local address, if one was asked for
	device string     // interface, if one was asked for

	minTTL  int               // segments that arrive with a smaller time to live are dropped; 0 takes all
	hops    int               // time to live of the packets sent; 0 leaves it alone
	class   int               // traffic class of the packets sent (IPv4: type of service); 0 leaves it alone
	from    func(port uint16) // is told which port of ours the packets come from; nil: nobody asks
	segment int               // largest TCP segment to use in both directions; 0 leaves it to the system
}

// race is the attempt to connect to every address of a host at once.
type race struct {
	w        *walker
	limit    time.Duration
	cancel   context.CancelFunc
	attempts []client.Attempt // as they will be reported
	conns    []net.Conn
	decided  []bool
	results  chan raced
	open     int // attempts that have not reported
	chosen   int // index of the connection handed out, -1
	ports    chan []client.Attempt
	traced   chan *client.Trace // nil where nothing is traced
	untrace  context.CancelFunc
	done     func() // ends the progress line
	begin    time.Time
	failed   int       // TCPRetransFail when it began
	raw      *segments // sees the host's resets as they arrive, where this process may
}

type raced struct {
	index   int
	conn    net.Conn
	attempt client.Attempt
}

// connect starts an attempt for every address. The first goes alone for a
// moment; the others follow together, so that the whole takes as long as the
// slowest and not as their sum.
func (w *walker) connect(ctx context.Context) *race {
	d := w.dialer()
	addrs := w.obs.Resolve.Addresses
	ctx, cancel := context.WithCancel(ctx)
	r := &race{
		w: w, limit: d.limit, cancel: cancel, chosen: -1, begin: time.Now(), open: len(addrs),
		attempts: make([]client.Attempt, len(addrs)), conns: make([]net.Conn, len(addrs)), decided: make([]bool, len(addrs)),
		results: make(chan raced, len(addrs)), failed: retransFail(),
	}
	port := uint16(w.obs.Config.Port())
	firstDecided := make(chan struct{})
	for i, a := range addrs {
		target := netip.AddrPortFrom(a, port)
		r.attempts[i] = client.Attempt{Addr: target, Outcome: client.Unwaited}
		go func() {
			if i > 0 {
				select {
				case <-time.After(stagger):
				case <-firstDecided:
				case <-ctx.Done():
				}
			}
			conn, attempt := dial(ctx, target, d)
			if i == 0 && conn == nil {
				close(firstDecided)
			}
			r.results <- raced{i, conn, attempt}
		}()
	}
	r.done = w.report("connect", r.title(), d.limit)
	return r
}

// title names what is waited for.
func (r *race) title() string {
	t := r.attempts[0].Addr.String()
	if n := len(r.attempts); n > 1 {
		t += " and " + strconv.Itoa(n-1) + " more"
	}
	return t
}

// dialer is what the configuration says about making a connection.
func (w *walker) dialer() dialer {
	c := &w.obs.Config
	d := dialer{limit: w.opt.Timeout, device: c.Get("bindinterface")}
	if d.limit <= 0 {
		d.limit = defaultConnect
		if s, err := strconv.Atoi(c.Get("connecttimeout")); err == nil && s > 0 && s < 3600 {
			d.limit = max(time.Duration(s)*time.Second, leastConnect)
		}
	}
	d.bind, _ = netip.ParseAddr(c.Get("bindaddress"))
	return d
}

// first returns the connection that ssh would go on with: of the addresses that
// answer the first in order. It returns nil when none does.
func (r *race) first(ctx context.Context) net.Conn {
	var hurry <-chan time.Time
	quiet := time.NewTimer(silence)
	defer quiet.Stop()
	for r.open > 0 {
		if best := r.best(); best >= 0 {
			if r.settled(best) {
				return r.choose(best)
			}
			if hurry == nil {
				hurry = time.After(patience)
			}
		}
		select {
		case res := <-r.results:
			r.take(res)
		case <-hurry:
			return r.choose(r.best())
		case <-quiet.C:
			r.askPorts(ctx, max(r.limit-silence, time.Second), true)
		case <-ctx.Done():
			return nil
		}
	}
	if best := r.best(); best >= 0 {
		return r.choose(best)
	}
	return nil
}

func (r *race) take(res raced) {
	r.attempts[res.index], r.conns[res.index], r.decided[res.index] = res.attempt, res.conn, true
	r.open--
}

// best is the first connected address, or -1.
func (r *race) best() int {
	for i, c := range r.conns {
		if c != nil {
			return i
		}
	}
	return -1
}

// settled reports whether every address before i has failed.
func (r *race) settled(i int) bool {
	for _, d := range r.decided[:i] {
		if !d {
			return false
		}
	}
	return true
}

func (r *race) choose(i int) net.Conn {
	r.chosen = i
	r.w.obs.Chosen = r.attempts[i].Addr.String()
	r.done()
	r.done = func() {}
	for j, c := range r.conns {
		if c != nil && j != i {
			_ = c.Close()
		}
	}
	return r.conns[i]
}

// end waits for addresses that ssh would have tried before the chosen one, lets
// go of all others, and writes down every attempt.
func (r *race) end() {
	if r.chosen >= 0 && r.settled(r.chosen) {
		r.cancel()
	}
	for r.open > 0 {
		res := <-r.results
		r.take(res)
		if res.conn != nil {
			_ = res.conn.Close()
		}
		if r.chosen >= 0 && r.settled(r.chosen) {
			r.cancel()
		}
	}
	r.cancel()
	r.done()
	if r.raw != nil {
		r.raw.close()
	}
	if r.untrace != nil {
		if r.chosen >= 0 {
			r.untrace()
		}
		r.w.obs.Trace = <-r.traced
		r.untrace()
	}
	if r.ports != nil {
		if found := <-r.ports; r.chosen < 0 && found != nil {
			r.w.obs.OtherPorts = found
		}
	}
	r.w.obs.Connect = r.attempts
	r.w.obs.RetransFail = max(0, retransFail()-r.failed)
}
