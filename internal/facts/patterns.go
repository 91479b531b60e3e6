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
func MatchUser(patterns []string, user string, client Caller) Part {
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
func hostPatterns(list string, client Caller) Part {
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

func hostPattern(p string, caller Caller) Part {
	if strings.Trim(p, "*") == "" {
		return Everyone
	}
	if !caller.Addr.IsValid() {
		return Some
	}
	client := caller.Addr.Unmap().WithZone("")
	if prefix, err := netip.ParsePrefix(p); err == nil {
		return part(prefix.Masked().Contains(client))
	}
	if sshconf.Wildcard(p, client.String()) {
		return Everyone
	}
	if strings.Trim(p, "0123456789.*?:abcdefABCDEF") == "" {
		return NoOne
	}
	if !caller.Named {
		return Some
	}
	return part(caller.Name != "" && sshconf.Wildcard(strings.ToLower(p), caller.Name)) // match.c, match_hostname
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
