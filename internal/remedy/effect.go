package remedy

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"sshwhy/internal/report"
	"sshwhy/internal/sshconf"
)

// effect is what a change to sshd's configuration does to who may come in and
// to what they may do.
type effect struct {
	direction sshconf.Direction
	words     []string // clauses for a person, the worst first
}

// open says whether the change needs the consent that an opening does.
func (e effect) open() bool { return e.direction >= sshconf.Unknown }

// unknown is the effect of a change that could not be worked out.
func unknown(format string, args ...any) effect {
	return effect{sshconf.Unknown, []string{"it cannot be worked out who could come in: " + fmt.Sprintf(format, args...)}}
}

// maxBlocks is how many Match blocks are worked out: sshd is asked once for
// every pair of them, which takes seconds beyond that.
const maxBlocks = 20

// effectOf works out what a change of sshd's configuration does, for everyone:
// it compares what sshd makes of the configuration as it will be with what it
// makes of the one before without the lines for which it refuses that.
//
// A server's running configuration and the last good one are not among what is
// compared with: sshd does not tell the one, and nothing on the machine vouches
// for the other. What a broken line was to keep out is what they would show;
// lostBy speaks for it.
func (j *sshdJudge) effectOf(ctx context.Context, before version, changed changes) effect {
	after, err := j.accepted(ctx, changed, nil)
	if err != nil {
		return unknown("%v", err)
	}
	keys := slices.Compact(slices.Sorted(slices.Values(append(before.keys, after.keys...))))
	if len(keys) > maxBlocks {
		return unknown("the configuration has %d Match blocks", len(keys))
	}
	var all []sshconf.Difference
	for _, set := range pairs(keys) {
		a, err := j.dump(ctx, before, set)
		if err != nil {
			return unknown("%v", err)
		}
		b, err := j.dump(ctx, after, set)
		if err != nil {
			return unknown("%v", err)
		}
		b.Where = visitors(set)
		all = append(all, sshconf.Compare(a, b)...)
	}
	return summed(all)
}

// pairs are the sets of Match blocks that must be looked at to know everyone's
// settings: none, each, and each two of them, with the blocks that they stand
// in. Where a keyword's first line counts, a visitor's value before hangs on one
// block and the value after on one block; where lines add up, a value that is
// gained or lost hangs on one that has it and on one that puts the global list
// out of force. So two blocks show every difference that more would.
func pairs(keys []string) []map[string]bool {
	sets := []map[string]bool{{}}
	for i, a := range keys {
		sets = append(sets, holding(a))
		for _, b := range keys[:i] {
			set := holding(a)
			maps.Copy(set, holding(b))
			sets = append(sets, set)
		}
	}
	return sets
}

// holding is the set of a block and those that it stands in.
func holding(key string) map[string]bool {
	set := map[string]bool{}
	for i := range key {
		if strings.HasPrefix(key[i:], nested) {
			set[key[:i]] = true
		}
	}
	set[key] = true
	return set
}

// visitors says in words for whom a set of Match blocks holds; "" is for all.
func visitors(set map[string]bool) string {
	keys := slices.Sorted(maps.Keys(set))
	keys = slices.DeleteFunc(keys, func(k string) bool {
		return slices.ContainsFunc(keys, func(o string) bool { return strings.HasPrefix(o, k+nested) })
	})
	if len(keys) == 0 {
		return ""
	}
	if len(keys) == 1 {
		return "where Match " + keys[0] + " holds"
	}
	return "where Match " + strings.Join(keys, " and Match ") + " hold"
}

// maxWords is how many differences are told of one change.
const maxWords = 6

// summed tells of all differences, each once: for everyone, where it holds for
// everyone.
func summed(all []sshconf.Difference) effect {
	e := effect{direction: sshconf.Worst(all)}
	seen := map[[3]string]bool{}
	slices.SortStableFunc(all, func(a, b sshconf.Difference) int { return cmp.Compare(b.Direction, a.Direction) })
	for _, d := range all {
		key := [3]string{d.Keyword, d.From, d.To}
		if d.Direction == sshconf.Same || seen[key] {
			continue
		}
		seen[key] = true
		e.words = append(e.words, d.Words)
	}
	if len(e.words) > maxWords {
		e.words = append(e.words[:maxWords], fmt.Sprintf("%d more such differences", len(e.words)-maxWords))
	}
	return e
}

