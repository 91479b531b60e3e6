package facts

import (
	"net/netip"
	"strings"

	"sshwhy/internal/sshconf"
)

// MatchUser matches a user against the patterns of AllowUsers or DenyUsers
// (match.c, match_user): NAME or NAME@HOSTS, where HOSTS are patterns and
// addresses with a prefix length between commas. A "!" negates there, and not
// in front of the name, where it is a letter like others. Some means that it
// hangs on the client.
func MatchUser(patterns []string, user string, client netip.Addr) Part {
	best := NoOne
	for _, p := range patterns {
		name, hosts, byHost := p, "", false
		if i := strings.LastIndex(p, "@"); i >= 0 {
			name, hosts, byHost = p[:i], p[i+1:], true
		}
		if !sshconf.Wildcard(name, user) {
			continue
		}
		if !byHost {
			return Everyone
		}
		best = max(best, hostPatterns(hosts, client))
	}
	return best
}

// hostPatterns: one negated pattern that matches undoes them all (match.c,
// match_host_and_ip).
func hostPatterns(list string, client netip.Addr) Part {
	best, unsure := NoOne, false
	for p := range strings.SplitSeq(list, ",") {
		p, negated := strings.CutPrefix(p, "!")
		switch m := hostPattern(p, client); {
		case !negated:
			best = max(best, m)
		case m == Everyone:
			return NoOne
		case m == Some:
			unsure = true
		}
	}
	if unsure && best == Everyone {
		return Some
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
// (groupaccess.c, ga_match), where a "!" is a letter like others.
func MatchGroups(patterns, groups []string) Part {
	for _, g := range groups {
		for _, p := range patterns {
			if sshconf.Wildcard(p, g) {
				return Everyone
			}
		}
	}
	return NoOne
}
