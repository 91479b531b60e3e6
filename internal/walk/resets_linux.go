package walk

import (
	"context"
	"slices"
	"sync"
	"time"

	"sshwhy/internal/client"
)

// watchResets opens the raw socket for the first address that refused by a reset,
// before anything more is sent there. Without CAP_NET_RAW nothing is watched.
func (r *race) watchResets(ctx context.Context) {
	if i := r.refusal(); i >= 0 && ctx.Err() == nil && !r.w.isOwn(r.attempts[i].Addr.Addr()) {
		r.raw = listenResets(r.attempts[i].Addr.Addr(), r.w.dialer())
	}
}

// leastSight is how long to wait for resets at least. It ends with the answers, and
// where there are none, the other ports are waited for longer than that anyway.
const leastSight = 50 * time.Millisecond

// probeResets sees how the reset of one refused attempt is made: the port is tried
// again with a traffic class of its own, while otherPorts does the same with the
// host's other ports. Where the resets differ, or none of them is of a kernel's
// making, a lone FIN to both ports shows whether something listens behind a rule
// that rejects SYNs only. One round trip where nothing listens; two, and a wait
// for what stays silent, where a rule seems to be at work.
func (r *race) probeResets(ctx context.Context, a client.Attempt) *client.Reset {
	s := r.raw
	d := r.w.dialer()
	d.class, d.limit = probeClass, max(resetWait(a), leastSight)
	begin := time.Now()

	const tries = 2               // one packet may be lost, and two that agree show one path
	ours := make([]uint16, tries) // our ports of the attempts
	ttl := 0
	var all sync.WaitGroup
	for i := range ours {
		all.Go(func() {
			d := d
			d.from = func(port uint16) { ours[i] = port }
			if conn, _ := dial(ctx, a.Addr, d); conn != nil {
				_ = conn.Close()
			}
		})
	}
	all.Go(func() {
		d := d
		d.limit = resetWait(a)
		ttl = hostTTL(ctx, a.Addr, d)
	})
	from := func(port uint16) int {
		n := 0
		for _, seen := range s.seen {
			if seen.from == port {
				n++
			}
		}
		return n
	}
	s.collect(ctx, begin.Add(d.limit), func() bool {
		own := from(a.Addr.Port())
		return own >= tries && (len(s.seen) > own || !r.w.obs.PortsAsked)
	})
	all.Wait()
	s.collect(ctx, time.Now(), func() bool { return true })

	probes := r.synProbes(a, ours)
	if made, _ := client.JudgeResets(probes, a.Addr); made != client.MadeByKernel && ctx.Err() == nil {
		probes = append(probes, r.finProbes(ctx, a, probes, d.limit)...)
	}
	r.w.obs.Probes = probes
	if len(probes) == 0 || ttl == 0 {
		return nil
	}
	got := probes[0].TTL
	return &client.Reset{HostTTL: ttl, Above: got > ttl && got <= client.StartTTL(ttl), Below: got < ttl && got >= ttl-fartherHops}
}

// synProbes are the resets that came: of the asked port those that answer our own
// attempts, of each other port one.
func (r *race) synProbes(a client.Attempt, ours []uint16) []client.Probe {
	var out []client.Probe
	for _, seen := range r.raw.seen {
		other := seen.from != a.Addr.Port() && slices.Contains(usualPorts[:], seen.from) &&
			!slices.ContainsFunc(out, func(p client.Probe) bool { return p.Port == seen.from })
		if seen.from == a.Addr.Port() && seen.to != 0 && slices.Contains(ours, seen.to) || other {
			out = append(out, seen.probe(false))
		}
	}
	slices.SortStableFunc(out, func(x, y client.Probe) int { return rankPort(x.Port, a.Addr.Port()) - rankPort(y.Port, a.Addr.Port()) })
	return out
}

// rankPort puts the asked port first.
func rankPort(port, asked uint16) int {
	if port == asked {
		return -1
	}
	return int(port)
}

func (seen seenReset) probe(fin bool) client.Probe {
	return client.Probe{Port: seen.from, FIN: fin, Class: probeClass, Answered: true, TTL: seen.ttl, Back: seen.class, Label: seen.label}
}

// finProbes sends a FIN to the asked port and to one that was seen to be closed;
// without the latter, silence would say nothing.
func (r *race) finProbes(ctx context.Context, a client.Attempt, syn []client.Probe, wait time.Duration) []client.Probe {
	closed := slices.IndexFunc(syn, func(p client.Probe) bool { return p.Port != a.Addr.Port() })
	if closed < 0 || syn[0].Port != a.Addr.Port() {
		return nil
	}
	s, ports := r.raw, []uint16{a.Addr.Port(), syn[closed].Port}
	answer := func(port uint16) int {
		return slices.IndexFunc(s.seen, func(seen seenReset) bool { return seen.from == port && seen.to == s.local.Port() })
	}
	missing := func() bool {
		return slices.ContainsFunc(ports, func(p uint16) bool { return answer(p) < 0 })
	}
	for range 2 {
		for _, p := range ports {
			if answer(p) < 0 {
				s.sendFIN(p)
			}
		}
		s.collect(ctx, time.Now().Add(wait), func() bool { return !missing() })
		if !missing() {
			break
		}
	}
	var out []client.Probe
	for _, p := range ports {
		if i := answer(p); i >= 0 {
			out = append(out, s.seen[i].probe(true))
		} else {
			out = append(out, client.Probe{Port: p, FIN: true, Class: probeClass})
		}
	}
	return out
}
