package client

import (
	"fmt"
	"net/netip"

	"sshwhy/internal/report"
)

// failure is what one failed attempt means.
type failure struct {
	cause     string
	rank      int // the most telling first, where addresses failed differently
	certainty report.Certainty
	short     string // for a list: "refuses"
	summary   string
	evidence  []report.Evidence
	attempt   Attempt // what it is about
	remedy    *report.Remedy
}

// Ranks: who says something about the host tells more than who says something
// about the way, and that more than silence.
const (
	rankHost = iota
	rankFirewall
	rankPath
	rankSilence
	rankLocal
	rankNoRoute
)

// neighbourWait is the least time after which a "host unreachable" comes from a
// failed neighbour lookup (measured: 3.05 to 3.08 s). A quicker one is a rule.
const neighbourWait = 2500

// classify says what ended an attempt: the error number, the ICMP message and
// its sender, and the time, in the order of trust.
func (d *diagnosis) classify(a Attempt) failure {
	f := d.judge(a)
	f.evidence = append([]report.Evidence{attemptEvidence(a)}, f.evidence...)
	return f
}

func (d *diagnosis) judge(a Attempt) failure {
	switch {
	case a.At == "bind" || a.At == "socket":
		return d.localFault(a)
	case a.At != "":
		return d.localRoute(a)
	case a.ICMP != nil && a.ICMP.Own:
		return d.ownICMP(a)
	case a.ICMP != nil:
		return d.remoteICMP(a)
	case a.Outcome == Silent || a.Errno == ETIMEDOUT:
		return d.silent(a)
	}
	switch a.Errno {
	case ECONNREFUSED:
		return d.refusal(a)
	case EACCES, ENOPROTOOPT:
		return d.firewalled(a, report.Likely, "the system reports "+a.Text)
	case ENETUNREACH:
		return d.networkUnreachable(a, "a router on the way")
	case ECONNRESET, ECONNABORTED:
		return failure{cause: "closed-before-banner", rank: rankHost, certainty: report.Confirmed, short: "resets the connection at once",
			summary: fmt.Sprintf("%s accepts the connection on port %d and resets it at once: a proxy or port forward with nothing behind it, or a server that turns this machine away.",
				d.where(a.Addr.Addr()), a.Addr.Port()),
			remedy: advice("Look on the server why it drops the connection.", onConsole())}
	default:
		return d.hostUnreachable(a, "")
	}
}

// refused is a reset from the address itself.
func (d *diagnosis) refused(a Attempt) failure {
	host := d.where(a.Addr.Addr())
	return failure{cause: "connection-refused", rank: rankHost, certainty: report.Likely, short: "refuses",
		summary: fmt.Sprintf("%s is up, but refuses connections on port %d: most likely no SSH server is listening there.", host, a.Addr.Port()),
		remedy: advice(fmt.Sprintf("Find out on %s itself (its console, or any other way in) why no SSH server listens, and start it.", d.host),
			onConsole())}
}

// firewalled is a refusal that no TCP of a host makes: a firewall rule.
func (d *diagnosis) firewalled(a Attempt, certainty report.Certainty, why string) failure {
	return failure{cause: "refused-by-firewall", rank: rankFirewall, certainty: certainty, short: "is rejected by a firewall",
		summary: fmt.Sprintf("A firewall rejects connections to %s port %d: %s.", d.where(a.Addr.Addr()), a.Addr.Port(), why),
		remedy:  advice("Have the firewall that rejects this changed; where it is the host's own, look there.", onConsole())}
}

// localDrops is how many failed retransmissions during one silent attempt show a
// local drop: measured 4 of 5 there, and none where the packets really leave.
const localDrops = 3

// silent is nothing at all until the limit.
func (d *diagnosis) silent(a Attempt) failure {
	host, port := d.where(a.Addr.Addr()), a.Addr.Port()
	f := failure{cause: "connection-timed-out", rank: rankSilence, certainty: report.Confirmed, short: "is silent",
		summary: fmt.Sprintf("Nothing answers at %s port %d: no refusal, only silence for %s. Either a firewall drops the packets, or the host is off or has another address.",
			host, port, seconds(a.Ms)),
		remedy: advice("Check the address and that the host is running; then its firewall, and the cloud's (security group), on every network between.", onConsole())}
	if d.o.RetransFail >= localDrops && a.TCP != nil && a.TCP.TotalRetrans >= localDrops {
		f.cause, f.rank, f.certainty = "local-firewall", rankLocal, report.Likely
		f.summary = fmt.Sprintf("Nothing leaves this machine for %s port %d: its own firewall drops the outgoing packets.", host, port)
		f.evidence = []report.Evidence{{Source: "/proc/net/netstat", Excerpt: fmt.Sprintf("TcpExt TCPRetransFail +%d while connecting", d.o.RetransFail)}}
		f.remedy = advice("Look at the outgoing rules of this machine.", onClient("sudo nft list ruleset"))
		return f
	}
	if t := d.o.Trace; t != nil && t.Asked == a.Addr {
		if last, lost := t.lostBetween(); lost > 0 {
			return d.blockedOnPath(a, t, last, lost)
		}
	}
	if alive := d.alive(a); alive != nil {
		f.summary = fmt.Sprintf("%s is alive, but nothing answers on its port %d: a firewall, on the host or on the way, drops these packets without a word.", host, port)
		f.evidence = []report.Evidence{attemptEvidence(*alive)}
		f.remedy = advice("Have the firewall of the host, of its cloud (security group) or of your own network let port "+fmt.Sprint(port)+" through.", onConsole())
	}
	return f
}

