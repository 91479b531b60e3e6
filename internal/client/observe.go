package client

import (
	"net/netip"
	"strconv"
	"strings"

	"sshwhy/internal/sshwire"
)

// Observations are what one walk saw. A nil step was not reached. They are
// plain data, so that a recorded walk replays to the same report.
type Observations struct {
	Typed       string     `json:"typed"`
	Args        []string   `json:"args"`
	Interrupted bool       `json:"interrupted,omitempty"` // ended by the user before it was complete
	Config      Config     `json:"config"`
	Jump        *Jump      `json:"jump,omitempty"`  // the jump host that the configuration asks for
	Proxy       *Proxy     `json:"proxy,omitempty"` // the command that carried the connection
	Resolve     *Resolve   `json:"resolve,omitempty"`
	Routes      []Route    `json:"routes,omitempty"`       // to the addresses
	Families    []Route    `json:"families,omitempty"`     // to an address far away, one per family
	Connect     []Attempt  `json:"connect,omitempty"`      // in the order in which ssh tries the addresses
	Probes      []Probe    `json:"probes,omitempty"`       // how the host's resets are made, where this process may see them
	RetransFail int        `json:"retrans_fail,omitempty"` // TCP segments that this machine could not send again while it connected (TcpExtTCPRetransFail)
	Chosen      string     `json:"chosen,omitempty"`       // the address and port that the walk went on with
	OtherPorts  []Attempt  `json:"other_ports,omitempty"`  // other usual SSH ports of the same address
	Trace       *Trace     `json:"trace,omitempty"`        // where the packets to a silent port are lost
	OtherFamily []Attempt  `json:"other_family,omitempty"` // addresses of the family that may not be used, after all others failed
	Elsewhere   *Attempt   `json:"elsewhere,omitempty"`    // the address that DNS gives, where the hosts file gives another that failed
	PortsAsked  bool       `json:"ports_asked,omitempty"`  // whether other ports were tried at all
	Banner      *Banner    `json:"banner,omitempty"`
	Second      *Banner    `json:"second,omitempty"` // what a second connection with a TLS hello got
	Kex         *Kex       `json:"kex,omitempty"`
	HostKey     *HostKey   `json:"host_key,omitempty"`
	Login       *Login     `json:"login,omitempty"`
	OwnSSH      *OwnSSH    `json:"own_ssh,omitempty"` // the user's own ssh, run in the place of our login
	Session     *Session   `json:"session,omitempty"`
	Listeners   []Listener `json:"listeners,omitempty"`
	Onward      *Onward    `json:"onward,omitempty"`
	NoAuth      bool       `json:"no_auth,omitempty"` // the user asked for no login
}

// Config is what ssh says the connection is to be.
type Config struct {
	Program string              `json:"program,omitempty"` // the ssh that was asked; empty if there is none
	Missing bool                `json:"missing,omitempty"` // it was looked for and is not there
	Version string              `json:"version,omitempty"` // its first words: OpenSSH_9.2p1 …
	Command string              `json:"command,omitempty"`
	Values  map[string][]string `json:"values,omitempty"`  // keyword in lower case → values, as `ssh -G` prints them
	Applied []Applied           `json:"applied,omitempty"` // the Host and Match blocks that were applied
	Hosts   []Applied           `json:"hosts,omitempty"`   // lines of those blocks that change where the connection goes
	Policy  []Applied           `json:"policy,omitempty"`  // lines of the system's crypto policy that are in force
	Stderr  []string            `json:"stderr,omitempty"`  // what ssh said, without its debug lines
	Failed  bool                `json:"failed,omitempty"`  // ssh refused to go on
	Hung    bool                `json:"hung,omitempty"`    // ssh did not end in its time
	Fault   string              `json:"fault,omitempty"`   // why what was typed cannot be a host
	Ms      float64             `json:"ms"`
}

// Applied is a line of a configuration file.
type Applied struct {
	File string `json:"file"`
	Line int    `json:"line"`
	Text string `json:"text"`
}

