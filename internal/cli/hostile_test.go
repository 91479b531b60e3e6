package cli

import (
	"testing"

	"sshwhy/internal/shquote/pastetest"
)

// The command that asks the same question again is one to copy.
func TestQuestionIsFitForCopying(t *testing.T) {
	for _, name := range pastetest.Names() {
		f := serverFlags{client: "192.0.2.7", user: name, port: 22}
		if err := pastetest.Harmless("sudo sshwhy server" + f.question()); err != nil {
			t.Errorf("%q: %q: %v", name, f.question(), err)
		}
	}
}
