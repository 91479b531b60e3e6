package explain

import (
	"embed"
	"fmt"
	"slices"
	"strings"
	"sync"

	"sshwhy/internal/catalog"
	"sshwhy/internal/report"
)

//go:embed messages/*.tsv
var messages embed.FS

// kind says what a message means for the question "why did it fail".
type kind string

const (
	kindRoot   kind = "root"   // names a cause by itself
	kindEnd    kind = "end"    // how an attempt ended; several causes end like that
	kindNote   kind = "note"   // a fault, seldom the one that stops the connection
	kindHint   kind = "hint"   // says something to the rules, names no cause
	kindMark   kind = "mark"   // a step that was reached
	kindBenign kind = "benign" // looks like an error and is none
)

// suspect is a cause that a message may stand for.
type suspect struct {
	cause     string
	certainty report.Certainty
}

// atConfig stands in the tables for the cause that depends on whose
// configuration file is named.
const atConfig = "@config"

// A row is one message of the catalogue.
type row struct {
	kind   kind
	stage  string
	pat    pattern
	causes []suspect
	proves string
	file   string // the table it comes from
}

// tables are the message tables, in the order in which they are tried.
var tables = [...]string{"openssh-config", "openssh-client", "openssh-server", "other-ssh", "system", generic}

// generic is the table whose rows count only where no other matches.
const generic = "generic"

// A catalogue is all rows, found by a word of theirs.
type catalogue struct {
	rows   []row
	byWord map[string][]int
	always []int             // rows without a safe word
	errnos map[string]string // words of strerror → errno name
	ids    []string          // all causes, sorted
}

// load parses the tables once. A table that does not parse is a build fault,
// which TestCatalogue finds.
var load = sync.OnceValues(func() (*catalogue, error) {
	c := &catalogue{byWord: map[string][]int{}, errnos: map[string]string{}}
	for _, name := range tables {
		if err := eachRow(name, 5, func(f []string) error { return c.addRow(name, f) }); err != nil {
			return nil, err
		}
	}
	if err := eachRow("strerror", 2, func(f []string) error { c.errnos[unquoted(lower(f[1]))] = f[0]; return nil }); err != nil {
		return nil, err
	}
	for _, page := range catalog.All() {
		c.ids = append(c.ids, page.ID)
	}
	slices.Sort(c.ids)
	c.index()
	return c, nil
})

// index files every row under the one of its safe words that the fewest rows
// have, so that a line has few rows to be tried.
func (c *catalogue) index() {
	uses := map[string]int{}
	for i := range c.rows {
		for _, w := range c.rows[i].pat.safeWords() {
			uses[w]++
		}
	}
	for i := range c.rows {
		best := ""
		for _, w := range c.rows[i].pat.safeWords() {
			if best == "" || uses[w] < uses[best] || uses[w] == uses[best] && len(w) > len(best) {
				best = w
			}
		}
		if best == "" {
			c.always = append(c.always, i)
			continue
		}
		c.byWord[best] = append(c.byWord[best], i)
	}
}

// eachRow calls f with the fields of every row of a table.
func eachRow(name string, fields int, f func([]string) error) error {
	data, err := messages.ReadFile("messages/" + name + ".tsv")
	if err != nil {
		return err
	}
	n := 0
	for text := range strings.Lines(string(data)) {
		n++
		text = strings.TrimRight(text, "\n")
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		cols := strings.Split(text, "\t")
		if len(cols) != fields {
			return fmt.Errorf("%s.tsv:%d: %d columns, want %d", name, n, len(cols), fields)
		}
		if err := f(cols); err != nil {
			return fmt.Errorf("%s.tsv:%d: %w", name, n, err)
		}
	}
	return nil
}

