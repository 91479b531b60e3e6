package walk

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"sshwhy/internal/client"
)

// canTrace: the error queue names the router that an ICMP message came from.
const canTrace = true

// dial makes one connection with a socket of its own, because net.Dialer closes
// the socket before its error queue can be read. After the socket has become
// ready it reads, in this order: SO_ERROR, the error queue, TCP_INFO. The order
// matters: reading the queue first clears SO_ERROR, and a refused socket then
// looks connected.
func dial(ctx context.Context, target netip.AddrPort, d dialer) (net.Conn, client.Attempt) {
	a := client.Attempt{Addr: target, Outcome: client.Failed, LimitMs: ms(d.limit)}
	begin := time.Now()
	fd, where, err := startConnect(target, d)
	if err != nil {
		a.Ms = ms(time.Since(begin))
		a.Errno, a.Text = errnoOf(err)
		if !errors.Is(err, unix.ECONNREFUSED) { // on the loopback the refusal may be that quick
			a.At = where
		}
		return nil, a
	}
	if d.from != nil {
		d.from(localOf(fd).Port())
	}
	file := os.NewFile(uintptr(fd), target.String()) // non-blocking: the runtime's poller waits
	defer file.Close()
	_ = file.SetDeadline(begin.Add(d.limit))
	stop := context.AfterFunc(ctx, func() { _ = file.SetDeadline(time.Unix(1, 0)) })
	defer stop()

	raw, err := file.SyscallConn()
	if err != nil {
		a.Errno, a.Text = errnoOf(err)
		return nil, a
	}
	waitErr := raw.Write(func(fd uintptr) bool { return ready(int(fd)) })
	a.Ms = ms(time.Since(begin))
	_ = raw.Control(func(fd uintptr) { inspect(int(fd), target, &a) })
	switch {
	case a.Errno != "":
		return nil, a
	case waitErr != nil && ctx.Err() != nil:
		a.Outcome = client.Unwaited
		return nil, a
	case waitErr != nil:
		a.Outcome = client.Silent
		return nil, a
	}
	conn, err := net.FileConn(file)
	if err != nil {
		a.Errno, a.Text = errnoOf(err)
		return nil, a
	}
	a.Outcome = client.Connected
	return conn, a
}

// startConnect makes the socket and begins to connect. Where the call itself
// fails, no packet was sent: the cause is on this machine.
func startConnect(target netip.AddrPort, d dialer) (fd int, where string, err error) {
	family := unix.AF_INET6
	if target.Addr().Is4() {
		family = unix.AF_INET
	}
	fd, err = unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, "socket", err
	}
	defer func() {
		if err != nil {
			_ = unix.Close(fd)
		}
	}()
	if family == unix.AF_INET {
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_RECVERR, 1)
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_RECVTTL, 1)
	} else {
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_RECVERR, 1)
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_RECVHOPLIMIT, 1)
	}
	if d.minTTL > 0 && family == unix.AF_INET {
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_MINTTL, d.minTTL)
	} else if d.minTTL > 0 {
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_MINHOPCOUNT, d.minTTL)
	}
	if d.hops > 0 && family == unix.AF_INET {
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_TTL, d.hops)
	} else if d.hops > 0 {
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_UNICAST_HOPS, d.hops)
	}
	if d.class > 0 {
		_ = setClass(fd, family == unix.AF_INET, d.class)
	}
	if d.segment > 0 {
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_MAXSEG, d.segment)
	}
	if d.device != "" {
		if err = unix.BindToDevice(fd, d.device); err != nil {
			return -1, "bind", err
		}
	}
	if d.bind.IsValid() {
		if err = unix.Bind(fd, sockaddr(netip.AddrPortFrom(d.bind, 0))); err != nil {
			return -1, "bind", err
		}
	}
	err = unix.Connect(fd, sockaddr(target))
	if errors.Is(err, unix.EINPROGRESS) || errors.Is(err, unix.EINTR) {
		err = nil
	}
	return fd, "connect", err
}

func sockaddr(a netip.AddrPort) unix.Sockaddr {
	if a.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
	}
	sa := &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
	if zone := a.Addr().Zone(); zone != "" {
		if d, err := net.InterfaceByName(zone); err == nil {
			sa.ZoneId = uint32(d.Index)
		}
	}
	return sa
}

