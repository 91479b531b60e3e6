package explain

import (
	"bytes"
	"net/netip"
	"testing"

	"sshwhy/internal/cuttest"
	"sshwhy/internal/sshlog"
)

// lineReaders are the readers of single lines of logs and pastes.
func lineReaders(t testing.TB) map[string]cuttest.Reader {
	return map[string]cuttest.Reader{
		"Line": func(b []byte) { Line(b) },
		"the message of a log's line": func(b []byte) {
			Line(append([]byte("Nov 20 14:39:11 web1 sshd[7]: "), b...))
		},
		"fast": func(b []byte) {
			if ev, known := fast(b); known && ev.cause >= len(logCauses) {
				t.Errorf("%q: cause %d", b, ev.cause)
			}
		},
		"hourOf":        func(b []byte) { hourOf(b) },
		"journalFields": func(b []byte) { journalFields(b) },
		"clean":         func(b []byte) { clean(1, string(b)) },
		"readCommand":   func(b []byte) { (&attempt{identities: map[string]bool{}}).readCommand(string(b)) },
		"proposed":      func(b []byte) { proposed(sshlog.Lower(string(b))) },
	}
}

// TestCutLines: a line of a log or a paste that ends anywhere is no panic.
func TestCutLines(t *testing.T) { cuttest.All(t, lineReaders(t)) }

// TestCutTexts: the same for whole pastes and logs.
func TestCutTexts(t *testing.T) {
	opt := Options{Client: netip.MustParseAddr("192.0.2.1")}
	cuttest.Texts(t, 1, map[string]cuttest.Reader{"Summarize": func(b []byte) {
		if s, err := Summarize(bytes.NewReader(b), opt); err == nil {
			s.Report(opt)
		}
	}})
	cuttest.Texts(t, 16, map[string]cuttest.Reader{"Explain": func(b []byte) {
		if _, err := Explain(bytes.NewReader(b), opt); err != nil {
			t.Error(err)
		}
	}})
}

func FuzzLines(f *testing.F) { cuttest.Fuzz(f, lineReaders(f)) }

// TestShortMessages: what anybody may write into the log (logger -t sshd 'pam_env(').
func TestShortMessages(t *testing.T) {
	for _, message := range []string{"pam_env(", "pam_unix(sshd:", "pam_env(sshd:", "pam_systemd(sshd:session"} {
		if e, ok := Line([]byte("Nov 20 14:39:11 web1 sshd: " + message)); ok {
			t.Errorf("%q: %+v", message, e)
		}
	}
}
