package walk

import (
	"strings"
	"testing"

	"sshwhy/internal/client"
	"sshwhy/internal/cuttest"
)

// lineReaders are the readers of what ssh, name servers and this machine's files say.
func lineReaders(testing.TB) map[string]cuttest.Reader {
	text := func(read func(string)) cuttest.Reader { return func(b []byte) { read(string(b)) } }
	return map[string]cuttest.Reader{
		"readDebug":       text(func(s string) { readDebug(&client.Config{}, s) }),
		"readDump":        text(func(s string) { c := client.Config{Values: readDump(s)}; _, _ = c.Port(), c.Host() }),
		"readSubset":      text(func(s string) { readSubset(s, "web1", map[string][]string{}, map[string]bool{}) }),
		"parseKnownHosts": func(b []byte) { parseKnownHosts("known_hosts", b, []string{"[web1]:2222", "web1"}) },
		"parseResolvConf": text(func(s string) { parseResolvConf(s) }),
		"private key":     func(b []byte) { (&identity{}).parse(b) },
		"refusedWith":     text(func(s string) { refusedWith(s) }),
		"hopArgs":         text(func(s string) { hopArgs(s) }),
		"what was typed": text(func(s string) {
			forDump(strings.Fields(s))
			withoutSSH(strings.Fields(s), s)
		}),
		"certificate": text(func(s string) {
			h := &hostKey{names: []string{s}}
			h.isName(s)
		}),
	}
}

// TestCutLines: whatever says these lines may be ended anywhere.
func TestCutLines(t *testing.T) { cuttest.All(t, lineReaders(t)) }

func FuzzLines(f *testing.F) { cuttest.Fuzz(f, lineReaders(f)) }
