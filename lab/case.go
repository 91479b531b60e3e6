package lab

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"sshwhy/internal/report"
)

// Kind says what a case is there to show.
type Kind string

// The kinds. In a broken case ssh fails; in a latent one it works today and
// sshwhy warns; in a healthy one, however odd, sshwhy must find nothing that blocks.
const (
	Broken  Kind = "broken"
	Latent  Kind = "latent"
	Healthy Kind = "healthy"
)

// Expectation is what one side's diagnosis must say.
type Expectation struct {
	Any    bool     // not looked at, since the side has nothing to say here
	Causes []string // exactly the blocking causes, the first finding first; empty: none may block
}

// Case is one case file.
type Case struct {
	Name   string // the file's name without .txt
	About  string // one sentence: the fault
	Kind   Kind
	Images []string

	SSH     []string         // the arguments of ssh, as the user typed them
	Symptom []*regexp.Regexp // all must match what ssh prints
	Exit    int              // and this is its exit status
	// Patience is after how many seconds ssh is ended (exit status 124), for faults that
	// make it wait for good; 0: it is left alone.
	Patience int

	Server Expectation
	Client Expectation
	// ServerVerdict is what `sshwhy server` must make of it all. Of a healthy machine that
	// is ok, unless the case says that it cannot be shown; elsewhere empty: not looked at.
	ServerVerdict report.Verdict
	ServerArgs    []string // arguments of `sshwhy server`
	ClientArgs    []string // arguments of `sshwhy`; those of ssh unless given
	// ClientCaps are capabilities (setpriv's words: net_raw) that sshwhy has at the client, as root would.
	ClientCaps []string
	// ClientCertainty is how sure the client's answer must be; empty: not looked at.
	ClientCertainty report.Certainty
	ServerAlso      []string // causes that must be found and need not block
	ClientAlso      []string

	HandSSH []string // the arguments of ssh after mending by hand; SSH unless given
	NoHand  string   // why the case has nothing that mends it
	Fix     string   // what mends it: "repair", "open" (with --open) or "none"
	FixArgs []string
	// StillOut are the arguments of ssh of others whom the fault keeps out, too, and whom the fix must not let in.
	// What mends by hand lets them in: so they are out for that reason alone.
	StillOut [][]string
	Password string // answers whenever ssh asks for a password; empty: nobody is there to answer

	Scripts map[string]string // by section
}

// The sections of a case file in the order in which they run, by place.
var (
	breakSections = []string{"server-before", "server", "router", "client-root", "client"}
	askSections   = []string{"ask-client"} // in place of asking by --json: it prints the report
	handSections  = []string{"hand", "hand-router", "hand-client-root", "hand-client"}
)

