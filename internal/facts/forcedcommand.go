package facts

import (
	"path"
	"slices"
	"strings"
)

// maxForced bounds how many different commands of keys are looked at.
const maxForced = 4

// forced are the commands that sshd runs in place of the visitor's: ForceCommand,
// or else what the line of the key says (session.c, do_exec). Which key the visitor
// has is not known here.
func (c *programReader) forced(a Account, e Effective, keys []KeyFile) []ForcedCommand {
	if text := e.Value("forcecommand"); text != "" && !strings.EqualFold(text, "none") {
		f := ForcedCommand{Text: text}
		if q := e.Quote("forcecommand"); len(q) > 0 {
			f.Quote = q[0]
		}
		return []ForcedCommand{c.readForced(f, a)}
	}
	var out []ForcedCommand
	for _, k := range keys {
		for _, key := range k.Held {
			text, ok := key.Option("command")
			same := func(f ForcedCommand) bool { return f.Text == text }
			if ok && text != "" && !slices.ContainsFunc(out, same) && len(out) < maxForced {
				out = append(out, c.readForced(ForcedCommand{Text: text, Quote: key.Quote, ByKey: true}, a))
			}
		}
	}
	return out
}

// builtins are words that a shell does not look for in any directory, and of which
// nothing is known that would fail.
var builtins = strings.Fields(`. : [ [[ { ( ! alias bg break builtin case cd command continue declare echo eval export false fg for
	function getopts hash if jobs kill let local printf pwd read readonly return select set shift source test time times trap true
	type typeset ulimit umask unalias unset until wait while`)

// readForced finds the program that a command runs first, as far as that stands
// there plainly: `SHELL -c COMMAND` is what sshd runs.
func (c *programReader) readForced(f ForcedCommand, a Account) ForcedCommand {
	text := strings.TrimSpace(f.Text)
	if word, _, _ := strings.Cut(text, " "); word == "internal-sftp" {
		f.SFTP = true
		return f
	}
	word, rest := shellWord(text)
	if word == "exec" {
		word, _ = shellWord(rest)
	}
	if strings.HasPrefix(word, "~/") {
		word = path.Join(a.Home, word[2:])
	}
	switch {
	case word == "":
		f.Opaque = "it is no plain command"
	case word == "exit" || word == "logout":
		f.Endings = true
	case path.Base(word) == "false" || path.Base(word) == "nologin":
		f.Endings = true
	case slices.Contains(builtins, word):
		f.Opaque = "it begins with " + word + ", which the shell does itself"
	case path.IsAbs(word):
		f.Tried = []RunProgram{c.program(word, false)}
	case strings.Contains(word, "/"):
		f.Tried = []RunProgram{c.program(path.Join(a.Home, word), false)}
	default:
		for _, dir := range c.directories(a) {
			f.Tried = append(f.Tried, c.program(path.Join(dir, word), false))
		}
	}
	return f
}

// shellWord is the first word of a command, and what follows; "" where the word is
// not plain: an assignment, a variable, a pattern, a redirection.
func shellWord(text string) (word, rest string) {
	text = strings.TrimLeft(text, " \t")
	if text != "" && (text[0] == '\'' || text[0] == '"') {
		inner, after, ok := strings.Cut(text[1:], text[:1])
		if !ok || strings.ContainsAny(inner, "$`\\\n") || after != "" && !strings.ContainsAny(after[:1], " \t;&|") {
			return "", ""
		}
		return inner, after
	}
	end := strings.IndexAny(text, " \t;&|\n")
	if end < 0 {
		end = len(text)
	}
	word = text[:end]
	if strings.ContainsAny(word, "=$`\\'\"*?<>(){}#") {
		return "", ""
	}
	return word, text[end:]
}
