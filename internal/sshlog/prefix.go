package sshlog

import (
	"slices"
	"strings"
)

// Months are the month names of a traditional syslog time stamp (RFC 3164 4.1.2).
const Months = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec"

// CutPrefix takes the prefixes of logs off a line: priority, time stamp,
// host, program and pid. ok says whether there was any.
func CutPrefix(s string) (prog, rest string, ok bool) {
	rest = s
	if t, found := cutPriority(rest); found {
		rest, ok = t, true
	}
	if t, found := cutWindows(rest); found {
		return "sshd", t, true
	}
	if t, found := CutTime(rest); found {
		rest, ok = strings.TrimLeft(t, " "), true
		rest = strings.TrimPrefix(strings.TrimPrefix(rest, "> "), "stderr: ")
	}
	if p, t, found := CutIdent(rest, ok); found {
		return p, t, true
	}
	return "", rest, ok
}

// cutPriority takes <38> off.
func cutPriority(s string) (string, bool) {
	if len(s) > 3 && s[0] == '<' {
		if i := strings.IndexByte(s[:min(len(s), 6)], '>'); i > 1 && Digits(s[1:i]) {
			return s[i+1:], true
		}
	}
	return s, false
}

// cutWindows takes off what sshd's own log file has on Windows: process id, time
// with milliseconds, and in old versions a running number.
func cutWindows(s string) (string, bool) {
	pid, rest, ok := strings.Cut(s, " ")
	if !ok || !Digits(pid) || len(pid) > 6 {
		return s, false
	}
	if first, t, ok := strings.Cut(rest, " "); ok && isoDate(first) && len(first) == 10 {
		rest = t
	}
	clock, rest, ok := strings.Cut(rest, " ")
	if !ok || !clockTime(clock) {
		return s, false
	}
	if n, t, ok := strings.Cut(rest, " "); ok && Digits(n) && len(n) <= 3 {
		rest = t
	}
	return rest, true
}

// kernelStamp takes "[   14.410000] " off, the seconds since the machine started, as
// dmesg and consoles have them, with what a console leaves of the program's name.
func kernelStamp(s string) (string, bool) {
	in, rest, ok := strings.Cut(strings.TrimPrefix(s, "["), "] ")
	whole, part, dot := strings.Cut(strings.TrimLeft(in, " "), ".")
	if !ok || !dot || s[0] != '[' || len(in) > 20 || !Digits(whole) || !Digits(part) {
		return s, false
	}
	return strings.TrimPrefix(rest, ": "), true
}

// CutTime takes a time stamp off: syslog, ISO 8601, a time of day, in brackets or not;
// seconds since the machine started.
func CutTime(s string) (string, bool) {
	if t, ok := kernelStamp(s); ok {
		return t, true
	}
	t := strings.TrimPrefix(s, "[")
	if n := syslogStamp(t); n > 0 {
		return strings.TrimPrefix(t[n:], "]"), true
	}
	end := strings.IndexAny(t, " ]")
	if end < 0 {
		return s, false
	}
	first := t[:end]
	switch {
	case isoDate(first) && len(first) == 10: // date, then time
		rest := strings.TrimLeft(t[end+1:], " ")
		if i := strings.IndexAny(rest, " ]"); i > 0 && clockTime(rest[:i]) {
			return rest[i+1:], true
		}
	case isoDate(first) && len(first) > 18 && clockTime(first[11:]):
		return t[end+1:], true
	case clockTime(first) && len(first) >= 8:
		return t[end+1:], true
	}
	return s, false
}

// syslogStamp is the length of "Nov 20 14:39:11 " (with year or without), 0 where there is none.
func syslogStamp(s string) int {
	f := strings.SplitN(s, " ", 5)
	if len(f) < 4 || len(f[0]) != 3 || !strings.Contains(Months, f[0]) {
		return 0
	}
	if !Digits(f[1]) || len(f[1]) > 2 || !clockTime(f[2]) {
		return 0
	}
	return len(f[0]) + len(f[1]) + len(f[2]) + 3
}

func isoDate(s string) bool {
	return len(s) >= 10 && Digits(s[:4]) && (s[4] == '-' || s[4] == '/') && Digits(s[5:7]) && Digits(s[8:10])
}

// clockTime accepts 14:39:11, also with a fraction and a zone.
func clockTime(s string) bool {
	return len(s) >= 8 && s[2] == ':' && s[5] == ':' && Digits(s[:2]) && Digits(s[3:5]) && Digits(s[6:8])
}

// Digits reports whether s is decimal digits and nothing else.
func Digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// logPrograms are the programs whose lines are cut out of a log even where no
// time stamp stands in front.
var logPrograms = []string{"sshd", "sshd-session", "sshd-auth", "ssh", "systemd", "dropbear", "kernel", "sudo", "su", "fail2ban-server", "sshguard"}

// CutIdent takes "host sshd[12]: " or "sshd[12]: " off. After a time stamp any
// program counts, otherwise only those known.
func CutIdent(s string, stamped bool) (prog, rest string, ok bool) {
	colon := strings.Index(s, ": ")
	if colon < 0 {
		if strings.HasSuffix(s, ":") {
			colon = len(s) - 1
		} else {
			return "", s, false
		}
	}
	head := strings.Split(s[:colon], " ")
	if len(head) > 2 {
		return "", s, false
	}
	ident := head[len(head)-1]
	name, pid, hasPid := strings.Cut(ident, "[")
	hasPid = hasPid && strings.HasSuffix(pid, "]") && Digits(strings.TrimSuffix(pid, "]"))
	known := slices.Contains(logPrograms, name)
	switch {
	case hasPid && (known || stamped):
	case stamped && len(head) == 2 && known:
	case stamped && len(head) == 2 && name != "" && !strings.ContainsAny(name, "@/\"'(") && strings.ContainsAny(head[0], "abcdefghijklmnopqrstuvwxyz") && name != "host" && name != "hostname":
	default:
		return "", s, false
	}
	return name, strings.TrimLeft(s[min(colon+2, len(s)):], " "), true
}
