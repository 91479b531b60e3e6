package facts

import (
	"net/netip"
	"testing"
	"time"

	"sshwhy/internal/cuttest"
	"sshwhy/internal/evidence"
)

// lineReaders are the readers of single lines, and of texts that are read line by line.
func lineReaders(testing.TB) map[string]cuttest.Reader {
	now := time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
	client := netip.MustParseAddr("192.0.2.1")
	text := func(read func(string)) cuttest.Reader { return func(b []byte) { read(string(b)) } }
	return map[string]cuttest.Reader{
		"parseSyslog":         text(func(s string) { parseSyslog(s, now) }),
		"journalEntries":      func(b []byte) { journalEntries(b, "journal") },
		"Complaint":           text(func(s string) { Entry{Message: s}.Complaint() }),
		"parsePAM":            text(func(s string) { parsePAM(s) }),
		"ParseAuthorizedKeys": func(b []byte) { ParseAuthorizedKeys("keys", b) },
		"MatchFrom":           text(func(s string) { MatchFrom(s, Caller{Addr: client}) }),
		"parseDump":           func(b []byte) { parseDump(b, "sshd -T") },
		"parseProblem":        text(func(s string) { parseProblem(s, 255) }),
		"parseHostsRule":      text(func(s string) { parseHostsRule(s) }),
		"parseDenial":         text(func(s string) { parseDenial(s) }),
		"parseSS":             text(func(s string) { parseSS(s) }),
		"parseProcTCP":        func(b []byte) { parseProcTCP("tcp", b) },
		"parseEndpoint":       text(func(s string) { parseEndpoint(s) }),
		"routesOf":            func(b []byte) { routesOf(b) },
		"parseInetd":          func(b []byte) { parseInetd("inetd.conf", b) },
		"parseXinetd":         func(b []byte) { parseXinetd("xinetd.d", b) },
		"parseListSockets":    func(b []byte) { parseListSockets("list-sockets", b) },
		"containerOf":         text(func(s string) { containerOf(s) }),
		"packages": text(func(s string) {
			_ = notThere(s)
			parseDpkg(s)
			parseRpm(s)
			parsePacman(s)
			parseApk(s)
			parseXbps(s)
		}),
		"chageDate":      text(func(s string) { chageDate(s) }),
		"parseBoot":      func(b []byte) { parseBoot(b, map[string]BootUnit{}) },
		"parseTCFilters": func(b []byte) { parseTCFilters("tc", b) },
		"parsePolicies":  func(b []byte) { parsePolicies(b) },
		"netstat":        func(b []byte) { netstat(b, "TcpExt:", "IPReversePathFilter") },
		"parseReply": func(b []byte) {
			parseReply(question{}, evidence.HelloEnded(evidence.HelloClosed, b))
		},
		"deviceOf": func(b []byte) { deviceOf(b) },
	}
}

// everywhere is a bundle whose every item says the same, as far as asking leads.
func everywhere(text []byte, ask Ask) *evidence.Bundle {
	b := evidence.NewBundle()
	b.Taken = time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
	for range 3 { // what a look leads to, and what that leads to
		for _, it := range Wants(b, ask) {
			if b.Has(it) {
				continue
			}
			b.Put(it, evidence.Result{Status: evidence.Known, Data: text, Stderr: text, Meta: &evidence.Meta{Type: "file"},
				Matches: []evidence.Match{{Path: "/etc/ssh/sshd_config.d/" + string(text[:min(len(text), 20)])}}})
		}
	}
	return b
}

// TestCutLines: a line that ends anywhere is no panic.
func TestCutLines(t *testing.T) { cuttest.All(t, lineReaders(t)) }

// TestCutTexts: the same for all parsers at once, each of which gets the text for
// whatever it asks for.
func TestCutTexts(t *testing.T) {
	ask := Ask{Client: netip.MustParseAddr("192.0.2.1"), User: "alice", Port: 22}
	cuttest.Texts(t, 8, map[string]cuttest.Reader{"Parse": func(text []byte) { Parse(everywhere(text, ask), ask) }})
}

func FuzzLines(f *testing.F) { cuttest.Fuzz(f, lineReaders(f)) }
