package remedy

import (
	"slices"
	"strings"
)

// stepRecord is a step's record as found on the disk.
type stepRecord struct {
	RecordStep
	before, after snapshot
	pack          []byte
}

// left is the state in which a finished step left a path. What is in none of
// its records although its tree was recorded was not there.
func (st *stepRecord) left(path string) (State, bool) {
	if e, ok := st.after.Paths[path]; ok {
		return e.State, true
	}
	inTree := slices.ContainsFunc(st.after.Trees, func(t string) bool { return strings.HasPrefix(path, t+"/") })
	return State{Kind: kindAbsent}, inTree
}

// goal is the state of a path before the fix, and who touched it last.
type goal struct {
	entry
	pack []byte
	last *stepRecord
}

// is says whether a state is the goal, as far as that was the fix's doing.
func (g goal) is(now State) bool {
	if g.Attr {
		return now.sameAttr(g.State)
	}
	return now.same(g.State)
}

// isExactly is is, and the time of last change too.
func (g goal) isExactly(now State) bool {
	if g.Attr {
		return g.is(now) // a content that is not put back has its own time
	}
	return now.exact(g.State)
}

// fixed is the state in which the fix has left a path, or found it, where it
// was cut short.
func (g goal) fixed(path string) State {
	if after, ok := g.last.left(path); ok {
		return after
	}
	return g.last.before.Paths[path].State
}
