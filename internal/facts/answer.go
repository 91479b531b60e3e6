package facts

import (
	"bytes"
	"net/netip"
	"slices"
	"strings"

	"sshwhy/internal/evidence"
	"sshwhy/internal/sshwire"
)

// Answer is what the listeners in question answered when this machine itself
// asked them as an SSH client does. State can look right while a server fails.
type Answer struct {
	// Origin says whether anybody was asked: Skipped, with the reason, where not.
	Origin Origin
	All    []Reply
}

// Reply is the answer of one listener at one of its addresses.
type Reply struct {
	Origin   Origin         // Known where somebody took the connection, Absent where nobody did
	At       netip.AddrPort // where it was asked
	Listener Endpoint       // who was to answer
	Outcome  Outcome
	Ident    string // its identification string (RFC 4253 section 4.2)
	Words    string // the first line of what came before or in place of that
	Offer    sshwire.KexInit
	Quote    Quote
}

// Outcome is how far a listener's answer went.
type Outcome string

// The outcomes. Unasked is one that could not be asked.
const (
	Answered   Outcome = "its list of algorithms came"
	CutOff     Outcome = "it named itself and closed the connection"
	Stalled    Outcome = "it named itself and said nothing more"
	ClosedDumb Outcome = "it closed the connection without naming itself"
	Silent     Outcome = "it took the connection and said nothing"
	OtherWords Outcome = "it said something that is not SSH"
	Refused    Outcome = "nobody took the connection"
	Unasked    Outcome = "it could not be asked"
)

// maxReplies bounds how many questions are asked: each is a line in the server's
// log, and counts one second of a penalty against this machine's own address
// (sshd_config(5), PerSourcePenalties noauth; in force from 15 on).
const maxReplies = 8

// question is a listener and an address at which to ask it.
type question struct {
	listener Endpoint
	at       netip.AddrPort
}

// itemsGuard are where the program of sshguard stands. It takes each connection that ends
// before a login for an attack, and bans this machine's own addresses after a few of them;
// those of the loopback it never does.
var itemsGuard = [...]evidence.Item{evidence.Stat("/usr/sbin/sshguard"), evidence.Stat("/usr/bin/sshguard"), evidence.Stat("/usr/local/sbin/sshguard")}

// guarded reports whether sshguard is there and was not seen to be idle.
func guarded(b *evidence.Bundle) bool {
	there := slices.ContainsFunc(itemsGuard[:], func(it evidence.Item) bool { return b.Get(it).OK() })
	return there && (guardRules(b) || !b.Get(itemNftJSON).OK())
}

func wantAnswer(b *evidence.Bundle, ask Ask) []evidence.Item {
	items := slices.Clone(itemsGuard[:])
	if !b.Has(itemsGuard[0]) || !b.Has(itemNftJSON) {
		return items
	}
	all, _ := questions(b, ask)
	for _, q := range all {
		items = append(items, evidence.Hello(q.at))
	}
	return items
}

// questions are those to ask, each address once; why says why none is.
func questions(b *evidence.Bundle, ask Ask) (all []question, why string) {
	if !b.Has(itemAddr) {
		return nil, "the addresses of this machine were not looked at"
	}
	l := parseListeners(b)
	if !l.Origin.Known() {
		return nil, "the listening sockets could not be seen"
	}
	ports := interestingPorts(b, ask)
	seen := map[netip.AddrPort]bool{}
	for _, s := range l.All {
		if !slices.Contains(ports, s.Port) && !s.OwnedBy(SSHPrograms...) {
			continue
		}
		if reason := asleep(b, s); reason != "" {
			why = reason
			continue
		}
		for _, a := range s.askable(parseLinks(b)) {
			if !a.IsLoopback() && guarded(b) {
				why = "sshguard runs here, and takes a question to " + a.String() + " for an attack"
				continue
			}
			at := netip.AddrPortFrom(a, uint16(s.Port))
			if !seen[at] && len(all) < maxReplies {
				all = append(all, question{s.Endpoint, at})
				seen[at] = true
			}
		}
	}
	if len(all) == 0 && why == "" {
		why = "nothing listens that could be asked"
	}
	return all, why
}

