package walk

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"strings"
	"time"

	"sshwhy/internal/client"
	"sshwhy/internal/proc"
)

const (
	// resolveLimit bounds the system's resolver, which would try every server
	// twice for 5 s each, for every search domain (resolv.conf(5)).
	resolveLimit = 10 * time.Second
	// askAfter is when the name servers are asked directly as well.
	askAfter = 1200 * time.Millisecond
	// maxAddresses bounds how many addresses of a name are tried.
	maxAddresses = 16
)

// resolve turns the host into addresses the way ssh does, and where that fails
// asks each name server itself, because "not found", "no address", "the server
// fails" and "nobody answers" need different remedies.
func (w *walker) resolve(ctx context.Context) bool {
	r := &client.Resolve{Name: w.obs.Config.Host()}
	w.obs.Resolve = r
	begin := time.Now()
	defer func() { r.Ms = ms(time.Since(begin)) }()

	var found []netip.Addr
	if addr, err := netip.ParseAddr(r.Name); err == nil {
		r.Literal, found = true, []netip.Addr{addr}
	} else {
		defer w.report("resolve", r.Name, resolveLimit)()
		found = w.lookup(ctx, r)
	}
	sortAddresses(r, found, w.obs.Config.Get("addressfamily"))
	return len(r.Addresses) > 0
}

// sortAddresses writes the addresses down in their order, those of the family that may
// not be used by themselves.
func sortAddresses(r *client.Resolve, found []netip.Addr, family string) {
	seen := map[netip.Addr]bool{}
	for _, a := range found {
		a = a.Unmap()
		if seen[a] {
			continue
		}
		seen[a] = true
		switch {
		case family == "inet" && !a.Is4(), family == "inet6" && a.Is4():
			r.Unwanted = append(r.Unwanted, a)
		case len(r.Addresses) < maxAddresses:
			r.Addresses = append(r.Addresses, a)
		}
	}
}

// lookup asks the system's resolver and, when that takes long or fails, the
// name servers.
func (w *walker) lookup(ctx context.Context, r *client.Resolve) []netip.Addr {
	ctx, cancel := context.WithTimeout(ctx, resolveLimit)
	defer cancel()
	type result struct {
		addrs []netip.Addr
		err   error
	}
	system := make(chan result, 1)
	go func() {
		addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", r.Name)
		system <- result{addrs, err}
	}()

	var res result
	asked := make(chan []client.Answer, 1)
	late := time.NewTimer(askAfter)
	defer late.Stop()
	asking := false
	ask := func() {
		if asking {
			return
		}
		asking = true
		conf := readResolvConf()
		r.Servers = conf.servers
		go func() { asked <- askServers(ctx, conf, r.Name) }()
	}
wait:
	for {
		select {
		case res = <-system:
			break wait
		case <-late.C:
			ask()
		case r.Asked = <-asked:
			asked = nil
			if !anyAnswer(r.Asked) {
				cancel() // the system's resolver asks the same silent servers
			}
		}
	}
	if res.err == nil {
		r.Source = "resolver"
		return res.addrs
	}
	lookupFailed(r, res.err)
	if addrs := getent(ctx, r.Name); len(addrs) > 0 {
		r.Source = "getent"
		return addrs
	}
	ask()
	if asked != nil {
		r.Asked = <-asked
	}
	r.Hosts = hostsLines(r.Name)
	return nil
}

// lookupFailed writes down what the system's resolver said.
func lookupFailed(r *client.Resolve, err error) {
	r.Err = err.Error()
	if dnsErr := new(net.DNSError); errors.As(err, &dnsErr) {
		r.Timeout, r.NotFound = dnsErr.IsTimeout, dnsErr.IsNotFound
	}
}

func anyAnswer(answers []client.Answer) bool {
	for _, a := range answers {
		if a.Code != "" {
			return true
		}
	}
	return false
}

// getent asks the C library, which knows sources that Go's resolver does not
// (mDNS, libvirt, winbind and other modules of nsswitch.conf).
func getent(ctx context.Context, name string) []netip.Addr {
	if strings.HasPrefix(name, "-") { // to getent it would be an option
		return nil
	}
	r := proc.Run(ctx, proc.Command{Args: []string{"getent", "ahosts", name}, Limit: 3 * time.Second})
	if !r.OK() {
		return nil
	}
	var addrs []netip.Addr
	for line := range strings.Lines(string(r.Out)) {
		if f := strings.Fields(line); len(f) > 0 {
			if a, err := netip.ParseAddr(f[0]); err == nil {
				addrs = append(addrs, a)
			}
		}
	}
	return addrs
}

// hostsFile is where the system keeps names of its own.
const hostsFile = "/etc/hosts"

// hostsLines are the lines of the hosts file that give the name an address.
func hostsLines(name string) []client.Applied {
	data, err := os.ReadFile(hostsFile)
	if err != nil || len(data) > maxConfigFile {
		return nil
	}
	var out []client.Applied
	n := 0
	for line := range strings.Lines(string(data)) {
		n++
		text, _, _ := strings.Cut(line, "#")
		f := strings.Fields(text)
		for _, word := range f[min(1, len(f)):] {
			if strings.EqualFold(word, name) {
				out = append(out, client.Applied{File: hostsFile, Line: n, Text: strings.TrimSpace(line)})
				break
			}
		}
	}
	return out
}
