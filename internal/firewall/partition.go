package firewall

import (
	"cmp"
	"slices"
)

// verdicts turns the outcomes that are possible for each address into one
// verdict per address: what is sure where all possible outcomes are alike,
// Limited where only rate limits stand between them, and CannotTell otherwise.
func (r *run) verdicts(all AddrSet) []Verdict {
	var order []class
	ranges := map[class][]addrRange{}
	for i := range r.outcomes {
		c := r.outcomes[i].class()
		if _, ok := ranges[c]; !ok {
			order = append(order, c)
		}
		ranges[c] = append(ranges[c], r.outcomes[i].For.flat()...)
	}
	possible := make([]AddrSet, len(order))
	for i, c := range order {
		possible[i] = unionOf(ranges[c])
	}

	var out []Verdict
	unsure := all
	for i, c := range order {
		if c.kind == CannotTell {
			continue
		}
		only := possible[i].Intersect(all)
		for j := range order {
			if j != i {
				only = only.Minus(possible[j])
			}
		}
		unsure = unsure.Minus(only)
		out = append(out, r.decided(c, only)...)
	}
	out = append(out, r.undecided(unsure)...)
	slices.SortStableFunc(out, func(a, b Verdict) int { return cmp.Compare(a.Kind, b.Kind) })
	for i := range out {
		out[i].Trace, out[i].Assumed = r.trace, r.assumptions()
	}
	return out
}

// decided splits the addresses of one sure verdict by the rule that decides.
func (r *run) decided(c class, at AddrSet) []Verdict {
	var out []Verdict
	for i := range r.outcomes {
		if at.IsEmpty() {
			break
		}
		o := r.outcomes[i]
		if o.class() != c {
			continue
		}
		mine := o.For.Intersect(at)
		if mine.IsEmpty() {
			continue
		}
		at = at.Minus(mine)
		o.For = mine
		out = append(out, Verdict{Outcome: o})
	}
	return out
}

// undecided returns the verdicts for addresses with more than one way to end.
func (r *run) undecided(at AddrSet) []Verdict {
	if at.IsEmpty() {
		return nil
	}
	var rate, other []addrRange
	for _, u := range r.unsures {
		if u.Why.Rate {
			rate = append(rate, u.For.flat()...)
		} else {
			other = append(other, u.For.flat()...)
		}
	}
	for _, o := range r.outcomes {
		if o.Kind == CannotTell {
			other = append(other, o.For.flat()...)
		}
	}
	limited := at.Intersect(unionOf(rate)).Minus(unionOf(other))
	var out []Verdict
	for _, part := range []struct {
		kind Kind
		at   AddrSet
	}{{Limited, limited}, {CannotTell, at.Minus(limited)}} {
		if part.at.IsEmpty() {
			continue
		}
		v := Verdict{Outcome: Outcome{Kind: part.kind, For: part.at}}
		for _, o := range r.outcomes {
			if !o.For.Intersect(part.at).IsEmpty() {
				v.Possible = append(v.Possible, o)
			}
		}
		named := map[*Rule]bool{}
		for _, u := range r.unsures {
			if !u.For.Intersect(part.at).IsEmpty() && (u.Rule == nil || !named[u.Rule]) {
				named[u.Rule] = true
				v.Unsure = append(v.Unsure, u)
			}
		}
		v.stopped()
		out = append(out, v)
	}
	return out
}

// stopped makes a verdict of several possible ones that all stop the packet:
// "rejected, and when there are too many, dropped" is not open to doubt.
func (v *Verdict) stopped() {
	var first *Outcome
	for i := range v.Possible {
		switch o := &v.Possible[i]; o.Kind {
		case Drop:
			if first == nil {
				first = o
			}
		case Reject:
			if first == nil || first.Kind == Drop {
				first = o
			}
		default:
			return
		}
	}
	if first != nil {
		at := v.For
		v.Outcome = *first
		v.For = at
	}
}
