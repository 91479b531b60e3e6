package sshlog

import (
	"embed"
	"fmt"
	"slices"
	"strings"
	"sync"

	"sshwhy/internal/report"
)

//go:embed messages/*.tsv
var messages embed.FS

// Kind says what a message means for the question "why did it fail".
type Kind string

// The kinds of message.
const (
	Root   Kind = "root"   // names a cause by itself
	End    Kind = "end"    // how an attempt ended; several causes end like that
	Note   Kind = "note"   // a fault, seldom the one that stops the connection
	Hint   Kind = "hint"   // says something to the rules, names no cause
	Mark   Kind = "mark"   // a step that was reached
	Benign Kind = "benign" // looks like an error and is none
)

// A Suspect is a cause that a message may stand for.
type Suspect struct {
	Cause     string
	Certainty report.Certainty
}

// AtConfig stands in the tables for the cause that depends on whose
// configuration file is named.
const AtConfig = "@config"

// A Row is one message of the tables.
type Row struct {
	Kind    Kind
	Stage   string
	Pattern Pattern
	Causes  []Suspect
	Proves  string
	Table   string  // the table it comes from
	SaidBy  []Voice // whose word it is; others that are known do not say it
}

// tables are the message tables, in the order in which they are tried.
var tables = [...]string{"openssh-config", "openssh-client", "openssh-server", "other-ssh", "system", Generic}

// Generic is the table whose rows count only where no other matches.
const Generic = "generic"

// Messages are all rows of the tables, found by a word of theirs.
type Messages struct {
	rows   []Row
	byWord map[string][]int
	always []int             // rows without a safe word
	errnos map[string]string // words of strerror → errno name
	voices voices
}

// Load parses the tables once. A table that does not parse is a build fault,
// which TestMessages finds.
var Load = sync.OnceValues(func() (*Messages, error) {
	m := &Messages{byWord: map[string][]int{}, errnos: map[string]string{}, voices: voices{exact: map[string]Voice{}}}
	for _, name := range tables {
		if err := eachRow(name, 5, func(f []string, by []Voice) error { return m.addRow(name, f, by) }); err != nil {
			return nil, err
		}
	}
	if err := eachRow("strerror", 2, func(f []string, _ []Voice) error { m.errnos[unquoted(Lower(f[1]))] = f[0]; return nil }); err != nil {
		return nil, err
	}
	if err := eachRow("voices", 2, func(f []string, _ []Voice) error { return m.voices.add(f) }); err != nil {
		return nil, err
	}
	m.index()
	return m, nil
})

// index files every row under the one of its safe words that the fewest rows
// have, so that a line has few rows to be tried.
func (m *Messages) index() {
	uses := map[string]int{}
	for i := range m.rows {
		for _, w := range m.rows[i].Pattern.safeWords() {
			uses[w]++
		}
	}
	for i := range m.rows {
		best := ""
		for _, w := range m.rows[i].Pattern.safeWords() {
			if best == "" || uses[w] < uses[best] || uses[w] == uses[best] && len(w) > len(best) {
				best = w
			}
		}
		if best == "" {
			m.always = append(m.always, i)
			continue
		}
		m.byWord[best] = append(m.byWord[best], i)
	}
}

// eachRow calls f with the fields of every row of a table, and with who may say it.
func eachRow(name string, fields int, f func([]string, []Voice) error) error {
	data, err := messages.ReadFile("messages/" + name + ".tsv")
	if err != nil {
		return err
	}
	n := 0
	var by []Voice
	for text := range strings.Lines(string(data)) {
		n++
		text = strings.TrimRight(text, "\n")
		if list, ok := parseSaidBy(text); ok {
			by = list
		}
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		cols := strings.Split(text, "\t")
		if len(cols) != fields {
			return fmt.Errorf("%s.tsv:%d: %d columns, want %d", name, n, len(cols), fields)
		}
		if err := f(cols, by); err != nil {
			return fmt.Errorf("%s.tsv:%d: %w", name, n, err)
		}
	}
	return nil
}

