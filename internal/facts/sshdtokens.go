package facts

import "strings"

// whitespace is what sshd takes for space between words (misc.c, WHITESPACE).
const whitespace = " \t\r\n"

// splitDirective splits a line of sshd_config the way sshd does (servconf.c,
// process_server_config_line_depth): keyword, one optional "=", then arguments
// with shell-like quotes, up to a word that begins with "#".
// ok is false for blank lines and comments; err tells of quotes that do not close.
func splitDirective(line string) (keyword string, args []string, ok, badQuotes bool) {
	s := strings.TrimRight(line, whitespace+"\f")
	s = strings.TrimLeft(s, whitespace)
	if s == "" || s[0] == '#' {
		return "", nil, false, false
	}
	keyword, rest, closed := cutKeyword(s)
	if !closed || keyword == "" || keyword[0] == '#' {
		return keyword, nil, keyword != "" && keyword[0] != '#', !closed
	}
	args, closed = splitArgs(rest)
	return keyword, args, true, !closed
}

// cutKeyword is strdelim(): the keyword ends at space, a quote or "="; one "="
// with space around it is skipped. The keyword itself may be quoted.
func cutKeyword(s string) (keyword, rest string, closed bool) {
	if s[0] == '"' {
		kw, rest, ok := strings.Cut(s[1:], `"`)
		return kw, strings.TrimLeft(rest, whitespace), ok
	}
	i := strings.IndexAny(s, whitespace+`"=`)
	if i < 0 {
		return s, "", true
	}
	keyword, rest = s[:i], s[i:]
	if rest[0] != '"' && rest[0] != '=' {
		rest = strings.TrimLeft(rest, whitespace)
	}
	if strings.HasPrefix(rest, "=") {
		rest = strings.TrimLeft(rest[1:], whitespace)
	}
	return keyword, rest, true
}

// splitArgs is argv_split() with terminate_on_comment: words are separated by
// space or tab, '…' and "…" join, a backslash escapes quotes, itself, and
// outside quotes a space. closed is false where a quote never ends.
func splitArgs(s string) (args []string, closed bool) {
	for i := 0; i < len(s); {
		if s[i] == ' ' || s[i] == '\t' {
			i++
			continue
		}
		if s[i] == '#' {
			break
		}
		var word strings.Builder
		var quote byte
	scan:
		for ; i < len(s); i++ {
			switch c := s[i]; {
			case c == '\\' && i+1 < len(s) && escapable(s[i+1], quote):
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
		args = append(args, word.String())
		if quote != 0 {
			return args, false
		}
	}
	return args, true
}

func escapable(c, quote byte) bool {
	return c == '\'' || c == '"' || c == '\\' || c == ' ' && quote == 0
}
