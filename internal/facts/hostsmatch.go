package facts

import (
	"net/netip"
	"strings"

	"sshwhy/internal/sshconf"
)

// Part says how many of the clients in question something is true for.
type Part int

// The parts. Where one client is asked about, Some means: that depends on what
// is not known here (its host name, a netgroup, a file of patterns).
const (
	NoOne Part = iota
	Some
	Everyone
)

// Decision is what TCP wrappers do with a client.
type Decision struct {
	Denied  Part
	Rule    HostsRule   // the rule that denies
	Allowed []HostsRule // rules before it that let some in
}

// wrapperDaemon is the name sshd asks libwrap with; it stayed "sshd" when
// sshd-session took over.
const wrapperDaemon = "sshd"

// Decide walks hosts.allow, then hosts.deny, as hosts_access(3) does: the first
// rule that matches decides; without one, access is granted.
func (w Wrappers) Decide(client Caller) Decision {
	var d Decision
	var partly *HostsRule
	for i, file := range []HostsFile{w.Allow, w.Deny} {
		for _, r := range file.Rules {
			match := r.matches(client)
			if match == NoOne {
				continue
			}
			if !r.denies(i == 1) {
				if match == Everyone {
					return d.settle(partly)
				}
				d.Allowed = append(d.Allowed, r)
				continue
			}
			if match == Everyone {
				d.Denied, d.Rule = Everyone, r
				if len(d.Allowed) > 0 {
					d.Denied = Some
				}
				return d
			}
			if partly == nil {
				partly = &r
			}
		}
	}
	return d.settle(partly)
}

func (d Decision) settle(partly *HostsRule) Decision {
	if partly != nil {
		d.Denied, d.Rule = Some, *partly
	}
	return d
}

// denies: a rule of hosts.deny denies and one of hosts.allow allows, unless an
// option says otherwise; twist runs another program in place of the server.
func (r HostsRule) denies(inDeny bool) bool {
	for _, o := range r.Options {
		word, _, _ := strings.Cut(strings.ToLower(o), " ")
		switch word {
		case "deny", "twist":
			return true
		case "allow":
			return false
		}
	}
	return inDeny
}

func (r HostsRule) matches(client Caller) Part {
	daemon := hostsList(r.Daemons, func(p string) Part {
		name, _, atHost := strings.Cut(p, "@")
		if !strings.EqualFold(p, "ALL") && !strings.EqualFold(name, wrapperDaemon) && name != "ALL" {
			return NoOne
		}
		if atHost {
			return Some // daemon@address: which address of this machine was called
		}
		return Everyone
	})
	return min(daemon, hostsList(r.Clients, func(p string) Part { return hostsClient(p, client) }))
}

// hostsList is list_match(): the words up to EXCEPT match, unless those after it do.
func hostsList(words []string, match func(string) Part) Part {
	best := NoOne
	for i, w := range words {
		if strings.EqualFold(w, "EXCEPT") {
			return min(best, Everyone-hostsList(words[i+1:], match))
		}
		best = max(best, match(w))
	}
	return best
}

// hostsClient matches one client pattern (hosts_access(5), PATTERNS, WILDCARDS).
func hostsClient(p string, caller Caller) Part {
	if i := strings.LastIndex(p, "@"); i > 0 { // user@host asks the client's identd
		return min(Some, hostsClient(p[i+1:], caller))
	}
	if strings.EqualFold(p, "ALL") {
		return Everyone
	}
	if !caller.Addr.IsValid() {
		return Some
	}
	client := caller.Addr.Unmap()
	switch {
	case strings.EqualFold(p, "LOCAL"):
		return caller.named(caller.Name != "" && !strings.Contains(caller.Name, "."))
	case strings.EqualFold(p, "KNOWN"):
		return caller.named(caller.Name != "")
	case strings.EqualFold(p, "UNKNOWN"):
		return caller.named(caller.Name == "" && !caller.False)
	case strings.EqualFold(p, "PARANOID"):
		return caller.named(caller.False)
	case strings.HasPrefix(p, "@"), strings.HasPrefix(p, "/"):
		return Some
	case strings.HasSuffix(p, ".") && p[0] >= '0' && p[0] <= '9': // 192.0.2.
		return part(client.Is4() && strings.HasPrefix(client.String(), p))
	}
	if addr, mask, ok := strings.Cut(p, "/"); ok {
		if prefix, ok := hostsPrefix(addr, mask); ok {
			return part(prefix.Contains(client))
		}
		return Some
	}
	if addr, err := netip.ParseAddr(strings.Trim(p, "[]")); err == nil {
		return part(addr.Unmap() == client)
	}
	if strings.ContainsAny(p, "*?") && strings.Trim(p, "0123456789.*?") == "" {
		return part(client.Is4() && sshconf.Wildcard(p, client.String()))
	}
	return caller.named(caller.Name != "" && hostsName(strings.ToLower(p), caller.Name))
}

// named is what holds for a caller whose name is known; Some for any other.
func (c Caller) named(holds bool) Part {
	if !c.Named {
		return Some
	}
	return part(holds)
}

// hostsName matches a name as string_match() does: .domain, wildcards, or whole.
func hostsName(p, name string) bool {
	if strings.HasPrefix(p, ".") {
		return strings.HasSuffix(name, p)
	}
	return sshconf.Wildcard(p, name)
}

func part(all bool) Part {
	if all {
		return Everyone
	}
	return NoOne
}

// hostsPrefix reads n.n.n.n/m.m.m.m, n.n.n.n/len and [net]/len.
func hostsPrefix(addr, mask string) (netip.Prefix, bool) {
	a, err := netip.ParseAddr(strings.Trim(addr, "[]"))
	if err != nil {
		return netip.Prefix{}, false
	}
	if p, err := netip.ParsePrefix(a.String() + "/" + mask); err == nil {
		return p.Masked(), true
	}
	m, err := netip.ParseAddr(mask)
	if err != nil || !m.Is4() || !a.Is4() {
		return netip.Prefix{}, false
	}
	bits := 0
	for _, octet := range m.As4() {
		for ; octet&0x80 != 0; octet <<= 1 {
			bits++
		}
	}
	return netip.PrefixFrom(a, bits).Masked(), true
}
