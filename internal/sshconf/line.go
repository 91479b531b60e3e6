package sshconf

import (
	"slices"
	"strings"
)

// whitespace is what sshd takes for space between words (misc.c, WHITESPACE).
const whitespace = " \t\r\n"

// Line is one line of sshd_config, taken apart the way sshd does it
// (servconf.c, process_server_config_line_depth): a keyword, one optional "=",
// then arguments with shell-like quotes, up to a word that begins with "#".
// sshd before 8.7 took such a word and what follows it for arguments.
type Line struct {
	Keyword   string
	Args      []string // without their quotes
	BadQuotes bool     // a quote that never ends; Args end with what it began

	raw     string
	keyword span
	args    []span
}

// span is a range of bytes of the raw line.
type span struct{ from, to int }

// ParseLine takes a line apart. ok is false for blank lines, comments, and what
// sshd passes over as if it were one: a line with a quote in its keyword that
// never ends (misc.c, strdelim).
func ParseLine(raw string) (l Line, ok bool) {
	l.raw = raw
	end := len(strings.TrimRight(raw, whitespace+"\f"))
	at := skip(raw, 0, end)
	if at == end || raw[at] == '#' {
		return l, false
	}
	rest, closed := l.cutKeyword(at, end)
	if !closed || l.Keyword == "" || l.Keyword[0] == '#' {
		return l, false
	}
	l.BadQuotes = !l.cutArgs(rest, end)
	return l, true
}

func skip(s string, at, end int) int {
	for at < end && strings.IndexByte(whitespace, s[at]) >= 0 {
		at++
	}
	return at
}

// cutKeyword is strdelim(): the keyword ends at space or "="; one "=" with space
// around it is skipped. The keyword, or the end of it, may be quoted; then it
// ends with the quote. It returns where the arguments begin.
func (l *Line) cutKeyword(at, end int) (rest int, closed bool) {
	s := l.raw[:end]
	n := strings.IndexAny(s[at:], whitespace+`"=`)
	if n < 0 {
		n = end - at
	}
	if quote := at + n; quote < end && s[quote] == '"' {
		length := strings.IndexByte(s[quote+1:], '"')
		if length < 0 {
			return end, false
		}
		l.Keyword = s[at:quote] + s[quote+1:quote+1+length]
		if l.keyword = (span{at, quote + 2 + length}); n == 0 {
			l.keyword = span{at + 1, at + 1 + length}
		}
		return skip(s, quote+2+length, end), true
	}
	l.keyword = span{at, at + n}
	l.Keyword = s[at : at+n]
	rest = at + n
	rest = skip(s, rest, end)
	if rest < end && s[rest] == '=' {
		rest = skip(s, rest+1, end)
	}
	return rest, true
}

// cutArgs is argv_split() with terminate_on_comment: words are separated by
// space or tab, '…' and "…" join, a backslash escapes quotes, itself, and
// outside quotes a space. It is false where a quote never ends.
func (l *Line) cutArgs(i, end int) (closed bool) {
	s := l.raw[:end]
	for i < end {
		if s[i] == ' ' || s[i] == '\t' {
			i++
			continue
		}
		if s[i] == '#' {
			break
		}
		var word strings.Builder
		var quote byte
		from := i
	scan:
		for ; i < end; i++ {
			switch c := s[i]; {
			case c == '\\' && i+1 < end && escapable(s[i+1], quote):
				i++
				word.WriteByte(s[i])
			case quote == 0 && (c == ' ' || c == '\t'):
				break scan
			case quote == 0 && (c == '"' || c == '\''):
				quote = c
			case quote != 0 && c == quote:
				quote = 0
			default:
				word.WriteByte(c)
			}
		}
		l.Args = append(l.Args, word.String())
		l.args = append(l.args, span{from, i})
		if quote != 0 {
			return false
		}
	}
	return true
}

func escapable(c, quote byte) bool {
	return c == '\'' || c == '"' || c == '\\' || c == ' ' && quote == 0
}

// WithKeyword is the line with another keyword, and every other byte the same
// but for quotes in the middle of it.
func (l Line) WithKeyword(keyword string) string {
	rest := l.raw[l.keyword.to:]
	quoted := strings.HasSuffix(l.raw[:l.keyword.from], `"`)
	if rest != "" && !quoted && !strings.ContainsAny(rest[:1], whitespace+"=") {
		rest = " " + rest
	}
	return l.raw[:l.keyword.from] + keyword + rest
}

// WithArg is the line with another word in the place of one argument.
func (l Line) WithArg(i int, word string) string {
	return l.raw[:l.args[i].from] + Quote(word) + l.raw[l.args[i].to:]
}

// WithoutArg is the line without one argument and the space before it.
func (l Line) WithoutArg(i int) string {
	from := len(strings.TrimRight(l.raw[:l.args[i].from], whitespace))
	return l.raw[:from] + l.raw[l.args[i].to:]
}

// Add is the line with one more argument after its last one, before a comment
// at its end.
func (l Line) Add(word string) string {
	at := l.keyword.to
	if len(l.args) > 0 {
		at = l.args[len(l.args)-1].to
	}
	space := " "
	if strings.HasSuffix(l.raw[:at], `\`) {
		space = "\t" // a backslash would escape a space
	}
	return l.raw[:at] + space + Quote(word) + l.raw[at:]
}

// Only is the line with nothing but its keyword and these arguments; the space
// before the keyword, the separator and a comment at the end stay.
func (l Line) Only(args ...string) string {
	quoted := make([]string, len(args))
	for i, a := range args {
		quoted[i] = Quote(a)
	}
	text := strings.Join(quoted, " ")
	if len(l.args) == 0 {
		rest := l.raw[l.keyword.to:]
		if !strings.HasPrefix(strings.TrimLeft(rest, whitespace), "#") {
			rest = ""
		}
		return l.raw[:l.keyword.to] + " " + text + rest
	}
	return l.raw[:l.args[0].from] + text + l.raw[l.args[len(l.args)-1].to:]
}

// Quote makes one argument of a word.
func Quote(word string) string {
	if word != "" && !strings.ContainsAny(word, " \t#'\"\\") {
		return word
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(word) + `"`
}

// Criteria are the arguments of a Match line as one key: two blocks with the
// same key hold for the same visitors.
func (l Line) Criteria() string {
	quoted := make([]string, len(l.Args))
	for i, a := range l.Args {
		quoted[i] = Quote(a)
	}
	return strings.Join(quoted, " ")
}

// Is says whether the line's keyword is one of these, in any case.
func (l Line) Is(keywords ...string) bool {
	return slices.ContainsFunc(keywords, func(k string) bool { return strings.EqualFold(k, l.Keyword) })
}

// Swallowed is a keyword of the server that stands in a line behind its own, by
// itself or glued to another word, as where the end of a line was lost: "Banner
// none Match User bob", "ClientAliveInterval 120Match User bob". Match comes
// first; "" is none. A path that holds such a word by chance is one, too: it is
// for a person to judge.
func (l Line) Swallowed() string {
	rest := strings.ToLower(strings.Join(l.Args, " "))
	if l.Is("Match") {
		return ""
	}
	if strings.Contains(rest, "match") {
		return "Match"
	}
	for _, k := range All(Server) {
		if strings.Contains(rest, strings.ToLower(k.Name)) {
			return k.Name
		}
	}
	return ""
}
