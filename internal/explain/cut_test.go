package explain

import (
	"bytes"
	"net/netip"
	"testing"

	"sshwhy/internal/cuttest"
	"sshwhy/internal/sshlog"
)

// lineReaders are the readers of single lines of pastes.
func lineReaders() map[string]cuttest.Reader {
	return map[string]cuttest.Reader{
		"clean":       func(b []byte) { clean(1, string(b)) },
		"readCommand": func(b []byte) { (&attempt{identities: map[string]bool{}}).readCommand(string(b)) },
		"proposed":    func(b []byte) { proposed(sshlog.Lower(string(b))) },
	}
}

// TestCutLines: a line of a paste that ends anywhere is no panic.
func TestCutLines(t *testing.T) { cuttest.All(t, lineReaders()) }

// TestCutTexts: the same for whole pastes.
func TestCutTexts(t *testing.T) {
	opt := Options{Client: netip.MustParseAddr("192.0.2.1")}
	cuttest.Texts(t, 16, map[string]cuttest.Reader{"Explain": func(b []byte) {
		if _, err := Explain(bytes.NewReader(b), opt); err != nil {
			t.Error(err)
		}
	}})
}

func FuzzLines(f *testing.F) { cuttest.Fuzz(f, lineReaders()) }
