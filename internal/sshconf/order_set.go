package sshconf

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// subset compares lists of which every further element grants something;
// "none" is the empty list. can has a %s for the element.
func subset(can string, split func([]string) []string) rights {
	return func(a, b []string) (gained, lost []right, known bool) {
		x, y := split(a), split(b)
		return eachOf(can, minus(y, x)), eachOf(can, minus(x, y)), true
	}
}

// superset compares lists of which every element takes something away; "none"
// is the empty list.
func superset(can string, split func([]string) []string) rights {
	more := subset(can, split)
	return func(a, b []string) (gained, lost []right, known bool) {
		lost, gained, known = more(a, b)
		return gained, lost, known
	}
}

func eachOf(can string, elements []string) []right {
	var out []right
	for _, e := range elements {
		out = append(out, right{can: fmt.Sprintf(can, e)})
	}
	return out
}

// lines are the values of lines as they are, words the words of all lines, and
// commas the elements of a list with commas. "none" is no element.
func lines(values []string) []string { return dropNone(values) }
func words(values []string) []string { return dropNone(strings.Fields(strings.Join(values, " "))) }
func commas(values []string) []string {
	return dropNone(strings.FieldsFunc(strings.Join(values, ","), func(r rune) bool { return r == ',' }))
}

func dropNone(elements []string) []string {
	return slices.DeleteFunc(slices.Clone(elements), isNone)
}

// minus are the elements of x that no element of y covers.
func minus(x, y []string) []string {
	return slices.DeleteFunc(slices.Clone(x), func(e string) bool {
		return slices.ContainsFunc(y, func(p string) bool { return covers(p, e) })
	})
}

// covers says whether everything that the pattern b matches is matched by a
// (match.c: * and ?); where b has wildcards itself, only a pattern of stars or
// the same one is sure to.
func covers(a, b string) bool {
	if a == b || a == "*" {
		return true
	}
	return !strings.ContainsAny(b, "*?") && Wildcard(a, b)
}

// only compares PermitOpen and PermitListen, where "any" is everything and
// "none" nothing.
func only(can string) rights {
	return func(a, b []string) (gained, lost []right, known bool) {
		x, y := words(a), words(b)
		anyA, anyB := slices.Contains(x, "any"), slices.Contains(y, "any")
		switch {
		case anyA && anyB:
			return nil, nil, true
		case anyB:
			return eachOf(can, []string{"everything"}), nil, true
		case anyA:
			return nil, eachOf(can, []string{"everything"}), true
		}
		return eachOf(can, minus(y, x)), eachOf(can, minus(x, y)), true
	}
}

// allowing compares AllowUsers and AllowGroups: no list lets everyone in.
func allowing(keyword, who string) rights {
	return func(a, b []string) (gained, lost []right, known bool) {
		all := []right{{who: "everyone whom " + keyword + " keeps out", can: "log in"}}
		switch {
		case len(a) == 0 && len(b) == 0:
			return nil, nil, true
		case len(b) == 0:
			return all, nil, true
		case len(a) == 0:
			return nil, all, true
		}
		return logins(who, leftOut(b, a)), logins(who, leftOut(a, b)), true
	}
}

// denying compares DenyUsers and DenyGroups: who is listed is kept out.
func denying(who string) rights {
	return func(a, b []string) (gained, lost []right, known bool) {
		return logins(who, leftOut(a, b)), logins(who, leftOut(b, a)), true
	}
}

func logins(who string, patterns []string) []right {
	var out []right
	for _, p := range patterns {
		out = append(out, right{who: strings.TrimSpace(who + " " + p), can: "log in"})
	}
	return out
}

// leftOut are the patterns of x, each NAME or NAME@HOST (match.c, match_user),
// that no pattern of y covers.
func leftOut(x, y []string) []string {
	return slices.DeleteFunc(slices.Clone(x), func(e string) bool {
		return slices.ContainsFunc(y, func(p string) bool { return coversUser(p, e) })
	})
}

