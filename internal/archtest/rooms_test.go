package archtest

import (
	"slices"
	"strings"
	"testing"
)

// A room is a package of ours. A package below it (evidence/local) is a room of its own
// where it is listed, and otherwise belongs to it.
type room struct {
	name    string
	thinks  bool                 // it reaches neither the system, the network nor the clock, by whatever package
	imports []string             // the packages of ours that it may import
	except  map[string]exception // what a thinking room may import all the same
}

// An exception is a package that is not pure, or not ours to say so, in a room that thinks.
type exception struct {
	why  string   // it is no look
	uses []string // what the room may use of it; nil: all of it
}

// rooms are the floors of the house, the highest first: a room imports only rooms that
// stand below it.
var rooms = []room{
	{name: "cmd/sshwhy", imports: []string{"internal/cli"}},
	{name: "internal/gendocs", imports: []string{"internal/cli", "internal/catalog"}},
	{name: "internal/cli"}, // may import anything
	// explain gives pasted outputs of tools to the parsers and checks of the live machine
	{name: "internal/explain", thinks: true, imports: []string{"internal/server", "internal/facts", "internal/firewall", "internal/sshlog", "internal/sshconf",
		"internal/catalog", "internal/evidence/redact", "internal/evidence", "internal/shquote", "internal/report"}},
	{name: "internal/logs", thinks: true, imports: []string{"internal/sshlog", "internal/catalog", "internal/report"},
		except: map[string]exception{
			"github.com/klauspost/compress/gzip": {why: "it unpacks what a reader gives"},
			"github.com/klauspost/compress/zstd": {why: "it unpacks what a reader gives"},
		}},
	{name: "internal/joined", thinks: true, imports: []string{"internal/catalog", "internal/report"}},
	{name: "internal/walk", imports: []string{"internal/client", "internal/sshconf", "internal/proc", "internal/shquote", "internal/sshwire"}},
	{name: "internal/client", thinks: true, imports: []string{"internal/sshconf", "internal/catalog", "internal/shquote", "internal/report", "internal/sshwire"}},
	{name: "internal/server", thinks: true, imports: []string{"internal/facts", "internal/firewall", "internal/sshconf", "internal/catalog",
		"internal/evidence/redact", "internal/evidence", "internal/shquote", "internal/report"}},
	{name: "internal/remedy", imports: []string{"internal/operator", "internal/facts", "internal/sshconf", "internal/evidence", "internal/proc", "internal/shquote", "internal/report"}},
	{name: "internal/operator"},
	{name: "internal/facts", thinks: true, imports: []string{"internal/sshconf", "internal/evidence", "internal/shquote", "internal/sshwire"},
		except: map[string]exception{"golang.org/x/crypto/ssh": {why: "it reads a line of authorized_keys", uses: []string{
			"ParseAuthorizedKey", "PublicKey", "CryptoPublicKey", "FingerprintSHA256"}}}},
	{name: "internal/firewall/prove", imports: []string{"internal/firewall", "internal/proc"}},
	{name: "internal/firewall", thinks: true},
	{name: "internal/sshlog", thinks: true, imports: []string{"internal/evidence", "internal/report"}},
	{name: "internal/sshconf", thinks: true},
	{name: "internal/catalog", thinks: true, imports: []string{"internal/report"}},
	{name: "internal/render", thinks: true, imports: []string{"internal/report"},
		except: map[string]exception{
			"charm.land/lipgloss/v2":          {why: "it puts colours around words; whether there is a terminal it is told"},
			"github.com/charmbracelet/x/ansi": {why: "it measures and wraps a text"},
		}},
	{name: "internal/evidence/via", imports: []string{"internal/evidence/shell", "internal/evidence", "internal/proc"}},
	{name: "internal/evidence/script", imports: []string{"internal/evidence/shell", "internal/evidence", "internal/proc"}},
	{name: "internal/evidence/local", imports: []string{"internal/evidence", "internal/proc", "internal/sshwire"}},
	{name: "internal/evidence/replay", imports: []string{"internal/evidence"}},
	{name: "internal/evidence/shell", thinks: true, imports: []string{"internal/evidence", "internal/shquote"}},
	{name: "internal/evidence/redact", thinks: true, imports: []string{"internal/evidence"},
		except: map[string]exception{"crypto/rand": {why: "the salt of one redaction, by which its names cannot be guessed"}}},
	{name: "internal/evidence/evidencetest", imports: []string{"internal/evidence"}}, // only tests import it
	{name: "internal/evidence", thinks: true},
	{name: "internal/proc"},
	{name: "internal/shquote/pastetest"}, // only tests import it
	{name: "internal/shquote", thinks: true},
	{name: "internal/report", thinks: true},
	{name: "internal/sshwire", thinks: true},
	{name: "internal/archtest"},
	{name: "internal/cuttest"}, // only tests import it
}

// anywhere are the packages that may import any of ours: the command line, the lab and
// the benchmarks.
func anywhere(name string) bool {
	return strings.HasPrefix(name, "internal/cli") || strings.HasPrefix(name, "lab") || strings.HasPrefix(name, "bench")
}

// roomOf is the number of the floor on which a package stands, or -1.
func roomOf(name string) int {
	for n := name; n != ""; {
		if i := slices.IndexFunc(rooms, func(r room) bool { return r.name == n }); i >= 0 {
			return i
		}
		i := strings.LastIndex(n, "/")
		if i < 0 {
			break
		}
		n = n[:i]
	}
	return -1
}

// TestRooms: every package stands in the table, and imports what the table says.
func TestRooms(t *testing.T) {
	for _, p := range packages(t) {
		if anywhere(p.name) {
			continue
		}
		floor := roomOf(p.name)
		if floor < 0 {
			t.Errorf("%s stands in no room of the table in this test", p.name)
			continue
		}
		for _, imp := range p.imports() {
			target, ours := strings.CutPrefix(imp, module)
			if !ours {
				continue
			}
			other := roomOf(target)
			if other != floor && (other < 0 || !slices.Contains(rooms[floor].imports, rooms[other].name)) {
				t.Errorf("%s may not import %s", p.name, target)
			}
		}
	}
}

// TestFloors: no room may import one that stands beside or above it.
func TestFloors(t *testing.T) {
	for i, r := range rooms {
		for _, imp := range r.imports {
			if other := roomOf(imp); other <= i {
				t.Errorf("%s may import %s, which does not stand below it", r.name, imp)
			}
		}
	}
}
