package walk

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"sshwhy/internal/report"
)

func writeFile(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func itoa(n int) string { return strconv.Itoa(n) }

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
