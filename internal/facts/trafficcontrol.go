package facts

import (
	"net/netip"
	"slices"
	"strings"

	"sshwhy/internal/evidence"
)

// TrafficControl is what tc(8) has the kernel do with packets beside all packet
// filters: queueing disciplines, and the filters on them.
type TrafficControl struct {
	Origin  Origin
	Queues  []Queue
	Filters []TCFilter
	Unread  []Origin // filters that could not be read
}

// Queue is a queueing discipline.
type Queue struct {
	Kind, Device string
	Root         bool
	Quote        Quote
}

// TCFilter is one filter with its actions, in the order in which the kernel asks them.
type TCFilter struct {
	Device   string
	Incoming bool
	Protocol string   // ip, ipv6, all, …
	Kind     string   // u32, flower, matchall, bpf, …
	Terms    []string // what it matches: "match 00000016/0000ffff at 20", "dst_port 22"
	Actions  []string // "gact action drop", "mirred (Egress Redirect to device lo) stolen"
	Quote    Quote
}

var itemQueues = evidence.Command("tc", "qdisc", "show")

// maxTCDevices bounds how many interfaces are asked for their filters.
const maxTCDevices = 8

func wantTrafficControl(b *evidence.Bundle, _ Ask) []evidence.Item {
	items := []evidence.Item{itemQueues}
	for _, f := range tcFilterItems(parseQueues(b)) {
		items = append(items, f.item)
	}
	return items
}

type tcFilterItem struct {
	item     evidence.Item
	device   string
	incoming bool
}

// classless are queueing disciplines that have no filters, or whose filters only
// choose among their own queues and see no action that drops.
var classless = []string{"noqueue", "pfifo_fast", "pfifo", "bfifo", "mq", "fq", "noop", "tbf", "codel", "pie"}

func tcFilterItems(queues []Queue) []tcFilterItem {
	var out []tcFilterItem
	add := func(q Queue, incoming bool, where ...string) {
		it := evidence.Command(append([]string{"tc", "filter", "show", "dev", q.Device}, where...)...)
		if len(out) < 2*maxTCDevices && !slices.ContainsFunc(out, func(f tcFilterItem) bool { return f.item.Key() == it.Key() }) {
			out = append(out, tcFilterItem{it, q.Device, incoming})
		}
	}
	for _, q := range queues {
		switch {
		case q.Kind == "clsact":
			add(q, true, "ingress")
			add(q, false, "egress")
		case q.Kind == "ingress":
			add(q, true, "parent", "ffff:")
		case q.Root && !slices.Contains(classless, q.Kind):
			add(q, false)
		}
	}
	return out
}

// parseQueues reads lines of tc qdisc show: "qdisc fq_codel 0: dev eth0 root refcnt 2 limit 10240p …".
func parseQueues(b *evidence.Bundle) []Queue {
	var out []Queue
	for i, line := range lines(b.Get(itemQueues).Data) {
		f := strings.Fields(line)
		at := slices.Index(f, "dev")
		if len(f) < 3 || f[0] != "qdisc" || at < 0 || at+1 >= len(f) || strings.HasPrefix(f[at+1], "-") {
			continue
		}
		out = append(out, Queue{Kind: f[1], Device: f[at+1], Root: slices.Contains(f, "root"),
			Quote: Quote{Source: "tc qdisc show", Line: i + 1, Text: clip(line)}})
	}
	return out
}

func parseTrafficControl(b *evidence.Bundle) TrafficControl {
	t := TrafficControl{Origin: ran(itemQueues, b.Get(itemQueues), exitZero), Queues: parseQueues(b)}
	for _, x := range tcFilterItems(t.Queues) {
		r := b.Get(x.item)
		if o := ran(x.item, r, exitZero); !o.Known() {
			t.Unread = append(t.Unread, o)
			continue
		}
		for _, f := range parseTCFilters(strings.Join(x.item.Args, " "), r.Data) {
			f.Device, f.Incoming = x.device, x.incoming
			t.Filters = append(t.Filters, f)
		}
	}
	return t
}

