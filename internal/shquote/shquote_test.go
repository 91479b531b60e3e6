package shquote

import (
	"bytes"
	"math/rand/v2"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"unicode"
)

func TestWord(t *testing.T) {
	for s, want := range map[string]string{
		"/etc/ssh/sshd_config": "/etc/ssh/sshd_config",
		"":                     "''",
		"a b":                  "'a b'",
		"it's":                 `'it'\''s'`,
		"$(touch x)":           "'$(touch x)'",
		"a`id`b":               "'a`id`b'",
		"~root":                "'~root'",
		"=ls":                  "'=ls'",
		"--user=x":             "--user=x",
		"größe":                "'größe'",
		"Ελένη 東京":             "'Ελένη 東京'",
		"a\nb!":                `"$(printf 'a\012b\041')"`,
		"-\x1b[2J%s":           `"$(printf '\055\033[2J%%s')"`,
		"a\u202eb\\'":          `"$(printf 'a\342\200\256b\134\047')"`,
		"ü\u009b":              `"$(printf 'ü\302\233')"`,
		"\xff\u200b\ufffd":     `"$(printf '\377\342\200\213\357\277\275')"`,
		"\u3164":               `"$(printf '\343\205\244')"`,
		"e\u0301":              `"$(printf 'e\314\201')"`,
		"a\n":                  Unwritable,
		"a\x00b":               Unwritable,
	} {
		if got := Word(s); got != want {
			t.Errorf("%q: %s, want %s", s, got, want)
		}
	}
}

func TestOperandAndPath(t *testing.T) {
	for got, want := range map[string]string{
		Operand("-oProxyCommand=x"): "-- -oProxyCommand=x",
		Operand("web1"):             "web1",
		Path("~/.ssh/id a"):         "~/'.ssh/id a'",
		Path("~/"):                  "'~/'",
		Path("~root/x"):             "'~root/x'",
		Path("/a b"):                "'/a b'",
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestJoin(t *testing.T) {
	for _, c := range []struct {
		argv []string
		want string
	}{
		{nil, ""},
		{[]string{"systemctl", "start", "--", "ssh.service"}, "systemctl start -- ssh.service"},
		{[]string{"if", "if"}, "'if' if"},
		{[]string{"A=b", "A=b"}, "'A=b' A=b"},
		{[]string{"rm", "it's\n"}, `eval "$(printf '\047rm\047 \047it\047\134\047\047s\012\047')"`},
		{[]string{"rm", "\n", "\x00"}, "rm " + Unwritable + " " + Unwritable},
	} {
		if got := Join(c.argv); got != c.want {
			t.Errorf("%q: %s, want %s", c.argv, got, c.want)
		}
	}
}

// shells are those that a word must mean the same to, each with what makes it
// as eager to expand as it can be.
var shells = map[string][]string{
	"dash":    {"dash"},
	"bash":    {"bash", "--norc", "-o", "history", "-o", "histexpand"},
	"ksh":     {"ksh"},
	"mksh":    {"mksh"},
	"busybox": {"busybox", "sh"},
	"zsh":     {"zsh", "-f"},
}

// TestShellsGiveTheBytesBack runs what was written in every shell that is here.
func TestShellsGiveTheBytesBack(t *testing.T) {
	lines := [][]string{{"$(touch x)", "a`id`b", "!!", "!-1", "a\n", "\n\n", "-n", "-\x01", "'", "\\", "", "*", "~", "{a,b}", "=ls", "\xff\n"}}
	random := rand.New(rand.NewPCG(1, 2))
	for range 12 {
		var argv []string
		for range 1 + random.IntN(30) {
			argv = append(argv, word(random))
		}
		lines = append(lines, argv)
	}
	var script strings.Builder
	var want []byte
	for _, argv := range lines {
		line := Join(append([]string{"/usr/bin/printf", `%s\0`}, argv...))
		if strings.IndexFunc(line, unprintable) >= 0 {
			t.Errorf("%q is written as %q", argv, line)
		}
		script.WriteString(line + "\n")
		want = append(want, strings.Join(argv, "\x00")+"\x00"...)
	}
	for name, argv := range shells {
		t.Run(name, func(t *testing.T) {
			if _, err := exec.LookPath(argv[0]); err != nil {
				t.Skipf("no %s here", argv[0])
			}
			cmd := exec.Command(argv[0], argv[1:]...)
			cmd.Dir, cmd.Stdin = t.TempDir(), strings.NewReader(script.String())
			got, err := cmd.Output()
			if err != nil || !bytes.Equal(got, want) {
				i := 0
				for i < min(len(got), len(want)) && got[i] == want[i] {
					i++
				}
				t.Errorf("%v; it differs at byte %d: %q, want %q", err, i, got[i:min(len(got), i+60)], want[i:min(len(want), i+60)])
			}
		})
	}
}

// TestUnwritableRunsNothing: a command with such a word is not run.
func TestUnwritableRunsNothing(t *testing.T) {
	for name, argv := range shells {
		t.Run(name, func(t *testing.T) {
			if _, err := exec.LookPath(argv[0]); err != nil {
				t.Skipf("no %s here", argv[0])
			}
			cmd := exec.Command(argv[0], append(slices.Clone(argv[1:]), "-c", "echo ran "+Word("a\x00"))...)
			if out, err := cmd.Output(); err == nil || len(out) > 0 {
				t.Errorf("%v, %q", err, out)
			}
		})
	}
}

// word is a random string of what a shell, a terminal or printf could take for
// more than itself.
func word(random *rand.Rand) string {
	pieces := []string{
		"$(touch x)", "`id`", "${HOME}", "$HOME", "\\", "'", "\"", "!", "!!", "%s", "%", "\n", "\t", "\r", " ", "-", "~", "#",
		"&", "|", ";", "<", ">", "(", ")", "{", "}", "[", "]", "*", "?", "=", "^", "\x1b[2J", "\x7f", "\u009b", "\u202e", "\u200b",
		"\xff", "\xc3", "ü", "東", "\u0301", "\u3164", "\ufffd", "😀", "a", "0", "\\n", "\\0", "\\c", "\x01", "'\\''",
	}
	var b strings.Builder
	for range random.IntN(8) {
		if random.IntN(4) == 0 {
			b.WriteByte(byte(1 + random.IntN(255)))
		} else {
			b.WriteString(pieces[random.IntN(len(pieces))])
		}
	}
	return b.String()
}

func unprintable(r rune) bool {
	return r < ' ' || r > '~' && !unicode.IsLetter(r) && !unicode.IsNumber(r) || r == unicode.ReplacementChar
}

func FuzzWord(f *testing.F) {
	f.Add("a\n\u202e'", "b")
	f.Fuzz(func(t *testing.T, a, b string) {
		for _, s := range []string{Word(a), Join([]string{a, b})} {
			if s == "" || strings.IndexFunc(s, unprintable) >= 0 {
				t.Errorf("%q, %q: written as %q", a, b, s)
			}
		}
	})
}
