package facts

import (
	"encoding/json"
	"net/netip"
	"slices"
	"strings"

	"sshwhy/internal/evidence"
)

// Tailscale says whether Tailscale answers SSH itself. It takes what comes in by
// its own interface before any socket of the machine does, so that no listener
// and no rule shows it.
type Tailscale struct {
	Origin Origin // Absent where the machine is in no tailnet
	SSH    bool
	Addrs  []netip.Addr // this machine's in the tailnet
	Quote  Quote
}

const tailscaleLink = "tailscale0" // tailscaled(8), --tun

var itemTailscale = evidence.Command("tailscale", "status", "--json", "--peers=false").AtMost(64 << 10)

// hasTailscale reports whether the machine has Tailscale's interface.
func hasTailscale(b *evidence.Bundle) bool {
	return slices.ContainsFunc(parseLinks(b).All, func(l Link) bool { return l.Name == tailscaleLink })
}

func wantTailscale(b *evidence.Bundle, _ Ask) []evidence.Item {
	if !hasTailscale(b) {
		return nil
	}
	return []evidence.Item{itemTailscale}
}

// parseTailscale reads `tailscale status --json`: a machine whose own entry has
// host keys (ipnstate.PeerStatus, sshHostKeys) answers SSH for its tailnet.
func parseTailscale(b *evidence.Bundle) Tailscale {
	if !hasTailscale(b) {
		return Tailscale{Origin: Origin{Status: evidence.Absent, Source: tailscaleLink}}
	}
	r := b.Get(itemTailscale)
	t := Tailscale{Origin: ran(itemTailscale, r, exitZero)}
	var status struct {
		Self struct {
			TailscaleIPs []netip.Addr
			HostKeys     []string `json:"sshHostKeys"`
		}
	}
	if !t.Origin.Known() {
		return t
	}
	if err := json.Unmarshal(r.Data, &status); err != nil {
		t.Origin.Status, t.Origin.Reason = evidence.Failed, "its output is not what was expected"
		return t
	}
	t.Addrs, t.SSH = status.Self.TailscaleIPs, len(status.Self.HostKeys) > 0
	for i, line := range lines(r.Data) {
		if t.SSH && t.Quote.Text == "" && strings.Contains(line, `"sshHostKeys"`) {
			t.Quote = Quote{Source: t.Origin.Source, Line: i + 1, Text: clip(strings.TrimSpace(line))}
		}
	}
	return t
}

// InTailnet reports whether an address is one that Tailscale gives to machines
// (100.64.0.0/10 and fd7a:115c:a1e0::/48).
func InTailnet(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{100, 64}), 10).Contains(a) ||
		netip.PrefixFrom(netip.AddrFrom16([16]byte{0xfd, 0x7a, 0x11, 0x5c, 0xa1, 0xe0}), 48).Contains(a)
}
