package client

import (
	"strings"

	"sshwhy/internal/report"
)

// blocking are the causes of the blocking findings.
func blocking(r *report.Report) string {
	var out []string
	for _, f := range r.Findings {
		if f.Impact == report.Blocking {
			out = append(out, f.Cause)
		}
	}
	return strings.Join(out, " ")
}
