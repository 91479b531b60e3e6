// Package pastetest judges commands that are printed for copying, with the
// grammar of a shell (mvdan.cc/sh), and has the names that an attacker would give
// things. Only tests import it. It must not run anything.
package pastetest

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"mvdan.cc/sh/v3/syntax"
)

// Names are what units, users, files and hosts of an attacker are called.
func Names() []string {
	return []string{
		"$(touch canary)", "a`touch canary`b", "-oProxyCommand=canary", "x;touch canary", "x&canary", "x|canary", "x>canary",
		"'canary", "\"canary", "canary\\", "canary\u202ename", "canary\u009b31m", "\x1b[2Jcanary", "canary #", "../canary", "canary*", "canary space",
	}
}

// Harmless says why a command that holds some of Names would do more than run a
// program with these names as arguments, or show less than it does; nil if not.
func Harmless(command string) error {
	for _, r := range command {
		if r != '\n' && !unicode.IsPrint(r) {
			return fmt.Errorf("%U is in it as it is", r)
		}
	}
	if !strings.Contains(command, "canary") {
		return nil
	}
	file, err := syntax.NewParser(syntax.Variant(syntax.LangPOSIX)).Parse(strings.NewReader(command), "")
	if err != nil {
		return err
	}
	var bad error
	syntax.Walk(file, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.CmdSubst:
			if strings.Contains(text(command, n), "canary") && !strings.HasPrefix(text(command, n), "$(printf '") {
				bad = fmt.Errorf("it runs %s", text(command, n))
			}
		case *syntax.ParamExp, *syntax.ArithmExp, *syntax.ExtGlob:
			if strings.Contains(text(command, n), "canary") {
				bad = fmt.Errorf("it expands %s", text(command, n))
			}
		case *syntax.Comment:
			if strings.Contains(n.Text, "canary") {
				bad = fmt.Errorf("it hides %s", n.Text)
			}
		case *syntax.CallExpr:
			if err := call(command, n); err != nil {
				bad = err
			}
		}
		return true
	})
	return bad
}

// call judges one simple command: its program and its options are ours.
func call(command string, c *syntax.CallExpr) error {
	for i, w := range c.Args {
		word := text(command, w)
		if !strings.Contains(word, "canary") {
			continue
		}
		if i == 0 {
			return fmt.Errorf("it runs %s", word)
		}
		if text(command, c.Args[i-1]) == "-c" { // of sh and su: a command in turn
			if err := Harmless(value(w)); err != nil {
				return fmt.Errorf("in %s: %w", word, err)
			}
			continue
		}
		if glob := w.Lit(); strings.ContainsAny(glob, "*?[~{") && strings.Contains(glob, "canary") {
			return fmt.Errorf("it expands %s", word)
		}
		before := text(command, c.Args[i-1])
		if strings.HasPrefix(strings.Trim(word, `'"`), "-oProxy") && !strings.HasPrefix(before, "-") &&
			!slices.ContainsFunc(c.Args[:i], func(w *syntax.Word) bool { return text(command, w) == "--" }) {
			return fmt.Errorf("%s could be an option", word)
		}
	}
	return nil
}

// value is a word without its quotes. What would be expanded is left as nothing.
func value(w *syntax.Word) string {
	var b strings.Builder
	for _, part := range w.Parts {
		switch part := part.(type) {
		case *syntax.Lit:
			b.WriteString(strings.ReplaceAll(part.Value, `\`, ""))
		case *syntax.SglQuoted:
			b.WriteString(part.Value)
		}
	}
	return b.String()
}

func text(command string, n syntax.Node) string {
	return command[n.Pos().Offset():n.End().Offset()]
}
