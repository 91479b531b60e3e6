package facts

import (
	"regexp"
	"strings"
)

// Who a line of the log is about. sshd writes addresses and account names bare,
// between blanks or punctuation, so a name counts only where no character that
// could belong to a longer one stands beside it.

// pattern is a regular expression (PCRE2) that finds the lines about the visitor;
// ok is false where none was asked about, or his name is none that a log would hold.
func (a Ask) pattern() (re string, ok bool) {
	words := a.words()
	if len(words) == 0 {
		return "", false
	}
	for i, w := range words {
		words[i] = regexp.QuoteMeta(w)
	}
	return strings.Join(words, "|"), true
}

// words are the texts by which a line can name the visitor.
func (a Ask) words() []string {
	var out []string
	if a.Client.IsValid() {
		out = append(out, a.Client.Unmap().WithZone("").String())
	}
	if plainUser(a.User) {
		out = append(out, a.User)
	}
	return out
}

// Names reports whether the line names the visitor's address or account.
func (e Entry) Names(a Ask) bool { return e.NamesClient(a) || e.NamesUser(a) }

// NamesClient reports whether the line holds the visitor's address.
func (e Entry) NamesClient(a Ask) bool {
	return a.Client.IsValid() && holdsWord(e.Message, a.Client.Unmap().WithZone("").String(), "0123456789abcdefABCDEF.:")
}

// NamesUser reports whether the line holds the name of the account asked about.
func (e Entry) NamesUser(a Ask) bool {
	return plainUser(a.User) && holdsWord(e.Message, a.User, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.$@/\\")
}

// holdsWord reports whether word stands in text with none of the characters of
// part on either side. A full stop or colon before a blank or the end belongs to
// the sentence and not to a longer name.
func holdsWord(text, word, part string) bool {
	for word != "" {
		before, after, ok := strings.Cut(text, word)
		if !ok {
			return false
		}
		rest := strings.TrimLeft(after, ".:")
		ends := rest == "" || rest[0] == ' ' || rest[0] == '\n' || len(rest) == len(after) && !strings.Contains(part, rest[:1])
		if ends && (before == "" || !strings.Contains(part, before[len(before)-1:])) {
			return true
		}
		text = after
	}
	return false
}
