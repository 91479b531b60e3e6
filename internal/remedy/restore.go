package remedy

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
)

// head recognises a file that was being overwritten in place when the process
// died: the first part of the new content on the rest of the old.
type head struct {
	Data []byte `json:"data"`
}

func (h head) torn(now, old []byte) bool {
	n := 0
	for n < len(now) && n < len(h.Data) && now[n] == h.Data[n] {
		n++
	}
	// What is not of the new content must be of the old one.
	for i := n; i < len(now); i++ {
		if i >= len(old) || now[i] != old[i] {
			return false
		}
	}
	return len(now) >= min(len(old), len(h.Data))
}

// restore puts every path back: what is to be gone first, the deepest before
// what holds it; then what is to be there, directories before what is in them;
// the times of directories last, since all of this changes them.
func (u *undo) restore() {
	u.check(u.findLate())
	names := u.names()
	for _, path := range slices.Backward(names) {
		if g := u.target[path]; g.Kind == kindAbsent && !u.foreign[path] {
			u.settle(path, u.clear(path, g))
		}
	}
	for _, path := range names {
		if g := u.target[path]; g.Kind != kindAbsent && !g.Parent {
			u.settle(path, u.bring(path, g))
		}
	}
	for _, path := range slices.Backward(u.dirs) {
		g := u.target[path]
		now, _, err := u.s.look(path)
		if err != nil || now.Kind != kindDir || now.Mtime == g.Mtime {
			continue
		}
		u.settle(path, u.s.setTimesOf(path, g.State, now))
	}
}

