package remedy

import (
	"bytes"
	"fmt"

	"sshwhy/internal/facts"
)

// What may be done to an object whose name somebody else controls. All of this
// is a function of what was seen through one descriptor: it is asked when the
// plan is made, and again of the descriptor that is then changed.

// errLinked says that a file has other names, which would change with it.
func errLinked(path string, n uint64) error {
	return fmt.Errorf("%s has %d names (hard links), which would all change", path, n)
}

// lends says whether a file may carry what lends its owner's rights to whoever
// runs it: only root's own, where nobody else can put another in its place.
func lends(uid uint32, w way) bool { return uid == 0 && w.Alone }

// safeMode is the mode of a state without what a file may not lend: the set-uid
// and set-group-ID bits.
func safeMode(st State, w way) uint32 {
	if st.Kind == kindFile && !lends(st.UID, w) {
		return st.Mode &^ 0o6000
	}
	return st.Mode
}

// editable says why a file's content is not shown and changed.
func editable(path string, st State) error {
	switch {
	case st.Kind != kindFile || st.way.Alone:
		return nil
	case st.Links > 1:
		return errLinked(path, st.Links)
	case st.unread:
		return fmt.Errorf("%s belongs to uid %d, and uid %d, who decides what has that name, may not read it", path, st.UID, st.way.Holder)
	}
	return nil
}

// shared says whether a directory of root's is laid out for others to write to:
// by the sticky bit, as /tmp (inode(7)), or for a group that is not root's.
func shared(st State) bool {
	return st.UID == 0 && (st.Mode&0o1000 != 0 || st.GID != 0 && st.Mode&0o020 != 0)
}

// attrs is what is to become of an object's mode and owner; nil leaves it.
type attrs struct {
	mode, uid, gid *uint32
}

// of is the state that the change makes of another.
func (a attrs) of(st State) State {
	st.Mtime, st.Atime = 0, 0
	if a.uid != nil {
		st.UID = *a.uid
	}
	if a.gid != nil {
		st.GID = *a.gid
	}
	if a.mode != nil {
		st.Mode = *a.mode
	}
	st.Mode = safeMode(st, st.way)
	return st
}

// inside is what an object holds: a file's content, a directory's names.
type inside struct {
	data  []byte
	names []string
}

// allowed says why the change is not made to an object. What it holds is asked
// for only where that decides.
func (a attrs) allowed(path string, st State, holds func() (inside, error)) error {
	want := a.of(st)
	switch {
	case st.Kind == kindFile && st.Links > 1:
		return errLinked(path, st.Links)
	case st.Kind == kindDir && shared(st) && st.Mode&^want.Mode&0o022 != 0:
		return fmt.Errorf("%s is root's, and others are to write to it: whether they still may is for a person to decide", path)
	case want.UID != st.UID || want.GID != st.GID && !st.way.Alone:
		return mayGive(path, st, want, holds)
	case st.way.Alone || st.UID == st.way.Holder:
		return nil
	case st.UID != 0:
		return fmt.Errorf("%s belongs to uid %d, and lies where uid %d decides what has that name: its owner is to change it", path, st.UID, st.way.Holder)
	case want.Mode&^st.Mode != 0:
		return fmt.Errorf("%s is root's, and lies where uid %d decides what has that name: it is not opened further", path, st.way.Holder)
	case st.Kind == kindFile:
		return isKeys(path, holds)
	}
	return nil
}

// isKeys says why a file of root's is not taken for one that was made for the
// user in whose directory it lies: the user may have moved it there.
func isKeys(path string, holds func() (inside, error)) error {
	in, err := holds()
	if err == nil && !onlyKeys(in.data) {
		err = fmt.Errorf("%s is root's and does not hold lines of public keys alone: it might be anything that was never meant for the user", path)
	}
	return err
}

// mayGive says why an object does not get another owner. Root's own goes to the
// user in whose directory it lies if it is wholly lines of public keys, or an
// empty directory: nothing is given away with it. An empty directory in a
// place that is root's alone may become root's. All else is for a person:
// whose content it is, or was to be, cannot be seen.
func mayGive(path string, st, want State, holds func() (inside, error)) error {
	toRoot := want.UID == 0 && st.way.Alone && st.Kind == kindDir
	switch {
	case toRoot:
	case want.UID == 0:
		return fmt.Errorf("%s belongs to uid %d: as root's it would be trusted, with whatever was written to it", path, st.UID)
	case st.UID != 0:
		return fmt.Errorf("%s belongs to uid %d, not to root: whether it is to be another user's is for a person to decide", path, st.UID)
	case st.way.Alone || st.way.Dir != want.UID:
		return fmt.Errorf("%s does not lie in a directory of uid %d", path, want.UID)
	}
	if st.Kind == kindFile {
		return isKeys(path, holds)
	}
	in, err := holds()
	if err == nil && len(in.names) > 0 {
		err = fmt.Errorf("%s is not empty: whose it is to be, with what is in it, is for a person to decide", path)
	}
	return err
}

// onlyKeys says whether a text is lines of public keys and nothing else, not
// even comments.
func onlyKeys(data []byte) bool {
	lines := 0
	for line := range bytes.Lines(data) {
		if len(bytes.TrimSpace(line)) > 0 {
			lines++
		}
	}
	keys, _ := facts.ParseAuthorizedKeys("", data)
	return lines > 0 && len(keys) == lines
}
