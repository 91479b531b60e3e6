package sshconf

import (
	"slices"
	"strings"
)

// maxSlips is how many letters may be wrong in a word that is still taken for
// another: inserted, left out, changed, or swapped with their neighbour.
const maxSlips = 2

// Respell is the keyword of a side that a word, which the side does not know,
// is a misspelling of: at most two letters away, one in a short word, with no
// other keyword as near as two letters, and no word that says the opposite. "" where there is none.
func Respell(side Side, word string) string {
	var candidates []string
	for _, k := range All(side) {
		if !k.Retired {
			candidates = append(candidates, k.Name)
		}
	}
	return respell(word, candidates)
}

// RespellValue is the one of the keyword's own words that a value is a
// misspelling of. "" where there is none.
func (k Keyword) RespellValue(value string) string { return respell(value, k.Words) }

// respell is the one of some words that a word is a misspelling of. "" where
// there is none.
func respell(word string, candidates []string) string {
	if len(word) > maxWord || slices.Contains(meaning[:], strings.ToLower(word)) || strings.HasPrefix(word, "!") {
		return "" // "!" negates
	}
	if slices.ContainsFunc(candidates, func(c string) bool { return strings.EqualFold(c, word) }) {
		return "" // it is spelt right: this release does not know it, or not here
	}
	found := ""
	for _, c := range candidates {
		if Distance(strings.ToLower(word), strings.ToLower(c)) > maxSlips {
			continue
		}
		if found != "" {
			return ""
		}
		found = c
	}
	// In a short word two letters are most of it.
	if Distance(strings.ToLower(word), strings.ToLower(found)) > max(1, min(maxSlips, len(found)/3)) || Negates(word, found) {
		return ""
	}
	return found
}

// LooksLike says whether a word may be a slip of another: at most two letters
// away, whatever else it may be.
func LooksLike(word, other string) bool {
	return len(word) <= maxWord && Distance(strings.ToLower(word), strings.ToLower(other)) <= maxSlips
}

// meaning are words that people write for yes and no, which sshd does not know
// and which are near its own words: "on" is two letters of "no".
var meaning = [...]string{"on", "off", "of", "true", "false", "enabled", "disabled", "1", "0"}

// negations are what makes a word say the opposite when it is put into it.
var negations = [...]string{"no", "non", "not", "un", "in", "im", "dis", "de", "anti", "off", "dont", "never", "only", "deny", "disable", "disallow",
	"block", "forbid", "reject", "prevent", "prohibit", "refuse", "ignore", "without", "except", "skip", "stop"}

// Negates says whether one of two words is the other with a negation in it:
// NoX11Forwarding, however few letters that is, is not X11Forwarding misspelt.
func Negates(a, b string) bool {
	a, b = strings.ToLower(a), strings.ToLower(b)
	apart := Distance(a, b)
	for _, n := range negations {
		if nearerWithout(a, b, n, apart) || nearerWithout(b, a, n, apart) {
			return true
		}
	}
	return false
}

// nearerWithout says whether a without a negation in it is nearer to b than
// with it, by all of the negation's letters.
func nearerWithout(a, b, negation string, apart int) bool {
	for at := 0; ; at++ {
		i := strings.Index(a[at:], negation)
		if i < 0 {
			return false
		}
		at += i
		if Distance(a[:at]+a[at+len(negation):], b) == apart-len(negation) {
			return true
		}
	}
}

// Nearest is the keyword of a side that differs least from a word, for a person
// to judge: it may be another word altogether, but none that begins with a
// negation where the other does not. "" where none is near at all.
func Nearest(side Side, word string) string {
	if len(word) > maxWord {
		return ""
	}
	if k := Respell(side, word); k != "" {
		return k
	}
	if _, known := Lookup(side, word); known {
		return ""
	}
	word = strings.ToLower(word)
	best, least := "", 1+len(word)/3
	for _, k := range All(side) {
		if k.Retired || denies(word) != denies(k.Name) {
			continue
		}
		if d := Distance(word, strings.ToLower(k.Name)); d < least || d == least && best == "" {
			best, least = k.Name, d
		}
	}
	return best
}

// denies is the negation that a word begins with; "" where it begins with none.
func denies(word string) string {
	i := slices.IndexFunc(negations[:], func(n string) bool { return strings.HasPrefix(strings.ToLower(word), n) })
	if i < 0 {
		return ""
	}
	return negations[i]
}

// maxWord bounds the words that are compared: no keyword is that long.
const maxWord = 64

// Distance is the number of letters to insert, delete, change or swap with
// their neighbour to make a into b (optimal string alignment). Its time is the
// product of their lengths.
func Distance(a, b string) int {
	two, one, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range one {
		one[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			row[j] = min(one[j]+1, row[j-1]+1, one[j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], two[j-2]+1)
			}
		}
		two, one, row = one, row, two
	}
	return one[len(b)]
}
