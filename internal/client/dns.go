package client

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/miekg/dns"
)

const (
	queryLimit  = 2 * time.Second // for one question to one server, asked twice
	queryTries  = 2
	maxServers  = 3 // resolv.conf(5): MAXNS
	maxNames    = 3 // the name itself and the first search domains
	resolvConf  = "/etc/resolv.conf"
	defaultPort = "53"
)

// resolvers is what resolv.conf says.
type resolvers struct {
	servers []string
	search  []string
	ndots   int
}

// readResolvConf reads the name servers of this machine; without the file the
// C library asks 127.0.0.1 (resolv.conf(5)).
func readResolvConf() resolvers {
	data, err := os.ReadFile(resolvConf)
	if err != nil {
		return resolvers{servers: []string{"127.0.0.1"}, ndots: 1}
	}
	return parseResolvConf(string(data))
}

func parseResolvConf(text string) resolvers {
	r := resolvers{ndots: 1}
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 2 || line[0] == '#' || line[0] == ';' {
			continue
		}
		switch f[0] {
		case "nameserver":
			if len(r.servers) < maxServers {
				r.servers = append(r.servers, f[1])
			}
		case "domain", "search":
			r.search = f[1:]
		case "options":
			for _, o := range f[1:] {
				if n, ok := strings.CutPrefix(o, "ndots:"); ok {
					r.ndots, _ = strconv.Atoi(n)
				}
			}
		}
	}
	if len(r.servers) == 0 {
		r.servers = []string{"127.0.0.1"}
	}
	return r
}

// names are the names that the resolver tries for one name, in its order.
func (r resolvers) names(name string) []string {
	if strings.HasSuffix(name, ".") {
		return []string{name}
	}
	var out []string
	for _, domain := range r.search {
		out = append(out, name+"."+strings.TrimSuffix(domain, ".")+".")
	}
	if strings.Count(name, ".") >= r.ndots {
		out = append([]string{name + "."}, out...)
	} else {
		out = append(out, name+".")
	}
	return out[:min(len(out), maxNames)]
}

// askServers asks every name server for both address types of every name the
// resolver would try, all at once. The answers come in a fixed order.
func askServers(ctx context.Context, conf resolvers, name string) []Answer {
	var answers []Answer
	for _, server := range conf.servers {
		for _, n := range conf.names(name) {
			for _, t := range []string{"A", "AAAA"} {
				answers = append(answers, Answer{Server: server, Name: n, Type: t})
			}
		}
	}
	var all sync.WaitGroup
	for i := range answers {
		all.Go(func() { ask(ctx, &answers[i]) })
	}
	all.Wait()
	return answers
}

// ask puts one question to one server and writes down what came.
func ask(ctx context.Context, a *Answer) {
	begin := time.Now()
	defer func() { a.Ms = ms(time.Since(begin)) }()
	if _, ok := dns.IsDomainName(a.Name); !ok {
		a.Err = "not a domain name"
		return
	}
	question := new(dns.Msg).SetQuestion(a.Name, dns.StringToType[a.Type])
	client := dns.Client{Timeout: queryLimit}
	for range queryTries {
		reply, _, err := client.ExchangeContext(ctx, question, net.JoinHostPort(a.Server, defaultPort))
		if err == nil {
			a.Code, a.Err = dns.RcodeToString[reply.Rcode], ""
			for _, rr := range reply.Answer {
				a.add(rr)
			}
			return
		}
		a.Err = whyNoAnswer(err)
		if ctx.Err() != nil {
			return
		}
	}
}

// add takes the address out of a record.
func (a *Answer) add(rr dns.RR) {
	const most = 16
	var ip net.IP
	switch rr := rr.(type) {
	case *dns.A:
		ip = rr.A
	case *dns.AAAA:
		ip = rr.AAAA
	}
	if addr, ok := netip.AddrFromSlice(ip); ok && len(a.Addrs) < most {
		a.Addrs = append(a.Addrs, addr.Unmap())
	}
}

// whyNoAnswer names the error of a question without the local port, which
// differs every time.
func whyNoAnswer(err error) string {
	var timeout net.Error
	var errno syscall.Errno
	switch {
	case errors.As(err, &errno):
		return errno.Error()
	case errors.As(err, &timeout) && timeout.Timeout():
		return "no answer"
	default:
		return err.Error()
	}
}