func coversUser(a, b string) bool {
	nameA, hostA, byHostA := cutUser(a)
	nameB, hostB, byHostB := cutUser(b)
	return covers(nameA, nameB) && (!byHostA || byHostB && (hostA == hostB || hostA == "*"))
}

func cutUser(p string) (name, host string, byHost bool) {
	if i := strings.LastIndex(p, "@"); i >= 0 {
		return p[:i], p[i+1:], true
	}
	return p, "", false
}

// methods compares AuthenticationMethods: alternatives with blanks between,
// each a list of methods that must all succeed. An alternative is granted
// already where another one asks for no more than some of its methods.
func methods(a, b []string) (gained, lost []right, known bool) {
	x, y := words(a), words(b)
	const can = "log in with %s alone"
	return eachOf(can, easier(y, x)), eachOf(can, easier(x, y)), true
}

// easier are the alternatives of x that grant what none of y does.
func easier(x, y []string) []string {
	return slices.DeleteFunc(slices.Clone(x), func(alt string) bool {
		return slices.ContainsFunc(y, func(other string) bool { return asksFor(alt, other) })
	})
}

// asksFor says whether whoever fulfils alt has fulfilled other, too. "any" asks
// for one method, whichever; a method without a submethod for any of its
// submethods (sshd_config(5): keyboard-interactive:pam).
func asksFor(alt, other string) bool {
	if other == "any" || alt == other {
		return true
	}
	have := strings.Split(alt, ",")
	for _, m := range strings.Split(other, ",") {
		i := slices.IndexFunc(have, func(h string) bool { return h == m || strings.HasPrefix(h, m+":") })
		if i < 0 {
			return false
		}
		have = slices.Delete(have, i, i+1) // publickey,publickey asks for two keys
	}
	return true
}

// endpoints compares the ListenAddress lines of sshd -T, which have the port
// and the defaults in them: [::]:22, 0.0.0.0:22, 192.0.2.1:2222.
func endpoints(a, b []string) (gained, lost []right, known bool) {
	x, knownA := listening(a)
	y, knownB := listening(b)
	return beyond(y, x), beyond(x, y), knownA && knownB
}

func listening(values []string) ([]netip.AddrPort, bool) {
	var out []netip.AddrPort
	for _, v := range values {
		ep, err := netip.ParseAddrPort(v)
		if err != nil { // with a routing domain, too
			return nil, false
		}
		out = append(out, ep)
	}
	return out, true
}

// beyond are the endpoints of x at which y does not listen.
func beyond(x, y []netip.AddrPort) []right {
	var out []right
	for _, e := range x {
		if !slices.ContainsFunc(y, func(o netip.AddrPort) bool {
			return o == e || o.Port() == e.Port() && o.Addr().IsUnspecified() && o.Addr().Is4() == e.Addr().Is4()
		}) {
			out = append(out, right{can: "reach the server at " + e.String()})
		}
	}
	return out
}

// environment compares PermitUserEnvironment: no, a list of patterns, yes.
func environment(a, b []string) (gained, lost []right, known bool) {
	const can = "set %s from ~/.ssh/environment for their sessions"
	return only(can)(yesAsAny(a), yesAsAny(b))
}

func yesAsAny(values []string) []string {
	var out []string
	for _, v := range commas(values) {
		switch v {
		case "yes":
			v = "any"
		case "no":
			v = "none"
		}
		out = append(out, v)
	}
	return out
}

// Sublist says whether a list of algorithms is another one without some of its
// names, and names something still.
func Sublist(list, of string) bool {
	sign := func(s string) string { return s[:len(s)-len(strings.TrimLeft(s, "+-^"))] }
	if list == "" || sign(list) != sign(of) {
		return false
	}
	have := strings.Split(strings.TrimLeft(of, "+-^"), ",")
	return !slices.ContainsFunc(strings.Split(strings.TrimLeft(list, "+-^"), ","), func(name string) bool { return !slices.Contains(have, name) })
}
