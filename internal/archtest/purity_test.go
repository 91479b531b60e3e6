package archtest

import (
	"go/ast"
	"slices"
	"strings"
	"testing"
)

// pure are the packages of the standard library that a thinking room may import, and
// where not everything in one is harmless, what it may use of it. The list is closed:
// what is new here is thought about.
var pure = map[string][]string{
	"bufio": nil, "bytes": nil, "cmp": nil, "embed": nil, "encoding/base64": nil, "encoding/binary": nil, "encoding/hex": nil,
	"encoding/json": nil, "errors": nil, "io": nil, "iter": nil, "maps": nil, "math": nil, "math/bits": nil, "net/netip": nil, "net/url": nil, "path": nil,
	"regexp": nil, "slices": nil, "sort": nil, "strconv": nil, "strings": nil, "sync": nil, "unicode": nil, "unicode/utf16": nil, "unicode/utf8": nil,
	"compress/bzip2": nil, "crypto/aes": nil, "crypto/cipher": nil, "crypto/hmac": nil, "crypto/md5": nil, "crypto/rsa": {"PublicKey"}, "crypto/sha1": nil, "crypto/sha256": nil,
	// It must not print, and not read what is typed.
	"fmt": {"Append", "Appendf", "Appendln", "Errorf", "Fprint", "Fprintf", "Fprintln", "Sprint", "Sprintf", "Sprintln", "Sscan", "Sscanf", "Stringer"},
	// No clock, no timer, and no time zone of this machine.
	"time": {"Time", "Duration", "Month", "Weekday", "Location", "Date", "FixedZone", "UTC", "Unix", "UnixMilli", "UnixMicro", "Parse", "ParseInLocation", "ParseDuration",
		"Nanosecond", "Microsecond", "Millisecond", "Second", "Minute", "Hour", "DateTime", "DateOnly", "TimeOnly", "RFC3339", "RFC3339Nano", "Stamp", "StampMicro"},
}

// TestThinkingRoomsArePure: what a thinking room reaches, directly or through packages of
// ours, is pure, on every system that we build for.
func TestThinkingRoomsArePure(t *testing.T) {
	all := map[string]*pkg{}
	for _, p := range packages(t) {
		all[p.name] = p
	}
	faults := map[string][]string{}
	for name, p := range all {
		faults[name] = p.impurities()
	}
	for name := range all {
		floor := roomOf(name)
		if floor < 0 || !rooms[floor].thinks {
			continue
		}
		for reached, by := range reachable(all, name) {
			for _, f := range faults[reached] {
				t.Errorf("%s only thinks, and %s %s", strings.Join(by, " → "), reached, f)
			}
		}
	}
}

// TestImpurities: the test above sees each way out of a thinking room.
func TestImpurities(t *testing.T) {
	for _, tt := range []struct{ source, fault string }{
		{"import \"os\"\nvar _ = os.Args", "imports os"},
		{"import \"net\"\nvar _ net.Conn", "imports net"},
		{"import \"path/filepath\"\nvar _ = filepath.Join()", "imports path/filepath"},
		{"import \"golang.org/x/crypto/ssh\"\nvar _ ssh.Conn", "imports golang.org/x/crypto/ssh"},
		{"import \"time\"\nvar _ = time.Now", "uses time.Now"},
		{"import clock \"time\"\nvar _ = clock.Since(clock.Time{})", "uses time.Since"},
		{"import . \"time\"\nvar _ = Now()", "uses time.."},
		{"import \"fmt\"\nfunc f() { fmt.Println() }", "uses fmt.Println"},
		{"import \"time\"\nvar _ = time.Second", ""},
		{"import \"net/netip\"\nvar _ netip.Addr", ""},
		{"type clock struct{ Now int }\nfunc f(time clock) int { return time.Now }", ""},
	} {
		got := strings.Join((&pkg{files: []*ast.File{parse(t, "p.go", "package p\n"+tt.source)}}).impurities(), ", ")
		if got != tt.fault {
			t.Errorf("%s: %q, want %q", tt.source, got, tt.fault)
		}
	}
}

// reachable are the packages of ours that one is made of, itself among them, each with
// those on the way to it.
func reachable(all map[string]*pkg, from string) map[string][]string {
	way := map[string][]string{from: {from}}
	for queue := []string{from}; len(queue) > 0; queue = queue[1:] {
		for _, imp := range all[queue[0]].imports() {
			name, ours := strings.CutPrefix(imp, module)
			if _, seen := way[name]; ours && !seen && all[name] != nil {
				way[name] = append(slices.Clone(way[queue[0]]), name)
				queue = append(queue, name)
			}
		}
	}
	return way
}

// impurities are the ways by which a package looks at something itself.
func (p *pkg) impurities() []string {
	var except map[string]exception
	if floor := roomOf(p.name); floor >= 0 {
		except = rooms[floor].except
	}
	var out []string
	for _, path := range p.imports() {
		if strings.HasPrefix(path, module) {
			continue
		}
		allowed, ok := pure[path]
		if e, excepted := except[path]; excepted {
			allowed, ok = e.uses, e.why != ""
		}
		if !ok {
			out = append(out, "imports "+path)
		}
		for _, f := range p.files {
			for _, name := range used(f, path) {
				if allowed != nil && !slices.Contains(allowed, name) {
					out = append(out, "uses "+path+"."+name)
				}
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
