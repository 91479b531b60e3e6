package firewall

import "strings"

// Kind is what becomes of a packet.
type Kind uint8

// The kinds of verdict.
const (
	Accept     Kind = iota + 1
	Drop            // silence: the other end times out
	Reject          // an answer says no: see Verdict.Reject
	Forward         // its destination was rewritten: it goes to another machine
	Limited         // accepted or not, as a rate or connection limit has it
	CannotTell      // depends on something that is not known; Verdict.Unsure names it
)

// String names the kind.
func (k Kind) String() string {
	switch k {
	case Accept:
		return "accept"
	case Drop:
		return "drop"
	case Reject:
		return "reject"
	case Forward:
		return "sent elsewhere"
	case Limited:
		return "limited"
	default:
		return "cannot tell"
	}
}

// RejectWith is the answer that a rejecting rule sends: "tcp-reset", or the name
// of the ICMP code in the family of the packet.
type RejectWith string

// The answers (nf_reject in the kernel; the code in comments is ICMP/ICMPv6).
const (
	WithReset       RejectWith = "tcp-reset"
	WithNetUnreach  RejectWith = "net-unreachable"  // 3/0; ICMPv6 no-route 1/0
	WithHostUnreach RejectWith = "host-unreachable" // 3/1; ICMPv6 addr-unreachable 1/3
	WithProtUnreach RejectWith = "prot-unreachable" // 3/2
	WithPortUnreach RejectWith = "port-unreachable" // 3/3; 1/4
	WithNetProhib   RejectWith = "net-prohibited"   // 3/9
	WithHostProhib  RejectWith = "host-prohibited"  // 3/10
	WithAdminProhib RejectWith = "admin-prohibited" // 3/13; 1/1
	WithPolicyFail  RejectWith = "policy-fail"      // ICMPv6 1/5
	WithRejectRoute RejectWith = "reject-route"     // ICMPv6 1/6
)

// Symptom is what a Linux client's ssh prints when a packet ends this way
// (measured; the errno comes from the kernel's icmp_err_convert and
// tab_unreach tables). It is empty for a packet that is accepted.
func Symptom(k Kind, with RejectWith, f Family) string {
	switch k {
	case Drop:
		return "Connection timed out"
	case Reject:
	default:
		return ""
	}
	switch with {
	case WithReset, WithPortUnreach:
		return "Connection refused"
	case WithNetUnreach, WithNetProhib:
		return "Network is unreachable"
	case WithProtUnreach:
		return "Protocol not available"
	case WithAdminProhib, WithPolicyFail, WithRejectRoute:
		if f == IPv6 {
			return "Permission denied"
		}
	}
	return "No route to host"
}

// Why is the reason for which a match cannot be decided.
type Why struct {
	// Rate is set for rate and connection limits (limit, recent, hashlimit,
	// connlimit, ct count, quota): they let some connections through.
	Rate bool
	What string // the expression, as written where that is possible
}

// Unsure is a rule that could not be decided for some addresses.
type Unsure struct {
	Chain *Chain
	Rule  *Rule
	Why   Why
	For   AddrSet
}

// Outcome is one way for the packet to end.
type Outcome struct {
	Kind   Kind
	Reject RejectWith
	Port   uint16 // the port it arrives at or would have; rewritten by dnat and redirect
	To     string // Forward: the address it is sent to
	Chain  *Chain // where it was decided; nil for a packet that passed everything
	Rule   *Rule  // nil where the chain's policy decided, or nothing did
	For    AddrSet
}

// class is what two outcomes must share to be the same to whoever connects.
type class struct {
	kind   Kind
	reject RejectWith
	port   uint16
	to     string
}

func (o *Outcome) class() class { return class{o.Kind, o.Reject, o.Port, o.To} }

// Verdict is the answer for one address, or for all addresses that share it.
type Verdict struct {
	Outcome
	Possible []Outcome // CannotTell and Limited: the ways it can end
	Unsure   []Unsure  // CannotTell and Limited: the rules that could not be decided
	Trace    []Event   // the way through the rules; only where one address was asked about
	Assumed  []string  // what was taken for granted on the way
}

// Passes reports whether the packet certainly reaches its socket.
func (v *Verdict) Passes() bool { return v.Kind == Accept }

// Event is one step of a packet's way through the rules.
type Event struct {
	Hook   string
	Chain  *Chain
	Rule   *Rule  // nil for a chain's policy or end
	Sure   bool   // false where the match could not be decided
	Action string // "accept", "drop", "jump input_ext", "policy drop", "return"
}

// String writes the event in one line.
func (e Event) String() string {
	var b strings.Builder
	b.WriteString(e.Hook + " " + e.Chain.Title())
	if e.Rule != nil {
		b.WriteString(" " + e.Rule.Title())
	}
	if !e.Sure {
		b.WriteString(" perhaps")
	}
	b.WriteString(": " + e.Action)
	return b.String()
}
