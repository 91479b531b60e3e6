package facts

import (
	"net/netip"
	"strings"

	"sshwhy/internal/sshconf"
)

// MatchUser matches a user against the patterns of AllowUsers or DenyUsers
// (match.c, match_user): NAME or NAME@HOST, where HOST is a pattern or an
// address with a prefix length. Some means that it hangs on the client.
func MatchUser(patterns []string, user string, client netip.Addr) Part {
	best := NoOne
	for _, p := range patterns {
		name, host, byHost := p, "", false
		if i := strings.LastIndex(p, "@"); i >= 0 {
			name, host, byHost = p[:i], p[i+1:], true
		}
		negated := strings.HasPrefix(name, "!")
		if !sshconf.Wildcard(strings.TrimPrefix(name, "!"), user) {
			continue
		}
		m := Everyone
		if byHost {
			m = hostPattern(host, client)
		}
		if negated {
			if m == Everyone {
				return NoOne
			}
			continue
		}
		best = max(best, m)
	}
	return best
}

func hostPattern(p string, client netip.Addr) Part {
	if strings.Trim(p, "*") == "" {
		return Everyone
	}
	if !client.IsValid() {
		return Some
	}
	client = client.Unmap().WithZone("")
	if prefix, err := netip.ParsePrefix(p); err == nil {
		return part(prefix.Masked().Contains(client))
	}
	if sshconf.Wildcard(p, client.String()) {
		return Everyone
	}
	if strings.Trim(p, "0123456789.*?:abcdefABCDEF") == "" {
		return NoOne
	}
	return Some // a host name, which is not looked up here
}

// MatchGroups matches group names against AllowGroups or DenyGroups
// (groupaccess.c, ga_match): one "!" that matches undoes them all.
func MatchGroups(patterns, groups []string) Part {
	found := NoOne
	for _, g := range groups {
		for _, p := range patterns {
			if name, negated := strings.CutPrefix(p, "!"); negated && sshconf.Wildcard(name, g) {
				return NoOne
			} else if !negated && sshconf.Wildcard(p, g) {
				found = Everyone
			}
		}
	}
	return found
}
