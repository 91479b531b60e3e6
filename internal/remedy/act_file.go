package remedy

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	udiff "github.com/aymanbagabas/go-udiff"

	"sshwhy/internal/report"
)

// fileDoer gives a file a new content: whole, at once, and with the owner,
// mode and attributes of the old.
type fileDoer struct {
	path    string // as named
	target  string // behind symbolic links
	old     State
	oldText string
	newText string
	mode    uint32   // of a file that is not there yet
	dirs    []string // that are missing on the way to it, from the top
	check_  report.Checker
	temp    string
}

// newFileDoer plans the edits of one file.
func newFileDoer(s *System, path string, edits []report.LineEdit, check report.Checker, mode uint32) (*fileDoer, error) {
	d := &fileDoer{path: path, check_: check, mode: mode}
	if d.mode == 0 {
		d.mode = 0o644
	}
	var err error
	if d.dirs, err = s.missingDirs(path); err != nil {
		return nil, err
	}
	if len(d.dirs) > 0 {
		d.target = filepath.Join(d.dirs[len(d.dirs)-1], filepath.Base(path))
	} else if d.target, err = resolve(path); err != nil {
		return nil, err
	}
	var data []byte
	if d.old, data, err = s.look(d.target); err != nil {
		return nil, err
	}
	switch d.old.Kind {
	case kindAbsent:
		for _, e := range edits {
			if e.Op != report.LineAppend && e.Op != report.LinePrepend {
				return nil, fmt.Errorf("%s is not there any more", path)
			}
		}
	case kindFile:
		if err := editable(d.target, d.old); err != nil {
			return nil, err
		}
	default:
		return nil, fmt.Errorf("%s is not a regular file", d.target)
	}
	d.oldText = string(data)
	if d.newText, err = applyEdits(d.oldText, edits); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	d.temp = filepath.Join(filepath.Dir(d.target), ".sshwhy-"+filepath.Base(d.target)+".tmp")
	return d, nil
}

// missingDirs are the directories that must be made before a file can be: a
// drop-in's, mostly. Their names are resolved.
func (s *System) missingDirs(path string) ([]string, error) {
	var names []string
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		real, err := resolve(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		st := State{Kind: kindAbsent}
		if err == nil {
			if st, _, err = s.look(real); err != nil {
				return nil, err
			}
		}
		switch st.Kind {
		case kindAbsent:
			names = append(names, filepath.Base(dir))
			continue
		case kindDir:
		default:
			return nil, fmt.Errorf("%s is not a directory", dir)
		}
		var out []string
		for _, name := range slices.Backward(names) {
			real = filepath.Join(real, name)
			out = append(out, real)
		}
		return out, nil
	}
}

func (d *fileDoer) touches() ([]string, []string) {
	return append(slices.Clone(d.dirs), d.target), nil
}

func (d *fileDoer) probe(context.Context, *System) map[string]string { return nil }

// inPlace says whether the file is overwritten instead of replaced: it has
// other names, which must go on naming the same file.
func (d *fileDoer) inPlace() bool { return d.old.Kind == kindFile && d.old.Links > 1 }

func (d *fileDoer) record() act {
	a := act{Kind: "file", Expect: []string{sum([]byte(d.newText))}, InPlace: d.inPlace()}
	if a.InPlace {
		a.Heads = []head{{Data: []byte(d.newText)}}
	} else {
		a.Temp = d.temp
	}
	return a
}

func (d *fileDoer) diff() string {
	from := d.target
	if d.old.Kind == kindAbsent {
		from = "/dev/null"
	}
	return udiff.Unified(from, d.target, d.oldText, d.newText)
}

func (d *fileDoer) check(_ context.Context, s *System) error {
	if d.old.Pinned != "" {
		return fmt.Errorf("%s is %s: somebody wants it to stay as it is; chattr -i (or -a) lifts that", d.target, d.old.Pinned)
	}
	dir := filepath.Dir(d.target)
	if len(d.dirs) > 0 {
		dir = filepath.Dir(d.dirs[0])
	}
	return s.writable(dir)
}

func (d *fileDoer) subject() string { return d.target }

// onto takes the state that an earlier step has left, which may have another
// mode or owner, but not another text than the plan was made on.
func (d *fileDoer) onto(now State) error {
	if now.Kind != d.old.Kind || now.Sum != d.old.Sum {
		return fmt.Errorf("%s has %w", d.target, ErrChanged)
	}
	d.old = now
	return nil
}

func (d *fileDoer) do(ctx context.Context, s *System) error {
	if err := checkContent(ctx, s, d.check_, d.target, d.oldText, d.newText); err != nil {
		return err
	}
	for _, dir := range d.dirs {
		if err := s.mkdir(dir, d.mode|d.mode>>2&0o111); err != nil { // searchable for those who may read the file
			return err
		}
	}
	if d.inPlace() {
		return s.writeOver(d.target, []byte(d.newText), d.old)
	}
	want := d.old
	want.Mtime, want.Atime = 0, 0
	if want.Kind == kindAbsent {
		want = State{Kind: kindFile, Mode: d.mode, UID: uint32(os.Geteuid()), GID: uint32(os.Getegid())}
	}
	return s.put(d.target, d.temp, []byte(d.newText), want, d.old)
}

// removeDoer takes a file or symbolic link away.
type removeDoer struct {
	path string
	old  State
}

func newRemoveDoer(s *System, path string) (*removeDoer, error) {
	d := &removeDoer{}
	var err error
	if d.path, err = resolveDir(path); err != nil {
		return nil, err
	}
	if d.old, _, err = s.look(d.path); err != nil {
		return nil, err
	}
	if d.old.Kind != kindFile && d.old.Kind != kindSymlink && d.old.Kind != kindAbsent {
		return nil, fmt.Errorf("%s is neither a regular file nor a symbolic link", path)
	}
	if d.old.Kind == kindFile && !d.old.way.Alone && d.old.UID != d.old.way.Holder {
		return nil, fmt.Errorf("%s belongs to uid %d, and lies where uid %d decides what has that name", path, d.old.UID, d.old.way.Holder)
	}
	if d.old.Links > 1 {
		return nil, fmt.Errorf("%s has %d names (hard links), and putting it back would not join them again", path, d.old.Links)
	}
	return d, nil
}

func (d *removeDoer) touches() ([]string, []string)                    { return []string{d.path}, nil }
func (d *removeDoer) probe(context.Context, *System) map[string]string { return nil }
func (d *removeDoer) record() act                                      { return act{Kind: "remove"} }

func (d *removeDoer) check(_ context.Context, s *System) error {
	if d.old.Pinned != "" {
		return fmt.Errorf("%s is %s", d.path, d.old.Pinned)
	}
	return s.writable(filepath.Dir(d.path))
}

func (d *removeDoer) subject() string      { return d.path }
func (d *removeDoer) onto(now State) error { d.old = now; return nil }

func (d *removeDoer) do(_ context.Context, s *System) error { return s.removeThis(d.path, d.old) }
