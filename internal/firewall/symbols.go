package firewall

import (
	"strconv"
	"strings"
)

// dtype is the type of an expression, which says how its symbols are read.
type dtype uint8

const (
	dtNum dtype = iota
	dtAddr
	dtName // of an interface
	dtEther
	dtProto
	dtPort
	dtCtState
	dtCtStatus
	dtCtDir
	dtTCPFlags
	dtFibType
	dtPktType
	dtNfproto
	dtEtherType
	dtUnknown // comparisons cannot be decided
)

// symbols are the names that nft and iptables print for numbers, by type
// (nftables: src/ct.c, src/meta.c, src/proto.c, src/fib.c).
var symbols = map[dtype]map[string]uint64{
	dtProto: {"ip": 0, "hopopt": 0, "icmp": 1, "igmp": 2, "ipencap": 4, "tcp": 6, "udp": 17, "dccp": 33, "ipv6": 41, "rsvp": 46, "gre": 47,
		"esp": 50, "ah": 51, "ipv6-icmp": 58, "icmpv6": 58, "ospf": 89, "ospfigp": 89, "ipip": 94, "pim": 103, "comp": 108, "ipcomp": 108,
		"vrrp": 112, "l2tp": 115, "sctp": 132, "udplite": 136, "mptcp": 262},
	dtCtState:   {"invalid": 1, "established": 2, "related": 4, "new": 8, "untracked": 64},
	dtCtStatus:  {"expected": 1, "seen-reply": 2, "assured": 4, "confirmed": 8, "snat": 16, "dnat": 32, "dying": 512},
	dtCtDir:     {"original": 0, "reply": 1},
	dtTCPFlags:  {"fin": 1, "syn": 2, "rst": 4, "psh": 8, "ack": 16, "urg": 32, "ecn": 64, "cwr": 128},
	dtFibType:   {"unspec": 0, "unicast": 1, "local": 2, "broadcast": 3, "anycast": 4, "multicast": 5, "blackhole": 6, "unreachable": 7, "prohibit": 8, "throw": 9, "nat": 10},
	dtPktType:   {"host": 0, "unicast": 0, "broadcast": 1, "multicast": 2, "other": 3},
	dtNfproto:   {"ipv4": 2, "ipv6": 10},
	dtEtherType: {"ip": 0x0800, "arp": 0x0806, "vlan": 0x8100, "8021q": 0x8100, "8021ad": 0x88a8, "ip6": 0x86dd},
	// nft -j prints numbers; these names are what -N and old versions may leave.
	dtPort: {"ssh": 22, "http": 80, "https": 443, "domain": 53, "telnet": 23, "smtp": 25},
}

// symbol returns the number that s stands for.
func symbol(t dtype, s string) (uint64, bool) {
	if n, ok := symbols[t][strings.ToLower(s)]; ok {
		return n, true
	}
	n, err := strconv.ParseUint(s, 0, 64)
	return n, err == nil
}