// Suspects reads what the tables say of causes: ids, likeliest first, with ! where
// it is sure and ? where it is possible only; - is none.
func Suspects(list string) []Suspect {
	if list == "-" {
		return nil
	}
	var out []Suspect
	for _, id := range strings.Fields(list) {
		s := Suspect{id, report.Likely}
		if v, ok := strings.CutSuffix(id, "!"); ok {
			s = Suspect{v, report.Confirmed}
		} else if v, ok := strings.CutSuffix(id, "?"); ok {
			s = Suspect{v, report.Possible}
		}
		out = append(out, s)
	}
	return out
}

func (m *Messages) addRow(table string, f []string, by []Voice) error {
	r := Row{Kind: Kind(f[0]), Stage: f[1], Proves: f[4], Table: table, SaidBy: by}
	if !slices.Contains([]Kind{Root, End, Note, Hint, Mark, Benign}, r.Kind) {
		return fmt.Errorf("unknown kind %q", f[0])
	}
	var err error
	if r.Pattern, err = compile(f[2]); err != nil {
		return err
	}
	r.Causes = Suspects(f[3])
	m.rows = append(m.rows, r)
	return nil
}

// A Hit is a message found in a line.
type Hit struct {
	Row      *Row
	From     int // byte range of its fixed part
	To       int
	Captures []Capture
}

// Get returns a capture by name, "" where the message has none.
func (h *Hit) Get(name string) string {
	for _, c := range h.Captures {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

// maxIndexWords bounds how many different words of one line are followed up.
const maxIndexWords = 256

// Find returns the messages in a line, whoever says it: the most specific ones
// that do not overlap, longest fixed text first.
func (m *Messages) Find(text string) []Hit { return m.FindSaid(text, Unknown) }

// FindSaid is Find for a line that a program of that voice says: words that are not
// its own to say count for nothing.
func (m *Messages) FindSaid(text string, by Voice) []Hit {
	var found []Hit
	low := Lower(text)
	try := func(i int) {
		r := &m.rows[i]
		if !r.maySay(by) {
			return
		}
		if caps, from, to, ok := r.Pattern.match(text, low); ok {
			if n := len(caps); n > 0 && freeCaptures[caps[n-1].Name] && r.Pattern.Open() {
				to -= len(caps[n-1].Value)
			}
			found = append(found, Hit{Row: r, From: from, To: to, Captures: caps})
		}
	}
	var seen []string // index words of this line: few, so a list is the fastest set
	words(low, func(from, to int) {
		w := low[from:to]
		rows, ok := m.byWord[w]
		if !ok || len(seen) == maxIndexWords || slices.Contains(seen, w) {
			return
		}
		seen = append(seen, w)
		for _, i := range rows {
			try(i)
		}
	})
	for _, i := range m.always {
		try(i)
	}
	slices.SortStableFunc(found, func(a, b Hit) int {
		if a.Row.Table != b.Row.Table && (a.Row.Table == Generic || b.Row.Table == Generic) {
			if a.Row.Table == Generic {
				return 1
			}
			return -1
		}
		return b.Row.Pattern.Weight() - a.Row.Pattern.Weight()
	})
	var out []Hit
	for _, h := range found {
		if h.Row.Table == Generic && len(out) > 0 {
			break
		}
		if !slices.ContainsFunc(out, func(o Hit) bool { return h.From < o.To && o.From < h.To }) {
			out = append(out, h)
		}
	}
	return out
}

// weight is how specific a pattern is: the length of its fixed text.
func (p *Pattern) Weight() int {
	n := 0
	for _, l := range p.literals {
		n += len(l)
	}
	return n
}

// Errno names the errno that the words of a message stand for, "" where they
// are none that is known. The words may be followed by more.
func (m *Messages) Errno(words string) string {
	words = unquoted(Lower(strings.TrimRight(words, " .\"',)\\]}")))
	if e, ok := m.errnos[words]; ok {
		return e
	}
	best := ""
	for w := range m.errnos {
		if strings.HasPrefix(words, w) && len(w) > len(best) {
			best = w
		}
	}
	return m.errnos[best]
}

// unquoted leaves out quotation marks, which texts lose and change on their way.
func unquoted(s string) string {
	if strings.IndexFunc(s, func(r rune) bool { return r >= 0x80 || r == '\'' || r == '`' || r == '"' }) < 0 {
		return s
	}
	return quotes.Replace(s)
}

var quotes = strings.NewReplacer("'", "", "`", "", `"`, "", "«", "", "»", "", "‘", "", "’", "", "“", "", "”", "", "´", "")
