package facts

import (
	"net/netip"
	"strconv"
	"strings"
)

// Endpoint is an address and port that something listens on, or should.
type Endpoint struct {
	Addr netip.Addr
	Port int
	Dual bool // an IPv6 wildcard that takes IPv4 in, too
}

func (e Endpoint) String() string {
	if e.Dual {
		return "*:" + strconv.Itoa(e.Port)
	}
	return netip.AddrPortFrom(e.Addr, uint16(e.Port)).String()
}

// Covers reports whether a connection to addr at this port arrives here.
// An invalid addr stands for any address.
func (e Endpoint) Covers(addr netip.Addr, port int) bool {
	if e.Port != port {
		return false
	}
	addr = addr.Unmap()
	switch {
	case !addr.IsValid(), e.Addr == addr:
		return true
	case !e.Addr.IsUnspecified():
		return false
	case addr.Is4():
		return e.Addr.Is4() || e.Dual
	}
	return e.Addr.Is6()
}

// V4 and V6 report which families the endpoint takes.
func (e Endpoint) V4() bool { return e.Addr.Is4() || e.Dual }

// V6 reports whether the endpoint takes IPv6.
func (e Endpoint) V6() bool { return e.Addr.Is6() }

// parseEndpoint reads "0.0.0.0:22", "[::]:22", "*:22", "[fe80::1]%eth0:22",
// "127.0.0.1%lo:53" (ss), and a bare port.
func parseEndpoint(s string) (Endpoint, bool) {
	i := strings.LastIndex(s, ":")
	host, port := s[:max(i, 0)], s[i+1:]
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return Endpoint{}, false
	}
	if host == "*" || host == "" {
		return Endpoint{Addr: netip.IPv6Unspecified(), Port: int(n), Dual: true}, true
	}
	host, _, _ = strings.Cut(strings.Replace(host, "]%", "%", 1), "%")
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	if err != nil {
		return Endpoint{}, false
	}
	return Endpoint{Addr: addr.Unmap(), Port: int(n)}, true
}
