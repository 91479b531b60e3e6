package archtest

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// rooms says, for each package, which packages of ours it may import. A package
// below a room (evidence/local) is a room of its own where it is listed, and
// otherwise belongs to the room above it.
var rooms = map[string][]string{
	"cmd/sshwhy":      {"internal/cli"},
	"internal/report": {},
	"internal/catalog": {
		"internal/report"},
	"internal/proc":                  {},
	"internal/shquote":               {},
	"internal/shquote/pastetest":     {}, // only tests import it
	"internal/evidence":              {},
	"internal/evidence/local":        {"internal/evidence", "internal/proc"},
	"internal/evidence/replay":       {"internal/evidence"},
	"internal/evidence/shell":        {"internal/evidence", "internal/shquote"},
	"internal/evidence/via":          {"internal/evidence", "internal/evidence/shell", "internal/proc"},
	"internal/evidence/script":       {"internal/evidence", "internal/evidence/shell", "internal/proc"},
	"internal/evidence/redact":       {"internal/evidence"},
	"internal/evidence/evidencetest": {"internal/evidence"}, // only tests import it
	"internal/facts":                 {"internal/shquote", "internal/evidence", "internal/sshconf", "internal/sshwire"},
	"internal/firewall":              {},
	"internal/firewall/prove":        {"internal/firewall", "internal/proc"},
	"internal/server":                {"internal/shquote", "internal/facts", "internal/sshconf", "internal/firewall", "internal/report", "internal/catalog", "internal/evidence", "internal/evidence/redact"},
	"internal/sshconf":               {},
	"internal/sshwire":               {},
	"internal/client":                {"internal/proc", "internal/shquote", "internal/report", "internal/catalog", "internal/sshconf", "internal/sshwire"},
	"internal/joined":                {"internal/report", "internal/catalog"},
	"internal/sshlog":                {"internal/report", "internal/evidence"},
	"internal/logs":                  {"internal/report", "internal/catalog", "internal/sshlog"},
	// explain gives pasted outputs of tools to the parsers and checks of the live machine
	"internal/explain":  {"internal/shquote", "internal/report", "internal/catalog", "internal/firewall", "internal/evidence", "internal/facts", "internal/server", "internal/sshconf", "internal/evidence/redact", "internal/sshlog"},
	"internal/operator": {},
	"internal/remedy":   {"internal/shquote", "internal/report", "internal/evidence", "internal/facts", "internal/operator", "internal/proc", "internal/sshconf"},
	"internal/render":   {"internal/report"},
	"internal/gendocs":  {"internal/cli", "internal/catalog"},
	"internal/archtest": {},
	"internal/cuttest":  {}, // only tests import it
}

// thinking are the packages that only think: they never reach the system, the
// network or the clock, neither directly nor through another package of ours.
var thinking = []string{
	"internal/report", "internal/catalog", "internal/evidence", "internal/evidence/redact", "internal/evidence/shell", "internal/facts",
	"internal/firewall", "internal/server", "internal/explain", "internal/joined", "internal/sshlog", "internal/logs", "internal/render",
	"internal/shquote", "internal/sshconf",
}

// forbidden is what a thinking package may not import.
var forbidden = []string{"os", "os/exec", "net", "net/http", "syscall", "golang.org/x/sys/unix", module + "internal/proc"}

// runners are the packages that may start a program by themselves.
var runners = []string{
	"internal/proc",
	"internal/evidence/evidencetest", // only tests import it: it starts the test itself anew, as nobody
}

const module = "sshwhy/"

type pkg struct {
	ImportPath, Dir  string
	Imports, GoFiles []string
}

func TestRooms(t *testing.T) {
	for _, p := range list(t) {
		name := strings.TrimPrefix(p.ImportPath, module)
		if strings.HasPrefix(name, "internal/cli") || strings.HasPrefix(name, "lab") ||
			strings.HasPrefix(name, "bench") {
			continue // the command line and the lab may import anything
		}
		room, ok := roomOf(name)
		if !ok {
			t.Errorf("%s stands in no room of the table in this test", name)
			continue
		}
		for _, imp := range p.Imports {
			target, ours := strings.CutPrefix(imp, module)
			if !ours {
				continue
			}
			other, _ := roomOf(target)
			if other != room && !slices.Contains(rooms[room], other) {
				t.Errorf("%s may not import %s", name, target)
			}
		}
	}
}

func TestThinkingPackagesArePure(t *testing.T) {
	for _, p := range list(t) {
		room, _ := roomOf(strings.TrimPrefix(p.ImportPath, module))
		if !slices.Contains(thinking, room) {
			continue
		}
		for _, imp := range p.Imports {
			if slices.Contains(forbidden, imp) {
				t.Errorf("%s only thinks, and imports %s", p.ImportPath, imp)
			}
		}
	}
}

// encoders are the packages that may write JSON, and for whom. What is printed
// is written by render alone, which escapes what a terminal would act upon.
var encoders = map[string]string{
	"internal/render":          "reports",
	"internal/evidence/replay": "the file of a bundle, where such text stands in base64",
	"internal/evidence/local":  "what the child that looks as a user is asked, and answers",
	"internal/server":          "an item of a bundle",
	"internal/firewall":        "the name of an expression that has no better one",
	"internal/remedy":          "the records of a fix",
}

var encodes = regexp.MustCompile(`\bjson\.(NewEncoder|Marshal|MarshalIndent)\(`)

func TestOneWriterOfJSON(t *testing.T) {
	for _, p := range list(t) {
		name := strings.TrimPrefix(p.ImportPath, module)
		if !strings.HasPrefix(name, "internal/") || encoders[name] != "" || !slices.Contains(p.Imports, "encoding/json") {
			continue
		}
		for _, file := range p.GoFiles {
			text, err := os.ReadFile(filepath.Join(p.Dir, file))
			if err != nil {
				t.Fatal(err)
			}
			if encodes.Match(text) {
				t.Errorf("%s/%s writes JSON by itself, and not through internal/render", name, file)
			}
		}
	}
}

func TestOneRunner(t *testing.T) {
	for _, p := range list(t) {
		name := strings.TrimPrefix(p.ImportPath, module)
		if strings.HasPrefix(name, "internal/") && !slices.Contains(runners, name) && slices.Contains(p.Imports, "os/exec") {
			t.Errorf("%s starts programs by itself, and not through internal/proc", name)
		}
	}
}

func roomOf(name string) (string, bool) {
	for n := name; n != ""; {
		if _, ok := rooms[n]; ok {
			return n, true
		}
		i := strings.LastIndex(n, "/")
		if i < 0 {
			break
		}
		n = n[:i]
	}
	return name, false
}

func list(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Dir,Imports,GoFiles", "./...")
	cmd.Dir = "../.."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); dec.More(); {
		var p pkg
		if err := dec.Decode(&p); err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	return all
}
