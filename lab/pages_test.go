//go:build linux

package lab

import (
	"context"
	"os"
	"strings"
	"testing"
)

// TestEveryPrintedCommandIsKnown holds the promise that a command on a page of
// the catalogue is executed in a case, or that pages.txt says why not.
func TestEveryPrintedCommandIsKnown(t *testing.T) {
	pages, err := ReadPages("pages.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range strays(pages) {
		t.Error(s)
	}
}

// TestPages types the commands of the pages where their cause stands, and looks
// whether they show or mend what the page says.
func TestPages(t *testing.T) {
	tools := setUpFixes(t)
	pages, err := ReadPages("pages.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range pages {
		if p.Case == "" {
			continue
		}
		c, err := ReadCase("cases/" + p.Case + ".txt")
		if err != nil {
			t.Error(err)
			continue
		}
		if !everything() && share(c, 4) != 1 {
			continue
		}
		t.Run(p.Cause, func(t *testing.T) {
			t.Parallel()
			o := RunPage(context.Background(), c, p, tools)
			if len(o.Bad) > 0 { // as in forEach: a second machine decides
				t.Logf("failed on its first machine: %s", strings.Join(o.Bad, "; "))
				o = RunPage(context.Background(), c, p, tools)
			}
			if os.Getenv("SSHWHY_LAB_PAGES") == "show" {
				t.Log(strings.Join(o.Notes, "\n"))
			}
			if len(o.Bad) > 0 {
				t.Errorf("%s\n%s", strings.Join(o.Bad, "\n"), strings.Join(o.Shown, "\n"))
			}
		})
	}
}
