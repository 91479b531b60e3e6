package walk

import (
	"context"
	"encoding/binary"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// segments is a raw socket of IP that sees the resets which one address sends to
// this machine, and can send it a segment that no connection would. Opening it
// needs CAP_NET_RAW. A raw socket and not a packet socket, because the latter
// takes the kernel tens of milliseconds to close (packet_release waits for RCU).
type segments struct {
	fd, port int // the raw socket; a TCP socket that only keeps a port of ours free of others
	v4       bool
	local    netip.AddrPort
	peer     netip.Addr
	seen     []seenReset
}

// seenReset is one reset that arrived.
type seenReset struct {
	from, to   uint16 // ports: theirs, ours
	ttl, class int
	label      int // IPv6 flow label
	at         time.Time
}

// listenResets opens the socket, or returns nil where this process may not.
func listenResets(peer netip.Addr, d dialer) *segments {
	family := unix.AF_INET6
	if peer.Is4() {
		family = unix.AF_INET
	}
	fd, err := unix.Socket(family, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, unix.IPPROTO_TCP)
	if err != nil {
		return nil
	}
	s := &segments{fd: fd, port: -1, v4: peer.Is4(), peer: peer.WithZone("")}
	if !s.setUp(family, peer, d) {
		s.close()
		return nil
	}
	return s
}

func (s *segments) close() {
	_ = unix.Close(s.fd)
	if s.port >= 0 {
		_ = unix.Close(s.port)
	}
}

func (s *segments) setUp(family int, peer netip.Addr, d dialer) bool {
	if !s.v4 {
		for _, option := range []int{unix.IPV6_RECVTCLASS, unix.IPV6_RECVHOPLIMIT, ipv6FlowInfo} {
			if unix.SetsockoptInt(s.fd, unix.IPPROTO_IPV6, option, 1) != nil {
				return false
			}
		}
	}
	if setClass(s.fd, s.v4, probeClass) != nil || s.onlyResets() != nil {
		return false
	}
	if d.device != "" && unix.BindToDevice(s.fd, d.device) != nil {
		return false
	}
	if d.bind.IsValid() && unix.Bind(s.fd, sockaddr(netip.AddrPortFrom(d.bind, 0))) != nil {
		return false
	}
	// Connected, it takes packets of this peer only.
	if unix.Connect(s.fd, sockaddr(netip.AddrPortFrom(peer, 0))) != nil {
		return false
	}
	var err error
	if s.port, err = unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err != nil {
		return false
	}
	own := localOf(s.fd).Addr().WithZone(peer.Zone())
	if unix.Bind(s.port, sockaddr(netip.AddrPortFrom(own, 0))) != nil {
		return false
	}
	s.local = localOf(s.port)
	return s.local.Port() != 0
}

// onlyResets lets the kernel throw everything else away, so that other traffic
// with the host cannot fill the buffer. An IPv4 raw socket gets the IP header as
// well, an IPv6 one begins with the TCP header; the flags are TCP's byte 13.
func (s *segments) onlyResets() error {
	const flags, rst, all = 13, 4, 0xffff
	load := []unix.SockFilter{{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: flags}}
	if s.v4 {
		load = []unix.SockFilter{
			{Code: unix.BPF_LDX | unix.BPF_B | unix.BPF_MSH, K: 0}, // X = length of the IP header
			{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_IND, K: flags},
		}
	}
	filter := append(load,
		unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K, Jf: 1, K: rst},
		unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: all},
		unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: 0})
	return unix.SetsockoptSockFprog(s.fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]})
}

// ipv6FlowInfo is IPV6_FLOWINFO of linux/in6.h.
const ipv6FlowInfo = 11

// collect takes what arrives until enough says so or the time is over.
func (s *segments) collect(ctx context.Context, deadline time.Time, enough func() bool) {
	const slice = 20 * time.Millisecond // how late the end of ctx is noticed
	for {
		for s.receive() {
		}
		left := time.Until(deadline)
		if enough() || left <= 0 || ctx.Err() != nil {
			return
		}
		wait := unix.NsecToTimespec(int64(min(left, slice)))
		_, _ = unix.Ppoll([]unix.PollFd{{Fd: int32(s.fd), Events: unix.POLLIN}}, &wait, nil)
	}
}