// findLate adds what the undo's own programs have put into recorded trees: it
// was absent before, and it was absent when the undo began.
func (u *undo) findLate() error {
	for i := range u.steps {
		st := &u.steps[i]
		for _, tree := range st.before.Trees {
			err := u.s.walk(tree, func(path string) error {
				if _, known := u.target[path]; !known && !u.foreign[path] {
					u.target[path] = goal{entry: entry{State: State{Kind: kindAbsent}}, last: st}
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// clear removes what was not there before the fix.
func (u *undo) clear(path string, g goal) error {
	now, data, err := u.s.look(path)
	if err != nil || now.Kind == kindAbsent {
		return err
	}
	if now.Kind == kindDir {
		if left, err := u.s.entries(path); err == nil && len(left) > 0 {
			u.left = append(u.left, fmt.Sprintf("%s stays: there is something in it that the fix did not put there", path))
			return nil
		}
	}
	if err := u.keep(path, g, now, data); err != nil {
		return err
	}
	if now.Kind == kindOther || now.unread {
		return errNotGivenBack
	}
	u.tell(path)
	return u.s.removeThis(path, now)
}

// settle takes the error of one path. What somebody else may have put in the
// way is no failure of the undo, which nobody but its operator may hold up.
func (u *undo) settle(path string, err error) {
	switch {
	case err == nil:
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EROFS), !othersDecide(path):
		u.check(err)
	default:
		u.leave(fmt.Sprintf("%s is not put back: %v", path, err))
	}
}

// leave says once what is not as before.
func (u *undo) leave(words string) {
	if !slices.Contains(u.left, words) {
		u.left = append(u.left, words)
	}
}

// tell says once that a path was put back.
func (u *undo) tell(path string) {
	if !slices.Contains(u.restored, path) {
		u.restored = append(u.restored, path)
	}
}

// bring makes a path what it was.
func (u *undo) bring(path string, g goal) error {
	now, data, err := u.s.look(path)
	if err != nil || g.isExactly(now) {
		return err
	}
	if now.same(g.State) && g.Kind == kindDir {
		return nil // its time comes later
	}
	if g.Mode = safeMode(g.State, now.way); g.Mode != u.target[path].Mode {
		u.leave(fmt.Sprintf("%s is put back without its set-uid and set-group-ID bits (mode %04o): it can be changed by others than root", path, g.Mode))
		if g.isExactly(now) {
			return nil
		}
	}
	u.tell(path)
	if now.Kind == g.Kind && now.Link == g.Link && (now.Sum == g.Sum || g.Attr) {
		return u.bringAttr(path, g, now)
	}
	if g.Attr || now.unread || now.Kind != kindAbsent && !now.way.Alone && now.UID != now.way.Holder && now.Ino != g.fixed(path).Ino {
		return errNotGivenBack
	}
	if err := u.keep(path, g, now, data); err != nil {
		return err
	}
	if now.Kind != kindAbsent && now.Kind != g.Kind {
		if err := u.s.removeThis(path, now); err != nil {
			return err
		}
		now = State{Kind: kindAbsent}
	}
	switch g.Kind {
	case kindDir:
		if err := u.s.mkdir(path, 0o700); err != nil {
			return err
		}
		return u.dressNew(path, g)
	case kindSymlink:
		if now.Kind != kindAbsent {
			if err := u.s.removeThis(path, now); err != nil {
				return err
			}
		}
		if err := u.s.symlink(g.Link, path); err != nil {
			return err
		}
		return u.dressNew(path, g)
	case kindFile:
		return u.bringFile(path, g, now)
	}
	return fmt.Errorf("%s was neither a file, a directory nor a symbolic link", path)
}

// errNotGivenBack is why an owner or a mode is not put back.
var errNotGivenBack = errors.New("what the fix had changed is not there any more")

// bringAttr gives what is there its mode, owner, attributes and times back.
// Where somebody else decides what has the name, it must be the very object
// that the fix had changed; and to become another user's, as the fix left it.
func (u *undo) bringAttr(path string, g goal, now State) error {
	want := g.State
	if g.Attr {
		want.Mtime = 0 // the content's time is not ours
	}
	if was := g.fixed(path); !now.way.Alone && (now.Ino != was.Ino ||
		now.UID != want.UID && (want.UID != 0 || now.Sum != was.Sum || now.Links != was.Links)) {
		return errNotGivenBack
	}
	return u.s.setAttr(path, want, now)
}

// dressNew gives what the undo has just made its owner, mode and times.
func (u *undo) dressNew(path string, g goal) error {
	now, _, err := u.s.look(path)
	if err != nil {
		return err
	}
	if now.UID != uint32(os.Geteuid()) {
		return fmt.Errorf("%s has %w", path, ErrChanged)
	}
	return u.s.setAttr(path, g.State, now)
}

// bringFile writes a file's recorded content. It replaces the file, or writes
// over it where it has other names or the disk has no room for a second copy.
func (u *undo) bringFile(path string, g goal, now State) error {
	content, err := g.content(g.pack)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	over := now.Kind == kindFile && g.Links > 1 && now.Links > 1
	if !over {
		err = u.s.put(path, tempFor(path), content, g.State, now)
		if err == nil || now.Kind != kindFile || !errors.Is(err, syscall.ENOSPC) {
			return err
		}
	}
	if err := u.s.writeOver(path, content, now); err != nil {
		return err
	}
	if now, _, err = u.s.look(path); err != nil {
		return err
	}
	return u.s.setAttr(path, g.State, now)
}

// keep puts aside a content that is not known to be the fix's own, before it
// is replaced: undoing loses nothing.
func (u *undo) keep(path string, g goal, now State, data []byte) error {
	if now.Kind != kindFile {
		return nil
	}
	if g.last.Done {
		if after, ok := g.last.after.Paths[path]; ok && after.Sum == now.Sum {
			return nil
		}
	}
	if slices.Contains(g.last.act.Expect, now.Sum) || now.Sum == g.Sum {
		return nil
	}
	dir := filepath.Join(u.dir, "kept")
	if err := u.s.mkdir(dir, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	name := filepath.Join(dir, filepath.Base(path)+"."+now.Sum[:12])
	if have, _, err := u.s.look(name); err == nil && have.Kind == kindFile && have.Sum != now.Sum {
		if err := u.s.remove(name); err != nil { // cut short by a crash
			return err
		}
	}
	if err := u.s.writeNew(name, data); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	u.kept = dir
	return nil
}
