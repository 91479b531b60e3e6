package remedy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// UndoOptions say how far an undo may go.
type UndoOptions struct {
	DryRun bool
	Force  bool // put back also what somebody changed since; what was there is kept in the record
	// Mark is Undone.Mark of what a person was shown and agreed to: what is
	// another by now is not undone. "" asks for nothing.
	Mark string
}

// Undone says what an undo did, or would do.
type Undone struct {
	ID        string
	Begun     time.Time  // when the fix was made
	Later     string     // where no fix was named: a later one, which is undone already
	Steps     []string   // what is taken back, last first
	Ends      []string   // dry run: what ends with it: servers, packages, whom the fix let in
	Restored  []string   // the files put back
	Conflicts []Conflict // changed since, by somebody else
	Left      []string   // what is not as before, and why
	Kept      string     // the directory that holds what was replaced although it was not the fix's own
	Mark      string     // dry run: names what was looked at, for UndoOptions.Mark
	Guardable bool       // dry run: a timer can do it again (UndoGuarded)
}

// ErrMoved is returned where an undo is no longer the one that was agreed to.
var ErrMoved = errors.New("something has changed since this was shown; nothing is undone")

// ErrNothing is returned where there is no fix to undo.
var ErrNothing = errors.New("there is no fix to undo")

type undoOptions struct {
	UndoOptions
	event string // the event that ends it
	again bool   // it may be taken back itself: the record stays whole
	// around leaves what others have changed where they decide, instead of
	// leaving all.
	around bool
}

// Undo takes a fix back: the one of that ID, or the last one that is not
// undone. It works from the record alone, whatever happened since: after a
// crash in any step, after a reboot, and after an undo that was itself cut short.
func Undo(ctx context.Context, s *System, stateDir, id string, opt UndoOptions) (Undone, error) {
	if err := supported(); err != nil {
		return Undone{}, err
	}
	if all, err := List(stateDir); err != nil || len(all) == 0 { // nothing to lock, where nothing was ever recorded
		_, cerr := choose(nil, id)
		return Undone{}, cmp.Or(err, cerr)
	}
	lock, err := acquire(s, stateDir)
	if err != nil {
		return Undone{}, err
	}
	defer lock.Close()
	all, err := List(stateDir)
	if err != nil {
		return Undone{}, err
	}
	r, err := choose(all, id)
	if err != nil {
		return Undone{}, err
	}
	u, err := undoDir(ctx, s, r.Dir, undoOptions{UndoOptions: opt, event: evUndone})
	u.Later = later(all, r, id)
	return u, err
}

// later is the last fix, where another one was chosen without being named.
func later(all []Record, r Record, id string) string {
	if last := all[len(all)-1]; id == "" && last.ID != r.ID {
		return last.ID
	}
	return ""
}

func choose(all []Record, id string) (Record, error) {
	for _, r := range slices.Backward(all) {
		if r.ID == id && r.over() {
			return r, fmt.Errorf("%s is %s already", id, r.State)
		}
		if r.ID == id || id == "" && !r.over() && (r.undoes() == "" || r.State == "open") {
			return r, nil
		}
	}
	if id != "" {
		return Record{}, fmt.Errorf("no fix %q is recorded: %w", id, ErrNothing)
	}
	return Record{}, ErrNothing
}

