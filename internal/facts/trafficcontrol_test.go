package facts

import (
	"net/netip"
	"strings"
	"testing"

	"sshwhy/internal/evidence"
)

// As tc of iproute2 6.1 prints it.
const (
	queuesOut = "qdisc noqueue 0: dev lo root refcnt 2 \nqdisc htb 1: dev eth0 root refcnt 2 r2q 10 default 0x10\nqdisc clsact ffff: dev eth0 parent ffff:fff1 \nqdisc ingress ffff: dev eth1 parent ffff:fff1 ---------------- \n"
	u32Out    = "filter protocol ip pref 7 u32 chain 0 \nfilter protocol ip pref 7 u32 chain 0 fh 800: ht divisor 1 \n" +
		"filter protocol ip pref 7 u32 chain 0 fh 800::800 order 2048 key ht 800 bkt 0 terminal flowid not_in_hw \n" +
		"  match 00000016/0000ffff at 20\n  match 00060000/00ff0000 at 8\n\taction order 1: mirred (Egress Redirect to device lo) stolen\n\tindex 1 ref 1 bind 1\n\n"
	flowerOut = "filter protocol ip pref 49152 flower chain 0 \nfilter protocol ip pref 49152 flower chain 0 handle 0x1 \n  eth_type ipv4\n  ip_proto tcp\n  dst_port 22\n  not_in_hw\n" +
		"\taction order 1: gact action drop\n\t random type none pass val 0\n\t index 1 ref 1 bind 1\n"
)

func TestTrafficControl(t *testing.T) {
	b := evidence.NewBundle()
	says := func(it evidence.Item, text string) {
		b.Put(it, evidence.Result{Status: evidence.Known, Data: []byte(text)})
	}
	says(itemQueues, queuesOut)
	var asked []string
	for _, it := range wantTrafficControl(b, Ask{})[1:] {
		asked = append(asked, strings.Join(it.Args[4:], " "))
	}
	if got := strings.Join(asked, "; "); got != "eth0; eth0 ingress; eth0 egress; eth1 parent ffff:" {
		t.Errorf("asked for %q", got)
	}
	says(evidence.Command("tc", "filter", "show", "dev", "eth0", "ingress"), u32Out+flowerOut)
	f := parseTrafficControl(b)
	if len(f.Queues) != 4 || len(f.Unread) != 3 {
		t.Errorf("%+v", f)
	}
	var got []string
	for _, x := range f.Filters {
		if len(x.Actions) > 0 {
			got = append(got, x.Device+" "+x.Protocol+" "+x.Kind+": "+strings.Join(x.Terms, ", ")+": "+strings.Join(x.Actions, ", "))
		}
	}
	want := "eth0 ip u32: match 00000016/0000ffff at 20, match 00060000/00ff0000 at 8: mirred (Egress Redirect to device lo) stolen\n" +
		"eth0 ip flower: eth_type ipv4, ip_proto tcp, dst_port 22, not_in_hw: gact action drop"
	if strings.Join(got, "\n") != want {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), want)
	}
}

func TestPolicies(t *testing.T) {
	all := parsePolicies([]byte("src 198.51.100.10/32 dst 192.0.2.0/24 proto tcp sport 22 \n\tdir out priority 0 ptype main \n\ttmpl src 0.0.0.0 dst 0.0.0.0\n\t\tproto esp reqid 0 mode transport\n" +
		"src 192.0.2.0/24 dst 198.51.100.10/32 \n\tdir in action block priority 0 ptype main \n" +
		"src 0.0.0.0/0 dst 0.0.0.0/0 \n\tsocket in priority 0 \n" +
		"src ::/0 dst ::/0 \n\tdir in priority 0 \n\ttmpl src :: dst ::\n\t\tproto comp reqid 0 mode transport\n\t\tlevel use\n"))
	if len(all) != 3 {
		t.Fatalf("%+v", all)
	}
	if x := all[0]; x.Direction != "out" || x.Block || !x.Demands || x.Rest != "proto tcp sport 22" || x.Dst != netip.MustParsePrefix("192.0.2.0/24") {
		t.Errorf("%+v", x)
	}
	if x := all[1]; x.Direction != "in" || !x.Block || x.Demands || x.Src != netip.MustParsePrefix("192.0.2.0/24") {
		t.Errorf("%+v", x)
	}
}

func TestNetstat(t *testing.T) {
	const text = "TcpExt: SyncookiesSent IPReversePathFilter\nTcpExt: 1 7\nIpExt: InNoRoutes\nIpExt: 3\n"
	if got := netstat([]byte(text), "TcpExt:", "IPReversePathFilter"); got != "7" {
		t.Errorf("%q", got)
	}
	if got := netstat([]byte(text), "TcpExt:", "InNoRoutes"); got != "" {
		t.Errorf("%q", got)
	}
}
