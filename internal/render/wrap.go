package render

import (
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// Wrap breaks a text at spaces so that no line is wider than width columns.
// A word that is wider alone is cut at the width: nothing is ever lost.
func Wrap(text string, width int) []string {
	width = max(width, 8)
	var out []string
	line := ""
	for _, word := range strings.Fields(text) {
		for {
			if line == "" && columns(word) <= width {
				line = word
				break
			}
			if line != "" && columns(line)+1+columns(word) <= width {
				line += " " + word
				break
			}
			if line != "" {
				out = append(out, line)
				line = ""
				continue
			}
			head := ansi.Truncate(word, width, "")
			if head == "" {
				line = word
				break
			}
			out = append(out, head)
			word = word[len(head):]
		}
	}
	if line != "" {
		out = append(out, line)
	}
	return out
}

// Cut breaks a line of output at the width and keeps its inner spacing: for
// evidence, whose columns mean something.
func Cut(line string, width int) []string {
	width = max(width, 8)
	var out []string
	for columns(line) > width {
		head := ansi.Truncate(line, width, "")
		if head == "" {
			break
		}
		if i := strings.LastIndexByte(head, ' '); i > width/2 {
			head = head[:i+1]
		}
		out = append(out, strings.TrimRight(head, " "))
		line = line[len(head):]
	}
	return append(out, line)
}

// WrapCommand breaks a shell command at spaces outside of quotes with a
// backslash, so that what is copied from a narrow terminal still runs. A single
// quoted word that is wider is left to the terminal, which breaks it without
// adding anything to the copy.
func WrapCommand(cmd string, width int) []string {
	width = max(width, 12)
	if columns(cmd) <= width {
		return []string{cmd}
	}
	var out []string
	indent := ""
	line := ""
	for _, word := range shellWords(cmd) {
		switch {
		case line == "":
			line = indent + word
		case columns(line)+1+columns(word)+2 <= width:
			line += " " + word
		default:
			out = append(out, line+` \`)
			indent = "    "
			line = indent + word
		}
	}
	return append(out, line)
}

// shellWords splits at spaces that are in no quotes and behind no backslash.
// Here-documents and newlines are left alone: a command with one is one word.
func shellWords(cmd string) []string {
	if strings.Contains(cmd, "\n") {
		return []string{cmd}
	}
	var words []string
	var quote byte
	start := 0
	for i := 0; i < len(cmd); i++ {
		switch c := cmd[i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			} else if c == '\\' && quote == '"' {
				i++
			}
		case c == '\'' || c == '"':
			quote = c
		case c == '\\':
			i++
		case c == ' ':
			if i > start {
				words = append(words, cmd[start:i])
			}
			start = i + 1
		}
	}
	if start < len(cmd) {
		words = append(words, cmd[start:])
	}
	return words
}

// columns is the width of a text on a terminal.
func columns(s string) int { return ansi.StringWidth(s) }