// undoDir takes back the fix recorded in dir. The caller holds the lock.
func undoDir(ctx context.Context, s *System, dir string, opt undoOptions) (Undone, error) {
	u, err := survey(s, dir)
	if err != nil {
		return Undone{}, err
	}
	if opt.around {
		u.goAround()
	}
	out := Undone{ID: u.rec.ID, Begun: u.rec.Begun, Conflicts: u.conflicts}
	for _, st := range slices.Backward(u.rec.Steps) {
		if st.act.Kind != kindHold { // ends with what it held
			out.Steps = append(out.Steps, st.Do)
		}
	}
	if opt.Mark != "" && opt.Mark != u.mark() {
		return out, ErrMoved
	}
	if opt.DryRun {
		out.Restored, out.Ends, out.Mark, out.Guardable = u.different(), u.ends(ctx), u.mark(), u.rec.guardable()
	}
	if len(u.conflicts) > 0 && !opt.Force {
		return out, u.conflicts[0].asError()
	}
	if opt.DryRun {
		return out, nil
	}
	u.rollback = opt.event == evRolledBack
	// From here on a journal that cannot be written (a full disk) stops
	// nothing: undoing works from what is on the disk already.
	s.note(dir, event{Event: evUndoBegin, Paths: u.different(), Dirs: u.dirs}) //nolint:errcheck
	u.passSilent()
	u.dropTemps()
	if slices.ContainsFunc(u.steps, func(st stepRecord) bool { return st.act.Kind == "ufw" }) {
		u.found = iptablesProbe(ctx, s)
	}
	u.early(ctx)
	u.restore()
	u.late(ctx)
	u.restore() // what the programs of late have written
	out.Restored, out.Left, out.Kept = u.restored, u.left, u.kept
	if len(u.errs) > 0 {
		return out, errors.Join(u.errs...)
	}
	u.redone()
	if s.note(dir, event{Event: opt.event}) == nil && !opt.again {
		s.drop(u.rec) //nolint:errcheck // the next fix tries again
	}
	return out, nil
}

// undo is one undoing in progress.
type undo struct {
	s     *System
	dir   string
	rec   Record
	steps []stepRecord

	target    map[string]goal  // what each path is to become
	foreign   map[string]bool  // paths that are not ours to touch
	silent    map[string]error // paths whose file system is not asked again
	dirs      []string         // directories whose time is put back
	now       map[string]State
	found     map[string]string // the firewall's rules when the undo began
	conflicts []Conflict
	restored  []string
	left      []string
	kept      string
	errs      []error
	rollback  bool            // of a fix that is not whole: nothing of it may stay
	spared    map[string]bool // the units that are left running (probe names)
}

// survey reads the record and compares it with what is there now.
func survey(s *System, dir string) (*undo, error) {
	rec, err := readRecord(dir)
	if err != nil {
		return nil, err
	}
	u := &undo{s: s, dir: dir, rec: rec, target: map[string]goal{}, foreign: map[string]bool{}, silent: map[string]error{}, now: map[string]State{}, spared: map[string]bool{}}
	for _, st := range rec.Steps {
		sr := stepRecord{RecordStep: st}
		at := filepath.Join(dir, fmt.Sprintf("%03d", st.N))
		ok := false
		if sr.before, ok, err = load(at, beforeJSON); err != nil || !ok {
			return nil, fmt.Errorf("the record of step %d is damaged: %w", st.N, errors.Join(err, os.ErrNotExist))
		}
		if sr.pack, err = os.ReadFile(filepath.Join(at, sr.before.pack())); err != nil {
			return nil, err
		}
		if st.Done {
			if sr.after, ok, err = load(at, afterJSON); err != nil || !ok {
				return nil, fmt.Errorf("the record of step %d is damaged: %w", st.N, errors.Join(err, os.ErrNotExist))
			}
		}
		u.steps = append(u.steps, sr)
	}
	for i := range u.steps {
		u.collect(&u.steps[i])
	}
	if err := u.findNew(); err != nil {
		return nil, err
	}
	return u, u.compare()
}

// collect takes a step's before-states as goals; the earliest step that
// touched a path knows what it was, the latest what it may be now.
func (u *undo) collect(st *stepRecord) {
	for path, e := range st.before.Paths {
		g, ok := u.target[path]
		if e.Kept && e.Kind == kindDir {
			e.Parent = true // the undo's own programs may give it a new time
		}
		switch {
		case !ok && e.Kept && !e.Parent:
			u.foreign[path] = true
			continue
		case !ok && u.wasRecordedAbsent(path, st):
			g = goal{entry: entry{State: State{Kind: kindAbsent}}}
		case !ok:
			g = goal{entry: e, pack: st.pack}
		case g.Attr && !e.Attr && !e.Kept && e.Kind == kindFile:
			// The steps before this one have left the content alone.
			g.Attr, g.Sum, g.Size, g.Mtime, g.Atime = false, e.Sum, e.Size, e.Mtime, e.Atime
			g.Off, g.pack = e.Off, st.pack
		}
		delete(u.foreign, path)
		if !e.Parent {
			g.Parent = false
		}
		g.last = st
		u.target[path] = g
	}
}