// blockedOnPath is for packets that are lost before the host: a router on the way
// answers for another port of the host, and not for this one.
func (d *diagnosis) blockedOnPath(a Attempt, t *Trace, last, lost int) failure {
	where := fmt.Sprintf("before %s, the %s router on the way", t.Hops[lost-1].Other, ordinal(lost))
	if lost == 1 {
		where = fmt.Sprintf("before or at %s, the first router on the way", t.Hops[0].Other)
	} else if last > 0 {
		where = fmt.Sprintf("at %s, the %s router on the way, or right behind it", t.Hops[last-1].Asked, ordinal(last))
	}
	f := failure{cause: "port-blocked-on-path", rank: rankSilence, certainty: report.Likely, short: "is blocked on the way",
		summary: fmt.Sprintf("Packets to port %d of %s are dropped on the way, not by the host: they are lost %s, and those to port %d of the host pass.",
			a.Addr.Port(), d.where(a.Addr.Addr()), where, t.Other),
		remedy: advice("Use another network or a VPN, or have the network that drops it let the port through; a server of your own can listen on a second port as well.",
			onClient("sudo traceroute -T -p "+fmt.Sprint(a.Addr.Port())+" "+a.Addr.Addr().WithZone("").String()))}
	for i, h := range t.Hops[:lost] {
		f.evidence = append(f.evidence, report.Evidence{Source: fmt.Sprintf("SYN with ttl %d", i+1),
			Excerpt: fmt.Sprintf("to port %d: %s; to port %d: %s", a.Addr.Port(), hopWords(h.Asked), t.Other, hopWords(h.Other))})
	}
	if alive := d.alive(a); alive != nil {
		f.evidence = append(f.evidence, attemptEvidence(*alive))
	}
	return f
}

func hopWords(from netip.Addr) string {
	if !from.IsValid() {
		return "no answer"
	}
	return "ICMP time exceeded from " + from.String()
}

func ordinal(n int) string {
	words := []string{"", "first", "second", "third"}
	if n < len(words) {
		return words[n]
	}
	return fmt.Sprintf("%dth", n)
}

// alive returns an answer that the same address gave on another port.
func (d *diagnosis) alive(asked Attempt) *Attempt {
	for i, a := range d.o.OtherPorts {
		byHost := a.ICMP == nil || a.ICMP.Offender == a.Addr.Addr().WithZone("")
		if byHost && a.Addr.Addr() == asked.Addr.Addr() && (a.Outcome == Connected || a.Errno == ECONNREFUSED) {
			return &d.o.OtherPorts[i]
		}
	}
	return nil
}

// localRoute is connect(2) itself failing: no packet was ever built.
func (d *diagnosis) localRoute(a Attempt) failure {
	if a.Errno == EPERM {
		return failure{cause: "local-firewall", rank: rankLocal, certainty: report.Confirmed, short: "may not be connected to from here",
			summary: fmt.Sprintf("This machine itself forbids the connection to %s: a rule of its own firewall or a restriction on this program.", d.where(a.Addr.Addr())),
			remedy:  advice("Look at the outgoing rules of this machine.", onClient("sudo nft list ruleset"))}
	}
	return failure{cause: "no-route", rank: rankNoRoute, certainty: report.Confirmed, short: "has no route from here",
		summary: fmt.Sprintf("This machine does not know a way to %s: %s. The host was not even asked.", d.where(a.Addr.Addr()), noRouteWords(a.Errno)),
		remedy:  advice("Check that the network or the VPN is up and that there is a default route.", onClient("ip route get "+a.Addr.Addr().WithZone("").String()))}
}

// localFault is a socket that could not be set up as asked.
func (d *diagnosis) localFault(a Attempt) failure {
	return failure{cause: "client-config-invalid", rank: rankLocal, certainty: report.Confirmed, short: "cannot be tried as configured",
		summary: fmt.Sprintf("The connection cannot be made from the address or interface that the configuration names (%s %s): %s.",
			d.o.Config.Get("bindaddress"), d.o.Config.Get("bindinterface"), a.Text),
		remedy: advice("Correct BindAddress or BindInterface (-b, -B): it must be an address of this machine.", onClient("ip -br address"))}
}

// lostBetween are the last hop that answered for the asked port (0: none), and the
// first one behind it that answered only for the other port; 0 where there is none
// and nothing is proved.
func (t *Trace) lostBetween() (last, lost int) {
	for i, h := range t.Hops {
		if h.Asked.IsValid() {
			last = i + 1
		}
	}
	for i, h := range t.Hops[last:] {
		if h.Other.IsValid() {
			return last, last + i + 1
		}
	}
	return last, 0
}
