//go:build linux

package local

import (
	"os"
	"testing"
)

// The children that look as a user are this very program, and so are the
// attackers of the tests.
func TestMain(m *testing.M) {
	if Serve() {
		return
	}
	if len(os.Args) == 3 && os.Args[1] == attackFlag {
		attack(os.Args[2])
	}
	if len(os.Args) == 3 && os.Args[1] == deadFlag {
		lookIntoDeadMount(os.Args[2])
		return
	}
	os.Exit(m.Run())
}
