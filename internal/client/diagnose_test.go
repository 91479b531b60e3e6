package client

import (
	"net/netip"
	"strings"
	"testing"

	"sshwhy/internal/report"
	"sshwhy/internal/sshwire"
)

// The addresses of recorded walks.
var (
	testV4  = netip.MustParseAddrPort("192.0.2.7:22")
	testV6  = netip.MustParseAddrPort("[2001:db8::7]:22")
	testRtr = netip.MustParseAddr("198.51.100.1")
	testOwn = netip.MustParseAddr("192.0.2.1")
	farIPv4 = netip.MustParseAddr("192.0.2.1")
	farIPv6 = netip.MustParseAddr("2001:db8::1")
)

// recorded is a walk to web1 that came as far as to connect, with the attempts
// given.
func recorded(attempts ...Attempt) *Observations {
	o := &Observations{
		Typed: "web1", Config: Config{Values: map[string][]string{"hostname": {"web1"}, "port": {"22"}, "user": {"alice"}}},
		Resolve: &Resolve{Name: "web1"}, Connect: attempts, PortsAsked: true,
	}
	for _, a := range attempts {
		o.Resolve.Addresses = append(o.Resolve.Addresses, a.Addr.Addr())
		o.Routes = append(o.Routes, Route{Addr: a.Addr.Addr(), Source: testOwn, Device: "eth0"})
		if a.Outcome == Connected && o.Chosen == "" {
			o.Chosen = a.Addr.String()
		}
	}
	return o
}

func refusedAt(a netip.AddrPort) Attempt {
	return Attempt{Addr: a, Outcome: Failed, Errno: "ECONNREFUSED", Text: "connection refused", Ms: 0.4, TCP: &TCPInfo{SegsIn: 1, SegsOut: 1}}
}

func silentAt(a netip.AddrPort) Attempt {
	return Attempt{Addr: a, Outcome: Silent, Ms: 8000, TCP: &TCPInfo{SegsOut: 7, TotalRetrans: 6}}
}

func icmpAt(a netip.AddrPort, errno Errno, ms float64, i ICMP) Attempt {
	return Attempt{Addr: a, Outcome: Failed, Errno: errno, Text: string(errno), Ms: ms, ICMP: &i, TCP: &TCPInfo{SegsOut: 1}}
}

func goodAt(a netip.AddrPort) Attempt { return Attempt{Addr: a, Outcome: Connected, Ms: 0.5} }

