package walk

import (
	"context"
	"net"
	"net/netip"
	"time"

	"sshwhy/internal/client"
)

// Addresses reserved for documentation (RFC 5737, RFC 3849): nobody has them,
// so the route to them is the route to the world. No packet is ever sent there.
var (
	farIPv4 = netip.AddrFrom4([4]byte{192, 0, 2, 1})
	farIPv6 = netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, 15: 1})
)

// route asks the system's routing for every address, by connecting a UDP
// socket, which sends nothing and needs no privilege.
func (w *walker) route(ctx context.Context) {
	defer w.report("route", "", time.Second)()
	devices := w.devices()
	for _, a := range w.obs.Resolve.Addresses {
		w.obs.Routes = append(w.obs.Routes, routeTo(ctx, a, devices))
	}
	w.obs.Families = []client.Route{routeTo(ctx, farIPv4, devices), routeTo(ctx, farIPv6, devices)}
}

func routeTo(ctx context.Context, addr netip.Addr, devices map[netip.Addr]device) client.Route {
	r := client.Route{Addr: addr}
	conn, err := new(net.Dialer).DialContext(ctx, "udp", netip.AddrPortFrom(addr, 9).String())
	if err != nil {
		r.Errno, _ = errnoOf(err)
		return r
	}
	defer conn.Close()
	if local, ok := conn.LocalAddr().(*net.UDPAddr); ok {
		r.Source = local.AddrPort().Addr().Unmap()
		if d, ok := devices[r.Source.WithZone("")]; ok {
			r.Device, r.OnLink = d.name, d.prefix.Contains(addr.WithZone(""))
		}
	}
	return r
}

// isOwn reports whether an address is one of this machine's.
func (w *walker) isOwn(a netip.Addr) bool {
	_, own := w.devices()[a.WithZone("")]
	return own || a.IsLoopback()
}

// device is an interface and the network of one of its addresses.
type device struct {
	name   string
	prefix netip.Prefix
}

// deviceNames says which interface has which of this machine's addresses.
func deviceNames() map[netip.Addr]device {
	names := map[netip.Addr]device{}
	devices, err := net.Interfaces()
	if err != nil {
		return names
	}
	for _, d := range devices {
		addrs, err := d.Addrs()
		if err != nil {
			continue
		}
		for _, a := range addrs {
			if p, err := netip.ParsePrefix(a.String()); err == nil {
				names[p.Addr()] = device{d.Name, p.Masked()}
			}
		}
	}
	return names
}
