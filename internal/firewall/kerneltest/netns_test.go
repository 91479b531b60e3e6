//go:build linux

package kerneltest

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"

	"sshwhy/internal/firewall/prove"
)

// must runs a command line in a namespace.
func must(t *testing.T, n *prove.Namespace, line string) {
	t.Helper()
	if _, err := n.Run(t.Context(), "", strings.Fields(line)...); err != nil {
		t.Fatal(err)
	}
}

// newNamespace makes a namespace that ends with the test.
func newNamespace(t *testing.T) *prove.Namespace {
	t.Helper()
	n, err := prove.NewNamespace()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	return n
}

// The addresses of the two machines of the test.
const (
	serverIface = "s0"
	server4     = "10.99.0.1"
	server4b    = "10.99.0.3"
	server6     = "fd99::1"
	client4     = "10.99.0.2"
	client6     = "fd99::2"
)

// world is a server and a client, joined by a cable.
type world struct {
	server, client       *prove.Namespace
	serverMAC, clientMAC net.HardwareAddr
	wire                 *prove.Wire
	nextPort             uint16
}

// needs skips the test where the kernel cannot be asked.
func needs(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("left out: comparing with the kernel needs root")
	}
	for _, tool := range []string{"nft", "ip", "iptables-nft-save", "iptables-legacy-save", "ipset"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("left out: comparing with the kernel needs %s", tool)
		}
	}
}

func newWorld(t *testing.T) *world {
	t.Helper()
	needs(t)
	w := &world{server: newNamespace(t), client: newNamespace(t), nextPort: 1024}
	must(t, w.server, "ip link add s0 type veth peer name c0")
	must(t, w.server, "ip link set c0 netns "+w.client.Path)
	for _, n := range []struct {
		ns          *prove.Namespace
		dev, a4, a6 string
	}{{w.server, serverIface, server4, server6}, {w.client, "c0", client4, client6}} {
		n.ns.Set("net/ipv6/conf/all/accept_dad 0", "net/ipv6/conf/default/accept_dad 0", "net/ipv4/conf/all/rp_filter 0",
			"net/ipv4/conf/default/rp_filter 0", "net/ipv4/icmp_ratelimit 0", "net/ipv4/icmp_ratemask 0", "net/ipv6/icmp/ratelimit 0",
			"net/ipv4/icmp_msgs_per_sec 1000000", "net/ipv4/icmp_msgs_burst 100000", "net/ipv4/conf/all/send_redirects 0")
		must(t, n.ns, "ip link set lo up")
		must(t, n.ns, "ip link set "+n.dev+" up")
		must(t, n.ns, "ip addr add "+n.a4+"/24 dev "+n.dev)
		must(t, n.ns, "ip addr add "+n.a6+"/64 dev "+n.dev+" nodad")
	}
	must(t, w.server, "ip addr add "+server4b+"/24 dev s0")
	var err1, err2, err3 error
	w.serverMAC, err1 = w.server.MAC(serverIface)
	w.clientMAC, err2 = w.client.MAC("c0")
	w.client.Do(func() { w.wire, err3 = prove.NewWire("c0") })
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.wire.Close() })
	for _, a := range []string{client4, client6} {
		must(t, w.server, "ip neigh replace "+a+" lladdr "+w.clientMAC.String()+" dev s0 nud permanent")
	}
	must(t, w.server, "ip route replace default via "+client4+" dev s0")
	must(t, w.server, "ip -6 route replace default via "+client6+" dev s0")
	return w
}