// TestDiagnoseConnect holds the table of design: which signals mean what. Every
// row was measured between network namespaces.
func TestDiagnoseConnect(t *testing.T) {
	other := netip.AddrPortFrom(testV4.Addr(), 2222)
	with := func(o *Observations, change func(*Observations)) *Observations { change(o); return o }
	banner := &Banner{Ident: sshwire.Ident{Line: "SSH-2.0-OpenSSH_9.2p1", Protocol: "2.0", Software: "OpenSSH_9.2p1"}, Ms: 20}
	for _, tt := range []struct {
		name   string
		o      *Observations
		causes string // the blocking ones
		words  string // in the headline
	}{
		{"reset", recorded(refusedAt(testV4)), "connection-refused", "is up, but refuses"},
		{"reset from nearer", recorded(func() Attempt { a := refusedAt(testV4); a.Reset = &Reset{HostTTL: 63, Above: true}; return a }()), "refused-by-firewall", "nearer than the host"},
		{"refused without a segment", recorded(func() Attempt { a := refusedAt(testV4); a.TCP.SegsIn = 0; return a }()), "refused-by-firewall", ""},
		{"port unreachable from the host", recorded(icmpAt(testV4, "ECONNREFUSED", 0.2, ICMP{Type: 3, Code: 3, Offender: testV4.Addr()})), "refused-by-firewall", "the host itself"},
		{"admin prohibited from a router", recorded(icmpAt(testV4, "EHOSTUNREACH", 0.2, ICMP{Type: 3, Code: 13, Offender: testRtr})), "refused-by-firewall", "the router 198.51.100.1"},
		{"ICMPv6 prohibited", recorded(icmpAt(testV6, "EACCES", 1020, ICMP{V6: true, Type: 1, Code: 1, Offender: testV6.Addr()})), "refused-by-firewall", ""},
		{"host unreachable after three seconds", recorded(icmpAt(testV4, "EHOSTUNREACH", 3060, ICMP{Type: 3, Code: 1, Offender: testRtr})), "host-unreachable", "nobody has this address"},
		{"neighbour not found here", recorded(icmpAt(testV4, "EHOSTUNREACH", 3060, ICMP{Type: 3, Code: 1, Offender: testOwn, Own: true})), "host-unreachable", ""},
		{"own firewall rejects", recorded(icmpAt(testV4, "ECONNREFUSED", 0.1, ICMP{Type: 3, Code: 3, Offender: testOwn, Own: true})), "local-firewall", "own firewall"},
		{"own firewall drops", with(recorded(silentAt(testV4)), func(o *Observations) { o.RetransFail = 6 }), "local-firewall", "own firewall drops"},
		{"forbidden to this program", recorded(Attempt{Addr: testV4, Outcome: Failed, Errno: "EPERM", Text: "operation not permitted", At: "connect"}), "local-firewall", ""},
		{"no route in a router", recorded(icmpAt(testV4, "ENETUNREACH", 0.2, ICMP{Type: 3, Code: 0, Offender: testRtr})), "network-unreachable-remote", "does not know the way"},
		{"no route for this port only", with(recorded(icmpAt(testV4, "ENETUNREACH", 0.2, ICMP{Type: 3, Code: 0, Offender: testRtr})),
			func(o *Observations) { o.OtherPorts = []Attempt{refusedAt(other)} }), "refused-by-firewall", "for this port"},
		{"silence", recorded(silentAt(testV4)), "connection-timed-out", "only silence for 8.0 s"},
		{"silence of a living host", with(recorded(silentAt(testV4)), func(o *Observations) { o.OtherPorts = []Attempt{refusedAt(other)} }), "connection-timed-out", "is alive"},
		{"silence, and a router answers for other ports", with(recorded(silentAt(testV4)),
			func(o *Observations) {
				o.OtherPorts = []Attempt{icmpAt(other, "ECONNREFUSED", 1, ICMP{Type: 3, Code: 3, Offender: testRtr})}
			}), "connection-timed-out", "only silence"},
		{"server on another port", with(recorded(refusedAt(testV4)), func(o *Observations) {
			o.OtherPorts = []Attempt{{Addr: other, Outcome: Connected, Banner: "SSH-2.0-OpenSSH_9.6"}}
		}), "wrong-port", "port 2222"},
		{"something else on another port", with(recorded(refusedAt(testV4)), func(o *Observations) {
			o.OtherPorts = []Attempt{{Addr: other, Outcome: Connected, Banner: "HTTP/1.1 400"}}
		}), "connection-refused", ""},
		{"hosts file is out of date", with(recorded(silentAt(testV4)), func(o *Observations) {
			o.Resolve.Hosts = []Applied{{File: "/etc/hosts", Line: 3, Text: "192.0.2.7 web1"}}
			a := goodAt(netip.MustParseAddrPort("198.51.100.20:22"))
			o.Elsewhere = &a
		}), "name-overridden", "/etc/hosts, line 3"},
		{"IPv6 silent, IPv4 answers", with(recorded(silentAt(testV6), goodAt(testV4)), func(o *Observations) { o.Banner = banner }), "", ""},
		{"answers after ConnectTimeout", with(recorded(func() Attempt { a := goodAt(testV4); a.Ms = 3100; return a }()), func(o *Observations) {
			o.Config.Values["connecttimeout"] = []string{"2"}
			o.Banner = banner
		}), "connect-timeout-too-short", "only 2 s"},
		{"both families, different faults", recorded(silentAt(testV6), refusedAt(testV4)), "connection-refused connection-timed-out", "refuses"},
		{"the other family is only not in use here", recorded(Attempt{Addr: testV6, Outcome: Failed, Errno: "ENETUNREACH", At: "connect"}, refusedAt(testV4)), "connection-refused", ""},
		{"reset while connecting", recorded(Attempt{Addr: testV4, Outcome: Failed, Errno: "ECONNRESET", Text: "connection reset by peer", Ms: 1}), "closed-before-banner", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := Diagnose(tt.o, "test")
			if got := blocking(r); got != tt.causes || !strings.Contains(r.Headline, tt.words) {
				t.Errorf("got %q, want %q: %s", got, tt.causes, r.Headline)
			}
			for _, f := range r.Findings {
				if len(f.Evidence) == 0 || f.Remedy == nil {
					t.Errorf("%s has no evidence or no remedy", f.Cause)
				}
			}
		})
	}
}

// TestOtherFamilyIsANote: what was asked for stays the answer.
func TestOtherFamilyIsANote(t *testing.T) {
	o := recorded(silentAt(testV4))
	o.OtherFamily = []Attempt{goodAt(testV6)}
	r := Diagnose(o, "test")
	if blocking(r) != "connection-timed-out" || len(r.Findings) != 2 || r.Findings[1].Cause != "address-family-mismatch" || r.Findings[1].Impact != report.Note {
		t.Errorf("findings %+v", r.Findings)
	}
}

