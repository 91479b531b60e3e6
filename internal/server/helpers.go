package server

import (
	"slices"

	"sshwhy/internal/facts"
	"sshwhy/internal/report"
)

// checkHelpers asks whether the programs are there that sshd starts for each
// connection: it does not miss them before (sshd.c only looks for sshd-session).
func checkHelpers(v *view, p *part) {
	if slices.ContainsFunc(p.findings, func(f report.Finding) bool { return f.Impact == report.Blocking }) {
		return
	}
	for _, h := range v.Helpers {
		switch file := h.File; {
		case absent(file.Origin):
			f := p.found("sshd-broken", report.Blocking, "sshd's helper program %s is missing: every connection ends before the login.", file.Path)
			quote(f, v.Effective.Quote(h.Keyword)...)
			v.quoteSetting(f, h.Keyword)
			quote(f, facts.Quote{Source: "stat " + file.Path, Text: "No such file or directory"})
			v.mendBroken(f)
			return
		case file.Origin.Known() && file.Meta.Type == "file" && file.Meta.Mode&0o111 == 0:
			f := p.found("sshd-broken", report.Blocking, "sshd's helper program %s is not executable: every connection ends before the login.", file.Path)
			quote(f, facts.MetaQuote(file.Path, file.Meta))
			mend(f, "Make the program executable again.", chmod(file.Path, 0o755, file.Meta.Mode))
			return
		case file.Origin.Unseen():
			p.cannot(h.Keyword, "could not look at "+file.Path+": "+unseenReason(v, file.Origin))
		}
	}
}
