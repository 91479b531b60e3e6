package client

import "net/netip"

// Route is what this machine's routing says about an address.
type Route struct {
	Addr   netip.Addr `json:"addr"`
	Source netip.Addr `json:"source"`            // the address it would send from
	Device string     `json:"device,omitempty"`  // the interface that has that address
	OnLink bool       `json:"on_link,omitempty"` // the address is on that interface's own network
	Errno  Errno      `json:"errno,omitempty"`   // ENETUNREACH …; empty if there is a route
}

// Outcome is how an attempt to connect ended.
type Outcome string

// The outcomes.
const (
	Connected Outcome = "connected"
	Failed    Outcome = "failed"   // with an error number
	Silent    Outcome = "silent"   // nothing came until the limit
	Unwaited  Outcome = "unwaited" // not waited for: another address was good, or the user stopped
)

// Attempt is one connection that was tried.
type Attempt struct {
	Addr    netip.AddrPort `json:"addr"`
	Outcome Outcome        `json:"outcome"`
	Errno   Errno          `json:"errno,omitempty"` // ECONNREFUSED …
	Text    string         `json:"text,omitempty"`  // the system's words for it
	At      string         `json:"at,omitempty"`    // "connect": the call itself failed and no packet was sent; "bind": the local address
	ICMP    *ICMP          `json:"icmp,omitempty"`
	TCP     *TCPInfo       `json:"tcp,omitempty"`
	Reset   *Reset         `json:"reset,omitempty"`
	Banner  string         `json:"banner,omitempty"` // first line, where one was read (other ports)
	LimitMs float64        `json:"limit_ms,omitempty"`
	Ms      float64        `json:"ms"`
}

// ICMP is the message that ended an attempt, from the socket's error queue.
type ICMP struct {
	V6       bool       `json:"v6,omitempty"`
	Type     int        `json:"type"`
	Code     int        `json:"code"`
	Offender netip.Addr `json:"offender"`
	Own      bool       `json:"own,omitempty"` // the offender is this machine
	TTL      int        `json:"ttl,omitempty"` // of the ICMP packet; 0 unknown
}

// Reset says whether the reset that refused an attempt came from nearer or from
// farther than the host: its time to live is compared with that of the host's
// own packets.
type Reset struct {
	HostTTL int  `json:"host_ttl"`        // of an ICMP message that the host itself sent
	Above   bool `json:"above"`           // the reset arrived with more
	Below   bool `json:"below,omitempty"` // it arrived with a few less
}

// Probe is one segment that was sent to the host, and the reset that came back,
// seen by a raw socket.
type Probe struct {
	Port     uint16 `json:"port"`
	FIN      bool   `json:"fin,omitempty"` // a lone FIN; otherwise the SYN of an attempt to connect
	Class    int    `json:"class"`         // its traffic class (IPv4: type of service)
	Answered bool   `json:"answered"`      // a reset came
	TTL      int    `json:"ttl,omitempty"` // of the reset, as all that follows
	Back     int    `json:"back,omitempty"`
	Label    int    `json:"label,omitempty"` // IPv6 flow label
}

// Trace is what the routers on the way answered to packets whose time to live ended
// at them.
type Trace struct {
	Asked    netip.AddrPort `json:"asked"`    // the silent address and port
	Other    uint16         `json:"other"`    // a closed port of the same address
	Distance int            `json:"distance"` // hops to the host, by the other port
	Hops     []Hop          `json:"hops"`     // those before the host, the nearest first
}

// Hop is who answered; an invalid address is nobody.
type Hop struct {
	Asked netip.Addr `json:"asked"`
	Other netip.Addr `json:"other"`
}

// TCPInfo are the counters that say whether packets left and came.
type TCPInfo struct {
	SegsIn       int `json:"segs_in"`
	SegsOut      int `json:"segs_out"`
	TotalRetrans int `json:"total_retrans"`
}
