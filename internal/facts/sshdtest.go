package facts

import (
	"strconv"
	"strings"

	"sshwhy/internal/evidence"
)

// Test is what `sshd -t` says of the configuration.
type Test struct {
	Origin   Origin // Known where it ran, whatever it said
	Exit     int
	Problems []Problem // in the order printed
	Said     []Quote   // its first lines, as they are
}

// Problem is one complaint of `sshd -t`.
type Problem struct {
	Kind    ProblemKind
	File    string // "" where sshd names none
	Line    int
	Keyword string // the unknown keyword, or the key or directory that is named
	Quote   Quote
}

// ProblemKind says what a complaint of `sshd -t` is about.
type ProblemKind string

// The kinds of complaint, in the order in which sshd checks
// (options, configuration, host keys, privilege separation).
const (
	ProblemKeyword     ProblemKind = "keyword"      // FILE: line N: Bad configuration option: X
	ProblemValue       ProblemKind = "value"        // FILE line N: …
	ProblemNoFile      ProblemKind = "no-file"      // FILE: No such file or directory
	ProblemUnplaced    ProblemKind = "unplaced"     // a fault in the configuration without a file and line
	ProblemHostKey     ProblemKind = "host-key"     // one key cannot be loaded; not fatal by itself
	ProblemKeyMode     ProblemKind = "key-mode"     // Permissions 0644 for '…' are too open.
	ProblemNoHostKeys  ProblemKind = "no-host-keys" // no hostkeys available -- exiting.
	ProblemPrivsepDir  ProblemKind = "privsep-dir"
	ProblemPrivsepUser ProblemKind = "privsep-user"
	ProblemDeprecated  ProblemKind = "deprecated" // a warning only
	ProblemNoise       ProblemKind = "noise"      // what repeats or explains another complaint
)

func sshdCommand(b *evidence.Bundle, flag string, more ...string) evidence.Item {
	args := append([]string{sshdPath(b), flag}, parseOptions(b).testArgs()...)
	return evidence.Command(append(args, more...)...)
}

func wantTest(b *evidence.Bundle, _ Ask) []evidence.Item {
	if sshdPath(b) == "" {
		return nil
	}
	return []evidence.Item{sshdCommand(b, "-t")}
}

func parseTest(b *evidence.Bundle) Test {
	if sshdPath(b) == "" {
		return Test{Origin: Origin{Status: evidence.Skipped, Reason: "no sshd to ask", Source: "sshd -t"}}
	}
	it := sshdCommand(b, "-t")
	r := b.Get(it)
	t := Test{Origin: originOf(it, r), Exit: r.Exit}
	if t.Origin.Known() && r.Exit < 0 {
		t.Origin.Status, t.Origin.Reason = evidence.Failed, "sshd -t did not end by itself"
	}
	for _, line := range lines(r.Stderr) {
		if len(t.Said) < maxSaid && strings.TrimSpace(line) != "" {
			t.Said = append(t.Said, Quote{Source: t.Origin.Source, Text: clip(line)})
		}
		if p, ok := parseProblem(line, r.Exit); ok {
			p.Quote = Quote{Source: t.Origin.Source, Text: clip(line)}
			t.Problems = append(t.Problems, p)
		}
	}
	return t
}

// parseProblem reads one line of standard error (servconf.c, sshd.c, authfile.c;
// texts are the same from 8.0 to 10.6).
func parseProblem(line string, exit int) (Problem, bool) {
	line = strings.TrimRight(line, " \t\r")
	p := Problem{}
	switch {
	case line == "":
		return p, false
	case strings.Contains(line, "Missing privilege separation directory: "):
		_, p.Keyword, _ = strings.Cut(line, "directory: ")
		p.Kind = ProblemPrivsepDir
	case strings.HasSuffix(line, " must be owned by root and not group or world-writable."):
		p.Kind, p.Keyword = ProblemPrivsepDir, strings.TrimSuffix(line, " must be owned by root and not group or world-writable.")
	case strings.HasPrefix(line, "Privilege separation user "):
		p.Kind, p.Keyword = ProblemPrivsepUser, nth(line, 3)
	case strings.Contains(line, "no hostkeys available"):
		p.Kind = ProblemNoHostKeys
	case strings.HasPrefix(line, "Permissions ") && strings.HasSuffix(line, " are too open."):
		_, rest, _ := strings.Cut(line, "'")
		p.Kind, p.Keyword = ProblemKeyMode, before(rest, "'")
	case strings.HasPrefix(line, "Unable to load host key"), strings.HasPrefix(line, "Could not load host key"),
		strings.HasPrefix(line, "key_load_private"), strings.Contains(line, ": Host key "):
		p.Kind, p.Keyword = ProblemHostKey, lastPath(line)
	case strings.HasPrefix(line, "@@@"), strings.HasPrefix(line, "@ "), strings.HasPrefix(line, "It is required that"),
		strings.HasPrefix(line, "This private key will be ignored"), strings.Contains(line, ": terminating, "):
		p.Kind = ProblemNoise
	case p.placed(line):
	case strings.HasSuffix(line, ": No such file or directory"), strings.HasSuffix(line, ": Permission denied"),
		strings.HasSuffix(line, ": Is a directory"):
		p.Kind, p.File = ProblemNoFile, line[:strings.LastIndex(line, ":")]
	case exit == 255:
		p.Kind = ProblemUnplaced
	default:
		p.Kind = ProblemNoise
	}
	return p, true
}

