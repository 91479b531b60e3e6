package facts

import (
	"strings"

	"sshwhy/internal/evidence"
	"sshwhy/internal/shquote"
)

// How an ordinary user of this machine becomes root for one command: the
// commands that mend are printed for whoever looked.

// elevators are the programs that do it, the best first, and where they are.
// What a user must be for it (a group, the password of root), they say themselves.
var elevators = [...]struct {
	name  string
	paths []string
}{
	{"sudo", []string{"/usr/bin/sudo", "/usr/local/bin/sudo", "/run/wrappers/bin/sudo"}},
	{"doas", []string{"/usr/bin/doas", "/usr/local/bin/doas"}},
	{"su", []string{"/usr/bin/su", "/bin/su"}},
}

func wantElevate(b *evidence.Bundle, _ Ask) []evidence.Item {
	if b.UID <= 0 {
		return nil // root needs none, and of a script's reader nothing is known yet
	}
	var items []evidence.Item
	for _, e := range elevators {
		for _, p := range e.paths {
			items = append(items, evidence.Stat(p))
		}
	}
	return items
}

// parseElevate is the program that makes this bundle's user root; "" where none
// is needed, or none was seen.
func parseElevate(b *evidence.Bundle) string {
	if b.UID <= 0 {
		return ""
	}
	for _, e := range elevators {
		for _, p := range e.paths {
			if b.Get(evidence.Stat(p)).OK() {
				return e.name
			}
		}
	}
	return ""
}

// AsRoot is a command as the machine's own tool runs it for an ordinary user.
// What the user's shell would do itself (a redirection, &&, a pattern) is left
// to a shell of root's.
func AsRoot(tool, command string) string {
	switch {
	case tool == "" || command == "":
		return command
	case tool == "su": // "-" for root's own PATH, which has /usr/sbin
		return "su - -c " + shquote.Word(command)
	case shellWork(command):
		return tool + " sh -c " + shquote.Word(command)
	}
	return tool + " " + command
}

// shellWork reports whether a command is more than a program and its arguments.
func shellWork(command string) bool {
	for i, part := range strings.Split(command, "'") {
		if i%2 == 0 && strings.ContainsAny(part, "&|;<>()$`*?[]{}~\"\\#\n") {
			return true
		}
	}
	return strings.Count(command, "'")%2 == 1
}