// Get returns the first value of a keyword (in lower case), or "".
func (c *Config) Get(keyword string) string {
	if v := c.Values[keyword]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// Host is the name or address that is to be connected to.
func (c *Config) Host() string { return strings.Trim(c.Get("hostname"), "[]") }

// Port is the port that is to be connected to.
func (c *Config) Port() int {
	if p, err := strconv.Atoi(c.Get("port")); err == nil && p > 0 && p < 65536 {
		return p
	}
	return 22
}

// Resolve is how the name became addresses.
type Resolve struct {
	Name      string       `json:"name"`
	Literal   bool         `json:"literal,omitempty"` // it is an address itself
	Addresses []netip.Addr `json:"addresses,omitempty"`
	Unwanted  []netip.Addr `json:"unwanted,omitempty"` // of the family that AddressFamily, -4 or -6 rules out
	Source    string       `json:"source,omitempty"`   // "resolver" or "getent"
	Err       string       `json:"err,omitempty"`      // what the resolver said
	Timeout   bool         `json:"timeout,omitempty"`
	NotFound  bool         `json:"not_found,omitempty"`
	Servers   []string     `json:"servers,omitempty"` // name servers of resolv.conf
	Asked     []Answer     `json:"asked,omitempty"`   // what each said when asked directly
	Hosts     []Applied    `json:"hosts,omitempty"`   // lines of the hosts file that name it
	Ms        float64      `json:"ms"`
}

// Answer is what one name server said to one question.
type Answer struct {
	Server string       `json:"server"`
	Name   string       `json:"name"`
	Type   string       `json:"type"`            // A or AAAA
	Code   string       `json:"code,omitempty"`  // NOERROR, NXDOMAIN, SERVFAIL …
	Addrs  []netip.Addr `json:"addrs,omitempty"` // addresses in the answer
	Err    string       `json:"err,omitempty"`   // why no answer came
	Ms     float64      `json:"ms"`
}

// Route is what this machine's routing says about an address.
type Route struct {
	Addr   netip.Addr `json:"addr"`
	Source netip.Addr `json:"source"`            // the address it would send from
	Device string     `json:"device,omitempty"`  // the interface that has that address
	OnLink bool       `json:"on_link,omitempty"` // the address is on that interface's own network
	Errno  string     `json:"errno,omitempty"`   // ENETUNREACH …; empty if there is a route
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
	Errno   string         `json:"errno,omitempty"` // ECONNREFUSED …
	Text    string         `json:"text,omitempty"`  // the system's words for it
	At      string         `json:"at,omitempty"`    // "connect": the call itself failed and no packet was sent; "bind": the local address
	ICMP    *ICMP          `json:"icmp,omitempty"`
	TCP     *TCPInfo       `json:"tcp,omitempty"`
	Reset   *Reset         `json:"reset,omitempty"`
	Banner  string         `json:"banner,omitempty"` // first line, where one was read (other ports)
	LimitMs float64        `json:"limit_ms,omitempty"`
	Ms      float64        `json:"ms"`
	port    uint16         // our own port, where the packets had a traffic class of their own
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

// Banner is what the peer said first.
type Banner struct {
	Ident sshwire.Ident `json:"ident"`
	End   string        `json:"end,omitempty"` // how reading ended if no identification came: see endOf
	Err   string        `json:"err,omitempty"`
	Ms    float64       `json:"ms"`
}

// Kex is the server's offer and ours.
type Kex struct {
	Server *sshwire.KexInit    `json:"server,omitempty"`
	Client map[string][]string `json:"client,omitempty"` // keyword of ssh_config → our list
	Able   map[string][]string `json:"able,omitempty"`   // keyword → what ssh offers unconfigured, where a crypto policy sets its list and the lists do not meet
	End    string              `json:"end,omitempty"`
	Err    string              `json:"err,omitempty"`
	Stuck  *Stuck              `json:"stuck,omitempty"`
	Small  string              `json:"small,omitempty"` // as in HostKey
	Ms     float64             `json:"ms"`
}

// How reading from the peer ended. The words are part of recorded observations.
const (
	endClosed    = "closed"     // orderly close (FIN)
	endReset     = "reset"      // RST
	endTimeout   = "timeout"    // nothing more until the limit
	endProtocol  = "protocol"   // what came is not SSH
	endGoodbye   = "disconnect" // an SSH DISCONNECT message
	endFlood     = "flood"      // it sends more than any login or session takes, and the walk ended it
	endBroken    = "error"      // another error of the connection
	endCancelled = "cancelled"
)

// chosenAddr is the address that the walk went on with.
func (o *Observations) chosenAddr() netip.AddrPort {
	a, _ := netip.ParseAddrPort(o.Chosen)
	return a
}