// placed reads the two forms that name a place: "FILE: line N: TEXT" and
// "FILE line N: TEXT".
func (p *Problem) placed(line string) bool {
	for _, mark := range []string{": line ", " line "} {
		file, rest, ok := strings.Cut(line, mark)
		num, text, ok2 := strings.Cut(rest, ": ")
		n, err := strconv.Atoi(num)
		if !ok || !ok2 || err != nil || !strings.HasPrefix(file, "/") {
			continue
		}
		p.File, p.Line, p.Kind = file, n, ProblemValue
		if kw, unknown := strings.CutPrefix(text, "Bad configuration option: "); unknown {
			p.Kind, p.Keyword = ProblemKeyword, kw
		}
		if strings.HasPrefix(text, "Deprecated option ") || strings.HasPrefix(text, "Unsupported option ") {
			p.Kind = ProblemDeprecated
		}
		return true
	}
	return false
}

// First returns the first complaint of one of the kinds.
func (t Test) First(kinds ...ProblemKind) (Problem, bool) {
	for _, p := range t.Problems {
		for _, k := range kinds {
			if p.Kind == k {
				return p, true
			}
		}
	}
	return Problem{}, false
}

// ConfigBroken returns the complaint for which sshd refuses its configuration.
func (t Test) ConfigBroken() (Problem, bool) {
	if !t.Origin.Known() || t.Exit == 0 {
		return Problem{}, false
	}
	if p, ok := t.First(ProblemKeyword, ProblemValue, ProblemNoFile); ok {
		return p, true
	}
	if _, other := t.First(ProblemPrivsepDir, ProblemPrivsepUser, ProblemNoHostKeys); other {
		return Problem{}, false
	}
	return t.First(ProblemUnplaced)
}

// maxSaid bounds how many lines of `sshd -t` are kept as they are.
const maxSaid = 6

// loaderTexts are what the dynamic loader and the kernel say of a program that
// cannot run (glibc's and musl's ld.so; execve(2) as Go names its errors).
var loaderTexts = []string{
	"error while loading shared libraries", "symbol lookup error", "Error loading shared library", "Error relocating",
	"exec format error", "OpenSSL version mismatch", "version `",
}

// Broken reports whether sshd could not run at all, so that it says nothing of
// its configuration.
func (t Test) Broken() bool {
	for _, text := range loaderTexts {
		if strings.Contains(t.Origin.Reason, text) || len(t.Said) > 0 && strings.Contains(t.Said[0].Text, text) {
			return true
		}
	}
	return t.Origin.Known() && (t.Exit == 126 || t.Exit == 127)
}

// NoSession reports whether sshd says that its helper sshd-session is not there.
func (t Test) NoSession() bool {
	for _, q := range t.Said {
		if strings.Contains(q.Text, "sshd-session does not exist") {
			return true
		}
	}
	return false
}

// Words is the first thing sshd said, or why it could not be run.
func (t Test) Words() string {
	if len(t.Said) > 0 {
		return t.Said[0].Text
	}
	return t.Origin.Reason
}

// lastPath returns the absolute path in a line, without quotes around it.
func lastPath(line string) string {
	i := strings.Index(line, "/")
	if i < 0 {
		return ""
	}
	s := line[i:]
	if i > 0 && line[i-1] == '"' {
		return before(s, `"`)
	}
	return before(s, ":")
}

func before(s, sep string) string { s, _, _ = strings.Cut(s, sep); return s }

func nth(s string, n int) string {
	if f := strings.Fields(s); n < len(f) {
		return f[n]
	}
	return ""
}
