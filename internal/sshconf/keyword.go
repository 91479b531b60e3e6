package sshconf

import (
	"slices"
	"strings"
)

// Keyword is what is known of one keyword of sshd_config(5) or ssh_config(5).
type Keyword struct {
	Name string // as the manual page writes it
	Side Side
	Kind Kind

	// Since is the release of OpenSSH whose sshd first knew it, ClientSince the
	// one whose ssh did; "" is 7.4 or older, or a distribution's own patch.
	Since, ClientSince string
	// Alias is the keyword this is another name of; "" where it is none.
	Alias string
	// Retired keywords are taken with a warning, or without one, and do nothing
	// (servconf.c and readconf.c: sDeprecated, sIgnore, oDeprecated, oIgnore).
	Retired bool

	// The rest is of the server's keywords only.

	InMatch bool // allowed in a Match block (servconf.c, SSHCFG_ALL)
	Adds    bool // its lines add up; of any other keyword the first line counts
	// Words are all words that its value can be made of, where these are few,
	// or those of them that are no names, paths or numbers ("none", "any").
	Words []string
	// Closed is the value that takes the most away of those that take nobody's
	// login away but root's; "" where there is none.
	Closed string
	// Loss is what becomes possible when a line of it is no longer there.
	Loss Loss

	rights rights // nil: not known, so that no change of it can be judged
}

// Side is whose keyword it is.
type Side uint8

// The sides; a keyword of both is Server|Client.
const (
	Server Side = 1 << iota // sshd_config(5)
	Client                  // ssh_config(5)
)

// Kind is the form of a keyword's value.
type Kind uint8

// The kinds of value.
const (
	Text       Kind = iota // one string, which may be the rest of the line
	Flag                   // yes or no
	Choice                 // one of a few words
	Number                 // a count, a size or an octal mask
	Time                   // a time span (sshd_config(5), TIME FORMATS), or a word for none
	Algorithms             // a list with commas, which may begin with +, - or ^
	Patterns               // users, groups, hosts or addresses, with wildcards
	List                   // several words
	Path                   // a file, or several
	Block                  // Match, Host and Include, which set nothing themselves
)

// Loss is what the loss of a line means for who may come in, whatever value
// the line had.
type Loss uint8

const (
	// LossOpens: the line may have kept somebody out, or something weak.
	LossOpens Loss = iota
	// LossOpensGlobal: as LossOpens, but in a Match block, where sshd refuses
	// it, the line can never have done anything.
	LossOpensGlobal
	// LossHarmless: without it nobody new comes in, and nothing gets weaker.
	LossHarmless
)

// Lookup finds a keyword of a side, in any case.
func Lookup(side Side, word string) (Keyword, bool) {
	for _, table := range [][]Keyword{common, server, client} {
		i := slices.IndexFunc(table, func(k Keyword) bool { return k.Side&side != 0 && strings.EqualFold(k.Name, word) })
		if i >= 0 {
			return table[i], true
		}
	}
	return Keyword{}, false
}

// All are the keywords of a side, retired ones included.
func All(side Side) []Keyword {
	var out []Keyword
	for _, table := range [][]Keyword{common, server, client} {
		for _, k := range table {
			if k.Side&side != 0 {
				out = append(out, k)
			}
		}
	}
	return out
}

// OnlyOf says whether a word is a keyword of this side and not of the other.
func OnlyOf(side Side, word string) bool {
	_, here := Lookup(side, word)
	_, there := Lookup((Server|Client)&^side, word)
	return here && !there
}

// Canonical is the name of what the keyword sets, which is another one's where
// it is an alias.
func (k Keyword) Canonical() string {
	if k.Alias != "" {
		return k.Alias
	}
	return k.Name
}

// HarmlessLost says whether a line of the server's keyword may go without
// letting anybody new in or weakening anything. block are the keywords of the
// lines that follow it in its Match block; nil where it stands in none.
//
// Where sshd refuses the line for its place, the block may be what is wrong: a
// Match line that came between, and then what follows was to hold for everyone.
// So the line goes only where nothing follows that sshd takes there.
func (k Keyword) HarmlessLost(block []string) bool {
	if block == nil || k.InMatch {
		return k.Loss == LossHarmless
	}
	return k.Loss != LossOpens && !slices.ContainsFunc(block, func(word string) bool {
		other, ok := Lookup(Server, word)
		return !ok || other.InMatch
	})
}
