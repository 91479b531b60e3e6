package client

import (
	"strings"
	"testing"

	"sshwhy/internal/cuttest"
)

// lineReaders are the readers of what ssh, the host and a person say.
func lineReaders(testing.TB) map[string]cuttest.Reader {
	text := func(read func(string)) cuttest.Reader { return func(b []byte) { read(string(b)) } }
	return map[string]cuttest.Reader{
		"withoutDebug": text(func(s string) { _ = lastLine(withoutDebug(s)) }),
		"whatSpeaks":   func(b []byte) { whatSpeaks(b) },
		"what was typed": text(func(s string) {
			_ = CheckHost(s)
			_ = hintForHost(s, s)
			EachOption(strings.Fields(s), func(byte, string) {})
		}),
	}
}

// TestCutLines: whatever says these lines may be ended anywhere.
func TestCutLines(t *testing.T) { cuttest.All(t, lineReaders(t)) }

// TestCutTexts: what ssh says always becomes a report.
func TestCutTexts(t *testing.T) {
	cuttest.Texts(t, 1, map[string]cuttest.Reader{
		"what ssh refuses": func(b []byte) {
			Diagnose(&Observations{Typed: "web1", Config: Config{Failed: true, Stderr: strings.Split(string(b), "\n")}}, "test")
		},
		"what ssh says in the walk's place": func(b []byte) {
			Diagnose(&Observations{Typed: "web1", Chosen: "192.0.2.1:22", OwnSSH: &OwnSSH{Exit: 255, Said: string(b)},
				HostKey: &HostKey{Unable: true}, Login: &Login{Keys: []Key{{Fault: FaultTouch}}}}, "test")
		},
	})
}

func FuzzLines(f *testing.F) { cuttest.Fuzz(f, lineReaders(f)) }
