// Package client says, from what was seen of one SSH connection, where it ends and
// why.
//
// It holds the types of what was observed, one file per stretch of the connection
// (observed_*.go), and Diagnose, a pure function of them (diagnose_*.go,
// classify*.go): the same observations give the same report anywhere. What a walk
// must know of them before it goes on (is this host key taken, do the lists of
// algorithms meet) is decided here, too, as a method of what was observed.
//
// It must not look at anything: no file, no socket, no program, no clock. That is
// package walk's. What is not in the Observations was not seen.
package client

import "net/netip"

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

// ChosenAddr is the address that the walk went on with.
func (o *Observations) ChosenAddr() netip.AddrPort {
	a, _ := netip.ParseAddrPort(o.Chosen)
	return a
}
