package remedy

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	udiff "github.com/aymanbagabas/go-udiff"
)

// What an undo finds is the fix's own doing, or somebody else's since: a
// conflict, which is left alone unless a person says otherwise.

// Conflict is a file that is not as the fix left it.
type Conflict struct {
	Path   string
	Diff   string // from what the fix left to what is there now; "" where it is not the content that differs
	Unseen error  // why nobody knows what is there now; nil where it is known
}

// asError is why nothing is undone because of it.
func (c Conflict) asError() error {
	if c.Unseen != nil {
		return &unseenError{c}
	}
	return fmt.Errorf("%s: %w", c.Path, ErrConflict)
}

// unseenError is an ErrConflict of what could not be looked at.
type unseenError struct{ Conflict }

func (e *unseenError) Error() string {
	return e.Path + " cannot be looked at, nor put back now: " + e.Unseen.Error()
}
func (e *unseenError) Is(target error) bool { return target == ErrConflict }

// ErrConflict is returned where undoing would overwrite somebody's change.
var ErrConflict = errors.New("changed since the fix, and undoing would lose that")

// timeIsOurs says whether a directory's time is the one the fix left: if not,
// somebody else has put something there, and the time tells of that.
func (u *undo) timeIsOurs(path string, g goal, now State) bool {
	if !g.last.Done || slices.Contains(u.rec.dirs, path) {
		return true
	}
	after, ok := g.last.left(path)
	return ok && after.Mtime == now.Mtime
}

// ours says whether the state of a path is one that the fix can have left.
func (u *undo) ours(path string, g goal, now State, data []byte) bool {
	if slices.Contains(u.rec.approved, path) {
		return true // an undo that was cut short had begun to put it back
	}
	st := g.last
	if st.Done {
		after, ok := st.left(path)
		return ok && (now.same(after) || g.Attr && now.sameAttr(after))
	}
	before, ok := st.before.Paths[path]
	if st.act.Loose {
		return true
	}
	if !ok {
		return false
	}
	if now.same(before.State) {
		return true
	}
	switch st.act.Kind {
	case "file":
		if st.act.InPlace {
			old, err := before.content(st.pack)
			return err == nil && now.Kind == kindFile && slices.ContainsFunc(st.act.Heads, func(h head) bool { return h.torn(data, old) })
		}
		return now.Kind == kindFile && slices.Contains(st.act.Expect, now.Sum) ||
			now.Kind == kindDir && before.Kind == kindAbsent // made on the way to the file
	case "attr":
		return now.Kind == before.Kind || before.Kind == kindAbsent && now.Kind == kindDir
	case "remove":
		return now.Kind == kindAbsent
	}
	return false
}

func (u *undo) conflict(path string, g goal, now State, data []byte) Conflict {
	c := Conflict{Path: path}
	if now.Kind != kindFile && now.Kind != kindAbsent || g.Attr || now.unread {
		return c
	}
	was := ""
	if old, err := g.content(g.pack); err == nil && g.Kind == kindFile {
		was = string(old)
	}
	if was != string(data) && !strings.ContainsRune(was+string(data), 0) {
		c.Diff = udiff.Unified(path+" (now)", path+" (before the fix)", string(data), was)
	}
	return c
}
