// Package prove asks the kernel itself what becomes of a packet: it loads a copy
// of the machine's rules into a network namespace of its own, whose interface
// bears the name and the addresses of the real one, sends the visitor's packet
// there for real, and reports the kernel's verdict and trace.
//
// The machine's own rules, connections and interfaces are not touched: nothing
// outside the two namespaces is written, and both end with the call. It needs
// root and Linux, and takes about a second.
//
// What a replica cannot show: limits and bans that depend on earlier packets
// start anew in it; marks that tc or a BPF program sets, sockets, cgroups and
// programs behind a queue are not there.
package prove

import (
	"errors"

	"sshwhy/internal/firewall"
)

// ErrUnsupported says that this system has no network namespaces.
var ErrUnsupported = errors.New("needs Linux")

// Result is the kernel's word.
type Result struct {
	Kind   firewall.Kind // Accept, Drop or Reject; Drop is what was answered by silence
	Reject firewall.RejectWith
	Port   uint16   // the port it arrived at
	Trace  []string // lines of nft monitor trace; rules of iptables-legacy do not appear there
}

// Agrees reports whether the evaluator's verdict allows what the kernel did.
func (r Result) Agrees(v *firewall.Verdict) bool {
	outcomes := []firewall.Outcome{v.Outcome}
	if len(v.Possible) > 0 {
		outcomes = v.Possible
	}
	for _, o := range outcomes {
		switch {
		case o.Kind == firewall.CannotTell, o.Kind == firewall.Forward && r.Kind == firewall.Drop:
			return true
		case o.Kind == r.Kind && (r.Kind != firewall.Reject || o.Reject == r.Reject) && (r.Kind != firewall.Accept || o.Port == 0 || o.Port == r.Port):
			return true
		}
	}
	return false
}
