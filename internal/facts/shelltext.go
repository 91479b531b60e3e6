package facts

import (
	"slices"
	"strings"
)

// topCommand is a command of a shell script that is come to whatever holds.
type topCommand struct {
	line  int
	words []string
}

// opening and closing are the words that begin and end what is run only sometimes,
// elsewhere, or later.
const (
	opening = " if case for while until select { ( function "
	closing = " fi esac done } ) "
)

// topCommands are the commands of a Bourne shell's script that stand in no
// condition, loop, function or list (&&, ||, |). It understands quotes, comments,
// continued lines and here-documents; where the text does not add up, it knows
// nothing and returns nothing.
func topCommands(text string) []topCommand {
	var out []topCommand
	depth, chained := 0, false
	for _, c := range splitCommands(text) {
		sometimes := chained
		chained = c.joint == "&&" || c.joint == "||" || c.joint == "|"
		for len(c.words) > 0 && (strings.Contains(opening, " "+c.words[0]+" ") || strings.Contains(closing, " "+c.words[0]+" ") ||
			strings.Contains(" then else elif do ! time ", " "+c.words[0]+" ")) {
			switch w := " " + c.words[0] + " "; {
			case strings.Contains(closing, w):
				depth--
			case strings.Contains(opening, w):
				depth++
			}
			if depth < 0 {
				return nil
			}
			if c.words[0] == "case" || c.words[0] == "for" || c.words[0] == "select" || c.words[0] == "function" {
				c.words = nil // what follows is no command
				break
			}
			c.words = c.words[1:]
		}
		if len(c.words) == 0 {
			continue
		}
		switch {
		case strings.HasSuffix(c.words[0], "()"), len(c.words) > 1 && c.words[1] == "()":
			if slices.Contains(c.words, "{") || slices.Contains(c.words, "(") {
				depth++
			}
		case depth == 0 && !sometimes && !chained:
			out = append(out, topCommand{c.line, c.words})
		}
	}
	if depth != 0 {
		return nil
	}
	return out
}

// shellCommand is one simple command and what joins it to the next.
type shellCommand struct {
	line  int
	words []string
	joint string // ";", "&&", "||", "|", "&", "\n"
}

// splitCommands takes a script apart at its separators, outside of quotes. Quotes
// stay in the words, so that nobody takes a quoted word for a plain one. nil: a quote
// or a here-document has no end.
func splitCommands(text string) []shellCommand {
	s := shellSplitter{text: text, line: 1, start: 1}
	for s.at < len(text) {
		if len(s.words) == 0 && s.word.Len() == 0 {
			s.start = s.line
		}
		if !s.quoted() && !s.grouped() {
			s.plain()
		}
		if s.broken {
			return nil
		}
	}
	s.end("\n")
	return s.out
}

// shellSplitter is where the splitting of a script has come to.
type shellSplitter struct {
	text   string
	at     int // the next byte
	line   int // of that byte
	start  int // the line in which the command begins
	word   strings.Builder
	words  []string
	within int      // subshells that are open
	here   []string // the words that end the here-documents which begin after this line
	out    []shellCommand
	broken bool
}

// next is the byte after the next one; 0 at the end.
func (s *shellSplitter) next() byte {
	if s.at+1 < len(s.text) {
		return s.text[s.at+1]
	}
	return 0
}

// take moves n bytes into the word.
func (s *shellSplitter) take(n int) {
	if n < 0 {
		s.broken = true
		return
	}
	part := s.text[s.at : s.at+n]
	s.word.WriteString(part)
	s.line += strings.Count(part, "\n")
	s.at += n
}

func (s *shellSplitter) endWord() {
	if s.word.Len() > 0 {
		s.words = append(s.words, s.word.String())
		s.word.Reset()
	}
}

// end ends the command; joint is what joins it to the next one.
func (s *shellSplitter) end(joint string) {
	s.endWord()
	if len(s.words) > 0 || joint != "\n" && len(s.out) > 0 {
		s.out = append(s.out, shellCommand{s.start, s.words, joint})
	}
	s.words, s.start = nil, s.line
}

