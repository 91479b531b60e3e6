package client

import (
	"strings"

	"sshwhy/internal/sshwire"
)

// End is how reading from the peer ended. The words are part of recorded observations.
type End string

// The ends; empty where reading did not end.
const (
	EndClosed     End = "closed"     // orderly close (FIN)
	EndReset      End = "reset"      // RST
	EndTimeout    End = "timeout"    // nothing more until the limit
	EndProtocol   End = "protocol"   // what came is not SSH
	EndDisconnect End = "disconnect" // an SSH DISCONNECT message
	EndFlood      End = "flood"      // it sends more than any login or session takes, and the walk ended it
	EndError      End = "error"      // another error of the connection
	EndCancelled  End = "cancelled"
)

// IdentPrefix begins our own identification string (RFC 4253 section 4.2).
const IdentPrefix = "SSH-2.0-sshwhy_"

// Banner is what the peer said first.
type Banner struct {
	Ident sshwire.Ident `json:"ident"`
	End   End           `json:"end,omitempty"` // how reading ended if no identification came
	Err   string        `json:"err,omitempty"`
	Ms    float64       `json:"ms"`
}

// Echoes reports whether the peer sent back our own identification string.
func (b *Banner) Echoes() bool { return strings.HasPrefix(b.Ident.Line, IdentPrefix) }

// Kex is the server's offer and ours.
type Kex struct {
	Server *sshwire.KexInit    `json:"server,omitempty"`
	Client map[string][]string `json:"client,omitempty"` // keyword of ssh_config → our list
	Able   map[string][]string `json:"able,omitempty"`   // keyword → what ssh offers unconfigured, where a crypto policy sets its list and the lists do not meet
	End    End                 `json:"end,omitempty"`
	Err    string              `json:"err,omitempty"`
	Stuck  *Stuck              `json:"stuck,omitempty"`
	Small  string              `json:"small,omitempty"` // what a second try with small packets got: SmallPassed, its End, or the Outcome of the attempt
	Ms     float64             `json:"ms"`
}

// Stuck is what TCP knew when the other side fell silent.
type Stuck struct {
	Unacked int `json:"unacked"` // segments sent and not acknowledged
	Retrans int `json:"retrans"`
	OutOf   int `json:"out_of_order"` // segments received after a gap
}

// SmallSegment is the largest TCP segment, in bytes, of a second try with small
// packets: a size that passes every path, what TCP uses where nothing is said (RFC 9293
// section 3.7.1).
const SmallSegment = 536

// SmallPassed is what such a try got where it came through; where it did not, its End.
const SmallPassed = "passed"
