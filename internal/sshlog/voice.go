package sshlog

import (
	"fmt"
	"slices"
	"strings"
)

// A Voice is a group of programs that say the same things: sshd, ssh, pam, system,
// ban, probe, fetch, gate, level (voices.tsv). "" is a program that is not known, and may
// pass on the words of any; "-" one whose words are never about SSH.
type Voice string

// Voices that readers ask for by name.
const (
	Unknown Voice = ""
	OfPAM   Voice = "pam"
	Foreign Voice = "-"
)

// saidBy begins the line of a table that tells who may say the rows below it.
const saidBy = "#! said by "

// voices are the programs that are known, those with a * by what stands before it.
type voices struct {
	exact map[string]Voice
	begin []voiceOf
}

type voiceOf struct {
	prefix string
	voice  Voice
}

func (v *voices) add(f []string) error {
	program, voice := f[0], Voice(f[1])
	if voice == Unknown {
		return fmt.Errorf("%q has no voice", program)
	}
	if prefix, ok := strings.CutSuffix(program, "*"); ok {
		v.begin = append(v.begin, voiceOf{prefix, voice})
		return nil
	}
	v.exact[program] = voice
	return nil
}

// of is the voice of a program: an exact name before the longest beginning.
func (v *voices) of(program string) Voice {
	if voice, ok := v.exact[program]; ok {
		return voice
	}
	best := voiceOf{}
	for _, b := range v.begin {
		if len(b.prefix) > len(best.prefix) && strings.HasPrefix(program, b.prefix) {
			best = b
		}
	}
	return best.voice
}

// maxName bounds the name that a program puts in front of its errors.
const maxName = 40

// Speaker is who says a line: the program of its log prefix, or whoever's name the
// text begins with ("curl: (7) …", "pam_ldap(sshd:auth): …"). prog is "" where there
// was no prefix. A module that speaks through a daemon speaks for itself.
func (m *Messages) Speaker(prog, text string) Voice {
	v := m.voices.of(prog)
	if v == Unknown || v == "sshd" {
		if named := m.voices.of(leadName(text)); named != Unknown && (v == Unknown || named == OfPAM) {
			return named
		}
	}
	return v
}

// leadName is the name before the first ": " of a text, without a process id or a
// service in brackets; "" where what stands there is no name.
func leadName(text string) string {
	name, _, ok := strings.Cut(text[:min(len(text), maxName+2)], ":")
	if !ok {
		return ""
	}
	if i := strings.IndexAny(name, "[("); i > 0 {
		name = name[:i]
	}
	if strings.ContainsAny(name, " \t\"'/\\@") {
		return ""
	}
	return name
}

// maySay reports whether a program of that voice may be the one a row is of.
func (r *Row) maySay(v Voice) bool {
	return v == Unknown || slices.Contains(r.SaidBy, v)
}

// parseSaidBy reads "#! said by ssh sshd".
func parseSaidBy(line string) ([]Voice, bool) {
	list, ok := strings.CutPrefix(line, saidBy)
	if !ok {
		return nil, false
	}
	var out []Voice
	for _, w := range strings.Fields(list) {
		out = append(out, Voice(w))
	}
	return out, true
}
