package archtest

import (
	"slices"
	"strings"
	"testing"
)

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

func TestOneWriterOfJSON(t *testing.T) {
	for _, p := range packages(t) {
		if !strings.HasPrefix(p.name, "internal/") || encoders[p.name] != "" {
			continue
		}
		for _, f := range p.files {
			for _, name := range used(f, "encoding/json") {
				if slices.Contains([]string{"NewEncoder", "Marshal", "MarshalIndent", "."}, name) {
					t.Errorf("%s writes JSON by itself (json.%s), and not through internal/render", p.name, name)
				}
			}
		}
	}
}

// runners are the packages that may start a program by themselves.
var runners = []string{
	"internal/proc",
	"internal/evidence/evidencetest", // only tests import it: it starts the test itself anew, as nobody
}

func TestOneRunner(t *testing.T) {
	for _, p := range packages(t) {
		if strings.HasPrefix(p.name, "internal/") && !slices.Contains(runners, p.name) && slices.Contains(p.imports(), "os/exec") {
			t.Errorf("%s starts programs by itself, and not through internal/proc", p.name)
		}
	}
}
