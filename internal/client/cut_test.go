package client

import (
	"strings"
	"testing"

	"sshwhy/internal/cuttest"
)

// lineReaders are the readers of what ssh, the host, its name servers and this
// machine's files say.
func lineReaders(testing.TB) map[string]cuttest.Reader {
	text := func(read func(string)) cuttest.Reader { return func(b []byte) { read(string(b)) } }
	return map[string]cuttest.Reader{
		"readDebug":       text(func(s string) { readDebug(&Config{}, s) }),
		"readDump":        text(func(s string) { c := Config{Values: readDump(s)}; _, _ = c.Port(), c.Host() }),
		"readSubset":      text(func(s string) { readSubset(s, "web1", map[string][]string{}, map[string]bool{}) }),
		"parseKnownHosts": func(b []byte) { parseKnownHosts("known_hosts", b, []string{"[web1]:2222", "web1"}) },
		"parseResolvConf": text(func(s string) { parseResolvConf(s) }),
		"private key":     func(b []byte) { (&Key{}).parse(b) },
		"refusedWith":     text(func(s string) { refusedWith(s) }),
		"withoutDebug":    text(func(s string) { _ = lastLine(withoutDebug(s)) }),
		"whatSpeaks":      func(b []byte) { whatSpeaks(b) },
		"hopArgs":         text(func(s string) { hopArgs(s) }),
		"what was typed": text(func(s string) {
			_ = CheckHost(s)
			_ = hintForHost(s, s)
			forDump(strings.Fields(s))
			withoutSSH(strings.Fields(s), s)
		}),
		"certificate": text(func(s string) {
			h := &HostKey{names: []string{s}}
			h.isName(s)
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
				HostKey: &HostKey{Unable: true}, Login: &Login{Keys: []Key{{Fault: faultTouch}}}}, "test")
		},
	})
}

func FuzzLines(f *testing.F) { cuttest.Fuzz(f, lineReaders(f)) }
