package client

import (
	"net/netip"
	"strings"
	"testing"

	"sshwhy/internal/report"
)

// probeClass is the traffic class of what a walk sends to see how resets are made.
const probeClass = 0x28

// Resets as network-signals measured them: the host's kernel reflects the DSCP and
// has a flow label, a rule has neither, and one on the router arrives with a hop more.
func kernelReset(port uint16, ttl int) Probe {
	return Probe{Port: port, Class: probeClass, Answered: true, TTL: ttl, Back: probeClass}
}

func ruleReset(port uint16, ttl int) Probe {
	return Probe{Port: port, Class: probeClass, Answered: true, TTL: ttl}
}

func fin(p Probe) Probe { p.FIN = true; return p }

// TestDiagnoseResets holds what follows from how a host's resets are made, and that
// nothing follows where the path takes the marks away.
func TestDiagnoseResets(t *testing.T) {
	reset := func(r Reset) *Reset { return &r }
	silentFIN := Probe{Port: 22, FIN: true, Class: probeClass}
	for _, tt := range []struct {
		name      string
		reset     *Reset
		probes    []Probe
		cause     string
		certainty report.Certainty
		words     string
	}{
		{"a closed port", reset(Reset{HostTTL: 63}), []Probe{kernelReset(22, 63), kernelReset(2222, 63)}, "connection-refused", report.Confirmed, "no program listens"},
		{"a closed port, and nothing to compare with", nil, []Probe{kernelReset(22, 63)}, "connection-refused", report.Likely, ""},
		{"a closed port, and every other is silent", reset(Reset{HostTTL: 63}), []Probe{kernelReset(22, 63)}, "connection-refused", report.Confirmed, ""},
		{"a rule on the host", reset(Reset{HostTTL: 63}), []Probe{ruleReset(22, 63), kernelReset(2222, 63)}, "refused-by-firewall", report.Confirmed, "made by a rule;"},
		{"a rule, by the flow label alone", nil, []Probe{{Port: 22, Answered: true, TTL: 63}, {Port: 2222, Answered: true, TTL: 63, Label: 7}}, "refused-by-firewall", report.Confirmed, ""},
		{"a rule on the router", reset(Reset{HostTTL: 63, Above: true}), []Probe{ruleReset(22, 64), kernelReset(2222, 63)}, "refused-by-firewall", report.Confirmed, "nearer"},
		{"a rule for SYNs over a listener", nil, []Probe{ruleReset(22, 63), kernelReset(2222, 63), silentFIN, fin(kernelReset(2222, 63))}, "refused-by-firewall", report.Confirmed, "Something does listen"},
		{"the same on a path without marks", nil, []Probe{ruleReset(22, 63), ruleReset(2222, 63), silentFIN, fin(ruleReset(2222, 63))}, "refused-by-firewall", report.Likely, "Something does listen"},
		{"FINs do not arrive at all", nil, []Probe{ruleReset(22, 63), ruleReset(2222, 63), silentFIN, {Port: 2222, FIN: true}}, "connection-refused", report.Likely, ""},
		{"the path takes the mark away", reset(Reset{HostTTL: 63}), []Probe{ruleReset(22, 63), ruleReset(2222, 63)}, "connection-refused", report.Likely, ""},
		{"the path gives SSH another mark", nil, []Probe{{Port: 22, Class: probeClass, Answered: true, TTL: 63, Back: 0x40}, kernelReset(2222, 63)}, "connection-refused", report.Likely, ""},
		{"two resets that disagree", nil, []Probe{kernelReset(22, 63), ruleReset(22, 63), kernelReset(2222, 63)}, "connection-refused", report.Likely, ""},
		{"forwarded to a machine behind", reset(Reset{HostTTL: 64, Below: true}), []Probe{kernelReset(22, 63), kernelReset(2222, 64)}, "port-forward-broken", report.Likely, "farther away"},
		{"forwarded to another system", nil, []Probe{kernelReset(22, 126), kernelReset(2222, 63)}, "port-forward-broken", report.Likely, ""},
		{"the path varies", nil, []Probe{kernelReset(22, 62), kernelReset(22, 63), kernelReset(2222, 63)}, "connection-refused", report.Likely, ""},
		{"without privilege, from farther", reset(Reset{HostTTL: 64, Below: true}), nil, "port-forward-broken", report.Likely, "farther away"},
		{"without privilege, no difference", reset(Reset{HostTTL: 63}), nil, "connection-refused", report.Likely, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := refusedAt(testV4)
			a.Reset = tt.reset
			o := recorded(a)
			o.Probes = tt.probes
			r := Diagnose(o, "test")
			if len(r.Findings) != 1 {
				t.Fatalf("findings %+v", r.Findings)
			}
			f := r.Findings[0]
			if f.Cause != tt.cause || f.Certainty != tt.certainty || !strings.Contains(f.Summary, tt.words) {
				t.Errorf("got %s %s, want %s %s: %s", f.Certainty, f.Cause, tt.certainty, tt.cause, f.Summary)
			}
			if tt.cause == "connection-refused" && len(r.Incomplete) == 0 {
				t.Error("what stays inseparable is not said")
			}
		})
	}
}

// TestProbesBelongToOneAddress: what was seen of one address says nothing of another.
func TestProbesBelongToOneAddress(t *testing.T) {
	o := recorded(refusedAt(testV6), refusedAt(netip.MustParseAddrPort("192.0.2.9:22")))
	o.Probes = []Probe{ruleReset(22, 63), kernelReset(2222, 63)}
	r := Diagnose(o, "test")
	if blocking(r) != "connection-refused refused-by-firewall" {
		t.Errorf("got %s", blocking(r))
	}
}

// TestWhatStaysInDoubt: the report says which doubt is left, and not another one.
func TestWhatStaysInDoubt(t *testing.T) {
	said := func(change func(*Observations)) string {
		o := recorded(refusedAt(testV4))
		change(o)
		for _, in := range Diagnose(o, "test").Incomplete {
			if in.Check == "who refused" {
				return in.Reason
			}
		}
		return ""
	}
	for words, change := range map[string]func(*Observations){
		"as root sshwhy can often tell":  func(*Observations) {},
		"a TCP made the reset":           func(o *Observations) { o.Probes = []Probe{kernelReset(22, 63)} },
		"the marks that tell them apart": func(o *Observations) { o.Probes = []Probe{ruleReset(22, 63), ruleReset(2222, 63)} },
		"it is this very machine":        func(o *Observations) { o.Routes[0].Source = testV4.Addr() },
		"a machine at the same distance": func(o *Observations) { o.Probes = []Probe{kernelReset(22, 63), kernelReset(2222, 63)} },
	} {
		if got := said(change); !strings.Contains(got, words) {
			t.Errorf("want %q, got %q", words, got)
		}
	}
}
