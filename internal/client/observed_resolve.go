package client

import "net/netip"

// Resolve is how the name became addresses.
type Resolve struct {
	Name      string       `json:"name"`
	Literal   bool         `json:"literal,omitempty"` // it is an address itself
	Addresses []netip.Addr `json:"addresses,omitempty"`
	Unwanted  []netip.Addr `json:"unwanted,omitempty"` // of the family that AddressFamily, -4 or -6 rules out
	Source    string       `json:"source,omitempty"`   // "resolver" or "getent"
	Err       string       `json:"err,omitempty"`      // what the resolver said
	Timeout   bool         `json:"timeout,omitempty"`
	NotFound  bool         `json:"not_found,omitempty"`
	Servers   []string     `json:"servers,omitempty"` // name servers of resolv.conf
	Asked     []Answer     `json:"asked,omitempty"`   // what each said when asked directly
	Hosts     []Applied    `json:"hosts,omitempty"`   // lines of the hosts file that name it
	Ms        float64      `json:"ms"`
}

// Answer is what one name server said to one question.
type Answer struct {
	Server string       `json:"server"`
	Name   string       `json:"name"`
	Type   string       `json:"type"`            // A or AAAA
	Code   string       `json:"code,omitempty"`  // NOERROR, NXDOMAIN, SERVFAIL …
	Addrs  []netip.Addr `json:"addrs,omitempty"` // addresses in the answer
	Err    string       `json:"err,omitempty"`   // why no answer came
	Ms     float64      `json:"ms"`
}

// NotAName is the Err of an Answer to a name that could not be asked for.
const NotAName = "not a domain name"
