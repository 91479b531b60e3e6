//go:build linux

package kerneltest

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// netns is a network namespace that lives in one thread; do runs code there.
type netns struct {
	path string
	work chan func()
}

// newNetns makes a namespace that ends with the test.
func newNetns(t *testing.T) *netns {
	t.Helper()
	n := &netns{work: make(chan func())}
	ready := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with its namespace
		err := unix.Unshare(unix.CLONE_NEWNET)
		n.path = fmt.Sprintf("/proc/%d/task/%d/ns/net", os.Getpid(), unix.Gettid())
		ready <- err
		if err == nil {
			for f := range n.work {
				f()
			}
		}
	}()
	if err := <-ready; err != nil {
		t.Fatalf("unshare: %v", err)
	}
	t.Cleanup(func() { close(n.work) })
	return n
}

func (n *netns) do(f func()) {
	done := make(chan struct{})
	n.work <- func() { defer close(done); f() }
	<-done
}

// run runs a program in the namespace.
func (n *netns) run(stdin string, args ...string) (out []byte, err error) {
	n.do(func() {
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Stdin = strings.NewReader(stdin)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err = cmd.Output()
		if err != nil {
			err = fmt.Errorf("%s: %w: %.300s", strings.Join(args, " "), err, stderr.Bytes())
		}
	})
	return out, err
}

func (n *netns) must(t *testing.T, line string) {
	t.Helper()
	if _, err := n.run("", strings.Fields(line)...); err != nil {
		t.Fatal(err)
	}
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
	server, client     *netns
	serverMAC          net.HardwareAddr
	clientMAC          net.HardwareAddr
	wire               *wire
	nextPort           uint16
	hasLegacy, hasNftX bool
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
	w := &world{server: newNetns(t), client: newNetns(t), nextPort: 1024}
	w.server.must(t, "ip link add s0 type veth peer name c0")
	w.server.must(t, "ip link set c0 netns "+w.client.path)
	for _, n := range []struct {
		ns                  *netns
		dev, a4, a6, g4, g6 string
	}{
		{w.server, "s0", server4, server6, client4, client6},
		{w.client, "c0", client4, client6, server4, server6},
	} {
		n.ns.do(func() {
			for _, kv := range []string{"net/ipv6/conf/all/accept_dad 0", "net/ipv6/conf/default/accept_dad 0", "net/ipv4/conf/all/rp_filter 0",
				"net/ipv4/conf/default/rp_filter 0", "net/ipv4/icmp_ratelimit 0", "net/ipv4/icmp_ratemask 0", "net/ipv6/icmp/ratelimit 0",
				"net/ipv4/icmp_msgs_per_sec 1000000", "net/ipv4/icmp_msgs_burst 100000", "net/ipv4/conf/all/send_redirects 0"} {
				k, v, _ := strings.Cut(kv, " ")
				_ = os.WriteFile("/proc/thread-self/../sys/"+k, []byte(v), 0o644)
				_ = os.WriteFile("/proc/sys/"+k, []byte(v), 0o644)
			}
		})
		n.ns.must(t, "ip link set lo up")
		n.ns.must(t, "ip link set "+n.dev+" up")
		n.ns.must(t, "ip addr add "+n.a4+"/24 dev "+n.dev)
		n.ns.must(t, "ip addr add "+n.a6+"/64 dev "+n.dev+" nodad")
	}
	w.server.must(t, "ip addr add "+server4b+"/24 dev s0")
	mac := func(n *netns, dev string) (hw net.HardwareAddr) {
		n.do(func() {
			if i, err := net.InterfaceByName(dev); err == nil {
				hw = i.HardwareAddr
			}
		})
		return hw
	}
	w.serverMAC, w.clientMAC = mac(w.server, "s0"), mac(w.client, "c0")
	w.server.must(t, "ip neigh replace "+client4+" lladdr "+w.clientMAC.String()+" dev s0 nud permanent")
	w.server.must(t, "ip neigh replace "+client6+" lladdr "+w.clientMAC.String()+" dev s0 nud permanent")
	w.server.must(t, "ip route replace default via "+client4+" dev s0")
	w.server.must(t, "ip -6 route replace default via "+client6+" dev s0")
	w.client.do(func() { w.wire = newWire(t, "c0") })
	return w
}
