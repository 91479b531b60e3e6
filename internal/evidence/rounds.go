package evidence

import "fmt"

// MaxItems bounds one bundle. A machine with a thousand users and a hundred
// included files wants about two thousand items.
const MaxItems = 10000

// MaxMatches bounds what is taken of a pattern's matches from somebody else's text.
const MaxMatches = 100000

// Rounds fills b: it asks the manifest what is missing and hands that to look,
// which records a result for every item of the round, until nothing new is
// wanted. Whatever was wanted and got no answer (look gave up, too many rounds,
// too many items) is recorded as Failed with the reason, so that it never reads
// as "not there". Its error is the one look gave up with.
func (m Manifest) Rounds(b *Bundle, look func(round []Item) error) error {
	for range MaxRounds {
		round := m.Missing(b)
		if len(round) == 0 {
			return nil
		}
		if room := max(0, MaxItems-len(b.items)); len(round) > room {
			fail(b, round[room:], fmt.Sprintf("left out: more than %d things to look at", MaxItems))
			round = round[:room]
		}
		if len(round) == 0 {
			continue
		}
		if err := look(round); err != nil {
			fail(b, round, "not looked at: "+err.Error())
			return err
		}
		fail(b, round, "no answer came back")
	}
	fail(b, m.Missing(b), fmt.Sprintf("left out: found only after %d rounds of looking", MaxRounds))
	return nil
}

// fail records those of items that have no result yet.
func fail(b *Bundle, items []Item, reason string) {
	for _, it := range items {
		if !b.Has(it) {
			b.Put(it, Result{Status: Failed, Reason: reason, Exit: -1})
		}
	}
}