func (c *catalogue) addRow(table string, f []string) error {
	r := row{kind: kind(f[0]), stage: f[1], proves: f[4], file: table}
	if !slices.Contains([]kind{kindRoot, kindEnd, kindNote, kindHint, kindMark, kindBenign}, r.kind) {
		return fmt.Errorf("unknown kind %q", f[0])
	}
	var err error
	if r.pat, err = compile(f[2]); err != nil {
		return err
	}
	if f[3] != "-" {
		for _, id := range strings.Fields(f[3]) {
			s := suspect{cause: id, certainty: report.Likely}
			if v, ok := strings.CutSuffix(id, "!"); ok {
				s = suspect{v, report.Confirmed}
			} else if v, ok := strings.CutSuffix(id, "?"); ok {
				s = suspect{v, report.Possible}
			}
			r.causes = append(r.causes, s)
		}
	}
	c.rows = append(c.rows, r)
	return nil
}

// A hit is a message found in a line.
type hit struct {
	row   *row
	line  int // index into the reading's lines
	lines int // how many lines it covers: 2 where the text was wrapped
	from  int // byte range of its fixed part
	to    int
	caps  []capture
}

// get returns a capture by name, "" where the message has none.
func (h *hit) get(name string) string {
	for _, c := range h.caps {
		if c.name == name {
			return c.value
		}
	}
	return ""
}

// maxIndexWords bounds how many different words of one line are followed up.
const maxIndexWords = 256

// find returns the messages in a line: the most specific ones that do not
// overlap, longest fixed text first.
func (c *catalogue) find(text string) []hit {
	var found []hit
	low := lower(text)
	try := func(i int) {
		r := &c.rows[i]
		if caps, from, to, ok := r.pat.match(text, low); ok {
			if n := len(caps); n > 0 && freeCaptures[caps[n-1].name] && r.pat.literals[len(r.pat.literals)-1] == "" {
				to -= len(caps[n-1].value)
			}
			found = append(found, hit{row: r, lines: 1, from: from, to: to, caps: caps})
		}
	}
	var seen []string // index words of this line: few, so a list is the fastest set
	words(low, func(from, to int) {
		w := low[from:to]
		rows, ok := c.byWord[w]
		if !ok || len(seen) == maxIndexWords || slices.Contains(seen, w) {
			return
		}
		seen = append(seen, w)
		for _, i := range rows {
			try(i)
		}
	})
	for _, i := range c.always {
		try(i)
	}
	slices.SortStableFunc(found, func(a, b hit) int {
		if a.row.file != b.row.file && (a.row.file == generic || b.row.file == generic) {
			if a.row.file == generic {
				return 1
			}
			return -1
		}
		return b.row.pat.weight() - a.row.pat.weight()
	})
	var out []hit
	for _, h := range found {
		if h.row.file == generic && len(out) > 0 {
			break
		}
		if !slices.ContainsFunc(out, func(o hit) bool { return h.from < o.to && o.from < h.to }) {
			out = append(out, h)
		}
	}
	return out
}

// weight is how specific a pattern is: the length of its fixed text.
func (p *pattern) weight() int {
	n := 0
	for _, l := range p.literals {
		n += len(l)
	}
	return n
}

// errno names the errno that the words of a message stand for, "" where they
// are none that is known. The words may be followed by more.
func (c *catalogue) errno(words string) string {
	words = unquoted(lower(strings.TrimRight(words, " .\"',)\\]}")))
	if e, ok := c.errnos[words]; ok {
		return e
	}
	best := ""
	for w := range c.errnos {
		if strings.HasPrefix(words, w) && len(w) > len(best) {
			best = w
		}
	}
	return c.errnos[best]
}

// unquoted leaves out quotation marks, which texts lose and change on their way.
func unquoted(s string) string {
	if strings.IndexFunc(s, func(r rune) bool { return r >= 0x80 || r == '\'' || r == '`' || r == '"' }) < 0 {
		return s
	}
	return quotes.Replace(s)
}

var quotes = strings.NewReplacer("'", "", "`", "", `"`, "", "«", "", "»", "", "‘", "", "’", "", "“", "", "”", "", "´", "")
