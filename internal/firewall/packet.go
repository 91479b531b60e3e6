package firewall

import "net/netip"

// Family is the IP version of a packet.
type Family uint8

// The families.
const (
	IPv4 Family = 4
	IPv6 Family = 6
)

// FamilyOf returns the family of an address.
func FamilyOf(a netip.Addr) Family {
	if a.Unmap().Is4() {
		return IPv4
	}
	return IPv6
}

// Path says which of a connection's first packets is followed, and which way.
type Path uint8

// The four paths. A server sees Incoming and Answer, a client Outgoing and AnswerBack.
const (
	Incoming   Path = iota // the SYN of a new connection, coming in, delivered locally
	Answer                 // the SYN-ACK to it, going out
	Outgoing               // the SYN of a connection that this machine makes
	AnswerBack             // the SYN-ACK to that, coming in
)

// Tri is an answer that may be unknown.
type Tri uint8

// The three answers. The zero value is Maybe: what was not looked at is not known.
const (
	Maybe Tri = iota
	No
	Yes
)

// Not turns an answer around.
func (t Tri) Not() Tri {
	switch t {
	case Yes:
		return No
	case No:
		return Yes
	}
	return Maybe
}

// Packet is the question: one packet as it is on the wire, and what is known of
// the machine that handles it. Zero fields are not known.
type Packet struct {
	Path   Path
	Family Family
	// Src and Dst are the addresses on the wire. The one that is not ours (Src
	// where the packet comes in, Dst where it goes out) may be left out: then the
	// answer is given for all addresses.
	Src, Dst     netip.Addr
	Sport, Dport uint16 // an unknown client port (0) is taken to be one from 1024 up
	Iface        string // the interface it comes in by, or goes out by
	BridgePort   string // the bridge port it came in by, where Iface is a bridge
	// Bridged says whether Iface is a bridge: only then do chains of the family
	// bridge see the packet.
	Bridged Tri
	// Locals are this machine's addresses, IfaceAddrs those of Iface, the primary one first.
	Locals, IfaceAddrs []netip.Addr
	// RoutedBack says whether the route to Src leaves by Iface (what `fib saddr .
	// iif oif` and rpfilter ask).
	RoutedBack Tri
	// MarkUnknown is set where something outside the ruleset (tc, a BPF program)
	// may have set the packet's mark; otherwise it starts as 0.
	MarkUnknown bool
	UID         *uint32 // the user whose process sends an outgoing packet
}

// in reports whether the packet comes in from the network.
func (p *Packet) in() bool { return p.Path == Incoming || p.Path == AnswerBack }

// isReply reports whether the packet is the SYN-ACK.
func (p *Packet) isReply() bool { return p.Path == Answer || p.Path == AnswerBack }

// remote is the address at the other end; the zero Addr where it is not given.
func (p *Packet) remote() netip.Addr {
	if p.in() {
		return p.Src
	}
	return p.Dst
}

// state is what rules can change about a packet while it is on its way, and
// what they branch on afterwards. It is comparable, so that flows which differ
// in nothing else are joined again.
type state struct {
	src, dst     netip.Addr // the zero Addr stands for the remote end while that is a set
	sport, dport span16     // what the port may be
	dstUnknown   bool       // rewritten to an address that is not known
	srcUnknown   bool
	mark, ctMark markValue
	ct           ctState
	dstNAT       bool
	srcNAT       bool
	pktOther     bool // meta pkttype was rewritten
}

type span16 struct{ lo, hi uint16 }

func (s span16) known() bool { return s.lo == s.hi }

type markValue struct {
	v       uint32
	unknown bool
}

// ctState is what connection tracking says of the packet at a point of its way.
type ctState uint8

const (
	ctNone        ctState = iota // before the conntrack hook: nothing yet
	ctNew                        // first packet of a connection
	ctEstablished                // the SYN-ACK
	ctUntracked                  // notrack
)

// firstClientPort is the lowest port a client is expected to use when its port
// is not known: those below need privileges (ip(7), ip_unprivileged_port_start).
const firstClientPort = 1024

func (p *Packet) start() state {
	st := state{src: p.Src, dst: p.Dst, sport: span16{p.Sport, p.Sport}, dport: span16{p.Dport, p.Dport}}
	client := &st.sport
	if p.isReply() {
		client = &st.dport
	}
	if client.hi == 0 {
		*client = span16{firstClientPort, 65535}
	}
	st.mark.unknown = p.MarkUnknown
	return st
}
