package logs

import (
	"bytes"
	"net/netip"
	"testing"

	"sshwhy/internal/cuttest"
)

// lineReaders are the readers of single lines of logs.
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
	}
}

// TestCutLines: a line of a log that ends anywhere is no panic.
func TestCutLines(t *testing.T) { cuttest.All(t, lineReaders(t)) }

// TestCutLogs: the same for whole logs.
func TestCutLogs(t *testing.T) {
	opt := Options{Client: netip.MustParseAddr("192.0.2.1")}
	cuttest.Texts(t, 1, map[string]cuttest.Reader{"Summarize": func(b []byte) {
		if s, err := Summarize(bytes.NewReader(b), opt); err == nil {
			s.Report(opt)
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
