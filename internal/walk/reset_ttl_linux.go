package walk

import (
	"context"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"sshwhy/internal/client"
)

// Waits of the question who refused, in round trips of the refusal itself, so
// that it costs next to nothing where it has no answer.
const (
	answerTrips = 3
	leastAnswer = 2 * time.Millisecond
	mostAnswer  = 300 * time.Millisecond
	// certainAnswer is for silence that would mean something.
	certainAnswer = 100 * time.Millisecond
)

// compareTTL compares the time to live of a reset with that of the host's own
// packets, without privilege. A UDP packet to the same port number makes the
// host answer with an ICMP message, whose TTL the error queue tells. Further
// attempts to connect then accept only segments with a larger TTL (IP_MINTTL):
// if one is refused as well, the reset was made nearer to us than the host is;
// if the host's own TTL is too much already, it was made farther away. An equal
// one proves nothing.
func compareTTL(ctx context.Context, a client.Attempt, d dialer) *client.Reset {
	d.limit = resetWait(a)
	ttl := hostTTL(ctx, a.Addr, d)
	if ttl == 0 || ttl >= 255 {
		return nil
	}
	limit := d.limit
	refused := func(ctx context.Context, minTTL int) bool {
		d := d
		d.minTTL, d.limit = minTTL, limit
		conn, again := dial(ctx, a.Addr, d)
		if conn != nil {
			_ = conn.Close()
		}
		return again.Errno == client.ECONNREFUSED && again.ICMP == nil
	}
	// Both questions go at once. The answer to the one is the clock for the other,
	// which is silence where all is as usual, and would cost its whole time.
	asked := time.Now()
	more, enough := context.WithCancel(ctx)
	defer enough()
	above := make(chan bool, 1)
	go func() { above <- refused(more, ttl+1) }()
	atLeast := refused(ctx, ttl)
	if atLeast {
		grace := time.AfterFunc(time.Since(asked)+leastAnswer/5, enough)
		defer grace.Stop()
	}
	r := &client.Reset{HostTTL: ttl, Above: <-above}
	if start := client.StartTTL(ttl); r.Above && start < 255 && refused(ctx, start+1) {
		r.Above = false // the host counts its resets from another value: no comparison
	}
	if !atLeast && ttl > fartherHops {
		// Silence may be a lost packet or a busy machine: asked again, with time. Only a
		// reset from a few hops farther counts: far less was counted from another value.
		limit = max(limit, certainAnswer)
		r.Below = refused(ctx, ttl-fartherHops) && !refused(ctx, ttl) && refused(ctx, ttl-fartherHops)
	}
	return r
}

// fartherHops is how far behind the host the machine that a port forward leads to may
// stand. The next smaller start value of a TTL is 64 below, so it is not mistaken for that.
const fartherHops = 8

// resetWait is how long the answer to one more question may take.
func resetWait(a client.Attempt) time.Duration {
	return min(max(answerTrips*time.Duration(a.Ms*float64(time.Millisecond)), leastAnswer), mostAnswer)
}

// hostTTL is the TTL with which the host's own ICMP messages arrive, or 0.
func hostTTL(ctx context.Context, target netip.AddrPort, d dialer) int {
	family, level, recvErr, recvTTL := unix.AF_INET6, unix.IPPROTO_IPV6, unix.IPV6_RECVERR, unix.IPV6_RECVHOPLIMIT
	if target.Addr().Is4() {
		family, level, recvErr, recvTTL = unix.AF_INET, unix.IPPROTO_IP, unix.IP_RECVERR, unix.IP_RECVTTL
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0
	}
	file := os.NewFile(uintptr(fd), "udp")
	defer file.Close()
	_ = unix.SetsockoptInt(fd, level, recvErr, 1)
	_ = unix.SetsockoptInt(fd, level, recvTTL, 1)
	if unix.Connect(fd, sockaddr(target)) != nil {
		return 0
	}
	if _, err := unix.Write(fd, []byte{0}); err != nil || ctx.Err() != nil {
		return 0
	}
	wait := unix.NsecToTimespec(int64(d.limit))
	if n, err := unix.Ppoll([]unix.PollFd{{Fd: int32(fd)}}, &wait, nil); err != nil || n == 0 {
		return 0
	}
	icmp := readErrorQueue(fd)
	if icmp == nil || icmp.Offender != target.Addr().WithZone("") {
		return 0
	}
	return icmp.TTL
}

// retransFail is how many segments TCP could not send again on this machine:
// the kernel counts there what the local firewall drops on its way out, and not
// what is lost later.
func retransFail() int {
	data, err := os.ReadFile("/proc/net/netstat")
	if err != nil {
		return 0
	}
	var names []string
	for line := range strings.Lines(string(data)) {
		f := strings.Fields(line)
		if len(f) == 0 || f[0] != "TcpExt:" {
			continue
		}
		if names == nil {
			names = f
			continue
		}
		for i, name := range names {
			if name == "TCPRetransFail" && i < len(f) {
				n, _ := strconv.Atoi(f[i])
				return n
			}
		}
	}
	return 0
}