// quoted takes what has a meaning of its own for the shell: quotes, escapes,
// substitutions, comments. It reports whether there was one.
func (s *shellSplitter) quoted() bool {
	rest := s.text[s.at:]
	switch c := rest[0]; {
	case c == '\\' && s.next() == '\n': // the line goes on
		s.line++
		s.at += 2
	case c == '\\' && s.next() != 0:
		s.take(2)
	case c == '\'' || c == '"' || c == '`':
		s.take(quotedEnd(rest, c))
	case c == '$' && (s.next() == '(' || s.next() == '{'):
		n := nestedEnd(rest[1:])
		s.broken = n < 0
		s.take(max(n+1, 0))
	case c == '#' && s.word.Len() == 0:
		comment, _, _ := strings.Cut(rest, "\n")
		s.at += len(comment)
	default:
		return false
	}
	return true
}

// grouped takes parentheses and the beginning of a here-document. It reports whether
// there was one.
func (s *shellSplitter) grouped() bool {
	rest := s.text[s.at:]
	switch c := rest[0]; {
	case strings.HasPrefix(rest, "<<") && !strings.HasPrefix(rest, "<<<"):
		mark := strings.TrimLeft(strings.TrimPrefix(rest[2:], "-"), " \t")
		if f := strings.FieldsFunc(mark, func(r rune) bool { return strings.ContainsRune(" \t\n;&|<>", r) }); len(f) > 0 {
			s.here = append(s.here, strings.Trim(f[0], `'"\`))
		}
		s.take(2)
	case c == '(' && s.next() == ')':
		s.take(2)
	case c == '(':
		s.endWord()
		s.words = append(s.words, "(")
		s.within++
		s.at++
	case c == ')':
		s.end(";")
		if s.at++; s.within > 0 { // else it ends a pattern of case
			s.within--
			s.words = append(s.words, ")")
			s.end(";")
		}
	default:
		return false
	}
	return true
}

// plain takes one byte more: of a word, or one that ends a word or a command.
func (s *shellSplitter) plain() {
	c := s.text[s.at]
	switch {
	case c == '\n':
		s.newline()
		return
	case c == ' ' || c == '\t' || c == '\r':
		s.endWord()
	case c == ';':
		s.end(";")
	case c == '&' && (strings.HasSuffix(s.word.String(), ">") || strings.HasSuffix(s.word.String(), "<") || s.next() == '>'): // >&2, &>file
		s.word.WriteByte(c)
	case c == '&' || c == '|':
		joint := string(c)
		if s.next() == c {
			joint += joint
			s.at++
		}
		s.end(joint)
	default:
		s.word.WriteByte(c)
	}
	s.at++
}

// newline ends the command, and passes over the here-documents that it began.
func (s *shellSplitter) newline() {
	s.end("\n")
	s.at++
	s.line++
	s.start = s.line
	for _, mark := range s.here {
		n := hereEnd(s.text[s.at:], mark)
		if n < 0 {
			s.broken = true
			return
		}
		s.line += strings.Count(s.text[s.at:s.at+n], "\n")
		s.at += n
	}
	s.here = nil
}

// quotedEnd is how long the quoted text is that begins s; -1 where it does not end.
func quotedEnd(s string, quote byte) int {
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '\\' && quote != '\'':
			i++
		case s[i] == quote:
			return i + 1
		}
	}
	return -1
}

// nestedEnd is how long $(…) or ${…} is without its dollar; -1 where it does not end.
func nestedEnd(s string) int {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '\\':
			i++
		case '\'', '"':
			n := quotedEnd(s[i:], c)
			if n < 0 {
				return -1
			}
			i += n - 1
		case '(', '{':
			depth++
		case ')', '}':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return -1
}

// hereEnd is how long a here-document is, with the line that ends it.
func hereEnd(s, mark string) int {
	n := 0
	for line := range strings.Lines(s) {
		n += len(line)
		if strings.TrimLeft(strings.TrimRight(line, "\r\n"), "\t") == mark {
			return n
		}
	}
	return -1
}
