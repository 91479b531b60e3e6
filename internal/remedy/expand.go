package remedy

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"sshwhy/internal/report"
)

// expand makes a planned step concrete on this machine: usually one step, none
// where there is nothing to do any more, several for a firewall whose running
// and permanent halves are changed apart.
func expand(ctx context.Context, s *System, st *Step) ([]*Step, error) {
	a := st.act
	one := func(d doer, err error) ([]*Step, error) {
		if err != nil {
			return nil, err
		}
		c := *st
		c.doer = d
		return []*Step{&c}, nil
	}
	switch a.Kind {
	case report.ActEdit:
		path, err := homePath(a.Path)
		if err != nil {
			return nil, err
		}
		return expandEdit(s, st, path, a.Edits, a.Check, a.Mode)
	case report.ActHostsAllow:
		line := "sshd: " + hostsPattern(a.Source)
		return expandEdit(s, st, hostsAllow, []report.LineEdit{{Op: report.LinePrepend, New: line}}, report.CheckNone, 0o644)
	case report.ActMode, report.ActOwner, report.ActMkdir:
		d, err := newAttrDoer(s, a)
		if err == nil && d.nothing() {
			return nil, nil
		}
		return one(d, err)
	case report.ActRemove:
		d, err := newRemoveDoer(s, a.Path)
		if err == nil && d.old.Kind == kindAbsent {
			return nil, nil
		}
		return one(d, err)
	case report.ActUnit:
		d, err := newUnitDoer(s, a)
		if err == nil && d.init == initSystemd && d.verb == report.VerbUnmask {
			return expandUnmask(st, d)
		}
		return one(d, err)
	case report.ActHostKeys:
		return one(newKeysDoer())
	case report.ActInstall, report.ActConfigure:
		return one(newInstallDoer(s, a))
	case report.ActUnban:
		return one(newUnbanDoer(a))
	case report.ActCommand:
		if isSSHDCheck(a.Argv) {
			return one(sshdCheckDoer{}, nil)
		}
		return one(newCommandDoer(a))
	case report.ActFirewall:
		return expandFirewall(ctx, s, st)
	default:
		return nil, fmt.Errorf("unknown kind of action %q", a.Kind)
	}
}

// homePath is a path whose leading ~/ is the home of whoever runs this.
func homePath(path string) (string, error) {
	rest, ok := strings.CutPrefix(path, "~/")
	if !ok {
		return path, nil
	}
	home, err := os.UserHomeDir()
	return filepath.Join(home, rest), err
}

const hostsAllow = "/etc/hosts.allow"

// hostsPattern is a client as hosts_access(5) writes it.
func hostsPattern(source string) string {
	switch {
	case source == "":
		return "ALL"
	case strings.Contains(source, ":"):
		return "[" + source + "]"
	default:
		return source
	}
}

func expandEdit(s *System, st *Step, path string, edits []report.LineEdit, check report.Checker, mode uint32) ([]*Step, error) {
	d, err := newFileDoer(s, path, edits, check, mode)
	if err != nil {
		return nil, err
	}
	if d.newText == d.oldText {
		return nil, nil
	}
	c := *st
	c.doer, c.Diff = d, d.diff()
	c.Do = cmp.Or(c.Do, "edit "+path)
	return []*Step{&c}, nil
}
