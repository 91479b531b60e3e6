package facts

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"sshwhy/internal/evidence"
)

// ReplyPath is what the kernel says of the very packet that answers a visitor: from
// each own address, of TCP, from the port of SSH; and of the links it may leave by.
type ReplyPath struct {
	Forbidden []Quote // own addresses from which such a packet does not get out
	Asked     int
	Links     []LinkDetail
	LinksBy   Origin
	// Filtered is the kernel's count of packets that a reverse-path filter dropped.
	Filtered  Quote
	Permanent Quote // the next hop's entry, where somebody wrote it by hand
}

// LinkDetail is what `ip -d link` says of an interface beyond its addresses.
type LinkDetail struct {
	Name  string
	Ether bool   // it is of Ethernet's kind
	NoARP bool   // it does not ask for its neighbours
	Kind  string // veth, bridge, vrf, dummy, …; "" for a device of hardware
	XDP   bool   // a program sees each packet before all else
	VRF   string // the VRF it belongs to
	// Master is the interface that it is a port of, and Slave of what kind that makes it
	// (bridge, bond, team, openvswitch, …); "" where it is none.
	Master, Slave string
	// ARPIgnore is the line of sysctl by which it says nothing of its addresses; no Source
	// where it does.
	ARPIgnore Quote
	Quote     Quote
}

var (
	itemLinkDetails = evidence.Command("ip", "-d", "-j", "link")
	itemNetstat     = evidence.File("/proc/net/netstat").AtMost(64 << 10)
)

// replyItems ask for the way of a packet of the server's to the visitor.
func replyItems(b *evidence.Bundle, ask Ask) []evidence.Item {
	if _, ok := routeItem(ask); !ok {
		return nil
	}
	var items []evidence.Item
	for _, it := range sourceItems(b, ask) {
		items = append(items, evidence.Command(append(slices.Clone(it.Args), "ipproto", "tcp", "sport", strconv.Itoa(replyPort(b, ask)))...))
	}
	return items
}

// replyPort is the port of the server's that a visitor talks to.
func replyPort(b *evidence.Bundle, ask Ask) int {
	if ask.Port != 0 {
		return ask.Port
	}
	if all := parseConfig(b).Endpoints(); len(all) > 0 {
		return all[0].Port
	}
	return 22
}

func wantReplyPath(b *evidence.Bundle, ask Ask) []evidence.Item {
	items := append(replyItems(b, ask), itemLinkDetails, itemNetstat)
	for _, name := range filtered(b, ask) {
		items = append(items, arpIgnore(name))
	}
	return items
}

func arpIgnore(iface string) evidence.Item {
	return evidence.File("/proc/sys/net/ipv4/conf/" + iface + "/arp_ignore").AtMost(64)
}

// answersNobody is the arp_ignore with which an interface answers for none of its
// addresses (kernel, ip-sysctl); the higher one of "all" and its own counts.
const answersNobody = "8"

// silent is the setting by which an interface says nothing of its addresses.
func silent(b *evidence.Bundle, iface string) Quote {
	for _, name := range []string{iface, "all"} {
		if it := arpIgnore(name); firstLine(b.Get(it).Data) == answersNobody {
			return Quote{Source: it.Path, Line: 1, Text: answersNobody}
		}
	}
	return Quote{}
}

func parseReplyPath(b *evidence.Bundle, ask Ask) ReplyPath {
	var p ReplyPath
	for _, it := range replyItems(b, ask) {
		r := b.Get(it)
		p.Asked++
		if words := firstLine(r.Stderr); r.OK() && r.Exit != 0 && noWay(words) {
			p.Forbidden = append(p.Forbidden, Quote{Source: originOf(it, r).Source, Text: words})
		}
	}
	p.Links, p.LinksBy = parseLinkDetails(b)
	for i := range p.Links {
		p.Links[i].ARPIgnore = silent(b, p.Links[i].Name)
	}
	if n := netstat(b.Get(itemNetstat).Data, "TcpExt:", "IPReversePathFilter"); n != "" && n != "0" {
		p.Filtered = Quote{Source: itemNetstat.Path, Text: "IPReversePathFilter " + n}
	}
	if next, ok := nextHop(b, ask); ok {
		it := neighbourItem(next)
		r := b.Get(it)
		var known []struct {
			State []string `json:"state"`
		}
		if r.OK() && json.Unmarshal(r.Data, &known) == nil && len(known) > 0 && slices.Contains(known[0].State, "PERMANENT") {
			p.Permanent = Quote{Source: originOf(it, r).Source, Text: firstLine(r.Data)}
		}
	}
	return p
}

// netstat takes a counter out of /proc/net/netstat: a line of names, then one of
// numbers, which begin with the same word.
func netstat(data []byte, head, name string) string {
	var names []string
	for _, line := range lines(data) {
		f := strings.Fields(line)
		if len(f) == 0 || f[0] != head {
			continue
		}
		if names == nil {
			names = f
			continue
		}
		if i := slices.Index(names, name); i > 0 && i < len(f) {
			return f[i]
		}
		names = nil
	}
	return ""
}

func parseLinkDetails(b *evidence.Bundle) ([]LinkDetail, Origin) {
	r := b.Get(itemLinkDetails)
	o := ran(itemLinkDetails, r, exitZero)
	var raw []struct {
		Name   string          `json:"ifname"`
		Flags  []string        `json:"flags"`
		Type   string          `json:"link_type"`
		Master string          `json:"master"`
		XDP    json.RawMessage `json:"xdp"`
		Info   struct {
			Kind  string `json:"info_kind"`
			Slave string `json:"info_slave_kind"`
		} `json:"linkinfo"`
	}
	if o.Known() && json.Unmarshal(r.Data, &raw) != nil {
		o.Status, o.Reason = evidence.Failed, "its output is not the JSON expected"
	}
	var out []LinkDetail
	for _, x := range raw {
		k := LinkDetail{Name: x.Name, Ether: x.Type == "ether", Kind: x.Info.Kind, XDP: len(x.XDP) > 0 && !strings.Contains(string(x.XDP), `"mode":0`)}
		k.NoARP = slices.Contains(x.Flags, "NOARP")
		k.Master, k.Slave = x.Master, x.Info.Slave
		if x.Info.Slave == "vrf" {
			k.VRF = x.Master
		}
		k.Quote = Quote{Source: o.Source, Text: clip(x.Name + ": <" + strings.Join(x.Flags, ",") + "> " + x.Type + " " + x.Info.Kind + " " + string(x.XDP))}
		out = append(out, k)
	}
	return out, o
}
