package server

import (
	"fmt"
	"strings"

	"sshwhy/internal/facts"
	"sshwhy/internal/report"
	"sshwhy/internal/sshconf"
)

// checkShadowed looks for settings that say otherwise than an earlier one,
// which wins. That is often meant, so it is a note, and no more.
func checkShadowed(v *view, p *part) {
	type place struct {
		d     facts.Directive
		value string
	}
	winners := map[string]place{}
	seen := map[string]bool{}
	for _, d := range v.Config.Directives {
		k, known := sshconf.Lookup(sshconf.Server, d.Keyword)
		if d.Match != "" || !known || k.Adds || k.Retired {
			continue
		}
		key := k.Canonical()
		value := strings.Join(d.Args, " ")
		first, ok := winners[key]
		if !ok {
			winners[key] = place{d, value}
			continue
		}
		if strings.EqualFold(first.value, value) || seen[key] {
			continue
		}
		seen[key] = true
		f := p.found("sshd-config-shadowed", report.Note, "%s %s in %s line %d has no effect: %s line %d says %s first, and the first value counts.",
			d.Keyword, value, d.Quote.Source, d.Quote.Line, first.d.Quote.Source, first.d.Quote.Line, first.value)
		quote(f, first.d.Quote, d.Quote)
		quote(f, v.Effective.Quote(d.Keyword)...)
		mend(f, fmt.Sprintf("Set %s in %s, where it counts, or remove it there.", d.Keyword, first.d.Quote.Source))
	}
}
