//go:build linux

package main

import (
	"fmt"
	"net/netip"
	"os"
	"strings"

	"github.com/miekg/dns"
)

// serveNames answers questions for the given NAME=ADDR pairs, over UDP and TCP.
// A name may be given several times.
func serveNames(addr string, pairs []string) {
	names := map[string][]string{}
	for _, p := range pairs {
		name, value, ok := strings.Cut(p, "=")
		if !ok {
			fail("%q is not NAME=ADDR", p)
		}
		name = dns.Fqdn(strings.ToLower(name))
		names[name] = append(names[name], value)
	}
	answer := dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		if m := reply(names, q); m != nil {
			w.WriteMsg(m)
		}
	})
	done := make(chan error)
	for _, network := range []string{"udp", "tcp"} {
		s := &dns.Server{Addr: addr, Net: network, Handler: answer}
		if network == "udp" {
			s.NotifyStartedFunc = func() { fmt.Fprintln(os.Stderr, "ready") }
		}
		go func() { done <- s.ListenAndServe() }()
	}
	fail("%v", <-done)
}

// sshfp is the record that sshfp:ALGORITHM:HASH:HEX stands for.
func sshfp(asked dns.Question, value string) dns.RR {
	rest, ok := strings.CutPrefix(value, "sshfp:")
	if !ok {
		return nil
	}
	rr, err := dns.NewRR(asked.Name + " 1 IN SSHFP " + strings.ReplaceAll(rest, ":", " "))
	if err != nil {
		fail("%q: %v", value, err)
	}
	return rr
}

// reply is the answer to one question, nil for none at all.
func reply(names map[string][]string, q *dns.Msg) *dns.Msg {
	m := new(dns.Msg)
	m.SetReply(q)
	if len(q.Question) != 1 {
		m.Rcode = dns.RcodeFormatError
		return m
	}
	asked := q.Question[0]
	values, ok := names[strings.ToLower(asked.Name)]
	if !ok {
		m.Rcode = dns.RcodeNameError
		return m
	}
	for _, v := range values {
		switch v {
		case "silent":
			return nil
		case "refused":
			m.Rcode = dns.RcodeRefused
			return m
		case "servfail":
			m.Rcode = dns.RcodeServerFailure
			return m
		}
		if v == "ad" { // as a name server does that has checked the signatures
			m.AuthenticatedData = true
			continue
		}
		if rr := sshfp(asked, v); rr != nil && asked.Qtype == dns.TypeSSHFP {
			m.Answer = append(m.Answer, rr)
			continue
		}
		ip, err := netip.ParseAddr(v)
		if err != nil {
			continue
		}
		head := dns.RR_Header{Name: asked.Name, Class: dns.ClassINET, Ttl: 1}
		switch {
		case ip.Is4() && asked.Qtype == dns.TypeA:
			head.Rrtype = dns.TypeA
			m.Answer = append(m.Answer, &dns.A{Hdr: head, A: ip.AsSlice()})
		case ip.Is6() && asked.Qtype == dns.TypeAAAA:
			head.Rrtype = dns.TypeAAAA
			m.Answer = append(m.Answer, &dns.AAAA{Hdr: head, AAAA: ip.AsSlice()})
		}
	}
	return m
}
