package client

import (
	"testing"

	"sshwhy/internal/report"
)

// TestChmodRemedy: a key that others could only read is still the user's; one that
// they could write to may be theirs.
func TestChmodRemedy(t *testing.T) {
	for mode, kind := range map[string]report.RemedyKind{
		"0644": report.Repair, "0640": report.Repair, "0604": report.Repair, "0755": report.Repair,
		"0666": report.Open, "0660": report.Open, "0602": report.Open, "": report.Open,
	} {
		m := Key{File: "/k", Mode: mode}.chmodRemedy()
		if opens := m.Steps[0].Act.Opens; m.Kind != kind || (opens != "") != (kind == report.Open) {
			t.Errorf("mode %s: %s, opens %q", mode, m.Kind, opens)
		}
	}
}