// lostBy says what may be lost with the lines that edits take out of a
// configuration or change: for a line that sshd refuses, what it was to keep
// out is in no configuration that could be compared with. Text is the file, whole
// are all files of the configuration, and refused says which lines sshd refuses.
// "" is nothing.
func lostBy(edits []report.LineEdit, text, whole string, refused func(line int) bool) string {
	for _, e := range edits {
		switch e.Op {
		case report.LineComment, report.LineDelete, report.LineReplace:
		default:
			continue
		}
		if bare, marked := sshconf.CutMark(e.Old); marked && (sshconf.SaysNothing(bare) || e.Op == report.LineReplace && e.New == bare) {
			continue // it says now what it was to say
		}
		old, ok := sshconf.ParseLine(e.Old)
		if !ok || !refused(e.Line) || e.Op == report.LineReplace && keepsMeaning(old, e.New) || harmless(old, text, whole, e.Line) {
			continue
		}
		return fmt.Sprintf("whoever %q was to keep out could come in", strings.TrimSpace(e.Old))
	}
	return ""
}

// harmless says whether a line that sshd refuses, of this text, kept nobody out.
func harmless(l sshconf.Line, text, whole string, number int) bool {
	if l.Swallowed() != "" {
		return false // two lines whose end was lost, perhaps: what follows may hang on the second
	}
	k, ok := sshconf.Lookup(sshconf.Server, l.Keyword)
	if !ok {
		return sshconf.OnlyOf(sshconf.Client, l.Keyword)
	}
	// A line that adds algorithms to the default was to keep nobody out, and
	// without it the default stands, unless a later line counts then, in
	// whichever file and by whichever name of the keyword.
	adds := k.Kind == sshconf.Algorithms && len(l.Args) == 1 && strings.HasPrefix(l.Args[0], "+") && occurrences(k, whole) == 1
	return adds || k.HarmlessLost(restOfBlock(text, number))
}

func occurrences(k sshconf.Keyword, text string) int {
	n := 0
	for raw := range strings.Lines(text) {
		if l, ok := sshconf.ParseLine(strings.TrimRight(raw, "\r\n")); ok {
			if other, _ := sshconf.Lookup(sshconf.Server, l.Keyword); other.Name != "" && other.Canonical() == k.Canonical() {
				n++
			}
		}
	}
	return n
}

// restOfBlock are the keywords of the lines that follow one in its Match block
// of the same file; nil where it stands in none.
func restOfBlock(text string, number int) []string {
	var block []string
	n := 0
	for raw := range strings.Lines(text) {
		n++
		l, ok := sshconf.ParseLine(strings.TrimRight(raw, "\r\n"))
		switch match := ok && l.Is("Match"); {
		case match && n < number:
			block = []string{}
		case match || n > number && block == nil:
			return block
		case ok && n > number:
			block = append(block, l.Keyword)
		}
	}
	return block
}

// keepsMeaning says whether a line in the place of one that sshd refuses means
// what that was to mean, or the strictest that its keyword can: a misspelt
// keyword or value, a list without the names that are unknown, or all closed.
func keepsMeaning(old sshconf.Line, with string) bool {
	l, ok := sshconf.ParseLine(with)
	if !ok {
		return false
	}
	k, known := sshconf.Lookup(sshconf.Server, old.Keyword)
	if !known {
		return l.Is(sshconf.Respell(sshconf.Server, old.Keyword)) && slices.Equal(l.Args, old.Args)
	}
	if !l.Is(k.Name) || old.Swallowed() != "" {
		return false
	}
	if k.Closed != "" && len(l.Args) == 1 && strings.EqualFold(l.Args[0], k.Closed) {
		return true
	}
	if len(l.Args) != len(old.Args) {
		return false
	}
	for i, arg := range l.Args {
		was := old.Args[i]
		if arg != was && arg != k.RespellValue(was) && !(k.Kind == sshconf.Algorithms && sshconf.Sublist(arg, was)) {
			return false
		}
	}
	return true
}
