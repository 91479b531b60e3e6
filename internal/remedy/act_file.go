package remedy

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"

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
	if d.dirs, err = missingDirs(path); err != nil {
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
func missingDirs(path string) ([]string, error) {
	var names []string
	dir := filepath.Dir(path)
	for ; !isDir(dir); dir = filepath.Dir(dir) {
		if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%s is not a directory", dir)
		}
		names = append(names, filepath.Base(dir))
	}
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return nil, err
	}
	var out []string
	for i := len(names) - 1; i >= 0; i-- {
		real = filepath.Join(real, names[i])
		out = append(out, real)
	}
	return out, nil
}

// resolve follows symbolic links to what they name; a path that is not there
// is itself, below its resolved directory.
func resolve(path string) (string, error) {
	if !filepath.IsAbs(path) {
		return "", fmt.Errorf("%s is not an absolute path", path)
	}
	real, err := filepath.EvalSymlinks(path)
	if errors.Is(err, fs.ErrNotExist) {
		if fi, lerr := os.Lstat(path); lerr == nil && fi.Mode()&fs.ModeSymlink != 0 {
			return "", fmt.Errorf("%s is a symbolic link to nothing", path)
		}
		dir, derr := filepath.EvalSymlinks(filepath.Dir(path))
		if derr != nil {
			return "", derr
		}
		return filepath.Join(dir, filepath.Base(path)), nil
	}
	return real, err
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

func (d *fileDoer) do(ctx context.Context, s *System) error {
	if err := checkContent(ctx, s, d.check_, d.target, d.oldText, d.newText); err != nil {
		return err
	}
	want, _, err := s.look(d.target) // an earlier step may have given it another mode
	if err != nil {
		return err
	}
	if want.Kind != d.old.Kind || want.Sum != d.old.Sum {
		return fmt.Errorf("%s has %w", d.target, ErrChanged)
	}
	for _, dir := range d.dirs {
		if err := s.mkdir(dir, d.mode|d.mode>>2&0o111); err != nil { // searchable for those who may read the file
			return err
		}
	}
	if d.inPlace() {
		return s.writeOver(d.target, []byte(d.newText))
	}
	want.Mtime, want.Atime = 0, 0
	if want.Kind == kindAbsent {
		want = State{Kind: kindFile, Mode: d.mode, UID: uint32(os.Geteuid()), GID: uint32(os.Getegid())}
	}
	return s.put(d.target, d.temp, []byte(d.newText), want)
}

// put makes path a file with this content and these attributes, at once: a
// reader sees the old file or the new one.
func (s *System) put(path, temp string, data []byte, want State) error {
	if err := s.remove(temp); err != nil { // of an earlier crash
		return err
	}
	if err := s.writeNew(temp, data); err != nil {
		return err
	}
	err := s.setAttr(temp, want)
	if err == nil {
		err = s.rename(temp, path)
	}
	if err != nil {
		s.remove(temp) //nolint:errcheck // the change's own error matters more
	}
	return err
}

// attrDoer gives a file or directory another mode or owner, or makes a
// directory that is missing.
type attrDoer struct {
	path     string
	old      State
	missing  bool
	mode     *uint32 // nil leaves it
	uid, gid *uint32
}

func newAttrDoer(s *System, a report.Action) (*attrDoer, error) {
	d := &attrDoer{}
	var err error
	if d.path, err = resolve(a.Path); err != nil {
		return nil, err
	}
	if d.old, _, err = s.look(d.path); err != nil {
		return nil, err
	}
	switch {
	case d.old.Kind == kindAbsent && a.Kind == report.ActMkdir:
		d.missing = true
	case d.old.Kind == kindAbsent:
		return nil, fmt.Errorf("%s is not there any more", a.Path)
	case d.old.Kind != kindFile && d.old.Kind != kindDir:
		return nil, fmt.Errorf("%s is neither a regular file nor a directory", d.path)
	case d.old.Kind != kindDir && a.Kind == report.ActMkdir:
		return nil, fmt.Errorf("%s is in the way: it is not a directory", d.path)
	case d.old.Kind == kindFile && d.old.Links > 1:
		return nil, fmt.Errorf("%s has %d names (hard links), which would all change", d.path, d.old.Links)
	}
	if a.Kind == report.ActMode || a.Kind == report.ActMkdir {
		mode := a.Mode & 0o7777
		d.mode = &mode
	}
	if d.uid, err = numberOf(a.User, func(name string) (string, error) {
		u, err := user.Lookup(name)
		if err != nil {
			return "", err
		}
		return u.Uid, nil
	}); err != nil {
		return nil, err
	}
	d.gid, err = numberOf(a.Group, func(name string) (string, error) {
		g, err := user.LookupGroup(name)
		if err != nil {
			return "", err
		}
		return g.Gid, nil
	})
	return d, err
}

// numberOf is the id of a user or group given by name or number; nil for none.
func numberOf(name string, lookup func(string) (string, error)) (*uint32, error) {
	if name == "" {
		return nil, nil
	}
	n, err := strconv.ParseUint(name, 10, 32)
	if err != nil {
		digits, lerr := lookup(name)
		if lerr != nil {
			return nil, lerr
		}
		if n, err = strconv.ParseUint(digits, 10, 32); err != nil {
			return nil, err
		}
	}
	id := uint32(n)
	return &id, nil
}

// wanted is the state that the step makes of another.
func (d *attrDoer) wanted(from State) State {
	from.Mtime, from.Atime = 0, 0
	if d.mode != nil {
		from.Mode = *d.mode
	}
	if d.uid != nil {
		from.UID = *d.uid
	}
	if d.gid != nil {
		from.GID = *d.gid
	}
	return from
}

// nothing says that the file is as the step would make it.
func (d *attrDoer) nothing() bool { return !d.missing && d.wanted(d.old).same(d.old) }

func (d *attrDoer) touches() ([]string, []string)                    { return []string{d.path}, nil }
func (d *attrDoer) probe(context.Context, *System) map[string]string { return nil }
func (d *attrDoer) record() act                                      { return act{Kind: "attr"} }

func (d *attrDoer) check(_ context.Context, s *System) error {
	if d.old.Pinned != "" {
		return fmt.Errorf("%s is %s", d.path, d.old.Pinned)
	}
	if d.missing {
		return s.writable(filepath.Dir(d.path))
	}
	if os.Geteuid() != 0 && d.old.UID != uint32(os.Geteuid()) {
		return fmt.Errorf("%s belongs to another user", d.path)
	}
	return s.changeable(d.path)
}

func (d *attrDoer) do(_ context.Context, s *System) error {
	if d.missing {
		if err := s.mkdir(d.path, 0o700); err != nil {
			return err
		}
	}
	now, _, err := s.look(d.path)
	if err != nil {
		return err
	}
	return s.setAttr(d.path, d.wanted(now))
}

// removeDoer takes a file or symbolic link away.
type removeDoer struct {
	path string
	old  State
}

func newRemoveDoer(s *System, path string) (*removeDoer, error) {
	if !filepath.IsAbs(path) {
		return nil, fmt.Errorf("%s is not an absolute path", path)
	}
	dir, err := filepath.EvalSymlinks(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	d := &removeDoer{path: filepath.Join(dir, filepath.Base(path))}
	if d.old, _, err = s.look(d.path); err != nil {
		return nil, err
	}
	if d.old.Kind != kindFile && d.old.Kind != kindSymlink && d.old.Kind != kindAbsent {
		return nil, fmt.Errorf("%s is neither a regular file nor a symbolic link", path)
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

func (d *removeDoer) do(_ context.Context, s *System) error { return s.remove(d.path) }
