package prove

import (
	"encoding/binary"
	"net"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"sshwhy/internal/firewall"
)

// Wire is one end of a cable, as raw frames.
type Wire struct {
	fd    int
	index int
}

// NewWire opens the interface dev of the namespace that it is called in. It must
// be closed.
func NewWire(dev string) (*Wire, error) {
	i, err := net.InterfaceByName(dev)
	if err != nil {
		return nil, err
	}
	const everything = 0x0300 // ETH_P_ALL in network order
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, everything)
	if err != nil {
		return nil, err
	}
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: everything, Ifindex: i.Index}); err != nil {
		unix.Close(fd)
		return nil, err
	}
	const room = 8 << 20 // for the answers to a few hundred packets sent at once
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, room)
	return &Wire{fd: fd, index: i.Index}, nil
}

// Close gives the interface back.
func (w *Wire) Close() error { return unix.Close(w.fd) }

// linuxOptions are the TCP options of an ordinary SYN: maximum segment size,
// selective acknowledgements, timestamps, window scale.
var linuxOptions = [20]byte{2, 4, 0x05, 0xb4, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7}

// Send puts a SYN on the wire, of the form that Linux gives it.
func (w *Wire) Send(from, to net.HardwareAddr, src, dst netip.AddrPort) error {
	frame := append(append([]byte{}, to...), from...)
	tcp := append(make([]byte, 20), linuxOptions[:]...)
	binary.BigEndian.PutUint16(tcp[0:], src.Port())
	binary.BigEndian.PutUint16(tcp[2:], dst.Port())
	binary.BigEndian.PutUint32(tcp[4:], 0x1000)
	tcp[12], tcp[13] = byte(len(tcp)/4)<<4, 2
	binary.BigEndian.PutUint16(tcp[14:], 64240)
	s, d := src.Addr().AsSlice(), dst.Addr().AsSlice()
	pseudo := append(append(append([]byte{}, s...), d...), 0, 6, 0, byte(len(tcp)))
	binary.BigEndian.PutUint16(tcp[16:], checksum(append(pseudo, tcp...)))
	if src.Addr().Is4() {
		ip := []byte{0x45, 0, 0, byte(20 + len(tcp)), 0, 1, 0x40, 0, 64, 6, 0, 0}
		ip = append(append(ip, s...), d...)
		binary.BigEndian.PutUint16(ip[10:], checksum(ip))
		frame = append(append(append(frame, 8, 0), ip...), tcp...)
	} else {
		ip := []byte{0x60, 0, 0, 0, 0, byte(len(tcp)), 6, 64}
		ip = append(append(ip, s...), d...)
		frame = append(append(append(frame, 0x86, 0xdd), ip...), tcp...)
	}
	return unix.Sendto(w.fd, frame, 0, &unix.SockaddrLinklayer{Ifindex: w.index})
}

func checksum(b []byte) uint16 {
	var sum uint32
	for i := 0; i < len(b); i += 2 {
		if i+1 < len(b) {
			sum += uint32(b[i])<<8 | uint32(b[i+1])
		} else {
			sum += uint32(b[i]) << 8
		}
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

// Answers reads what came back until nothing comes for the time of quiet, by
// the port the question came from.
func (w *Wire) Answers(quiet time.Duration) map[uint16]firewall.RejectWith {
	out := map[uint16]firewall.RejectWith{}
	buf := make([]byte, 2048)
	for {
		fds := []unix.PollFd{{Fd: int32(w.fd), Events: unix.POLLIN}}
		n, err := unix.Poll(fds, int(quiet.Milliseconds()))
		if err == unix.EINTR {
			continue
		}
		if n <= 0 {
			return out
		}
		for {
			n, from, err := unix.Recvfrom(w.fd, buf, 0)
			if err != nil {
				break
			}
			if ll, ok := from.(*unix.SockaddrLinklayer); ok && ll.Pkttype == unix.PACKET_OUTGOING {
				continue
			}
			if port, with, ok := readAnswer(buf[:n]); ok {
				out[port] = with
			}
		}
	}
}

var icmp4 = map[byte]firewall.RejectWith{0: firewall.WithNetUnreach, 1: firewall.WithHostUnreach, 2: firewall.WithProtUnreach,
	3: firewall.WithPortUnreach, 9: firewall.WithNetProhib, 10: firewall.WithHostProhib, 13: firewall.WithAdminProhib}
var icmp6 = map[byte]firewall.RejectWith{0: firewall.WithNetUnreach, 1: firewall.WithAdminProhib, 3: firewall.WithHostUnreach,
	4: firewall.WithPortUnreach, 5: firewall.WithPolicyFail, 6: firewall.WithRejectRoute}

// readAnswer understands a TCP reset and an ICMP error that quotes our SYN.
func readAnswer(frame []byte) (port uint16, with firewall.RejectWith, ok bool) {
	if len(frame) < 14 {
		return 0, "", false
	}
	ip := frame[14:]
	var proto byte
	var body, quoted []byte
	var codes map[byte]firewall.RejectWith
	var unreachable byte
	switch {
	case frame[12] == 8 && len(ip) >= 20:
		proto, body, codes, unreachable = ip[9], ip[20:], icmp4, 3
		if len(body) >= 8+20+4 {
			quoted = body[28:]
		}
	case frame[12] == 0x86 && len(ip) >= 40:
		proto, body, codes, unreachable = ip[6], ip[40:], icmp6, 1
		if len(body) >= 8+40+4 {
			quoted = body[48:]
		}
	}
	switch {
	case proto == 6 && len(body) >= 20 && body[13]&4 != 0:
		return binary.BigEndian.Uint16(body[2:]), firewall.WithReset, true
	case (proto == 1 || proto == 58) && quoted != nil && body[0] == unreachable:
		return binary.BigEndian.Uint16(quoted), codes[body[1]], true
	}
	return 0, "", false
}
