package explain

import (
	"slices"
	"strings"

	"sshwhy/internal/sshconf"
)

// A piece says what kind of text a line is. Only what a program said of a run of its
// own is searched for messages; the rest goes to the readers of its kind, or to none.
type piece uint8

const (
	said   piece = iota // a program said it, or nothing tells what it is
	config              // of a configuration file or a unit: what may happen, not what did
	manual              // of a manual page
	asking              // somebody asks about words, and says nothing else
)

// pieces decides for every line what it is, before any message is looked for.
func pieces(lines []line) {
	kind := said // of what the command at hand prints
	inUnit := false
	for i := range lines {
		l := &lines[i]
		switch {
		case l.command != "":
			kind, inUnit = printedBy(l.command), false
			continue
		case l.stamped || l.debug > 0:
			kind, inUnit = said, false
		case isPageHead(l.text):
			kind = manual
		case unitSection(l.text):
			inUnit = true
		case inUnit && !unitLine(l.text):
			inUnit = false
		}
		switch {
		case kind == manual, kind == config && !complaint(l.text):
			l.piece = kind
		case inUnit, configLine(l.body) && (i > 0 && ofConfig(&lines[i-1]) || i+1 < len(lines) && ofConfig(&lines[i+1])):
			l.piece = config // of one line alone nobody can tell it from a complaint about it
		case strings.HasSuffix(l.text, "?") && !strings.Contains(l.text, "(yes/no"):
			l.piece = asking
		}
	}
	spreadConfig(lines)
}

// spreadConfig: comments between lines of a configuration belong to it.
func spreadConfig(lines []line) {
	for i := 1; i < len(lines); i++ {
		if lines[i].piece == said && lines[i-1].piece == config && comment(lines[i].body) {
			lines[i].piece = config
		}
	}
	for i := len(lines) - 2; i >= 0; i-- {
		if lines[i].piece == said && lines[i+1].piece == config && comment(lines[i].body) {
			lines[i].piece = config
		}
	}
}

// ofConfig reports whether a line may be one of a configuration file.
func ofConfig(l *line) bool {
	return l.command == "" && !l.stamped && (configLine(l.body) || comment(l.body))
}

func comment(body string) bool {
	s := strings.TrimSpace(body)
	return strings.HasPrefix(s, "#") || strings.HasPrefix(s, ";")
}

// printers are the programs that print files as they are.
var printers = []string{"cat", "less", "more", "bat", "head", "tail", "grep", "egrep", "rg", "sed", "awk"}

// configEndings are what names of configuration files end with.
var configEndings = []string{"_config", ".conf", ".cfg", ".service", ".socket", ".yml", ".yaml", ".toml", ".ini", "/config", ".local", ".te", ".pp"}

// printedBy is what kind of text a command prints.
func printedBy(command string) piece {
	f := strings.Fields(command)
	for len(f) > 0 && (f[0] == "sudo" || f[0] == "doas") {
		f = f[1:]
	}
	if len(f) < 2 {
		return said
	}
	switch name := f[0]; {
	case name == "man" || name == "info":
		return manual
	case name == "systemctl" && f[1] == "cat":
		return config
	case slices.Contains(printers, name):
		for _, w := range f[1:] {
			w = strings.Trim(w, "'\";|")
			for _, end := range configEndings {
				if strings.HasSuffix(w, end) {
					return config
				}
			}
		}
	}
	return said
}

// complaint reports whether a line is the printing program's own: "cat: FILE: No such …".
func complaint(s string) bool {
	name, _, ok := strings.Cut(s, ": ")
	return ok && slices.Contains(printers, name)
}

// isPageHead reads "SSHD_CONFIG(5)   BSD File Formats Manual   SSHD_CONFIG(5)".
func isPageHead(s string) bool {
	f := strings.Fields(s)
	if len(f) < 2 || f[0] != f[len(f)-1] {
		return false
	}
	name, section, ok := strings.Cut(f[0], "(")
	return ok && len(section) >= 2 && section[0] >= '1' && section[0] <= '9' && strings.HasSuffix(section, ")") && name == strings.ToUpper(name)
}

// unitSection reads "[Service]" (systemd.syntax(7)).
func unitSection(s string) bool {
	switch s {
	case "[Unit]", "[Service]", "[Socket]", "[Install]", "[Match]", "[Network]", "[Timer]", "[Path]", "[DEFAULT]", "[sshd]":
		return true
	}
	return false
}

// unitLine reports whether a line may stand in a section: Key=value, a comment, nothing.
func unitLine(s string) bool {
	if s == "" || comment(s) {
		return true
	}
	key, _, ok := strings.Cut(s, "=")
	return ok && !strings.ContainsAny(strings.TrimSpace(key), " :")
}

// everyday are the keywords that are words of a sentence as well: only with a single
// value are they surely a configuration's.
var everyday = []string{"Host", "User", "Port", "Match", "Include", "Banner", "Tag", "Protocol", "Compression", "Tunnel"}

// configLine reports whether a line is a keyword of sshd_config or ssh_config with its
// value, and no sentence: no colon or brackets as in an error, no full stop, few words.
func configLine(body string) bool {
	s := strings.TrimSpace(body)
	word, value, ok := strings.Cut(strings.TrimPrefix(s, "#"), " ")
	values := len(strings.Fields(value))
	if !ok || values == 0 || values > 8 || values > 1 && slices.Contains(everyday, word) || strings.Contains(s, ": ") || strings.Contains(s, "(") || strings.HasSuffix(s, ".") {
		return false
	}
	return known(sshconf.Server, word) || known(sshconf.Client, word)
}

// known reports whether a word is a keyword, spelled as in a file: a sentence that
// begins with "host" or "port" is none.
func known(side sshconf.Side, word string) bool {
	k, ok := sshconf.Lookup(side, word)
	return ok && !k.Retired && word != strings.ToLower(word)
}

// filters are programs that let some lines through.
var filters = []string{"grep", "egrep", "rg", "head", "sed", "awk", "cut", "findstr", "Select-String"}

// cutOut reports whether what is shown of an attempt is a piece from its middle: then
// its last line is no end, and says nothing about where the connection hung.
func (rd *reading) cutOut(a *attempt) bool {
	for _, stage := range strings.Split(a.command, "|")[1:] {
		if f := strings.Fields(stage); len(f) > 0 && slices.Contains(filters, f[0]) {
			return true
		}
	}
	for i := a.first; i <= a.last && i < len(rd.lines); i++ {
		l := &rd.lines[i]
		switch {
		case isVersionLine(l), strings.HasPrefix(l.text, "Connecting to "), strings.HasPrefix(l.text, "Reading configuration data"):
			return false
		case l.debug > 0 && i == a.reachedAt && waits(l.text):
			return false
		}
	}
	return true
}

// waits reports whether a client that has said this waits for the other end
// (sshconnect.c, kex.c: what follows comes from there).
func waits(s string) bool {
	for _, p := range [...]string{"expecting SSH2_MSG_KEX", "SSH2_MSG_KEXINIT sent", "Connecting to ", "Local version string ", "Connection established"} {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}
