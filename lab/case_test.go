package lab

import (
	"strings"
	"testing"
)

// TestParseCaseRefuses shows that a case file with a slip in it does not pass silently.
func TestParseCaseRefuses(t *testing.T) {
	good := "about: x\nsymptom: refused\nserver: none\nclient: any\nno-hand: because\n"
	if _, err := ParseCase("good", good); err != nil {
		t.Fatalf("the good one: %v", err)
	}
	for name, tc := range map[string]struct{ text, want string }{
		"unknown key":      {good + "color: red\n", "no such key"},
		"unknown section":  {good + "-- srever --\ntrue\n", "no section"},
		"section twice":    {good + "-- server --\ntrue\n-- server --\ntrue\n", "twice"},
		"key twice":        {good + "about: y\n", "twice"},
		"no symptom":       {"about: x\nserver: none\nclient: none\nno-hand: because\n", "needs a symptom"},
		"no client":        {"about: x\nsymptom: y\nserver: none\nno-hand: because\n", "what server and client must find"},
		"never mended":     {"about: x\nsymptom: y\nserver: none\nclient: none\n", "hand section"},
		"bad regexp":       {strings.Replace(good, "refused", "(", 1), "missing closing"},
		"unknown image":    {good + "images: buzz\n", "no image"},
		"healthy, broken":  {"about: x\nkind: healthy\nserver: service-stopped\n", "no causes"},
		"healthy, symptom": {"about: x\nkind: healthy\nsymptom: y\n", "only a broken case"},
		"latent, nothing":  {"about: x\nkind: latent\n", "server-also"},
		"fix":              {good + "fix: maybe\n", "fix is"},
		"certainty":        {good + "client-certainty: sure\n", "no certainty"},
		"verdict":          {good + "server-verdict: fine\n", "no verdict"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ParseCase("case", tc.text)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want one with %q", err, tc.want)
			}
		})
	}
}
