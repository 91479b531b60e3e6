package walk

import (
	"bufio"
	"context"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"sshwhy/internal/client"
)

// usualPorts are where people put SSH when it is not on 22. They are tried on
// the host that was asked for and on no other; the ones that answer anything
// also show that the host is alive.
var usualPorts = [...]uint16{22, 2222, 22222, 2022, 222}

// probeClass is the traffic class of what is sent to see how resets are made:
// DSCP AF11, because it is not 0, and not 0x10 either, which some firewalls give
// to resets of their own.
const probeClass = 0x28

const (
	// maxPortBanners bounds how many other ports of a host see a connection
	// whose banner is read.
	maxPortBanners = 2
	bannerPeek     = 2 * time.Second
	leastPortWait  = 250 * time.Millisecond
	mostPortWait   = time.Second
)

// otherPorts looks at the host's other usual SSH ports after the asked one has
// refused or stayed silent.
func (w *walker) otherPorts(ctx context.Context, r *race) {
	if ctx.Err() != nil {
		return
	}
	for _, a := range r.attempts {
		// Three round trips, measured by the refusal itself.
		if a.Outcome == client.Failed && a.At == "" {
			wait := time.Duration(3 * a.Ms * float64(time.Millisecond))
			r.askPorts(ctx, min(max(wait, leastPortWait), mostPortWait), false)
			return
		}
	}
	r.askPorts(ctx, mostPortWait, false)
}

// otherFamily tries one address of the family that the configuration rules out,
// to see whether the host is well there.
func (w *walker) otherFamily(ctx context.Context) {
	if len(w.obs.Resolve.Unwanted) == 0 || ctx.Err() != nil {
		return
	}
	d := w.dialer()
	d.limit, d.bind = min(d.limit, mostPortWait), netip.Addr{}
	conn, a := dial(ctx, netip.AddrPortFrom(w.obs.Resolve.Unwanted[0], uint16(w.obs.Config.Port())), d)
	if conn != nil {
		_ = conn.Close()
	}
	w.obs.OtherFamily = []client.Attempt{a}
}

// dnsWait is what the question whether DNS has another address may cost: the
// answer only adds to a report that stands without it.
const dnsWait = 250 * time.Millisecond

// askDNSToo looks, after the addresses of the hosts file have failed, whether DNS
// has another address for the name, and whether that one answers.
func (w *walker) askDNSToo(ctx context.Context) {
	r := w.obs.Resolve
	if r.Literal || ctx.Err() != nil {
		return
	}
	if r.Hosts = hostsLines(r.Name); len(r.Hosts) == 0 || r.Name == "localhost" {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, dnsWait)
	defer cancel()
	r.Asked = askServers(ctx, readResolvConf(), r.Name)
	var inDNS []netip.Addr
	for _, answer := range r.Asked {
		inDNS = append(inDNS, answer.Addrs...)
	}
	if len(inDNS) == 0 || slices.ContainsFunc(inDNS, func(a netip.Addr) bool { return slices.Contains(r.Addresses, a) }) {
		return
	}
	d := w.dialer()
	d.limit = mostPortWait
	conn, a := dial(ctx, netip.AddrPortFrom(inDNS[0], uint16(w.obs.Config.Port())), d)
	if conn != nil {
		_ = conn.Close()
	}
	w.obs.Elsewhere = &a
}

// probeRefusal asks, for the first address that answered with a reset, who made it.
func (r *race) probeRefusal(ctx context.Context) {
	i := r.refusal()
	if i < 0 || ctx.Err() != nil || r.w.isOwn(r.attempts[i].Addr.Addr()) {
		return
	}
	if r.raw != nil {
		r.attempts[i].Reset = r.probeResets(ctx, r.attempts[i])
	} else {
		r.attempts[i].Reset = compareTTL(ctx, r.attempts[i], r.w.dialer())
	}
}

// refusal is the index of the first attempt that ended with a reset, or -1.
func (r *race) refusal() int {
	return slices.IndexFunc(r.attempts, func(a client.Attempt) bool {
		return a.Errno == client.ECONNREFUSED && a.ICMP == nil && a.TCP != nil && a.TCP.SegsIn > 0
	})
}

// askPorts starts the look at other ports once, and where the asked one is silent so
// far, the search for the place where its packets are lost.
func (r *race) askPorts(ctx context.Context, limit time.Duration, silent bool) {
	w := r.w
	if w.opt.NoOtherPorts || r.ports != nil {
		return
	}
	target, ok := r.portTarget()
	if !ok {
		return
	}
	undecided := slices.ContainsFunc(r.attempts, func(a client.Attempt) bool { return a.Addr == target && a.Outcome == client.Unwaited })
	w.obs.PortsAsked = true
	r.ports = make(chan []client.Attempt, 1)
	d := w.dialer()
	d.limit = limit
	if r.raw != nil {
		d.class = probeClass
	}
	if !silent || !undecided || !canTrace {
		go func() { r.ports <- tryPorts(ctx, target, d) }()
		return
	}
	ctx, r.untrace = context.WithDeadline(ctx, r.begin.Add(r.limit))
	r.traced = make(chan *client.Trace, 1)
	closed := make(chan netip.AddrPort, len(usualPorts))
	go func() {
		r.ports <- tryPorts(ctx, target, d, closed)
		close(closed)
	}()
	go func() {
		var t *client.Trace
		if other, ok := <-closed; ok {
			t = trace(ctx, target, other, d)
		}
		r.traced <- t
	}()
}

// portTarget is the first address that packets can reach.
func (r *race) portTarget() (netip.AddrPort, bool) {
	for _, a := range r.attempts {
		if a.At == "" && (a.ICMP == nil || !a.ICMP.Own) {
			return a.Addr, true
		}
	}
	return netip.AddrPort{}, false
}

// tryPorts connects to the other usual ports at once and reads the first line
// of the first few that accept. It tells closed, where given, of those that refuse.
func tryPorts(ctx context.Context, asked netip.AddrPort, d dialer, closed ...chan<- netip.AddrPort) []client.Attempt {
	var out []client.Attempt
	for _, p := range usualPorts {
		if p != asked.Port() {
			out = append(out, client.Attempt{Addr: netip.AddrPortFrom(asked.Addr(), p)})
		}
	}
	var all sync.WaitGroup
	turns := make(chan struct{}, maxPortBanners)
	for i := range out {
		all.Go(func() {
			conn, a := dial(ctx, out[i].Addr, d)
			if conn != nil {
				defer conn.Close()
				select {
				case turns <- struct{}{}: // never given back: a bound, not a queue
					_ = conn.SetReadDeadline(time.Now().Add(bannerPeek))
					line, _ := bufio.NewReaderSize(conn, 256).ReadSlice('\n')
					a.Banner = strings.TrimRight(string(line), "\r\n")
				default:
				}
			}
			out[i] = a
			if a.Errno == client.ECONNREFUSED && a.ICMP == nil {
				for _, c := range closed {
					c <- a.Addr
				}
			}
		})
	}
	all.Wait()
	return out
}
