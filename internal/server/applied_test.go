package server

import (
	"slices"
	"testing"

	"sshwhy/internal/evidence"
	"sshwhy/internal/report"
)

// A file that is younger than the server is worth a note, and never more than a
// warning: what was changed in it is not known.
func TestChangedSinceStart(t *testing.T) {
	it := evidence.File("/etc/ssh/sshd_config")
	for _, c := range []struct {
		late  int64
		query Query
		want  report.Impact
	}{{-60, Query{}, ""}, {10, Query{}, report.Note}, {10, user("alice"), report.Latent}} {
		b := recorded(t, "healthy-plain")
		r := b.Get(it)
		meta := *r.Meta
		meta.MTime = b.Taken.Unix() + c.late
		r.Meta = &meta
		b.Put(it, r)
		rep := Diagnose(b, c.query, "test")
		i := slices.IndexFunc(rep.Findings, func(f report.Finding) bool { return f.Cause == "config-not-applied" })
		switch {
		case c.want == "" && i >= 0, c.want != "" && i < 0:
			t.Errorf("%d seconds: %+v", c.late, rep.Findings)
		case i >= 0 && rep.Findings[i].Impact != c.want:
			t.Errorf("%d seconds: %s", c.late, rep.Findings[i].Impact)
		}
	}
}
