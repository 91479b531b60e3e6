package sshconf

import (
	"fmt"
	"slices"
	"strings"
)

// right is one thing that a value lets somebody do.
type right struct {
	who string // "" is everyone
	can string // continues "could": "log in with a password"
}

// rights compares the values of one keyword: what b grants that a does not,
// and the other way round. Each value is what follows the keyword on one line
// of `sshd -T`, in the order printed; none is a keyword that is not set. known
// is false where one of the values is not understood, or the two cannot be
// compared: then nothing is known of the change.
type rights func(a, b []string) (gained, lost []right, known bool)

// nobodys is for what decides about nobody's coming in.
func nobodys([]string, []string) (gained, lost []right, known bool) { return nil, nil, true }

// granted compares values that each stand for a fixed set of rights, of which
// the first that differs is told.
func granted(of map[string][]right) rights {
	return func(a, b []string) (gained, lost []right, known bool) {
		if len(a) != 1 || len(b) != 1 {
			return nil, nil, false
		}
		ra, knownA := of[strings.ToLower(a[0])]
		rb, knownB := of[strings.ToLower(b[0])]
		if !knownA || !knownB {
			return nil, nil, false
		}
		return first(without(rb, ra)), first(without(ra, rb)), true
	}
}

func first(set []right) []right { return set[:min(1, len(set))] }

// yesLets is a flag whose yes grants something.
func yesLets(can string) rights {
	return granted(map[string][]right{"no": nil, "yes": {{can: can}}})
}

// noLets is a flag whose no grants something.
func noLets(can string) rights {
	return granted(map[string][]right{"yes": nil, "no": {{can: can}}})
}

// without are the rights of one set that another lacks.
func without(set, other []right) []right {
	return slices.DeleteFunc(slices.Clone(set), func(r right) bool { return slices.Contains(other, r) })
}

// maxRights is how many rights are told; more would bury the first.
const maxRights = 3

// sentence tells of rights: "root could log in with a password".
func sentence(could string, all []right) string {
	var parts []string
	for _, r := range all {
		subject := "everyone"
		if r.who != "" {
			subject = r.who
		}
		parts = append(parts, fmt.Sprintf("%s %s %s", subject, could, r.can))
	}
	if len(parts) > maxRights {
		parts = append(parts[:maxRights], fmt.Sprintf("%d more such things", len(parts)-maxRights))
	}
	return strings.Join(parts, ", and ")
}
