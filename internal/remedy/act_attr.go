package remedy

import (
	"context"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"

	"sshwhy/internal/report"
)

// attrDoer gives a file or directory another mode or owner, or makes a
// directory that is missing.
type attrDoer struct {
	path    string
	old     State
	missing bool
	attrs
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
	if err == nil && !d.missing {
		err = s.allowed(d.path, d.old, d.attrs)
	}
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

// nothing says that the file is as the step would make it.
func (d *attrDoer) nothing() bool { return !d.missing && d.of(d.old).same(d.old) }

func (d *attrDoer) touches() ([]string, []string)                    { return []string{d.path}, nil }
func (d *attrDoer) probe(context.Context, *System) map[string]string { return nil }
func (d *attrDoer) record() act                                      { return act{Kind: "attr", Attr: true} }

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

func (d *attrDoer) subject() string      { return d.path }
func (d *attrDoer) onto(now State) error { d.old = now; return nil }

func (d *attrDoer) do(_ context.Context, s *System) error {
	if d.missing {
		if err := s.mkdir(d.path, 0o700); err != nil {
			return err
		}
		var err error
		if d.old, _, err = s.look(d.path); err != nil {
			return err
		}
		if d.old.Kind != kindDir || d.old.UID != uint32(os.Geteuid()) {
			return fmt.Errorf("%s has %w", d.path, ErrChanged)
		}
	}
	return s.change(d.path, d.attrs, d.old)
}