// wasRecordedAbsent says whether a step before this one recorded the tree that
// a path is in, and the path was not there.
func (u *undo) wasRecordedAbsent(path string, st *stepRecord) bool {
	return slices.ContainsFunc(u.steps, func(o stepRecord) bool {
		if _, there := o.before.Paths[path]; there || o.N >= st.N {
			return false
		}
		return slices.ContainsFunc(o.before.Trees, func(t string) bool { return strings.HasPrefix(path, t+"/") })
	})
}

// findNew adds what has appeared in recorded trees: it was absent before.
func (u *undo) findNew() error {
	for i := range u.steps {
		st := &u.steps[i]
		for _, tree := range st.before.Trees {
			err := u.s.walk(tree, func(path string) error {
				g, known := u.target[path]
				_, ours := st.after.Paths[path]
				switch {
				case !known && st.before.Paths[path].Kept:
				case known && g.last.N >= st.N:
				case known:
					g.last = st
					u.target[path] = g
				case st.Done && !ours: // somebody put it there later
					u.foreign[path] = true
				default:
					delete(u.foreign, path)
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

// compare finds what differs from its goal, and what of that is not the fix's
// own doing.
func (u *undo) compare() error {
	for _, path := range u.names() {
		g := u.target[path]
		now, data, err := u.s.look(path)
		var unseen error
		if isSilent(err) {
			u.silent[path] = err
		}
		if isSilent(err) || err != nil && othersDecide(path) {
			now, unseen, err = State{Kind: kindOther}, err, nil
		}
		if err != nil {
			return err
		}
		u.now[path] = now
		if g.Kind == kindDir && now.Kind == kindDir && u.timeIsOurs(path, g, now) {
			u.dirs = append(u.dirs, path)
		}
		if g.Parent || g.is(now) || u.ours(path, g, now, data) {
			continue
		}
		c := u.conflict(path, g, now, data)
		c.Unseen = unseen
		u.conflicts = append(u.conflicts, c)
	}
	return nil
}

// passSilent leaves what does not answer, which is not waited for again.
func (u *undo) passSilent() {
	for _, path := range u.names() {
		err, ok := u.silent[path]
		if !ok {
			continue
		}
		if !u.target[path].Parent {
			u.leave(fmt.Sprintf("%s is not put back: %v", path, err))
		}
		delete(u.target, path)
		u.foreign[path] = true
	}
}

// goAround leaves what others have changed in places of theirs.
func (u *undo) goAround() {
	u.conflicts = slices.DeleteFunc(u.conflicts, func(c Conflict) bool {
		if c.Unseen != nil {
			return true // restore tells
		}
		if !othersDecide(c.Path) {
			return false
		}
		delete(u.target, c.Path)
		u.leave(c.Path + " is not put back: it was changed since, where others than root may do so")
		return true
	})
}

func (u *undo) names() []string {
	out := make([]string, 0, len(u.target))
	for p := range u.target {
		out = append(out, p)
	}
	slices.Sort(out)
	return out
}

// different are the paths that are not as they were.
func (u *undo) different() []string {
	var out []string
	for _, p := range u.names() {
		if g := u.target[p]; !g.Parent && !g.isExactly(u.now[p]) && (g.Kind != kindDir || !u.now[p].same(g.State)) {
			out = append(out, p)
		}
	}
	return out
}

// dropTemps removes temporary files that a crash left.
func (u *undo) dropTemps() {
	drop := func(path string) {
		u.settle(path, u.s.remove(path))
	}
	for _, st := range u.steps {
		if st.act.Temp != "" && !u.silentBeside(st.act.Temp) {
			drop(st.act.Temp)
		}
	}
	for _, path := range u.names() {
		if u.target[path].Kind == kindFile {
			drop(tempFor(path))
		}
	}
}

// silentBeside says whether something in the same directory does not answer.
func (u *undo) silentBeside(path string) bool {
	for p := range u.silent {
		if filepath.Dir(p) == filepath.Dir(path) {
			return true
		}
	}
	return false
}

// tempFor is the name under which undo prepares a file.
func tempFor(path string) string {
	return filepath.Join(filepath.Dir(path), ".sshwhy-"+filepath.Base(path)+".undo")
}

func (u *undo) check(err error) {
	if err != nil {
		u.errs = append(u.errs, err)
	}
}
