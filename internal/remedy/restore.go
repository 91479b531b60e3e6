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
			u.check(u.clear(path, g))
		}
	}
	for _, path := range names {
		if g := u.target[path]; g.Kind != kindAbsent && !g.Parent {
			u.check(u.bring(path, g))
		}
	}
	for _, path := range slices.Backward(u.dirs) {
		g := u.target[path]
		now, _, err := u.s.look(path)
		if err != nil || now.Kind != kindDir || now.Mtime == g.Mtime {
			continue
		}
		u.check(u.s.setTimesOf(path, g.State))
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
		if left, err := os.ReadDir(path); err == nil && len(left) > 0 {
			u.left = append(u.left, fmt.Sprintf("%s stays: there is something in it that the fix did not put there", path))
			return nil
		}
	}
	if err := u.keep(path, g, now, data); err != nil {
		return err
	}
	u.tell(path)
	return u.s.remove(path)
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
	if err != nil || now.exact(g.State) {
		return err
	}
	if now.same(g.State) && g.Kind == kindDir {
		return nil // its time comes later
	}
	u.tell(path)
	if now.Kind == g.Kind && now.Sum == g.Sum && now.Link == g.Link {
		return u.s.setAttr(path, g.State)
	}
	if err := u.keep(path, g, now, data); err != nil {
		return err
	}
	if now.Kind != kindAbsent && now.Kind != g.Kind {
		if err := u.s.remove(path); err != nil {
			return err
		}
		now.Kind = kindAbsent
	}
	switch g.Kind {
	case kindDir:
		if err := u.s.mkdir(path, 0o700); err != nil {
			return err
		}
		return u.s.setAttr(path, g.State)
	case kindSymlink:
		if now.Kind != kindAbsent {
			if err := u.s.remove(path); err != nil {
				return err
			}
		}
		if err := u.s.symlink(g.Link, path); err != nil {
			return err
		}
		return u.s.setAttr(path, g.State)
	case kindFile:
		return u.bringFile(path, g, now)
	}
	return fmt.Errorf("%s was neither a file, a directory nor a symbolic link", path)
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
		err = u.s.put(path, tempFor(path), content, g.State)
		if err == nil || now.Kind != kindFile || !errors.Is(err, syscall.ENOSPC) {
			return err
		}
	}
	if err := u.s.writeOver(path, content); err != nil {
		return err
	}
	return u.s.setAttr(path, g.State)
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
