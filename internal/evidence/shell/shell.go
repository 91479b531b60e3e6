// Package shell says in the language of the POSIX shell what a manifest wants to
// see, and understands the answers. internal/evidence/via sends that to a shell
// it talks to, internal/evidence/script prints it for a console.
//
// It must not run anything. The shell text keeps to what dash, busybox ash, bash,
// mksh and ksh93 have in common, and to programs that busybox has too.
package shell

import (
	"cmp"
	_ "embed"
	"fmt"
	"math"
	"path"
	"strconv"
	"strings"
	"time"

	"sshwhy/internal/evidence"
	"sshwhy/internal/shquote"
)

//go:embed prelude.sh
var prelude string

//go:embed as.sh
var preludeAs string

// readLimit is how long reading one file may take, in seconds.
const readLimit = 5

// Prelude is the text that defines the functions which look at items and print
// frames. Nonce, a word of letters and digits, marks the lines of frames; it is
// written in two halves, so that a terminal's echo of the text is no frame. Dirs
// are where programs are looked up; users says whether there will be calls of As.
func Prelude(nonce string, dirs []string, users bool) string {
	half := len(nonce) / 2
	text := strings.NewReplacer(
		"@PATH@", strings.Join(dirs, ":"), "@DIRS@", strings.Join(dirs, " "),
		"@READ@", strconv.Itoa(readLimit), "@CAP@", strconv.Itoa(evidence.DefaultCap+1),
	).Replace(prelude)
	begin := "N=" + nonce[:half] + "''" + nonce[half:] + "\nJ=\n"
	if !users {
		return begin + text
	}
	// It is kept in a variable, for the shells that look as another user.
	return begin + "Q='" + strings.ReplaceAll(text, "'", `'\''`) + "'\neval \"$Q\"\n" + preludeAs
}

// Call is the line, or lines, of shell that look at the item and print its frame
// under the given name. Where the item cannot be put to a shell at all, the
// result says why, and the text is empty.
func Call(id string, it evidence.Item) (string, *evidence.Result) {
	var q quoter
	var line string
	switch it.Kind {
	case evidence.KindFile, evidence.KindStat, evidence.KindGlob:
		if !strings.HasPrefix(it.Path, "/") {
			return "", failed("not an absolute path")
		}
		if strings.Contains(it.Path, "\x00") {
			return "", failed("a path cannot hold a NUL byte")
		}
	case evidence.KindCommand:
		if len(it.Args) == 0 || it.Args[0] == "" {
			return "", failed("no program named")
		}
		if strings.Contains(strings.Join(it.Args, ""), "\x00") {
			return "", failed("an argument cannot hold a NUL byte")
		}
	}
	switch it.Kind {
	case evidence.KindFile:
		line = "f " + id + " " + q.word(it.Path)
		if it.Limit() != evidence.DefaultCap {
			line += " " + strconv.Itoa(it.Limit()+1)
		}
	case evidence.KindStat:
		line = "s " + id + " " + q.word(it.Path)
	case evidence.KindGlob:
		args, why := q.glob(it.Path)
		if why != "" {
			return "", failed(why)
		}
		line = "g " + id + args
	case evidence.KindCommand:
		seconds := int(math.Ceil(it.TimeLimit().Seconds()))
		line = "c " + id + " " + strconv.Itoa(seconds) + " " + strconv.Itoa(it.Limit()+1)
		for _, a := range it.Args {
			line += " " + q.word(a)
		}
	case evidence.KindHello:
		args, ok := hello(it.Path)
		if !ok {
			return "", failed("not an address and a port")
		}
		return Call(id, evidence.Command(args...).Within(it.TimeLimit()+helloGrace).AtMost(it.Limit()))
	default:
		return "", failed("unknown kind of item: " + string(it.Kind))
	}
	return q.before.String() + line + "\n", nil
}

func failed(reason string) *evidence.Result {
	return &evidence.Result{Status: evidence.Failed, Reason: reason, Exit: -1}
}

// Slowest is how long the items can take together in the worst case, one after the other.
func Slowest(items []evidence.Item) time.Duration {
	var sum time.Duration
	for _, it := range items {
		if it.Kind == evidence.KindCommand || it.Kind == evidence.KindHello {
			sum += it.TimeLimit() + time.Second
		}
	}
	return sum
}

