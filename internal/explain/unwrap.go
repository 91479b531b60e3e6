package explain

import (
	"strings"
	"unicode/utf8"

	"sshwhy/internal/report"
	"sshwhy/internal/sshlog"
)

// A text whose lines were broken by a mail program or a narrow terminal may
// hide a message in three pieces, or a row of a table in two. Where the lines as
// they stand say nothing for sure, the text is read once more with lines put
// together that may belong together.

const (
	shortestBroken = 50   // columns; who breaks lines breaks them later than that
	longestBroken  = 260  // columns of the widest terminals
	maxPieces      = 12   // of one line
	maxRetold      = 5000 // lines of a text that is read twice
)

// again reads the text with its broken lines mended, nil where that says no more.
func (rd *reading) again() *reading {
	if len(rd.lines) > maxRetold || rd.sure() || rd.succeeded() || rd.tools.any() {
		return nil // rows of tables are no sentences: put together they would be other rows
	}
	joined, any := unwrap(rd.lines)
	if !any {
		return nil
	}
	pieces(joined)
	alt := &reading{messages: rd.messages, opt: rd.opt, lines: joined, cut: rd.cut}
	alt.interpret()
	if !alt.sure() {
		return nil
	}
	return alt
}

// sure reports whether a cause that blocks is more than possible.
func (rd *reading) sure() bool {
	for _, c := range rd.cands {
		if c.impact == report.Blocking && c.certainty != report.Possible {
			return true
		}
	}
	return false
}

// unwrap puts a line together with the next where it is long and the next one
// begins nothing of its own. At the text's very width a terminal broke it, in the
// middle of a word perhaps; before that a mail program did, between words.
func unwrap(lines []line) (out []line, any bool) {
	width := 0
	for i := range lines {
		if n := utf8.RuneCountInString(lines[i].body); n > width && n <= longestBroken {
			width = n
		}
	}
	for i := 0; i < len(lines); {
		l := lines[i]
		body, last := l.body, lines[i].body
		k := i + 1
		for ; k < len(lines) && k-i < maxPieces; k++ {
			next := &lines[k]
			n := utf8.RuneCountInString(last)
			if n < shortestBroken || next.text == "" || next.stamped || next.command != "" || l.text == "" || ownLine(next.text) {
				break
			}
			if n < width-20 && !strings.HasSuffix(last, ",") {
				break
			}
			glue := " "
			if n == width {
				glue = ""
			}
			body += glue + strings.TrimSpace(next.body)
			last = next.body
		}
		if k > i+1 && len(body) <= sshlog.MaxLine {
			joined := clean(l.no, body)
			joined.raw, joined.body = l.raw, body
			l, any = joined, true
		} else {
			k = i + 1
		}
		out = append(out, l)
		i = k
	}
	return out, any
}

// ownLine reports whether a line begins like one that nothing comes before.
func ownLine(s string) bool {
	for _, p := range [...]string{"debug", "ssh: ", "ssh_", "kex_", "Permission denied", "Connection ", "Received disconnect", "Disconnected ", "Warning: ", "fatal: ", "error: ", "Load key ", "LISTEN", "tcp ", "Chain ", "-A ", "at ", "├", "└", "●"} {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}