// maxResets bounds what a peer can make us keep.
const maxResets = 64

// receive reads one packet; false where none is there.
func (s *segments) receive() bool {
	packet, control := make([]byte, 128), make([]byte, 256)
	n, c, _, _, err := unix.Recvmsg(s.fd, packet, control, unix.MSG_DONTWAIT)
	if err != nil {
		return false
	}
	seen, ok := seenReset{}, false
	if s.v4 {
		seen, ok = parseReset4(packet[:n])
	} else {
		seen, ok = parseReset6(packet[:n], control[:c])
	}
	if ok && len(s.seen) < maxResets {
		seen.at = time.Now()
		s.seen = append(s.seen, seen)
	}
	return true
}

// parseReset4 reads an IPv4 packet (RFC 791) that carries a TCP reset.
func parseReset4(b []byte) (seenReset, bool) {
	if len(b) < 20 || b[0]>>4 != 4 {
		return seenReset{}, false
	}
	size := int(b[0]&0xf) * 4
	if size < 20 || len(b) < size {
		return seenReset{}, false
	}
	seen, ok := parseTCPReset(b[size:])
	seen.class, seen.ttl = int(b[1]), int(b[8])
	return seen, ok
}

// parseReset6 reads a TCP reset with the IPv6 header fields that came beside it
// (RFC 3542; the flow information is Linux's own, ipv6(7)).
func parseReset6(b, control []byte) (seenReset, bool) {
	seen, ok := parseTCPReset(b)
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return seen, false
	}
	for _, m := range messages {
		if m.Header.Level != unix.IPPROTO_IPV6 || len(m.Data) < 4 {
			continue
		}
		switch m.Header.Type {
		case unix.IPV6_TCLASS:
			seen.class = int(binary.NativeEndian.Uint32(m.Data))
		case unix.IPV6_HOPLIMIT:
			seen.ttl = int(binary.NativeEndian.Uint32(m.Data))
		case ipv6FlowInfo:
			seen.label = int(binary.BigEndian.Uint32(m.Data)) & 0xfffff
		}
	}
	return seen, ok
}

func parseTCPReset(b []byte) (seenReset, bool) {
	const flags, rst = 13, 4
	if len(b) < 20 || b[flags]&rst == 0 {
		return seenReset{}, false
	}
	return seenReset{from: binary.BigEndian.Uint16(b), to: binary.BigEndian.Uint16(b[2:])}, true
}

// sendFIN sends the end of a connection that never was. A closed port answers it
// with a reset, a listening one keeps silent (RFC 9293, 3.10.7.1 and 3.10.7.2).
func (s *segments) sendFIN(to uint16) {
	_, _ = unix.Write(s.fd, finSegment(s.local, netip.AddrPortFrom(s.peer, to)))
}

// finSegment is a TCP header with the FIN flag and its checksum.
func finSegment(from, to netip.AddrPort) []byte {
	b := make([]byte, 20)
	binary.BigEndian.PutUint16(b, from.Port())
	binary.BigEndian.PutUint16(b[2:], to.Port())
	binary.BigEndian.PutUint32(b[4:], uint32(from.Port())<<16|1) // any sequence number
	b[12], b[13] = 5<<4, 1
	binary.BigEndian.PutUint16(b[14:], 1024)
	sum := uint32(unix.IPPROTO_TCP + len(b)) // the IsMarker header's protocol and length
	for _, part := range [][]byte{from.Addr().AsSlice(), to.Addr().AsSlice(), b} {
		for i := 0; i < len(part); i += 2 {
			sum += uint32(binary.BigEndian.Uint16(part[i:]))
		}
	}
	for sum>>16 != 0 {
		sum = sum>>16 + sum&0xffff
	}
	binary.BigEndian.PutUint16(b[16:], ^uint16(sum))
	return b
}

// localOf is the address and port that a socket is bound to.
func localOf(fd int) netip.AddrPort {
	sa, err := unix.Getsockname(fd)
	if err != nil {
		return netip.AddrPort{}
	}
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(sa.Addr), uint16(sa.Port))
	}
	return netip.AddrPort{}
}

// setClass chooses the traffic class (IPv4: type of service) of what is sent.
func setClass(fd int, v4 bool, class int) error {
	if v4 {
		return unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_TOS, class)
	}
	return unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_TCLASS, class)
}
