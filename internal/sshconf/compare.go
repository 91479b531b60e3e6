package sshconf

import (
	"fmt"
	"slices"
	"strings"
)

// Effective is a configuration as sshd itself understands it.
type Effective struct {
	// Where says in words for which visitors it holds: "where Match User bob
	// holds"; "" is for all.
	Where string
	// Values are the values by keyword in lower case, in the order printed: what
	// follows the keyword on each of its lines.
	Values map[string][]string
}

// ParseDump reads what `sshd -T` or `sshd -G` prints: "keyword value" on each
// line. Since 10.4 the keywords are printed in mixed case.
func ParseDump(data []byte) Effective {
	e := Effective{Values: map[string][]string{}}
	for line := range strings.Lines(string(data)) {
		key, value, _ := strings.Cut(strings.TrimRight(line, "\r\n"), " ")
		if key != "" {
			key = strings.ToLower(key)
			e.Values[key] = append(e.Values[key], strings.TrimSpace(value))
		}
	}
	return e
}

// Direction is what a change does to who may come in and to what they may do.
type Direction uint8

// The directions. Worse is what needs the more consent, so that the worst of
// several is their maximum.
const (
	Same     Direction = iota // only how the server behaves, nobody's rights
	Narrower                  // some lose, nobody gains
	Unknown                   // it cannot be said
	Wider                     // somebody gains, whoever else loses
)

// Difference is one keyword that two configurations give different values.
type Difference struct {
	Keyword   string // as the manual page writes it, or as sshd printed it
	From, To  string // the values of its lines, joined by ", "; "" is not set
	Direction Direction
	Words     string // a clause for a person: "root could log in with a password"
}

// Compare says in which keywords the configuration b differs from a, sorted by
// keyword. Both are to be of the same sshd, whose defaults they contain.
func Compare(a, b Effective) []Difference {
	var out []Difference
	for _, key := range keysOf(a, b) {
		if d, differs := compareKeyword(key, a.Values[key], b.Values[key], b.Where); differs {
			out = append(out, d)
		}
	}
	return out
}

func keysOf(a, b Effective) []string {
	var keys []string
	for _, e := range []Effective{a, b} {
		for key := range e.Values {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

func compareKeyword(key string, a, b []string, where string) (Difference, bool) {
	if slices.Equal(a, b) {
		return Difference{}, false
	}
	d := Difference{Keyword: key, From: strings.Join(a, ", "), To: strings.Join(b, ", "), Direction: Unknown}
	k, listed := Lookup(Server, key)
	if listed {
		d.Keyword = k.Name
	}
	if k.rights != nil {
		gained, lost, known := k.rights(a, b)
		switch {
		case !known:
		case len(gained) > 0:
			d.Direction, d.Words = Wider, sentence("could", gained)
		case len(lost) > 0:
			d.Direction, d.Words = Narrower, sentence("could no longer", lost)
		default:
			d.Direction = Same
		}
	}
	if d.Words == "" {
		d.Words = fmt.Sprintf("%s would be %s instead of %s", d.Keyword, orUnset(d.To), orUnset(d.From))
		if d.Direction == Unknown {
			d.Words += ", and whom that lets in cannot be worked out"
		}
	}
	if where != "" {
		d.Words = where + ", " + d.Words
	}
	return d, true
}

func orUnset(value string) string {
	if value == "" {
		return "unset"
	}
	return value
}

// Worst is the direction that needs the most consent of those of all differences.
func Worst(all []Difference) Direction {
	worst := Same
	for _, d := range all {
		worst = max(worst, d.Direction)
	}
	return worst
}
