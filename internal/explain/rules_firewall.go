package explain

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"sshwhy/internal/firewall"
	"sshwhy/internal/report"
)

// What a paste shows of a firewall is given to the evaluator of the live
// machine's rules, which is asked about one packet. A listing that is none of
// the kernel's own (ufw status, firewall-cmd) is first written as the rules that its
// program makes of it (listed_managers.go).

// wall is one listing as rules.
type wall struct {
	sources firewall.Sources
	save    []firewall.SaveLine // what the rules were made of, for iptables and the managers
	lines   []int               // nft: the lines of its listing
	head    int                 // the line to show where no rule decided
	surest  report.Certainty    // Likely where something had to be guessed
	also    []int               // lines that belong to the evidence
}

// firewallRules asks every listing; of several by the same program the last
// counts, because people show what they tried.
func (rd *reading) firewallRules() {
	var last [4]*wall
	for i := range rd.tools.tables {
		if w := rd.iptablesWall(&rd.tools.tables[i]); w != nil {
			last[0] = w
		}
	}
	last[1], last[2], last[3] = rd.nftWall(), rd.ufwWall(), rd.firewalldWall()
	for _, w := range last {
		if w != nil {
			rd.askWall(w)
		}
	}
}

// family is the IP version the text is about: that of the visitor asked about,
// or of the address that was tried.
func (rd *reading) family() firewall.Family {
	if rd.opt.Client.IsValid() {
		return firewall.FamilyOf(rd.opt.Client)
	}
	for _, id := range [...]string{"connection-timed-out", "connection-refused", "host-unreachable", "refused-by-firewall"} {
		if c := rd.get(id); c != nil {
			for _, name := range [...]string{"addr", "host"} {
				if a, err := netip.ParseAddr(c.caps[name]); err == nil {
					return firewall.FamilyOf(a)
				}
			}
		}
	}
	return firewall.IPv4
}

// mostly is the share of all addresses that must get in for a firewall to
// count as open (the same as for the live machine).
const mostly = 0.5

// askWall follows the visitor's first packet, or that of everybody.
func (rd *reading) askWall(w *wall) {
	rs, problems := firewall.Read(w.sources)
	if len(problems) > 0 {
		return
	}
	p := firewall.Packet{Path: firewall.Incoming, Family: rd.family(), Dport: uint16(rd.askedPort()), Iface: "eth0", Src: rd.opt.Client}
	verdicts := []firewall.Verdict{}
	if p.Src.IsValid() {
		verdicts = append(verdicts, rs.Evaluate(p))
	} else {
		verdicts = rs.OpenFor(p)
	}
	accepted, limited, unsure := 0.0, 0.0, 0.0
	var worst *firewall.Verdict
	for i := range verdicts {
		v := &verdicts[i]
		share := v.For.Share()
		if p.Src.IsValid() {
			share = 1
		}
		switch v.Kind {
		case firewall.Accept, firewall.Forward:
			accepted += share
		case firewall.Limited:
			accepted += share
			limited += share
			worst = v
		case firewall.CannotTell:
			unsure += share
		case firewall.Drop, firewall.Reject:
			if worst == nil || worst.Kind == firewall.Limited || worst.For.Share() < share {
				worst = v
			}
		}
	}
	switch {
	case limited >= mostly && worst != nil:
		c := rd.add("firewall-rate-limited", report.Possible, scoreNote, rd.wallLine(w, worst), nil)
		if c.impact = report.Note; rd.has("connection-timed-out", "connection-refused", "host-unreachable") {
			c.impact = report.Degrading
		}
	case worst == nil || accepted+unsure >= mostly:
	default:
		rd.blocked(w, rs, worst, accepted > 0)
	}
}

// blocked names the firewall that stops the packet. One that lets some addresses
// in may let in the asker, too, unless the text shows that it does not.
func (rd *reading) blocked(w *wall, rs *firewall.Ruleset, v *firewall.Verdict, some bool) {
	cause := rs.OwnerOf(&v.Outcome).Cause(v.Chain)
	cert := w.surest
	if rd.succeeded() {
		cert = report.Possible
	} else if some && !rd.opt.Client.IsValid() && cert == report.Confirmed {
		cert = report.Likely
	}
	c := rd.add(cause, cert, scoreRule, rd.wallLine(w, v), nil)
	if name := walls[cause]; name != "" && some && !rd.opt.Client.IsValid() {
		c.summary = fmt.Sprintf("%s lets only some addresses in to port %d.", name, rd.askedPort())
	} else if name != "" && rd.opt.Client.IsValid() {
		c.summary = fmt.Sprintf("%s does not let %s in to port %d.", name, rd.opt.Client, rd.askedPort())
	}
	for _, i := range w.also {
		if len(c.evidence) < maxKept {
			c.evidence = append(c.evidence, i)
		}
	}
	if some && !rd.opt.Client.IsValid() && !rd.has("connection-timed-out", "connection-refused", "host-unreachable", "refused-by-firewall") {
		c.impact = report.Degrading
	}
}

