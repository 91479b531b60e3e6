package walk

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"sshwhy/internal/client"
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
	trustAD bool // options trust-ad: the C library hands on that an answer is vouched for
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
				r.trustAD = r.trustAD || o == "trust-ad"
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
func askServers(ctx context.Context, conf resolvers, name string) []client.Answer {
	var answers []client.Answer
	for _, server := range conf.servers {
		for _, n := range conf.names(name) {
			for _, t := range []string{"A", "AAAA"} {
				answers = append(answers, client.Answer{Server: server, Name: n, Type: t})
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
func ask(ctx context.Context, a *client.Answer) {
	begin := time.Now()
	defer func() { a.Ms = ms(time.Since(begin)) }()
	kind := dnsmessage.TypeA
	if a.Type == "AAAA" {
		kind = dnsmessage.TypeAAAA
	}
	id := uint16(rand.Uint32())
	query, err := packQuery(id, a.Name, kind)
	if err != nil {
		a.Err = client.NotAName
		return
	}
	for range queryTries {
		reply, err := exchange(ctx, a.Server, query)
		if err == nil {
			err = readAnswer(a, id, reply)
		}
		if err == nil {
			a.Err = ""
			return
		}
		a.Err = whyNoAnswer(err)
		if ctx.Err() != nil {
			return
		}
	}
}

// packQuery is a question with recursion desired (RFC 1035 section 4.1).
func packQuery(id uint16, name string, kind dnsmessage.Type) ([]byte, error) {
	for label := range strings.SplitSeq(strings.TrimSuffix(name, "."), ".") {
		if label == "" || len(label) > 63 {
			return nil, errors.New(client.NotAName)
		}
	}
	n, err := dnsmessage.NewName(name)
	if err != nil {
		return nil, err
	}
	m := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: id, RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: n, Type: kind, Class: dnsmessage.ClassINET}},
	}
	return m.Pack()
}

// exchange sends one packet and waits for one; maxReply is the most that a
// server sends without EDNS, and more than we asked for.
func exchange(ctx context.Context, server string, query []byte) ([]byte, error) {
	const maxReply = 4096
	d := net.Dialer{Timeout: queryLimit}
	conn, err := d.DialContext(ctx, "udp", net.JoinHostPort(server, defaultPort))
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(queryLimit))
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if _, err := conn.Write(query); err != nil {
		return nil, err
	}
	reply := make([]byte, maxReply)
	n, err := conn.Read(reply)
	return reply[:n], err
}

// readAnswer takes the code and the addresses out of a reply.
func readAnswer(a *client.Answer, id uint16, reply []byte) error {
	const most = 16
	var p dnsmessage.Parser
	head, err := p.Start(reply)
	if err != nil || head.ID != id || !head.Response {
		return errors.New("the answer is no answer to the question")
	}
	a.Code = codeName(head.RCode)
	if p.SkipAllQuestions() != nil {
		return nil
	}
	for len(a.Addrs) < most {
		h, err := p.AnswerHeader()
		if err != nil {
			return nil
		}
		switch h.Type {
		case dnsmessage.TypeA:
			if r, err := p.AResource(); err == nil {
				a.Addrs = append(a.Addrs, netip.AddrFrom4(r.A))
				continue
			}
		case dnsmessage.TypeAAAA:
			if r, err := p.AAAAResource(); err == nil {
				a.Addrs = append(a.Addrs, netip.AddrFrom16(r.AAAA).Unmap())
				continue
			}
		}
		if p.SkipAnswer() != nil {
			return nil
		}
	}
	return nil
}

// codeName is the name of a response code (RFC 1035 section 4.1.1).
func codeName(code dnsmessage.RCode) string {
	names := [...]string{"NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"}
	if int(code) < len(names) {
		return names[code]
	}
	return "RCODE" + strconv.Itoa(int(code))
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
