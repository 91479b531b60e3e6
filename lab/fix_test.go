//go:build linux

package lab

import (
	"context"
	"os"
	"strings"
	"testing"
)

// TestFixes has every case whose fault can be repaired mended by one
// `--fix --yes` (with --open where the case says so), logs in, undoes, and
// compares the machine with what it was.
func TestFixes(t *testing.T) {
	needRoot(t)
	if os.Getenv("SSHWHY_LAB") == "symptoms" {
		t.Skip("only the faults themselves are checked")
	}
	cases, err := ReadCases("cases")
	if err != nil {
		t.Fatal(err)
	}
	for _, suite := range Suites {
		if _, err := Image(t.Context(), suite, os.Stderr); err != nil {
			t.Fatal(err)
		}
	}
	tools, err := BuildTools(t.Context(), "..")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(tools) })
	for _, c := range cases {
		if !c.Fixes() {
			continue
		}
		suite := c.Images[0]
		t.Run(c.Name+"/"+suite, func(t *testing.T) {
			t.Parallel()
			o := RunFix(context.Background(), c, suite, tools)
			for _, n := range o.Notes {
				t.Log(n)
			}
			if len(o.Bad) > 0 {
				t.Errorf("%s\n%s\n%s", c.About, strings.Join(o.Bad, "\n"), strings.Join(o.Shown, "\n"))
			}
		})
	}
}
