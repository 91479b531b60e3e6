package facts

import (
	"net/netip"
	"testing"

	"sshwhy/internal/evidence"
)

func TestVisitorsName(t *testing.T) {
	ask := Ask{Client: netip.MustParseAddr("192.0.2.2"), User: "alice"}
	none := evidence.Result{Status: evidence.Known, Exit: 2}
	for _, c := range []struct {
		name       string
		host, back evidence.Result
		want       Caller
	}{
		{"both ways", known("192.0.2.2  Desk.Lab.Test desk\n"), known("2001:db8::2 STREAM desk.lab.test\n192.0.2.2 STREAM \n"), Caller{Addr: ask.Client, Named: true, Name: "desk.lab.test"}},
		{"it leads elsewhere", known("192.0.2.2  desk.lab.test\n"), known("203.0.113.5 STREAM desk.lab.test\n"), Caller{Addr: ask.Client, Named: true, False: true}},
		{"it leads nowhere", known("192.0.2.2  desk.lab.test\n"), none, Caller{Addr: ask.Client, Named: true, False: true}},
		{"none", none, evidence.Result{}, Caller{Addr: ask.Client, Named: true}},
		{"an address for a name", known("192.0.2.2  10.0.0.1\n"), evidence.Result{}, Caller{Addr: ask.Client, Named: true}},
		{"no answer", evidence.Result{Status: evidence.Failed, Reason: "time limit"}, evidence.Result{}, Caller{Addr: ask.Client}},
		{"no answer on the way back", known("192.0.2.2  desk.lab.test\n"), evidence.Result{Status: evidence.Failed}, Caller{Addr: ask.Client}},
	} {
		b := evidence.NewBundle()
		b.Put(nameItem(ask.Client), c.host)
		b.Put(backItem("desk.lab.test"), c.back)
		if got := parseNames(b, ask).Caller(ask.Client); got != c.want {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
}

// What libwrap makes of names (hosts_access.c, host_match and string_match).
func TestDecideByName(t *testing.T) {
	addr := netip.MustParseAddr("192.0.2.7")
	named, short := Caller{Addr: addr, Named: true, Name: "pc.good.example"}, Caller{Addr: addr, Named: true, Name: "pc"}
	unnamed, liar := Caller{Addr: addr, Named: true}, Caller{Addr: addr, Named: true, False: true}
	for _, c := range []struct {
		deny   string
		caller Caller
		want   Part
	}{
		{"ALL EXCEPT .good.example", named, NoOne}, {"ALL EXCEPT .good.example", unnamed, Everyone}, {"ALL EXCEPT .good.example", liar, Everyone},
		{"UNKNOWN", unnamed, Everyone}, {"UNKNOWN", named, NoOne}, {"UNKNOWN", liar, NoOne},
		{"KNOWN", named, Everyone}, {"KNOWN", unnamed, NoOne}, {"KNOWN", liar, NoOne},
		{"PARANOID", liar, Everyone}, {"PARANOID", named, NoOne}, {"PARANOID", unnamed, NoOne},
		{"LOCAL", short, Everyone}, {"LOCAL", named, NoOne}, {"pc.GOOD.example", named, Everyone}, {"*.example", named, Everyone}, {"other.example", named, NoOne},
	} {
		b := bundle(map[string]string{"/etc/hosts.allow": "", "/etc/hosts.deny": "sshd: " + c.deny + "\n"})
		if got := parseWrappers(b).Decide(c.caller); got.Denied != c.want {
			t.Errorf("%s, %+v: %d", c.deny, c.caller, got.Denied)
		}
	}
}

func TestDescribe(t *testing.T) {
	ask := Ask{Client: netip.MustParseAddr("192.0.2.2"), User: "alice"}
	for _, c := range []struct{ config, want string }{
		{"Match User bob\n", "user=alice,host=192.0.2.2,addr=192.0.2.2"},
		{"Port 2222\nMatch LocalPort 22\n", "user=alice,host=192.0.2.2,addr=192.0.2.2,lport=2222"},
		{"Match LocalAddress 198.51.100.10\n", "user=alice,host=192.0.2.2,addr=192.0.2.2,laddr=198.51.100.10"},
		{"Match RDomain red LocalPort=22\n", "user=alice,host=192.0.2.2,addr=192.0.2.2,lport=22,rdomain="},
	} {
		b := bundle(map[string]string{"/etc/ssh/sshd_config": c.config})
		route, _ := routeItem(ask)
		b.Put(route, known(`[{"dst":"192.0.2.2","dev":"eth0","prefsrc":"198.51.100.10"}]`))
		spec, _ := visitorSpec(ask)
		if got := describe(b, ask, spec); got != c.want {
			t.Errorf("%q: %s", c.config, got)
		}
	}
}
