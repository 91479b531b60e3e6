package explain

import (
	"strings"

	"sshwhy/internal/sshlog"
)

// Whoever passes a text on may put something in front of every line of it: a
// number, a bar, a time, the name of the program or container that said it.
// What stands in front of nearly all lines says nothing about any of them.

// maxLayers bounds how many decorations stand one behind another.
const maxLayers = 4

// undecorate takes off what stands in front of all lines.
func undecorate(lines []string) []string {
	for range maxLayers {
		cut := false
		for _, kind := range [...]func([]string) ([]string, bool){cutMark, cutNumbers, cutJob, cutClock} {
			if out, ok := kind(lines); ok {
				lines, cut = out, true
			}
		}
		if !cut {
			break
		}
	}
	return lines
}

// each applies a cutter to all lines that are not empty. It succeeds where all
// but a twentieth of them have what it cuts, and at least two.
func each(lines []string, cut func(i int, s string) (string, bool)) ([]string, bool) {
	out := make([]string, len(lines))
	have, full := 0, 0
	for i, s := range lines {
		out[i] = s
		if strings.TrimSpace(s) == "" {
			continue
		}
		full++
		if t, ok := cut(i, s); ok {
			out[i] = t
			have++
		} else if full-have > 2+len(lines)/20 {
			return lines, false
		}
	}
	return out, have >= 2 && (full-have)*20 <= full
}

// maxMark bounds the length of a mark: "deployment_container-1  | " is one.
const maxMark = 40

// relays are the words that programs which relay others' output put in front of it.
var relays = []string{"remote", "stderr", "stdout", "out", "err", "output", "debug", "info", "error", "warn", "warning", "fatal"}

// cutMark takes off a mark that is the same on all lines: a bar with a name
// before it, the sign of a list, a word that says who speaks.
func cutMark(lines []string) ([]string, bool) {
	mark := ""
	for _, s := range lines {
		s = strings.TrimLeft(s, " \t")
		if s == "" {
			continue
		}
		if mark = markOf(s); mark != "" {
			break
		}
		return lines, false
	}
	if mark == "" {
		return lines, false
	}
	bare := strings.TrimRight(mark, " \t")
	return each(lines, func(_ int, s string) (string, bool) {
		s = strings.TrimLeft(s, " \t")
		if s == bare {
			return "", true
		}
		return strings.CutPrefix(s, mark)
	})
}

// markOf is the mark that a line begins with, "" where there is none.
func markOf(s string) string {
	for _, sign := range [...]string{"* ", "- ", "+ ", "• ", "· ", "# "} {
		if strings.HasPrefix(s, sign) {
			return sign
		}
	}
	if i := strings.Index(s, "| "); i > 0 && i < maxMark && !strings.ContainsAny(s[:i], ":;,()'\"") {
		return s[:i+2]
	}
	if i := strings.Index(s, ": "); i > 0 && i < maxMark {
		word := strings.ToLower(strings.Trim(s[:i], "[]<>"))
		for _, r := range relays {
			if word == r {
				return s[:i+2]
			}
		}
	}
	if s[0] == '[' {
		if i := strings.Index(s, "] "); i > 1 && i < maxMark && !strings.ContainsAny(s[1:i], ":") && strings.ContainsAny(s[1:i], "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") {
			return s[:i+2]
		}
	}
	return ""
}

// cutNumbers takes running numbers off.
func cutNumbers(lines []string) ([]string, bool) {
	last, first := 0, true
	return each(lines, func(_ int, s string) (string, bool) {
		s = strings.TrimLeft(s, " \t")
		n, i := 0, 0
		for i < len(s) && i < 7 && s[i] >= '0' && s[i] <= '9' {
			n = n*10 + int(s[i]-'0')
			i++
		}
		if i == 0 || !first && (n <= last || n > last+4) {
			return s, false
		}
		rest := s[i:]
		for _, sep := range [...]string{" | ", " │ ", ": ", ". ", ") ", "\t", "  ", " "} {
			if t, ok := strings.CutPrefix(rest, sep); ok {
				last, first = n, false
				return t, true
			}
			if rest == strings.TrimRight(sep, " ") {
				last, first = n, false
				return "", true
			}
		}
		return s, false
	})
}

// cutJob takes off what a run of continuous integration is printed with: job,
// step and time between tabs.
func cutJob(lines []string) ([]string, bool) {
	return each(lines, func(_ int, s string) (string, bool) {
		f := strings.SplitN(s, "\t", 3)
		if len(f) < 3 || len(f[0]) > 80 || len(f[1]) > 80 {
			return s, false
		}
		if _, ok := sshlog.CutTime(f[2]); !ok {
			return s, false
		}
		return f[2], true
	})
}

// cutClock takes times off, where no host or program of a log follows them:
// a log's lines keep theirs, since they are read with them.
func cutClock(lines []string) ([]string, bool) {
	logged, full := 0, 0
	out, ok := each(lines, func(_ int, s string) (string, bool) {
		s = strings.TrimLeft(plainSpaces(s), " ")
		rest, ok := sshlog.CutTime(s)
		if !ok {
			bare := strings.TrimRight(s, " ]")
			rest, ok = sshlog.CutTime(bare + " .")
			return "", ok && rest == "."
		}
		full++
		if _, _, program := sshlog.CutIdent(strings.TrimLeft(rest, " "), true); program {
			logged++
		}
		return strings.TrimPrefix(rest, " "), true
	})
	if !ok || logged*2 > full {
		return lines, false
	}
	return out, true
}

// plainSpaces gives runs of blanks in front of a time stamp one form.
func plainSpaces(s string) string { return sshlog.StripEscapes(s) }
