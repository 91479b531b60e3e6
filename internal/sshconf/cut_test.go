package sshconf

import (
	"testing"

	"sshwhy/internal/cuttest"
)

func lineReaders(testing.TB) map[string]cuttest.Reader {
	return map[string]cuttest.Reader{"ParseLine": func(line []byte) {
		l, _ := ParseLine(string(line))
		l.Criteria()
		l.WithKeyword("Port")
		for i := range l.Args {
			l.WithArg(i, "x")
			l.WithoutArg(i)
		}
		l.Add("x")
		l.Only("x")
	}}
}

// TestCutLines: a line that ends anywhere is no panic.
func TestCutLines(t *testing.T) { cuttest.All(t, lineReaders(t)) }

func FuzzLines(f *testing.F) { cuttest.Fuzz(f, lineReaders(f)) }