// ready reports whether the attempt has been decided.
func ready(fd int) bool {
	p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}
	n, err := unix.Poll(p, 0)
	return err == nil && n > 0
}

// inspect reads what the kernel knows of the attempt.
func inspect(fd int, target netip.AddrPort, a *client.Attempt) {
	if code, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR); err == nil && code != 0 {
		a.Errno, a.Text = errnoOf(syscall.Errno(code))
	}
	a.ICMP = readErrorQueue(fd)
	if a.ICMP != nil {
		a.ICMP.Own = isOwn(a.ICMP.Offender) && a.ICMP.Offender != target.Addr().WithZone("")
	}
	info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	if err != nil {
		return
	}
	a.TCP = &client.TCPInfo{SegsIn: int(info.Segs_in), SegsOut: int(info.Segs_out), TotalRetrans: int(info.Total_retrans)}
	const tcpClose = 7 // TCP_CLOSE of linux/tcp_states.h
	if a.Errno == "" && info.State == tcpClose && a.ICMP != nil {
		a.Errno, a.Text = client.EHOSTUNREACH, syscall.EHOSTUNREACH.Error()
	}
}

// readErrorQueue takes one message off the socket's error queue: which ICMP
// packet came, from whom (ip(7), IP_RECVERR; it works on a TCP socket that is
// still connecting, without privilege).
func readErrorQueue(fd int) *client.ICMP {
	control := make([]byte, 512)
	_, n, _, _, err := unix.Recvmsg(fd, make([]byte, 1), control, unix.MSG_ERRQUEUE|unix.MSG_DONTWAIT)
	if err != nil {
		return nil
	}
	messages, err := unix.ParseSocketControlMessage(control[:n])
	if err != nil {
		return nil
	}
	var found *client.ICMP
	ttl := 0
	for _, m := range messages {
		level, kind := m.Header.Level, m.Header.Type
		switch {
		case level == unix.IPPROTO_IP && kind == unix.IP_RECVERR, level == unix.IPPROTO_IPV6 && kind == unix.IPV6_RECVERR:
			found = parseExtendedError(m.Data)
		case (level == unix.IPPROTO_IP && kind == unix.IP_TTL || level == unix.IPPROTO_IPV6 && kind == unix.IPV6_HOPLIMIT) && len(m.Data) >= 4:
			ttl = int(binary.NativeEndian.Uint32(m.Data))
		}
	}
	if found != nil {
		found.TTL = ttl
	}
	return found
}

// parseExtendedError reads struct sock_extended_err (linux/errqueue.h) and the
// socket address of the offender behind it.
func parseExtendedError(b []byte) *client.ICMP {
	const size, originICMP, originICMP6 = 16, 2, 3
	if len(b) < size || (b[4] != originICMP && b[4] != originICMP6) {
		return nil
	}
	icmp := &client.ICMP{V6: b[4] == originICMP6, Type: int(b[5]), Code: int(b[6])}
	switch sa := b[size:]; {
	case len(sa) >= 8 && binary.NativeEndian.Uint16(sa) == unix.AF_INET:
		icmp.Offender = netip.AddrFrom4([4]byte(sa[4:8]))
	case len(sa) >= 24 && binary.NativeEndian.Uint16(sa) == unix.AF_INET6:
		icmp.Offender = netip.AddrFrom16([16]byte(sa[8:24])).Unmap()
	}
	return icmp
}

// isOwn reports whether an address belongs to this machine.
func isOwn(a netip.Addr) bool {
	if a.IsLoopback() {
		return true
	}
	_, own := deviceNames()[a.WithZone("")]
	return own
}

// stuckBytes asks TCP what is under way on a connection that fell silent:
// segments of ours that nobody acknowledges, or segments of the peer behind a
// gap, mean that packets are lost on the way.
func stuckBytes(conn net.Conn) *client.Stuck {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return nil
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return nil
	}
	var s *client.Stuck
	_ = raw.Control(func(fd uintptr) {
		if info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO); err == nil {
			s = &client.Stuck{Unacked: int(info.Unacked), Retrans: int(info.Total_retrans), OutOf: int(info.Rcv_ooopack)}
		}
	})
	return s
}
