package facts

import (
	"strings"

	"sshwhy/internal/evidence"
)

// Wrappers are the rules of TCP wrappers, hosts_access(5). Whether this sshd
// honours them is Program.Wrapped's word.
type Wrappers struct {
	Allow, Deny HostsFile
}

// HostsFile is hosts.allow or hosts.deny.
type HostsFile struct {
	Origin   Origin
	Rules    []HostsRule
	Comments []Quote // lines that DenyHosts marks its own with
}

// HostsRule is one rule; a line continued with a backslash is one rule.
type HostsRule struct {
	Daemons, Clients []string // words; EXCEPT stands as a word
	Options          []string // hosts_options(5): "deny", "allow", "twist CMD", …
	Quote            Quote
}

var (
	itemAllow = evidence.File("/etc/hosts.allow")
	itemDeny  = evidence.File("/etc/hosts.deny")
)

func wantWrappers(*evidence.Bundle, Ask) []evidence.Item {
	return []evidence.Item{itemAllow, itemDeny}
}

func parseWrappers(b *evidence.Bundle) Wrappers {
	return Wrappers{Allow: parseHosts(b, itemAllow), Deny: parseHosts(b, itemDeny)}
}

func parseHosts(b *evidence.Bundle, it evidence.Item) HostsFile {
	r := b.Get(it)
	h := HostsFile{Origin: originOf(it, r)}
	if r.Truncated {
		h.Origin.Status, h.Origin.Reason = evidence.Failed, "too large to be read whole"
	}
	var text strings.Builder
	first := 0
	for i, line := range lines(r.Data) {
		if text.Len() == 0 {
			first = i + 1
		}
		if cont, ok := strings.CutSuffix(line, `\`); ok {
			text.WriteString(cont)
			continue
		}
		text.WriteString(line)
		if strings.HasPrefix(line, denyHostsMark) {
			h.Comments = append(h.Comments, Quote{Source: it.Path, Line: i + 1, Text: clip(line)})
		}
		if rule, ok := parseHostsRule(text.String()); ok {
			rule.Quote = Quote{Source: it.Path, Line: first, Text: clip(strings.TrimSpace(text.String()))}
			h.Rules = append(h.Rules, rule)
		}
		text.Reset()
	}
	return h
}

// parseHostsRule reads "daemons : clients [: option]…". A line without a
// separator is ignored, as libwrap does (with a warning in its log).
func parseHostsRule(line string) (HostsRule, bool) {
	if line == "" || line[0] == '#' || strings.TrimSpace(line) == "" {
		return HostsRule{}, false
	}
	parts := splitColons(line)
	if len(parts) < 2 {
		return HostsRule{}, false
	}
	r := HostsRule{Daemons: hostsWords(parts[0]), Clients: hostsWords(parts[1])}
	for _, o := range parts[2:] {
		if o = strings.TrimSpace(o); o != "" {
			r.Options = append(r.Options, o)
		}
	}
	return r, true
}

// splitColons splits at colons outside the brackets of IPv6 addresses.
func splitColons(s string) []string {
	var out []string
	start, depth := 0, 0
	for i := range len(s) {
		switch {
		case s[i] == '[':
			depth++
		case s[i] == ']' && depth > 0:
			depth--
		case s[i] == ':' && depth == 0:
			out = append(out, s[start:i])
			start = i + 1
		}
	}
	return append(out, s[start:])
}

func hostsWords(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || r == '\t' || r == ',' })
}