// TestSlowFirst: a dead address before a good one makes ssh slow, not broken.
func TestSlowFirst(t *testing.T) {
	o := recorded(silentAt(testV4), goodAt(netip.MustParseAddrPort("192.0.2.8:22")))
	o.Banner = &Banner{Ident: sshwire.Ident{Line: "SSH-2.0-x", Protocol: "2.0"}, Ms: 5}
	r := Diagnose(o, "test")
	if r.Verdict != report.VerdictDegraded || len(r.Findings) != 1 || r.Findings[0].Cause != "connection-timed-out" || !strings.Contains(r.Headline, "One address of web1") {
		t.Errorf("%s %s %+v", r.Verdict, r.Headline, r.Findings)
	}
	// The same with the other family first is the other cause.
	o = recorded(silentAt(testV6), goodAt(testV4))
	o.Banner = &Banner{Ident: sshwire.Ident{Line: "SSH-2.0-x", Protocol: "2.0"}, Ms: 5}
	if r := Diagnose(o, "test"); r.Verdict != report.VerdictDegraded || r.Findings[0].Cause != "address-family-mismatch" {
		t.Errorf("%s %s", r.Verdict, r.Headline)
	}
}

// TestDiagnoseResolve holds the ways in which a name can fail.
func TestDiagnoseResolve(t *testing.T) {
	asked := func(answers ...Answer) *Observations {
		o := recorded()
		o.Resolve.Err, o.Resolve.Servers, o.Resolve.Asked = "lookup web1: failed", []string{"192.0.2.53"}, answers
		return o
	}
	a := func(code, err string) Answer {
		return Answer{Server: "192.0.2.53", Name: "web1.", Type: "A", Code: code, Err: err}
	}
	for _, tt := range []struct {
		name          string
		o             *Observations
		causes, words string
	}{
		{"no such name", asked(a("NXDOMAIN", ""), a("NXDOMAIN", "")), "name-not-found", "no host called web1"},
		{"no address", asked(a("NOERROR", ""), a("NOERROR", "")), "name-not-found", "has no address"},
		{"nobody answers", asked(a("", "no answer"), a("", "no answer")), "name-server-unreachable", "192.0.2.53"},
		{"server is sick", asked(a("SERVFAIL", "")), "name-server-unreachable", "SERVFAIL"},
		{"one server is silent, the other knows", asked(a("", "no answer"), a("NXDOMAIN", "")), "name-not-found", ""},
		{"not even a name", asked(a("", "not a domain name")), "name-not-found", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := Diagnose(tt.o, "test")
			if got := blocking(r); got != tt.causes || !strings.Contains(r.Headline, tt.words) {
				t.Errorf("got %q, want %q: %s", got, tt.causes, r.Headline)
			}
		})
	}
	o := asked(a("NXDOMAIN", ""))
	o.Typed, o.Resolve.Name = "web1:22", "web1:22"
	if r := Diagnose(o, "test"); blocking(r) != "wrong-host-name" || !strings.Contains(r.Headline, "-p 22 web1") {
		t.Errorf("a port behind a colon: %s", r.Headline)
	}
	o = recorded()
	o.Resolve.Unwanted = []netip.Addr{testV6.Addr()}
	o.Config.Values["addressfamily"] = []string{"inet"}
	if r := Diagnose(o, "test"); blocking(r) != "no-usable-address-family" {
		t.Errorf("only IPv6 with -4: %s", r.Headline)
	}
}

// TestDiagnoseRoute holds the local faults: nothing was ever sent.
func TestDiagnoseRoute(t *testing.T) {
	far := func(addr netip.Addr, errno Errno) Route { return Route{Addr: addr, Errno: errno} }
	for _, tt := range []struct {
		name   string
		addr   netip.AddrPort
		errno  Errno
		far    []Route
		causes string
	}{
		{"no default route", testV4, "ENETUNREACH", []Route{far(farIPv4, "ENETUNREACH"), far(farIPv6, "ENETUNREACH")}, "no-route"},
		{"prohibited here", testV4, "EACCES", []Route{far(farIPv4, ""), far(farIPv6, "")}, "no-route"},
		{"IPv6 only, and none here", testV6, "ENETUNREACH", []Route{far(farIPv4, ""), far(farIPv6, "ENETUNREACH")}, "no-usable-address-family"},
		{"IPv4 only, and none here", testV4, "ENETUNREACH", []Route{far(farIPv4, "ENETUNREACH"), far(farIPv6, "")}, "no-usable-address-family"},
	} {
		o := recorded(Attempt{Addr: tt.addr, Outcome: Failed, Errno: tt.errno, At: "connect"})
		o.Routes, o.Families = []Route{{Addr: tt.addr.Addr(), Errno: tt.errno}}, tt.far
		if r := Diagnose(o, "test"); blocking(r) != tt.causes {
			t.Errorf("%s: got %q: %s", tt.name, blocking(r), r.Headline)
		}
	}
}
