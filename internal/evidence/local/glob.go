package local

import (
	"context"
	"path/filepath"
	"slices"
	"strings"

	"sshwhy/internal/evidence"
)

// maxMatches bounds one glob; ten thousand drop-ins are a mistake, not a configuration.
const maxMatches = 10000

// lookGlob finds the paths that match, as glob(3) does, which sshd uses for
// Include: a wildcard does not match a leading dot. A directory that may not be
// listed makes the result Denied even where other directories gave matches:
// nobody may take the list for complete.
func lookGlob(ctx context.Context, e eyes, it evidence.Item) evidence.Result {
	if !filepath.IsAbs(it.Path) {
		return failed("not an absolute path")
	}
	g := glob{ctx: ctx, eyes: e}
	root := filepath.VolumeName(it.Path) + string(filepath.Separator)
	paths := []string{root}
	for _, part := range strings.Split(filepath.ToSlash(it.Path[len(root):]), "/") {
		if part == "" {
			continue
		}
		if _, err := filepath.Match(part, ""); err != nil {
			return failed("malformed pattern: " + part)
		}
		paths = g.step(paths, part)
	}
	slices.Sort(paths)
	r := evidence.Result{Status: evidence.Known, Truncated: g.cut}
	for _, p := range paths {
		meta, err := metaOf(e, p)
		switch {
		case meta != nil: // a link that leads nowhere matches too
			r.Matches = append(r.Matches, evidence.Match{Path: p, Meta: *meta})
		case statusOf(err) != evidence.Absent:
			g.note(p, err)
		}
	}
	if g.worst != nil {
		r.Exit = -1
		r.Status, r.Reason = statusOf(g.worst), "could not look into "+g.where+": "+reasonOf(g.worst)
		return r
	}
	if len(r.Matches) == 0 {
		r.Status, r.Reason, r.Exit = evidence.Absent, "nothing matches", -1
	}
	return r
}

type glob struct {
	ctx   context.Context
	eyes  eyes
	worst error  // first error other than "no such file"
	where string // the path it came up at
	cut   bool
}

func (g *glob) note(path string, err error) {
	if statusOf(err) != evidence.Absent && g.worst == nil {
		g.worst, g.where = err, path
	}
}

// step extends each path by what matches one part of the pattern.
func (g *glob) step(paths []string, part string) []string {
	var out []string
	for _, dir := range paths {
		if g.ctx.Err() != nil {
			return nil
		}
		if !strings.ContainsAny(part, `*?[\`) {
			p := filepath.Join(dir, part)
			if meta, err := metaOf(g.eyes, p); meta != nil { // a link that leads nowhere, too
				out = append(out, p)
			} else {
				g.note(dir, err)
			}
			continue
		}
		out = append(out, g.list(dir, part)...)
		if len(out) > maxMatches {
			g.cut = true
			return out[:maxMatches]
		}
	}
	return out
}

func (g *glob) list(dir, part string) []string {
	d, _, err := g.eyes.find(dir)
	if err != nil {
		g.note(dir, err)
		return nil
	}
	defer d.close()
	if d.meta.Type != "dir" {
		return nil
	}
	entries, err := d.list()
	if err != nil {
		g.note(dir, err)
	}
	var out []string
	for _, e := range entries {
		name := e.Name()
		if strings.HasPrefix(name, ".") && !strings.HasPrefix(part, ".") {
			continue
		}
		if ok, _ := filepath.Match(part, name); ok {
			out = append(out, filepath.Join(dir, name))
		}
	}
	return out
}