// ReadCase reads one case file. Whatever it does not know is an error.
func ReadCase(path string) (Case, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return Case{}, err
	}
	c, err := ParseCase(strings.TrimSuffix(filepath.Base(path), ".txt"), string(data))
	if err != nil {
		return Case{}, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

// ReadCases reads every case file of a directory, sorted by name.
func ReadCases(dir string) ([]Case, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.txt"))
	if err != nil {
		return nil, err
	}
	var all []Case
	for _, f := range files {
		c, err := ReadCase(f)
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, nil
}

// ParseCase parses the text of a case file.
func ParseCase(name, text string) (Case, error) {
	c := Case{Name: name, Kind: Broken, Images: []string{"trixie"}, SSH: []string{"alice@server"}, Exit: -1,
		Fix: "none", Scripts: map[string]string{}}
	given := map[string]bool{}
	section := ""
	for line := range strings.Lines(text) {
		trimmed := strings.TrimSpace(line)
		if inner, ok := strings.CutPrefix(trimmed, "-- "); ok && strings.HasSuffix(inner, " --") {
			section = strings.TrimSuffix(inner, " --")
			if !slices.Contains(slices.Concat(breakSections, askSections, handSections), section) {
				return c, fmt.Errorf("no section %q", section)
			}
			if _, twice := c.Scripts[section]; twice {
				return c, fmt.Errorf("section %q stands twice", section)
			}
			c.Scripts[section] = ""
			continue
		}
		if section != "" {
			c.Scripts[section] += line
			continue
		}
		if trimmed == "" || strings.HasPrefix(trimmed, "#") {
			continue
		}
		key, value, ok := strings.Cut(trimmed, ": ")
		if !ok {
			return c, fmt.Errorf("%q is not key: value", trimmed)
		}
		if given[key] && key != "symptom" && key != "still-out" {
			return c, fmt.Errorf("key %q stands twice", key)
		}
		given[key] = true
		if err := c.set(key, strings.TrimSpace(value)); err != nil {
			return c, fmt.Errorf("%s: %w", key, err)
		}
	}
	return c, c.check(given)
}

// set takes one line of the head.
func (c *Case) set(key, value string) (err error) {
	words := strings.Fields(value)
	switch key {
	case "about":
		c.About = value
	case "kind":
		c.Kind = Kind(value)
	case "images":
		c.Images = words
	case "ssh":
		c.SSH = words
	case "symptom":
		var re *regexp.Regexp
		re, err = regexp.Compile("(?m)" + value)
		c.Symptom = append(c.Symptom, re)
	case "exit":
		c.Exit, err = strconv.Atoi(value)
	case "patience":
		c.Patience, err = strconv.Atoi(value)
	case "server":
		c.Server = expectation(words)
	case "client":
		c.Client = expectation(words)
	case "server-verdict":
		c.ServerVerdict = report.Verdict(value)
	case "server-args":
		c.ServerArgs = words
	case "client-args":
		c.ClientArgs = words
	case "client-capabilities":
		c.ClientCaps = words
	case "client-certainty":
		c.ClientCertainty = report.Certainty(value)
	case "server-also":
		c.ServerAlso = words
	case "client-also":
		c.ClientAlso = words
	case "hand-ssh":
		c.HandSSH = words
	case "no-hand":
		c.NoHand = value
	case "fix":
		c.Fix = value
	case "fix-args":
		c.FixArgs = words
	case "still-out":
		c.StillOut = append(c.StillOut, words)
	case "password":
		c.Password = value
	default:
		err = fmt.Errorf("no such key")
	}
	return err
}

// expectation reads "none", "any" or a list of causes.
func expectation(words []string) Expectation {
	switch {
	case len(words) == 1 && words[0] == "none":
		return Expectation{}
	case len(words) == 1 && words[0] == "any":
		return Expectation{Any: true}
	default:
		return Expectation{Causes: words}
	}
}

// check fills in what follows from the rest and refuses a case that could not fail.
func (c *Case) check(given map[string]bool) error {
	if c.ClientArgs == nil { // ssh runs with nobody at a terminal, and sshwhy is asked about just that
		c.ClientArgs = append([]string{"-o", "BatchMode=yes"}, c.SSH...)
	}
	if c.HandSSH == nil {
		c.HandSSH = c.SSH
	}
	if c.About == "" {
		return fmt.Errorf("about is missing")
	}
	for _, i := range c.Images {
		if !slices.Contains(Images(), i) {
			return fmt.Errorf("no image %q", i)
		}
	}
	if !slices.Contains([]string{"repair", "open", "none"}, c.Fix) {
		return fmt.Errorf("fix is repair, open or none, not %q", c.Fix)
	}
	if c.ClientCertainty != "" && !slices.Contains([]report.Certainty{report.Confirmed, report.Likely, report.Possible}, c.ClientCertainty) {
		return fmt.Errorf("no certainty %q", c.ClientCertainty)
	}
	if len(c.StillOut) > 0 && !c.Fixes() {
		return fmt.Errorf("still-out is about a fix")
	}
	if !slices.Contains([]report.Verdict{"", report.VerdictOK, report.VerdictDegraded, report.VerdictBroken, report.VerdictUnknown}, c.ServerVerdict) {
		return fmt.Errorf("no verdict %q", c.ServerVerdict)
	}
	return c.checkKind(given)
}

// checkKind holds a case to what its kind asks for and allows.
func (c *Case) checkKind(given map[string]bool) error {
	mends := false
	for _, s := range handSections {
		mends = mends || c.Scripts[s] != ""
	}
	switch c.Kind {
	case Broken:
		if c.Exit < 0 {
			c.Exit = 255
		}
		if len(c.Symptom) == 0 {
			return fmt.Errorf("a broken case needs a symptom")
		}
		if !given["server"] || !given["client"] {
			return fmt.Errorf("a broken case says what server and client must find (causes, none or any)")
		}
		if mends == (c.NoHand != "") {
			return fmt.Errorf("a broken case has either a hand section or the reason in no-hand")
		}
	case Latent:
		if len(c.ServerAlso)+len(c.ClientAlso) == 0 {
			return fmt.Errorf("a latent case says what is found in server-also or client-also")
		}
	case Healthy:
		if !given["server-verdict"] {
			c.ServerVerdict = report.VerdictOK
		}
		if len(c.Server.Causes)+len(c.Client.Causes) > 0 {
			return fmt.Errorf("a healthy case has no causes")
		}
	default:
		return fmt.Errorf("no kind %q", c.Kind)
	}
	if c.Kind != Broken && (c.Symptom != nil || mends) {
		return fmt.Errorf("only a broken case has a symptom and is mended")
	}
	return nil
}

// Causes are all causes the case expects from either side.
func (c *Case) Causes() []string {
	return slices.Concat(c.Server.Causes, c.ServerAlso, c.Client.Causes, c.ClientAlso)
}

// Fixes says whether a case expects `--fix` to bring a login back.
func (c Case) Fixes() bool { return c.Fix == "repair" || c.Fix == "open" }
