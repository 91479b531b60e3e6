package prove

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"time"

	"sshwhy/internal/firewall"
	"sshwhy/internal/proc"
)

// Sentinel is a table that writes down which packets passed everything: their
// source port, and the port they arrived at.
const Sentinel = `table inet zz_sshwhy {
 set arrived { type inet_service . inet_service; flags dynamic; size 65535; }
 chain input { type filter hook input priority 2000000000; policy accept;
  meta l4proto tcp add @arrived { tcp sport . tcp dport }
 }
}
`

// traced marks the packet for nft monitor trace before all other rules, those on
// the interface itself included.
const traced = `table netdev zz_sshwhy_trace {
 chain in { type filter hook ingress device "%s" priority -2000000000; policy accept;
  meta l4proto tcp meta nftrace set 1
 }
}
`

// Times of a proof. Answers come within a millisecond on a veth pair; the monitor
// needs a moment to subscribe.
const (
	settle = 150 * time.Millisecond
	quiet  = 200 * time.Millisecond
)

// clientPort is the port the packet is sent from where none is given.
const clientPort = 50022

// Run loads the rules into a replica of the machine and sends the packet there.
// p must have both addresses, the interface, and come in.
func Run(ctx context.Context, src firewall.Sources, p firewall.Packet) (Result, error) {
	if !p.Src.IsValid() || !p.Dst.IsValid() || p.Iface == "" || p.Path != firewall.Incoming || p.Src.IsLoopback() {
		return Result{}, errors.New("a proof needs the visitor's address, this machine's, and the interface between them")
	}
	server, err := NewNamespace()
	if err != nil {
		return Result{}, err
	}
	defer server.Close()
	visitor, err := NewNamespace()
	if err != nil {
		return Result{}, err
	}
	defer visitor.Close()
	r := replica{server: server, visitor: visitor, packet: p}
	if err := r.build(ctx, src); err != nil {
		return Result{}, err
	}
	if err := Load(ctx, server, src); err != nil {
		return Result{}, fmt.Errorf("the rules do not load into a replica: %w", err)
	}
	return r.send(ctx)
}

// replica is a copy of the machine's network.
type replica struct {
	server, visitor *Namespace
	packet          firewall.Packet
}

// build joins the two by a cable, and gives the server the interfaces and
// addresses that the rules may ask for.
func (r *replica) build(ctx context.Context, src firewall.Sources) error {
	p := &r.packet
	r.server.Set("net/ipv6/conf/all/accept_dad 0", "net/ipv6/conf/default/accept_dad 0", "net/ipv4/conf/all/rp_filter 0",
		"net/ipv4/conf/default/rp_filter 0", "net/ipv4/icmp_ratelimit 0", "net/ipv6/icmp/ratelimit 0")
	lines := []string{
		"ip link add " + p.Iface + " type veth peer name visitor",
		"ip link set visitor netns " + r.visitor.Path,
		"ip link set lo up", "ip link set " + p.Iface + " up",
	}
	for _, a := range p.IfaceAddrs {
		lines = append(lines, addressLine(a, p.Iface))
	}
	for _, a := range p.Locals {
		if !a.IsLoopback() && !contains(p.IfaceAddrs, a) {
			lines = append(lines, addressLine(a, "lo"))
		}
	}
	if !contains(p.IfaceAddrs, p.Dst) && !contains(p.Locals, p.Dst) {
		lines = append(lines, addressLine(p.Dst, p.Iface))
	}
	for _, name := range interfacesNamed(src.NftText) {
		if name != p.Iface && name != "lo" {
			lines = append(lines, "ip link add "+name+" type dummy")
		}
	}
	for _, line := range lines {
		if _, err := r.server.Run(ctx, "", strings.Fields(line)...); err != nil {
			return err
		}
	}
	if _, err := r.visitor.Run(ctx, "", "ip", "link", "set", "visitor", "up"); err != nil {
		return err
	}
	mac, err := r.visitor.MAC("visitor")
	if err != nil {
		return err
	}
	for _, line := range []string{
		"ip route replace " + p.Src.String() + " dev " + p.Iface,
		"ip neigh replace " + p.Src.String() + " lladdr " + mac.String() + " dev " + p.Iface + " nud permanent",
	} {
		if _, err := r.server.Run(ctx, "", strings.Fields(line)...); err != nil {
			return err
		}
	}
	return nil
}

