package remedy

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// ends says what an undo would end: servers that it stops, packages that it
// removes, and whom it lets in no longer. It only looks.
func (u *undo) ends(ctx context.Context) []string {
	var out []string
	before := u.probesBefore()
	for k, was := range before {
		name, unit, _ := strings.Cut(k, ":")
		if isInit(name) && !running(was) && was != "failed" && running(activeState(ctx, u.s, name, unit)) {
			out = append(out, "stops "+unit)
		}
	}
	for i := range u.steps {
		st := &u.steps[i]
		if st.act.Kind == "install" {
			gone, _ := u.brought(ctx, st)
			for _, name := range gone {
				out = append(out, "removes the package "+name)
			}
		}
		if st.act.Opens != "" {
			for line := range strings.Lines(st.act.Opens) {
				out = append(out, "lets in no longer: "+strings.TrimSpace(line))
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// mark names the record and the machine as the undo has found them: another
// event, or a file that became another, makes another mark.
func (u *undo) mark() string {
	var b strings.Builder
	data, _ := readJournal(u.dir)
	fmt.Fprintf(&b, "%s %d\n", filepath.Base(u.dir), len(data))
	for _, p := range u.names() {
		now := u.now[p]
		fmt.Fprintf(&b, "%s %s %o %d %d %s %s\n", p, now.Kind, now.Mode, now.UID, now.GID, now.Sum, now.Link)
	}
	return sum([]byte(b.String()))
}