// asleep says why a listener of systemd's is not asked. A question to one wakes
// the service behind it, as any visitor does; but a service that fails then takes
// its socket unit with it (systemd.socket(5), TriggerLimitBurst; systemd.unit(5),
// StartLimitBurst), and a socket of somebody else's has nothing to do with SSH.
func asleep(b *evidence.Bundle, s Listener) string {
	if len(s.Owners) > 0 && slices.ContainsFunc(s.Owners, func(o Owner) bool { return o.PID != 1 }) {
		return ""
	}
	services, sockets, o := parseUnits(b)
	i := slices.IndexFunc(sockets, func(u Unit) bool {
		return u.Active() && slices.ContainsFunc(u.Listens(), func(e Endpoint) bool { return e.Port == s.Port })
	})
	switch {
	case i < 0 && len(s.Owners) == 0 && (o.Known() || o.Status == evidence.Absent):
		return "" // whose it is cannot be seen, but no socket unit's of SSH
	case i < 0:
		return "systemd listens for another service than SSH, or could not be asked for which"
	case sockets[i].Props["Accept"] == "yes":
		return "" // one process for each connection: none takes the socket with it
	}
	for _, u := range services {
		if !slices.Contains(strings.Fields(sockets[i].Props["Triggers"]), u.Name) {
			continue
		}
		test := b.Get(sshdCommand(b, "-t"))
		switch {
		case u.Active():
			return ""
		case u.Failed() || u.Moving() || u.Int("NRestarts") > 0 || u.Props["Result"] != "success":
			return "a question would start " + u.Name + ", which failed before"
		case !(test.OK() && test.Exit == 0) && !lacksRunDir(test): // the directory comes with the service, and is looked for last
			return "a question would start " + u.Name + ", whose configuration was not found to be right"
		}
		return ""
	}
	return "what " + sockets[i].Name + " starts is not known"
}

// askable are the addresses at which this machine itself reaches a listener: its
// own, or of a wildcard the loopback's and the first that others use.
func (s Listener) askable(links Links) []netip.Addr {
	if s.Device != "" && s.Device != "lo" && !s.Addr.IsLinkLocalUnicast() {
		return nil // bound to an interface, by which nothing from here comes in
	}
	if !s.Addr.IsUnspecified() {
		if s.Addr.IsLinkLocalUnicast() {
			return []netip.Addr{s.Addr.WithZone(s.Device)}
		}
		return []netip.Addr{s.Addr}
	}
	var out []netip.Addr
	for _, family := range []struct {
		takes bool
		lo    netip.Addr
	}{{s.V4(), netip.AddrFrom4([4]byte{127, 0, 0, 1})}, {s.V6(), netip.IPv6Loopback()}} {
		if !family.takes {
			continue
		}
		if links.Has(family.lo) {
			out = append(out, family.lo)
		}
		outer := links.Outer()
		if i := slices.IndexFunc(outer, func(a netip.Addr) bool { return a.Is4() == family.lo.Is4() }); i >= 0 && s.Device == "" {
			out = append(out, outer[i])
		}
	}
	return out
}

func parseAnswer(b *evidence.Bundle, ask Ask) Answer {
	all, why := questions(b, ask)
	if len(all) == 0 {
		return Answer{Origin: Origin{Status: evidence.Skipped, Reason: why}}
	}
	a := Answer{Origin: Origin{Status: evidence.Known}}
	for _, q := range all {
		a.All = append(a.All, parseReply(q, b.Get(evidence.Hello(q.at))))
	}
	return a
}

func parseReply(q question, r evidence.Result) Reply {
	it := evidence.Hello(q.at)
	reply := Reply{Origin: originOf(it, r), At: q.at, Listener: q.listener, Outcome: Unasked}
	reply.Origin.Source = "connect " + it.Path
	switch r.Status {
	case evidence.Absent:
		reply.Outcome = Refused
	case evidence.Known:
		reply.read(r)
	}
	said := []string{reply.Words, reply.Ident, r.Reason}
	said = slices.DeleteFunc(said, func(s string) bool { return s == "" })
	reply.Quote = Quote{Source: reply.Origin.Source, Text: clip(strings.Join(said, "\n"))}
	return reply
}

// read takes what was said apart.
func (y *Reply) read(r evidence.Result) {
	reader := sshwire.NewReader(bytes.NewReader(r.Data))
	ident, err := reader.ReadIdent()
	if err == nil {
		y.Ident = clip(ident.Line)
		y.Offer, _, err = reader.ReadKexInit()
	}
	if len(ident.Before) > 0 {
		y.Words = clip(strings.TrimSpace(ident.Before[0]))
	} else if y.Ident == "" && len(r.Data) > 0 {
		y.Words = firstLine(r.Data)
	}
	switch {
	case err == nil:
		y.Outcome = Answered
	case r.Exit == evidence.HelloForeign:
		y.Outcome = OtherWords
	case y.Ident != "" && r.Exit == evidence.HelloSilent:
		y.Outcome = Stalled
	case y.Ident != "":
		y.Outcome = CutOff
	case y.Words != "" && !y.TurnedAway():
		y.Outcome = OtherWords
	case r.Exit == evidence.HelloSilent:
		y.Outcome = Silent
	default:
		y.Outcome = ClosedDumb
	}
}

// TurnedAway reports whether an sshd said that it takes no more connections, from
// here or at all, in place of its name (sshd.c, drop_connection).
func (y Reply) TurnedAway() bool {
	return strings.HasPrefix(y.Words, "Exceeded MaxStartups") || strings.HasPrefix(y.Words, "Not allowed at this time")
}
