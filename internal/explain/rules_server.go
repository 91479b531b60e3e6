package explain

import (
	"slices"
	"strings"

	"sshwhy/internal/report"
	"sshwhy/internal/sshlog"
)

// hostKeysUnread: what sshd says after it could load none of its host keys follows
// from that, and is no matter of the two ends' lists. Where the crypto library fails
// on key after key, it is the library and not the keys.
func (rd *reading) hostKeysUnread() {
	var unread, library []int
	files := map[string]bool{}
	for i := range rd.hits {
		h := &rd.hits[i]
		if h.Row.Stage != report.StageConfig || !strings.Contains(h.Row.Pattern.Text, "oad host key") {
			continue
		}
		if strings.HasSuffix(rd.lines[h.line].text, "error in libcrypto") {
			library = append(library, h.line)
			files[h.Get("file")] = true
		} else if h.Row.Kind == sshlog.Note {
			unread = append(unread, h.line)
		}
	}
	if len(files) > 1 {
		rd.drop("host-key-invalid")
		rd.drop("host-keys-missing")
		rd.add("crypto-library-mismatch", report.Likely, scoreRule, library[0], nil).evidence = library
		return
	}
	c := rd.get("no-common-kex")
	if c == nil || len(unread) == 0 || !rd.onlyServerKex(c) {
		return
	}
	ev := rd.drop("no-common-kex")
	missing := rd.add("host-keys-missing", report.Likely, scoreRule, unread[0], nil)
	missing.impact, missing.evidence = report.Blocking, append(unread, ev...)
	rd.add("host-key-invalid", report.Possible, scoreRoot, unread[0], nil)
	rd.add("host-key-permissions", report.Possible, scoreNote, unread[0], nil)
}

// onlyServerKex reports whether all that speaks for a cause are sshd's words about its
// own lists, in which no list of the client's stands.
func (rd *reading) onlyServerKex(c *candidate) bool {
	return !slices.ContainsFunc(c.evidence, func(i int) bool { return !strings.Contains(rd.lines[i].text, "No supported key exchange") })
}

// behindPAM: a module, or what stands behind it, that cannot reach its own server.
// Whether that keeps the user out or only waiting, the module's line does not say.
func (rd *reading) behindPAM() {
	for i := range rd.lines {
		l := &rd.lines[i]
		if l.voice != sshlog.OfPAM || !strings.Contains(l.text, "(sshd:") || rd.saidAt(i) {
			continue
		}
		words := l.text[strings.LastIndex(l.text, ": ")+1:]
		if errno := rd.messages.Errno(strings.TrimSpace(words)); errno == "" {
			continue
		}
		rd.add("login-slow", report.Possible, scoreEnd+1, i, nil).impact = report.Degrading
		rd.add("pam-denied", report.Possible, scoreEnd, i, nil)
	}
}

// saidAt reports whether a line holds a message that is known.
func (rd *reading) saidAt(line int) bool {
	return slices.ContainsFunc(rd.hits, func(h hit) bool { return h.line == line })
}
