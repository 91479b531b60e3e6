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
// stay in the words, so that nobody takes a quoted word for a plain one.
func splitCommands(text string) []shellCommand {
	var out []shellCommand
	var words []string
	var word strings.Builder
	line, start, within := 1, 1, 0
	endWord := func() {
		if word.Len() > 0 {
			words = append(words, word.String())
			word.Reset()
		}
	}
	end := func(joint string) {
		endWord()
		if len(words) > 0 || joint != "\n" && len(out) > 0 {
			out = append(out, shellCommand{start, words, joint})
		}
		words, start = nil, line
	}
	var here []string // the words that end here-documents which begin after this line
	for i := 0; i < len(text); i++ {
		c := text[i]
		if len(words) == 0 && word.Len() == 0 {
			start = line
		}
		switch {
		case c == '\\' && i+1 < len(text):
			if i++; text[i] == '\n' {
				line++
				continue
			}
			word.WriteByte('\\')
			word.WriteByte(text[i])
		case c == '\'' || c == '"' || c == '`':
			n := quotedEnd(text[i:], c)
			if n < 0 {
				return nil
			}
			word.WriteString(text[i : i+n])
			line += strings.Count(text[i:i+n], "\n")
			i += n - 1
		case c == '$' && i+1 < len(text) && (text[i+1] == '(' || text[i+1] == '{'):
			n := nestedEnd(text[i+1:])
			if n < 0 {
				return nil
			}
			word.WriteString(text[i : i+1+n])
			line += strings.Count(text[i:i+1+n], "\n")
			i += n
		case c == '#' && word.Len() == 0:
			for i+1 < len(text) && text[i+1] != '\n' {
				i++
			}
		case c == '<' && strings.HasPrefix(text[i:], "<<") && !strings.HasPrefix(text[i:], "<<<"):
			rest := strings.TrimLeft(strings.TrimPrefix(text[i+2:], "-"), " \t")
			if f := strings.FieldsFunc(rest, func(r rune) bool { return strings.ContainsRune(" \t\n;&|<>", r) }); len(f) > 0 {
				here = append(here, strings.Trim(f[0], `'"\`))
			}
			word.WriteString("<<")
			i++
		case c == '\n':
			end("\n")
			line++
			start = line
			for _, mark := range here {
				n := hereEnd(text[i+1:], mark)
				if n < 0 {
					return nil
				}
				line += strings.Count(text[i+1:i+1+n], "\n")
				i += n
			}
			here = nil
		case c == ' ' || c == '\t' || c == '\r':
			endWord()
		case c == '(' && i+1 < len(text) && text[i+1] == ')':
			word.WriteString("()")
			i++
		case c == '(':
			endWord()
			words = append(words, "(")
			within++
		case c == ')':
			end(";")
			if within == 0 { // it ends a pattern of case
				continue
			}
			within--
			words = append(words, ")")
			end(";")
		case c == ';':
			end(";")
		case c == '&' || c == '|':
			joint := string(c)
			if i+1 < len(text) && text[i+1] == c {
				joint += joint
				i++
			}
			if c == '&' && joint == "&" && (strings.HasSuffix(word.String(), ">") || strings.HasSuffix(word.String(), "<") || i+1 < len(text) && text[i+1] == '>') { // >&2, &>file
				word.WriteByte(c)
				continue
			}
			end(joint)
		default:
			word.WriteByte(c)
		}
	}
	end("\n")
	return out
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
