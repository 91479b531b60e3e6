//go:build linux

package remedy

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sshwhy/internal/sshconf"
)

// TestShadowNames: whatever a file of the configuration is called, the copies
// include each other, and nothing else.
func TestShadowNames(t *testing.T) {
	b := newBench(t)
	if err := os.Mkdir(b.path("d"), 0o755); err != nil {
		t.Fatal(err)
	}
	names := []string{"d/x[1].conf", "d/a b.conf", "d/q'\".conf", "d/$(id);*?.conf", "d/back\\slash.conf", "d/@shadow@.conf"}
	for _, n := range names {
		b.write(n, "PermitRootLogin no\n")
	}
	b.write("main", "Include "+b.path("d")+"/*.conf\n")
	var sh shadow
	if err := sh.of(b.path("main")); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	main, err := sh.write(dir)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(main)
	if err != nil {
		t.Fatal(err)
	}
	line, ok := sshconf.ParseLine(strings.TrimSpace(string(text)))
	if !ok || len(line.Args) != len(names) {
		t.Fatalf("%q", text)
	}
	for _, arg := range line.Args {
		if found, err := filepath.Glob(arg); err != nil || !slices.Equal(found, []string{arg}) {
			t.Errorf("%s names %v, %v", arg, found, err)
		}
		if said := sh.originals(dir, arg+" line 1: x"); !strings.HasPrefix(said, b.path("d")) {
			t.Errorf("told as %s", said)
		}
	}
}