// parseTCFilters reads tc filter show: a line that begins with "filter" for each
// filter (those that stand for a whole hash table have no terms and no actions),
// indented lines for what it matches and does.
func parseTCFilters(source string, data []byte) []TCFilter {
	var out []TCFilter
	for i, line := range lines(data) {
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		if f[0] == "filter" {
			x := TCFilter{Protocol: after(f, "protocol"), Quote: Quote{Source: source, Line: i + 1, Text: clip(line)}}
			if at := slices.Index(f, "pref"); at >= 0 && at+2 < len(f) {
				x.Kind = f[at+2]
			}
			out = append(out, x)
			continue
		}
		if len(out) == 0 {
			continue
		}
		x := &out[len(out)-1]
		text := strings.TrimSpace(line)
		switch {
		case f[0] == "action":
			_, what, _ := strings.Cut(text, ": ")
			x.Actions = append(x.Actions, strings.TrimSpace(what))
		case f[0] == "police":
			x.Actions = append(x.Actions, text)
		case len(x.Actions) == 0:
			x.Terms = append(x.Terms, text)
		default:
			continue
		}
		x.Quote.Text = clip(x.Quote.Text + "\n" + line)
	}
	return slices.DeleteFunc(out, func(x TCFilter) bool { return x.Kind == "u32" && len(x.Terms) == 0 && len(x.Actions) == 0 })
}

// after is the word behind another.
func after(words []string, word string) string {
	if i := slices.Index(words, word); i >= 0 && i+1 < len(words) {
		return words[i+1]
	}
	return ""
}

// IPsec is what xfrm demands of packets: policies by address, and the associations
// that satisfy them (ip-xfrm(8)).
type IPsec struct {
	Origin   Origin
	Policies []IPsecPolicy
	States   int
}

// IPsecPolicy is one policy.
type IPsecPolicy struct {
	Src, Dst  netip.Prefix
	Rest      string // what else it goes by: "proto tcp dport 22"
	Direction string // in, out, fwd
	Block     bool
	Demands   bool // it has a template that is not optional
	Quote     Quote
}

var (
	itemXfrmPolicy = evidence.Command("ip", "xfrm", "policy")
	itemXfrmState  = evidence.Command("ip", "xfrm", "state", "list", "nokeys")
)

func wantIPsec(b *evidence.Bundle, _ Ask) []evidence.Item {
	items := []evidence.Item{itemXfrmPolicy}
	if len(parsePolicies(b.Get(itemXfrmPolicy).Data)) > 0 {
		items = append(items, itemXfrmState) // without the keys
	}
	return items
}

func parseIPsec(b *evidence.Bundle) IPsec {
	s := IPsec{Origin: ran(itemXfrmPolicy, b.Get(itemXfrmPolicy), exitZero), Policies: parsePolicies(b.Get(itemXfrmPolicy).Data)}
	for _, line := range lines(b.Get(itemXfrmState).Data) {
		if strings.HasPrefix(line, "src ") {
			s.States++
		}
	}
	return s
}

// parsePolicies reads ip xfrm policy. Those of sockets ("socket in") belong to a key daemon.
func parsePolicies(data []byte) []IPsecPolicy {
	var out []IPsecPolicy
	for i, line := range lines(data) {
		f := strings.Fields(line)
		switch {
		case strings.HasPrefix(line, "src "):
			x := IPsecPolicy{Quote: Quote{Source: "ip xfrm policy", Line: i + 1, Text: clip(line)}}
			x.Src, _ = netip.ParsePrefix(after(f, "src"))
			x.Dst, _ = netip.ParsePrefix(after(f, "dst"))
			x.Rest = strings.Join(f[min(4, len(f)):], " ")
			out = append(out, x)
			continue
		case len(out) == 0 || len(f) == 0:
			continue
		}
		x := &out[len(out)-1]
		switch f[0] {
		case "dir":
			x.Direction, x.Block = after(f, "dir"), after(f, "action") == "block"
		case "socket":
			x.Direction = "socket"
		case "tmpl":
			x.Demands = true
		case "proto":
			if after(f, "level") == "use" {
				x.Demands = false
			}
		}
		x.Quote.Text = clip(x.Quote.Text + "\n" + line)
	}
	return slices.DeleteFunc(out, func(x IPsecPolicy) bool { return x.Direction == "socket" || x.Direction == "" })
}
