package firewall

import (
	"net/netip"
	"os"
	"path/filepath"
	"testing"
)

// sample reads a machine recorded in the lab.
func sample(t testing.TB, name string) *Ruleset {
	t.Helper()
	read := func(file string) []byte {
		b, err := os.ReadFile(filepath.Join("testdata", name, file))
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		return b
	}
	rs, problems := Read(Sources{NftJSON: read("nft.json"), NftText: read("nft.txt"), NftSave4: read("save4"), NftSave6: read("save6")})
	for _, p := range problems {
		t.Error(p)
	}
	return rs
}

// visit is the packet of a visitor to the lab's server.
func visit(src string, port uint16) Packet {
	a := netip.MustParseAddr(src)
	p := Packet{Src: a, Dst: netip.MustParseAddr("198.51.100.10"), Dport: port, Family: FamilyOf(a), Iface: "eth0", RoutedBack: Yes}
	if p.Family == IPv6 {
		p.Dst = netip.MustParseAddr("2001:db8:2::10")
	}
	p.Locals = []netip.Addr{p.Dst}
	p.IfaceAddrs = p.Locals
	return p
}

// TestRecorded asks about machines of the lab with real ufw, firewalld and fail2ban.
func TestRecorded(t *testing.T) {
	for _, c := range []struct {
		machine, src string
		port         uint16
		kind         Kind
		with         RejectWith
		chain        string
	}{
		{"ufw", "192.0.2.2", 22, Drop, "", "ip filter ufw-user-input"},
		{"ufw", "203.0.113.9", 22, Drop, "", "ip filter ufw-user-input"},
		{"ufw", "192.0.2.3", 22, Accept, "", ""},
		{"ufw", "192.0.2.3", 2222, Limited, "", ""},
		{"ufw", "192.0.2.3", 80, Drop, "", "ip filter INPUT"},
		{"ufw", "2001:db8:1::2", 22, Drop, "", "ip6 filter ufw6-user-input"},
		{"ufw", "2001:db8:1::3", 22, Accept, "", ""},
		{"firewalld", "192.0.2.2", 22, Reject, WithAdminProhib, "inet firewalld filter_INPUT_POLICIES"},
		{"firewalld", "203.0.113.2", 22, Reject, WithPortUnreach, "inet firewalld filter_IN_public_deny"},
		{"firewalld", "2001:db8:1::3", 22, Reject, WithAdminProhib, "inet firewalld filter_INPUT_POLICIES"},
		{"fail2ban", "192.0.2.2", 22, Reject, WithPortUnreach, "inet f2b-table f2b-chain"},
		{"fail2ban", "192.0.2.3", 22, Accept, "", ""},
	} {
		v := sample(t, c.machine).Evaluate(visit(c.src, c.port))
		chain := ""
		if v.Chain != nil {
			chain = v.Chain.Title()
		}
		if v.Kind != c.kind || v.Reject != c.with || chain != c.chain {
			t.Errorf("%s, %s to port %d: %v %q in %q; want %v %q in %q", c.machine, c.src, c.port, v.Kind, v.Reject, chain, c.kind, c.with, c.chain)
			for _, e := range v.Trace {
				t.Log(e)
			}
			for _, u := range v.Unsure {
				t.Log("unsure: ", u.Rule.Title(), u.Why)
			}
		}
	}
}
