package remedy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// What a fix installed is (after − before) ∩ now: what came since is somebody
// else's, and so is what somebody else's packages need by now.

// uninstall removes the packages that the fix brought.
func (u *undo) uninstall(ctx context.Context, st *stepRecord) error {
	m, ok := managers[st.act.Manager]
	if !ok {
		return fmt.Errorf("unknown package manager %q", st.act.Manager)
	}
	if st.act.Manager == "apt" && !st.Done {
		u.s.runFor(ctx, installTime, "dpkg", "--configure", "-a") //nolint:errcheck // the purge says what is still wrong
	}
	gone, needed := u.brought(ctx, st)
	for _, name := range needed {
		u.left = append(u.left, fmt.Sprintf("the package %s stays: what was installed since needs it", name))
	}
	before := packageStates(st.before.Probes["packages"])
	var purge, residue []string
	for _, name := range gone {
		if before[name] == "rc" { // its configuration stays, as it had
			residue = append(residue, name)
		} else {
			purge = append(purge, name)
		}
	}
	return errors.Join(u.removePackages(ctx, m.remove, residue, "remove"), u.removePackages(ctx, m.remove, purge, ""))
}

// brought are the packages that came with a step and are there now: those that
// can go, and those that others need. Both are sorted. Of a step that was cut
// short it is not known what it would have brought; that is all that came since.
func (u *undo) brought(ctx context.Context, st *stepRecord) (gone, needed []string) {
	d := installDoer{manager: st.act.Manager}
	before, now := packageStates(st.before.Probes["packages"]), packageStates(d.probe(ctx, u.s)["packages"])
	after := packageStates(st.after.Probes["packages"])
	if !st.Done {
		after = now
	}
	var came []string
	for name, state := range after {
		if state == "i" && now[name] == "i" && before[name] != "i" {
			came = append(came, name)
		}
	}
	slices.Sort(came)
	for _, name := range came {
		if u.needed(ctx, st.act.Manager, name, came) {
			needed = append(needed, name)
		} else {
			gone = append(gone, name)
		}
	}
	return gone, needed
}

// needed says whether the removal of a package would take others than those
// that came with it along. The package manager is asked, which knows; one that
// cannot be asked refuses by itself to remove what others need.
func (u *undo) needed(ctx context.Context, manager, name string, came []string) bool {
	switch manager {
	case "apt":
		r := u.s.ask(ctx, "apt-get", "-s", "-q", "purge", "--", name)
		if r.Code != 0 {
			return false
		}
		for line := range strings.Lines(r.Output) {
			f := strings.Fields(line) // "Purg NAME [VERSION]", "Remv NAME [VERSION]"
			if len(f) > 1 && (f[0] == "Purg" || f[0] == "Remv") && !slices.Contains(came, strings.SplitN(f[1], ":", 2)[0]) {
				return true
			}
		}
	case "dnf", "yum", "zypper":
		// These remove what needs a package along with it. rpm names them:
		// "NAME is needed by (installed) OTHER-VERSION-RELEASE.ARCH".
		r := u.s.ask(ctx, "rpm", "-e", "--test", "--", name)
		for line := range strings.Lines(r.Output) {
			_, by, ok := strings.Cut(line, "is needed by (installed) ")
			if ok && !slices.Contains(came, strings.TrimSpace(by)) {
				return true
			}
		}
	}
	return false
}

// removePackages runs the remove command, with another verb for what is to
// leave its configuration behind (apt-get remove instead of purge).
func (u *undo) removePackages(ctx context.Context, argv, names []string, verb string) error {
	if len(names) == 0 {
		return nil
	}
	argv = slices.Clone(argv)
	if i := slices.Index(argv, "purge"); i >= 0 && verb != "" {
		argv[i] = verb
	}
	_, err := u.s.runFor(ctx, installTime, append(argv, names...)...)
	return err
}

// packageStates are the names in a package manager's list: "i" for what is
// installed, "rc" for what dpkg knows to be gone but for its configuration.
func packageStates(list string) map[string]string {
	out := map[string]string{}
	for line := range strings.Lines(list) {
		name, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch {
		case name == "":
		case rest == "" || strings.HasPrefix(rest, "i"):
			out[name] = "i"
		case strings.HasPrefix(rest, "rc"):
			out[name] = "rc"
		}
	}
	return out
}
