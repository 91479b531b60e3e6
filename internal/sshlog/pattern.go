package sshlog

import (
	"fmt"
	"strings"
)

// A Pattern is a message with its variable parts in braces: literal text
// alternates with captures, as in
//
//	ssh: connect to host {host} port {port}: Connection refused
//
// It may match anywhere in a line; ^ ties it to the beginning, $ to the end. A
// capture takes as little as the following literal allows. What it may hold
// depends on its name: numbers (line, n, pid), anything (names in
// freeCaptures), otherwise no blanks. There is no backtracking beyond trying a
// few starts, so matching is linear in the line.
type Pattern struct {
	Text     string
	start    bool
	end      bool
	literals []string // literals[0] capture[0] literals[1] … ; len = len(captures)+1
	captures []string
}

// maxStarts bounds how many places of a line a pattern is tried at.
const maxStarts = 4

// freeCaptures may hold blanks.
var freeCaptures = map[string]bool{
	"_": true, "text": true, "reason": true, "offer": true, "file": true, "key": true,
	"methods": true, "opt": true, "value": true, "command": true, "dest": true,
}

// Free reports whether a capture of that name may hold blanks, and so anything.
func Free(name string) bool { return freeCaptures[name] }

// addressCaptures hold an address, or what somebody put in its place
// (x.x.x.x, <IP>, HOST), so that "Connection reset by {ip}" is not "Connection
// reset by peer".
var addressCaptures = map[string]bool{"ip": true}

// digitCaptures hold decimal digits only.
var digitCaptures = map[string]bool{"line": true, "n": true, "pid": true}

// compile parses the notation above.
func compile(s string) (Pattern, error) {
	p := Pattern{Text: s}
	rest := Lower(s)
	if r, ok := strings.CutPrefix(rest, "^"); ok {
		p.start, rest = true, r
	}
	if r, ok := strings.CutSuffix(rest, "$"); ok {
		p.end, rest = true, r
	}
	for {
		i := captureAt(rest)
		if i < 0 {
			p.literals = append(p.literals, rest)
			break
		}
		j := strings.IndexByte(rest[i:], '}')
		if j < 0 {
			return p, fmt.Errorf("pattern %q: { without }", s)
		}
		p.literals = append(p.literals, rest[:i])
		p.captures = append(p.captures, rest[i+1:i+j])
		rest = rest[i+j+1:]
	}
	for i := 1; i < len(p.literals)-1; i++ {
		if p.literals[i] == "" {
			return p, fmt.Errorf("pattern %q: two captures with nothing between", s)
		}
	}
	if strings.Join(p.literals, "") == "" {
		return p, fmt.Errorf("pattern %q has no literal", s)
	}
	return p, nil
}

// Open reports whether the pattern ends with a capture, which then takes all it may hold.
func (p *Pattern) Open() bool { return p.literals[len(p.literals)-1] == "" }

// captureAt is where the next capture begins. A brace before a blank is itself,
// as in "denied { name_bind } for".
func captureAt(s string) int {
	for i := 0; i+1 < len(s); i++ {
		if s[i] == '{' && s[i+1] != ' ' {
			return i
		}
	}
	return -1
}

// A Capture is one variable part of a message, as it stood in the text.
type Capture struct{ Name, Value string }

// match returns the captures of p in a line, the byte range from its first
// literal to its end, and whether it matches. low is the line in lower case.
func (p *Pattern) match(line, low string) (caps []Capture, from, to int, ok bool) {
	lead := p.literals[0] == "" && len(p.captures) > 0
	first := 0
	if lead {
		first = 1
	}
	lit := p.literals[first]
	for at, tries := 0, 0; tries < maxStarts && at <= len(low); tries++ {
		i := strings.Index(low[at:], lit)
		if i < 0 || (p.start && !lead && at+i != 0) {
			return nil, 0, 0, false
		}
		i += at
		from, caps, ok = i, nil, true
		if lead {
			caps, ok = p.leading(line, i)
		}
		if ok {
			if rest, end, fits := p.tail(line, low, i+len(lit), first); fits {
				return append(caps, rest...), from, end, true
			}
		}
		at = i + 1
	}
	return nil, 0, 0, false
}

// leading takes the capture that stands before the first literal at i: the run
// without blanks that ends there (all from the start for a tied pattern).
func (p *Pattern) leading(line string, i int) ([]Capture, bool) {
	from := 0
	if !p.start {
		from = strings.LastIndexAny(line[:i], " \t") + 1
	}
	value := line[from:i]
	if !captureFits(p.captures[0], value) {
		return nil, false
	}
	return []Capture{{p.captures[0], value}}, true
}

// tail matches what follows literal number k, which ends at pos.
func (p *Pattern) tail(line, low string, pos, k int) (caps []Capture, end int, ok bool) {
	for ; k < len(p.captures); k++ {
		name, lit := p.captures[k], p.literals[k+1]
		n := strings.Index(low[pos:], lit)
		if lit == "" { // the last capture: take all it may hold
			n = captureRun(name, line[pos:])
		}
		if n < 0 || !captureFits(name, line[pos:pos+n]) {
			return nil, 0, false
		}
		caps = append(caps, Capture{name, line[pos : pos+n]})
		pos += n + len(lit)
	}
	if p.end && strings.Trim(line[pos:], " .\"'") != "" {
		return nil, 0, false
	}
	return caps, pos, true
}

// captureFits reports whether a capture of that name may hold v.
func captureFits(name, v string) bool {
	if v == "" {
		return freeCaptures[name]
	}
	if addressCaptures[name] && !strings.ContainsAny(v, ".:<[*0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") {
		return false
	}
	return captureRun(name, v) == len(v)
}

// captureRun is the length of the longest beginning of s that a capture of that name may hold.
func captureRun(name, s string) int {
	switch {
	case freeCaptures[name]:
		return len(s)
	case digitCaptures[name]:
		for i := range len(s) {
			if s[i] < '0' || s[i] > '9' {
				return i
			}
		}
		return len(s)
	default:
		if i := strings.IndexAny(s, " \t"); i >= 0 {
			return i
		}
		return len(s)
	}
}

// Lower turns ASCII capitals into small letters and changes no length: people
// retell messages in their own spelling.
func Lower(s string) string {
	for i := range len(s) {
		if s[i] >= 'A' && s[i] <= 'Z' {
			b := []byte(s)
			for ; i < len(b); i++ {
				if b[i] >= 'A' && b[i] <= 'Z' {
					b[i] += 'a' - 'A'
				}
			}
			return string(b)
		}
	}
	return s
}

// safeWords are the words of the pattern's literals that stand between word
// boundaries wherever the pattern matches: by any of them it can be found.
func (p *Pattern) safeWords() []string {
	var out []string
	for i, lit := range p.literals {
		words(lit, func(from, to int) {
			openLeft := from == 0 && (i > 0 || !p.start)
			openRight := to == len(lit) && (i < len(p.literals)-1 || !p.end)
			if !openLeft && !openRight {
				out = append(out, lit[from:to])
			}
		})
	}
	return out
}

// words calls f with the range of each word of s: letters, digits, and every
// byte that is not ASCII, so that no language needs another rule.
func words(s string, f func(from, to int)) {
	from := -1
	for i := range len(s) {
		switch {
		case IsWordByte(s[i]):
			if from < 0 {
				from = i
			}
		case from >= 0:
			f(from, i)
			from = -1
		}
	}
	if from >= 0 {
		f(from, len(s))
	}
}

// IsWordByte reports whether a byte belongs to a word.
func IsWordByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c >= 0x80
}
