package facts

import (
	"bytes"
	"path"
	"strconv"
	"strings"
	"time"

	"sshwhy/internal/evidence"
)

// Denial is one refusal by SELinux or AppArmor, as the kernel's audit wrote it.
type Denial struct {
	By         string // selinux, apparmor
	Comm       string // the program that was refused: sshd, sshd-session
	Permission string // SELinux: name_bind, read, …; AppArmor: the operation
	Name       string // the file, as far as it is named: SELinux gives the last part only
	Port       int    // the port that was to be bound
	Target     string // SELinux: the type of what was refused, user_home_t; AppArmor: the profile
	Class      string // SELinux: file, dir, tcp_socket
	Quote      Quote
}

// Label is the SELinux context of one path, and the one the policy wants it to have.
type Label struct {
	Path        string
	Has, Wanted string // types: user_home_t; "" where not known
	Quote       []Quote
}

var (
	itemAppArmor = evidence.File("/sys/kernel/security/apparmor/profiles").AtMost(256 << 10)
	// Where journald reads the kernel's audit the lines have a type; where it does
	// not they are lines of the kernel.
	itemDenials = evidence.Command("journalctl", "-q", "--no-pager", "-o", "json", "--all", "-b", "-n", "60", journalFields,
		"-g", `comm="sshd`, "_TRANSPORT=audit", "+", "_TRANSPORT=kernel").AtMost(128 << 10).Within(3 * time.Second)
	itemAudit = evidence.Command("tail", "-c", "65536", "/var/log/audit/audit.log").AtMost(128 << 10).Within(2 * time.Second)
)

// confined is the line by which the kernel says that a profile for sshd is enforced.
func confined(b *evidence.Bundle) (Quote, bool) {
	for i, line := range lines(b.Get(itemAppArmor).Data) {
		name, mode, ok := strings.Cut(line, " (")
		if ok && strings.HasPrefix(mode, "enforce") && path.Base(name) == "sshd" {
			return Quote{Source: itemAppArmor.Path, Line: i + 1, Text: clip(line)}, true
		}
	}
	return Quote{}, false
}

func wantDenials(b *evidence.Bundle, ask Ask) []evidence.Item {
	items := []evidence.Item{itemAppArmor}
	_, armor := confined(b)
	enforcing := parseSELinux(b).Enforcing
	if armor || enforcing {
		items = append(items, itemDenials, itemAudit)
	}
	if paths, u := labelPaths(b, ask); enforcing && len(paths) > 0 {
		items = append(items, labelItem(paths, u), wantedLabelItem(paths, u))
	}
	return items
}

// labelPaths are the first key file of the user that exists and the directories
// above it; it is with the user's rights that they are looked at.
func labelPaths(b *evidence.Bundle, ask Ask) ([]string, *evidence.User) {
	a := parseAccount(b, ask)
	if a.Rights == nil || !onePathWord(a.Home) {
		return nil, nil
	}
	for _, p := range keyPaths(parseEffective(b, ask), a) {
		if b.Get(evidence.Stat(p).AsUser(a.Rights)).OK() && onePathWord(p) {
			return append([]string{p}, dirsAbove(p, a.Home)...), a.Rights
		}
	}
	return nil, nil
}

// onePathWord: a path that ls and matchpathcon print as it is, in one word.
func onePathWord(p string) bool {
	return strings.HasPrefix(p, "/") && !strings.ContainsAny(p, " \t\n\\\"")
}

func labelItem(paths []string, u *evidence.User) evidence.Item {
	return evidence.Command(append([]string{"ls", "-dZ"}, paths...)...).AsUser(u)
}

func wantedLabelItem(paths []string, u *evidence.User) evidence.Item {
	return evidence.Command(append([]string{"matchpathcon"}, paths...)...).AsUser(u)
}

func parseDenials(b *evidence.Bundle) (out []Denial) {
	for _, e := range journalEntries(b.Get(itemDenials).Data, "journalctl -b _TRANSPORT=audit") {
		if d, ok := parseDenial(e.Message); ok {
			d.Quote = Quote{Source: "journalctl -b _TRANSPORT=audit", Text: clip(e.Message)}
			out = append(out, d)
		}
	}
	if len(out) > 0 {
		return out
	}
	for _, line := range lines(b.Get(itemAudit).Data) {
		if d, ok := parseDenial(line); ok {
			d.Quote = Quote{Source: "/var/log/audit/audit.log", Text: clip(line)}
			out = append(out, d)
		}
	}
	return out
}

// parseDenial reads
//
//	avc:  denied  { name_bind } for  pid=1 comm="sshd" src=2222 scontext=… tcontext=system_u:object_r:unreserved_port_t:s0 tclass=tcp_socket permissive=0
//	apparmor="DENIED" operation="open" class="file" profile="sshd" name="/home/a/.ssh/authorized_keys" comm="sshd-session" …
//
// Lines of other programs than sshd, and those that were only noted (permissive), are none.
func parseDenial(text string) (Denial, bool) {
	var d Denial
	_, rest, avc := strings.Cut(text, "avc:  denied  { ")
	if avc {
		d.By = "selinux"
		d.Permission, rest, _ = strings.Cut(rest, " }")
	} else {
		before, after, ok := strings.Cut(text, `apparmor="DENIED"`)
		if !ok || len(before) > 200 {
			return d, false
		}
		d.By, rest = "apparmor", after
	}
	permissive := false
	for field := range strings.FieldsSeq(rest) {
		key, value, _ := strings.Cut(field, "=")
		value = strings.Trim(value, `"`)
		switch key {
		case "comm":
			d.Comm = value
		case "name", "path":
			d.Name = value
		case "operation":
			d.Permission = value
		case "profile":
			d.Target = value
		case "tcontext":
			if f := strings.Split(value, ":"); len(f) > 2 {
				d.Target = f[2]
			}
		case "tclass":
			d.Class = value
		case "src", "lport":
			d.Port, _ = strconv.Atoi(value)
		case "permissive":
			permissive = value == "1"
		}
	}
	return d, strings.HasPrefix(d.Comm, "sshd") && !permissive
}

// parseLabels reads `ls -dZ` ("CONTEXT PATH") and matchpathcon ("PATH\tCONTEXT").
func parseLabels(b *evidence.Bundle, ask Ask) (out []Label) {
	paths, u := labelPaths(b, ask)
	if len(paths) == 0 {
		return nil
	}
	has, wanted := labelItem(paths, u), wantedLabelItem(paths, u)
	typeOf := func(context string) string { return nth(strings.ReplaceAll(context, ":", " "), 2) }
	for _, p := range paths {
		l := Label{Path: p}
		for i, line := range bytes.Split(b.Get(has).Data, []byte("\n")) {
			if f := strings.Fields(string(line)); len(f) > 1 && f[len(f)-1] == p {
				l.Has = typeOf(f[len(f)-2])
				l.Quote = append(l.Quote, Quote{Source: "ls -dZ", Line: i + 1, Text: clip(string(line))})
			}
		}
		for i, line := range bytes.Split(b.Get(wanted).Data, []byte("\n")) {
			if f := strings.Fields(string(line)); len(f) > 1 && f[0] == p {
				l.Wanted = typeOf(f[1])
				l.Quote = append(l.Quote, Quote{Source: "matchpathcon", Line: i + 1, Text: clip(string(line))})
			}
		}
		out = append(out, l)
	}
	return out
}