func addressLine(a netip.Addr, dev string) string {
	if a.Is4() {
		return "ip addr add " + a.String() + "/32 dev " + dev
	}
	return "ip addr add " + a.String() + "/128 dev " + dev + " nodad"
}

func contains(list []netip.Addr, a netip.Addr) bool {
	for _, b := range list {
		if a == b {
			return true
		}
	}
	return false
}

// send sends the packet and finds out what became of it.
func (r *replica) send(ctx context.Context) (Result, error) {
	p := &r.packet
	if _, err := r.server.Run(ctx, Sentinel+fmt.Sprintf(traced, p.Iface), "nft", "-f", "-"); err != nil {
		return Result{}, err
	}
	from, err := r.visitor.MAC("visitor")
	if err != nil {
		return Result{}, err
	}
	to, err := r.server.MAC(p.Iface)
	if err != nil {
		return Result{}, err
	}
	var wire *Wire
	r.visitor.Do(func() { wire, err = NewWire("visitor") })
	if err != nil {
		return Result{}, err
	}
	defer wire.Close()
	stop := r.monitor()
	time.Sleep(settle)
	wire.Answers(0)
	sport := p.Sport
	if sport == 0 {
		sport = clientPort
	}
	if err := wire.Send(from, to, netip.AddrPortFrom(p.Src, sport), netip.AddrPortFrom(p.Dst, p.Dport)); err != nil {
		stop()
		return Result{}, err
	}
	answers := wire.Answers(quiet)
	res := Result{Kind: firewall.Drop, Trace: stop()}
	arrived, err := Arrived(ctx, r.server)
	if err != nil {
		return Result{}, err
	}
	if port := arrived[sport]; port != 0 {
		res.Kind, res.Port = firewall.Accept, port
	} else if with := answers[sport]; with != "" {
		res.Kind, res.Reject = firewall.Reject, with
	}
	return res, nil
}

// maxTrace bounds the lines kept of the kernel's trace.
const maxTrace = 200

// monitor starts nft monitor trace; the function that is returned ends it and
// gives its lines. Without a trace the verdict still stands.
func (r *replica) monitor() func() []string {
	var nft *proc.Process
	var pipes *proc.Pipes
	var err error
	r.server.Do(func() { nft, pipes, err = proc.Piped(proc.Command{Args: []string{"nft", "-a", "monitor", "trace"}}) })
	if err != nil {
		return func() []string { return nil }
	}
	pipes.In.Close()
	pipes.Err.Close()
	var mu sync.Mutex
	var lines []string
	done := make(chan struct{})
	go func() {
		defer close(done)
		for sc := bufio.NewScanner(pipes.Out); sc.Scan(); {
			line := strings.TrimSpace(sc.Text())
			if i := strings.Index(line, "trace id "); i >= 0 && !strings.Contains(line, "zz_sshwhy") && !strings.Contains(line, " packet:") {
				if f := strings.SplitN(line[i:], " ", 4); len(f) == 4 {
					line = f[3]
				}
				mu.Lock()
				if len(lines) < maxTrace {
					lines = append(lines, line)
				}
				mu.Unlock()
			}
		}
	}()
	return func() []string {
		nft.End()
		_, _ = nft.Wait() // it was killed
		<-done
		pipes.Out.Close()
		mu.Lock()
		defer mu.Unlock()
		return lines
	}
}

// Arrived reads the sentinel: source port to the port arrived at.
func Arrived(ctx context.Context, n *Namespace) (map[uint16]uint16, error) {
	out, err := n.Run(ctx, "", "nft", "-j", "list", "set", "inet", "zz_sshwhy", "arrived")
	if err != nil {
		return nil, err
	}
	var doc struct {
		Nftables []struct {
			Set *struct{ Elem []json.RawMessage }
		}
	}
	if err := json.Unmarshal(out, &doc); err != nil {
		return nil, err
	}
	arrived := map[uint16]uint16{}
	for _, o := range doc.Nftables {
		if o.Set == nil {
			continue
		}
		for _, raw := range o.Set.Elem {
			raw = bytes.TrimSpace(raw)
			var e struct{ Concat [2]uint16 }
			if err := json.Unmarshal(raw, &e); err != nil {
				return nil, err
			}
			arrived[e.Concat[0]] = e.Concat[1]
		}
	}
	return arrived, nil
}
