//go:build linux

package remedy

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Row 17 of the attacks: what stands first in the caller's PATH, or in his
// environment, is not what root's hands run.
func TestPathOfTheCallerIsNoMatter(t *testing.T) {
	evil := t.TempDir()
	for _, name := range []string{"sshd", "systemctl", "id", "evil-only"} {
		if err := os.WriteFile(filepath.Join(evil, name), []byte("#!/bin/sh\necho evil\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", evil+":"+os.Getenv("PATH"))
	t.Setenv("LD_PRELOAD", evil+"/evil.so")
	t.Setenv("BASH_ENV", evil+"/id")
	t.Chdir(evil)
	s := &System{}
	if s.has("evil-only") {
		t.Error("a program of the caller's PATH is found")
	}
	for _, argv := range [][]string{{"id"}, {"sh", "-c", "id; env"}} {
		if r := s.ask(t.Context(), argv...); r.Code != 0 || strings.Contains(r.Output, "evil") || strings.Contains(r.Output, evil) {
			t.Errorf("%q: %d, %s", argv, r.Code, r.Output)
		}
		if r, err := s.run(t.Context(), argv...); err != nil || strings.Contains(r.Output, "evil") || strings.Contains(r.Output, evil) {
			t.Errorf("%q: %v, %s", argv, err, r.Output)
		}
	}
}
