// Package shquote turns the arguments of a program into words to copy: pasted
// into a POSIX shell (dash, bash, busybox ash, ksh93, mksh), they give exactly
// these bytes back, and nothing in them is expanded or run. It is the only place
// that quotes.
//
// It must not know a program's options: Word leaves what begins with "-" as it
// is, and who puts a name of others where an option could stand uses Operand.
package shquote

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// bare are the characters that no shell takes for anything but themselves.
const bare = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+:=,@%"

// Unwritable stands for what cannot be written: no argument holds a NUL byte,
// and no word by itself can end in a newline (see Word). A shell that meets it
// prints an error and does not run the command.
const Unwritable = `"${unwritable:?this name cannot be written in a command}"`

// Word is s as one word of a command. Plain words stay as they are; printable
// ones, in whatever script, stand in single quotes; what a terminal would act on
// or not show goes through printf. A word that ends in a newline is Unwritable,
// since "$(…)" would drop it (POSIX.1-2024, XCU 2.6.3); Join can write it.
func Word(s string) string {
	switch {
	case s != "" && s[0] != '=' && strings.Trim(s, bare) == "": // zsh expands =name
		return s
	case strings.Contains(s, "\x00"), strings.HasSuffix(s, "\n"):
		return Unwritable
	case printable(s):
		return quoted(s)
	}
	return `"$(printf '` + format(s, shown) + `')"`
}

// Operand is Word for a program that reads options: what begins with "-" has
// "--" before it, which ends them (POSIX.1-2024, XBD 12.2).
func Operand(s string) string {
	if strings.HasPrefix(s, "-") {
		return "-- " + Word(s)
	}
	return Word(s)
}

// Path is Word for a path as ssh writes it: a leading ~/ stays the home directory.
func Path(s string) string {
	if below, ok := strings.CutPrefix(s, "~/"); ok && below != "" {
		return "~/" + Word(below)
	}
	return Word(s)
}

// Join is a whole command: the program and its arguments.
func Join(argv []string) string {
	words := make([]string, len(argv))
	for i, arg := range argv {
		if strings.HasSuffix(arg, "\n") && !strings.Contains(strings.Join(argv, ""), "\x00") {
			return evaluated(argv)
		}
		words[i] = Word(arg)
		if i == 0 && words[0] == arg && (slices.Contains(reserved, arg) || strings.Contains(arg, "=")) {
			words[0] = quoted(arg)
		}
	}
	return strings.Join(words, " ")
}

// reserved are the words that a shell takes for its own where a command begins:
// POSIX.1-2024, XCU 2.4, and those that bash, ksh93 and zsh add. An alias stays one.
var reserved = []string{
	"case", "coproc", "do", "done", "elif", "else", "end", "esac", "fi", "for", "foreach", "function",
	"if", "in", "namespace", "nocorrect", "noglob", "repeat", "select", "then", "time", "until", "while",
}

// evaluated is a command for which single words do not suffice: its text as a
// whole goes through printf, and never ends in a newline.
func evaluated(argv []string) string {
	words := make([]string, len(argv))
	for i, arg := range argv {
		words[i] = quoted(arg)
	}
	return `eval "$(printf '` + format(strings.Join(words, " "), shown) + `')"`
}

func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// ASCII is s as a format of printf(1), fit to stand in single quotes, with all
// that is not ASCII in octal, for a console that would spoil it.
func ASCII(s string) string {
	return format(s, func(r rune) bool { return r < utf8.RuneSelf && shown(r) })
}

// format writes octal where a byte is more than itself to printf, to a terminal,
// or to bash's history, and where it is not plain.
func format(s string, plain func(rune) bool) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == '%':
			b.WriteString("%%")
		case r == '\\', r == '\'', r == '!', r == '-' && i == 0, !plain(r):
			for _, c := range []byte(s[i : i+size]) {
				b.Write([]byte{'\\', '0' + c>>6, '0' + c>>3&7, '0' + c&7})
			}
		default:
			b.WriteString(s[i : i+size])
		}
		i += size
	}
	return b.String()
}

func printable(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return !shown(r) }) < 0
}

// shown says whether a terminal shows the character as one that a reader knows:
// ASCII that can be seen, letters and numbers of any script. Not marks, signs and
// spaces of others, nor letters without a shape (U+3164, HANGUL FILLER).
func shown(r rune) bool {
	if r < utf8.RuneSelf {
		return r >= ' ' && r <= '~'
	}
	return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsNumber(r)) &&
		!unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r)
}