// walls are the firewalls as a sentence begins with them.
var walls = map[string]string{"firewall-ufw": "ufw", "firewall-firewalld": "firewalld", "firewall-iptables": "A rule or policy of iptables", "firewall-nftables": "A rule or policy of nftables"}

// wallLine finds the line of the rule, or of the policy, that decided.
func (rd *reading) wallLine(w *wall, v *firewall.Verdict) int {
	if v.Chain == nil {
		return w.head
	}
	if w.lines != nil {
		n := v.Chain.Line
		if v.Rule != nil {
			n = v.Rule.Line
		}
		if n >= 1 && n <= len(w.lines) {
			return w.lines[n-1]
		}
		return w.head
	}
	prefix, number := ":"+v.Chain.Name+" ", 1
	if v.Rule != nil {
		prefix, number = "-A "+v.Chain.Name+" ", v.Rule.Number
	}
	for _, s := range w.save {
		if !strings.HasPrefix(s.Text, prefix) {
			continue
		}
		if number--; number == 0 && s.Line >= 0 {
			return s.Line
		} else if number == 0 {
			break
		}
	}
	return w.head
}

// legacy puts lines of iptables-save where the family's are read.
func legacy(save []firewall.SaveLine, f firewall.Family) firewall.Sources {
	var b strings.Builder
	for _, s := range save {
		b.WriteString(s.Text + "\n")
	}
	if f == firewall.IPv6 {
		return firewall.Sources{Legacy6: []byte(b.String())}
	}
	return firewall.Sources{Legacy4: []byte(b.String())}
}

// iptablesWall reads one listing of iptables, of either form; nil where it says
// nothing of new connections.
func (rd *reading) iptablesWall(t *ruleList) *wall {
	if t.other || t.v6 != (rd.family() == firewall.IPv6) || len(t.lines) < 2 {
		return nil
	}
	w := &wall{head: t.lines[0], surest: report.Confirmed}
	if t.listed {
		texts := make([]string, len(t.lines))
		for i, at := range t.lines {
			texts[i] = rd.lines[at].text
		}
		l := firewall.FromListing(texts)
		if w.save = l.Save; len(w.save) == 0 {
			return nil
		}
		w.surest = report.Likely // services by name, interfaces left out
		if !l.Guessed && strings.Contains(strings.Join(texts, " "), " bytes) ") {
			w.surest = report.Confirmed
		}
		for i := range w.save {
			if w.save[i].Line >= 0 {
				w.save[i].Line = t.lines[w.save[i].Line]
			}
		}
	} else {
		w.save = rd.saved(t)
	}
	w.sources = legacy(w.save, rd.family())
	return w
}

// saved turns the lines of iptables -S, or of iptables-save, into a whole table.
func (rd *reading) saved(t *ruleList) []firewall.SaveLine {
	var heads, rest []firewall.SaveLine
	whole := strings.HasPrefix(rd.lines[t.lines[0]].text, "*")
	for _, i := range t.lines {
		s := rd.lines[i].text
		f := strings.Fields(s)
		switch {
		case f[0] == "-P" && len(f) == 3:
			heads = append(heads, firewall.SaveLine{Text: ":" + f[1] + " " + f[2] + " [0:0]", Line: i})
		case f[0] == "-N" && len(f) == 2:
			heads = append(heads, firewall.SaveLine{Text: ":" + f[1] + " - [0:0]", Line: i})
		case whole || f[0] == "-A":
			rest = append(rest, firewall.SaveLine{Text: s, Line: i})
		case strings.HasPrefix(s, ":"):
			heads = append(heads, firewall.SaveLine{Text: s, Line: i})
		}
	}
	if !whole {
		heads = append([]firewall.SaveLine{{Text: "*filter", Line: -1}}, heads...)
	}
	out := append(heads, rest...)
	if out[len(out)-1].Text != "COMMIT" {
		out = append(out, firewall.SaveLine{Text: "COMMIT", Line: -1})
	}
	return out
}

// nftWall gives the listing of nft to its reader.
func (rd *reading) nftWall() *wall {
	if len(rd.tools.nft) == 0 {
		return nil
	}
	var b strings.Builder
	for _, i := range rd.tools.nft {
		b.WriteString(rd.lines[i].text + "\n")
	}
	return &wall{sources: firewall.Sources{Listing: []byte(b.String())}, lines: rd.tools.nft, head: rd.tools.nft[0], surest: report.Confirmed}
}

func itoa(n int) string { return strconv.Itoa(n) }