// quoter writes words for a console. Other than in internal/shquote, what is not
// ASCII goes through printf, too, since a serial console would spoil it, and into
// a variable, set in a line before, since a word may end in a newline.
type quoter struct {
	before strings.Builder
	name   string // the variables' names begin with it; "": v
	n      int
}

// longWord is from where on a word is typed in pieces, each of which stays below the line
// that a console takes even if all of it must be quoted: busybox ash edits 1,023 bytes.
const longWord = 200

func (q *quoter) word(s string) string {
	plain := strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) < 0
	if plain && len(s) <= longWord {
		return shquote.Word(s)
	}
	q.n++
	name := cmp.Or(q.name, "v") + strconv.Itoa(q.n)
	if plain {
		q.before.WriteString(name + "=\n")
		for ; s != ""; s = s[min(len(s), longWord):] {
			q.before.WriteString(name + "=${" + name + "}" + shquote.Word(s[:min(len(s), longWord)]) + "\n")
		}
		return `"$` + name + `"`
	}
	q.before.WriteString(name + "=$(printf '" + shquote.ASCII(s) + ".')\n") // $( ) eats newlines at the end, but not before the dot
	return `"${` + name + `%.}"`
}

// glob is the arguments of g: after "r" the directories that the shell has to
// list, after "x" those it only has to pass through, after "p" the matches.
func (q *quoter) glob(pattern string) (args, why string) {
	var done strings.Builder // the pattern so far, as the shell reads it
	parts := strings.Split(path.Clean(pattern), "/")[1:]
	wild := false
	for _, part := range parts {
		if _, err := path.Match(part, ""); err != nil {
			return "", "malformed pattern: " + part
		}
		meta := strings.ContainsAny(part, `*?[\`)
		wild = wild || meta
		if wild {
			kind := " x "
			if meta {
				kind = " r "
			}
			dir := done.String()
			if dir == "" {
				dir = "/"
			}
			args += kind + dir
		}
		text, ok := q.pattern(part)
		if !ok {
			return "", "this pattern cannot be put to a shell: " + part
		}
		done.WriteString("/" + text)
	}
	return args + " p " + done.String(), ""
}

// pattern turns the syntax of filepath.Match into that of the shell.
func (q *quoter) pattern(part string) (text string, ok bool) {
	var out, literal strings.Builder
	flush := func() {
		if literal.Len() > 0 {
			out.WriteString(q.word(literal.String()))
			literal.Reset()
		}
	}
	for i := 0; i < len(part); i++ {
		switch c := part[i]; c {
		case '*', '?':
			flush()
			out.WriteByte(c)
		case '\\':
			i++ // path.Match has seen to it that something follows
			literal.WriteByte(part[i])
		case '[':
			flush()
			out.WriteByte('[')
			if i++; part[i] == '^' {
				out.WriteByte('!')
				i++
			}
			for ; part[i] != ']'; i++ {
				c := part[i]
				if c == '\\' {
					i++
					c = part[i]
				} else if c == '-' {
					out.WriteByte('-')
					continue
				}
				if c <= ' ' || c > '~' {
					return "", false
				}
				if letter := c | 0x20; (c < '0' || c > '9') && (letter < 'a' || letter > 'z') {
					out.WriteByte('\\')
				}
				out.WriteByte(c)
			}
			out.WriteByte(']')
		default:
			literal.WriteByte(c)
		}
	}
	flush()
	return out.String(), true
}

// Word writes s so that the shell takes it literally, with the lines that have
// to stand before, if any.
func Word(s string) (before, word string) {
	q := quoter{name: "w"}
	word = q.word(s)
	return q.before.String(), word
}

// ForEach is a loop in which the variable takes each match of the pattern.
func ForEach(variable, pattern, body string) (string, error) {
	var q quoter
	args, why := q.glob(pattern)
	if why != "" || !strings.HasPrefix(pattern, "/") {
		return "", fmt.Errorf("pattern %q: %s", pattern, cmp.Or(why, "not an absolute path"))
	}
	_, matches, _ := strings.Cut(args, " p ")
	return q.before.String() + "for " + variable + " in " + matches + "; do " + body + "; done\n", nil
}
