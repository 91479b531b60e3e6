package facts

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"sshwhy/internal/evidence"
)

// Journal is what the log says of SSH since boot, newest last.
type Journal struct {
	Origin  Origin
	Entries []Entry
}

// Entry is one line of the log.
type Entry struct {
	Identifier string // SYSLOG_IDENTIFIER: sshd, sshd-session, systemd
	Unit       string // the unit it is about
	Priority   string // syslog's: "3" is an error
	Message    string
	Time       int64 // seconds since 1970; 0 where the journal does not say
	Quote      Quote
}

// maxEntries bounds what is read of the journal: the last lines of this boot.
const maxEntries = "200"

// itemJournal asks by unit and by identifier: short-lived processes lose their
// unit in one of four runs, and the decisive line with it.
var itemJournal = evidence.Command("journalctl", "-q", "--no-pager", "-o", "json", "--all", "-b", "-n", maxEntries,
	"--output-fields=MESSAGE,PRIORITY,SYSLOG_IDENTIFIER,UNIT,_SYSTEMD_UNIT",
	"_SYSTEMD_UNIT=ssh.service", "+", "_SYSTEMD_UNIT=sshd.service",
	"+", "UNIT=ssh.service", "+", "UNIT=sshd.service", "+", "UNIT=ssh.socket", "+", "UNIT=sshd.socket",
	"+", "SYSLOG_IDENTIFIER=sshd", "+", "SYSLOG_IDENTIFIER=sshd-session").AtMost(512 << 10)

func wantJournal(b *evidence.Bundle, _ Ask) []evidence.Item {
	if b.Has(itemSystemd) && !b.Get(itemSystemd).OK() {
		return nil
	}
	return []evidence.Item{itemJournal}
}

func parseJournal(b *evidence.Bundle) Journal {
	r := b.Get(itemJournal)
	j := Journal{Origin: ran(itemJournal, r, anyExit)}
	if st := b.Get(itemSystemd); !b.Has(itemJournal) && b.Has(itemSystemd) && !st.OK() {
		j.Origin.Status, j.Origin.Reason = st.Status, "systemd is not running here"
	}
	j.Origin.Source = "journalctl -b"
	for line := range bytes.Lines(r.Data) {
		var raw map[string]any
		if json.Unmarshal(line, &raw) != nil {
			continue
		}
		e := Entry{Identifier: text(raw["SYSLOG_IDENTIFIER"]), Priority: text(raw["PRIORITY"]), Message: text(raw["MESSAGE"])}
		if us, err := strconv.ParseInt(text(raw["__REALTIME_TIMESTAMP"]), 10, 64); err == nil {
			e.Time = us / 1e6
		}
		if e.Unit = text(raw["UNIT"]); e.Unit == "" {
			e.Unit = text(raw["_SYSTEMD_UNIT"])
		}
		e.Quote = Quote{Source: j.Origin.Source, Text: clip(e.Identifier + ": " + e.Message)}
		j.Entries = append(j.Entries, e)
	}
	return j
}

// text reads a journal field: a string, or an array of bytes where it is no
// valid UTF-8 (systemd's journal JSON format).
func text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case []any:
		out := make([]byte, 0, len(v))
		for _, x := range v {
			n, ok := x.(float64)
			if !ok || n < 0 || n > 255 {
				return ""
			}
			out = append(out, byte(n))
		}
		return string(out)
	}
	return ""
}

// Last returns the newest entries whose message holds one of the texts, oldest first.
func (j Journal) Last(n int, texts ...string) []Entry {
	var out []Entry
	for i := len(j.Entries) - 1; i >= 0 && len(out) < n; i-- {
		for _, t := range texts {
			if strings.Contains(j.Entries[i].Message, t) {
				out = append([]Entry{j.Entries[i]}, out...)
				break
			}
		}
	}
	return out
}

// Errors returns the newest entries of priority error or worse, oldest first.
func (j Journal) Errors(n int) []Entry {
	var out []Entry
	for i := len(j.Entries) - 1; i >= 0 && len(out) < n; i-- {
		if p := j.Entries[i].Priority; p != "" && p <= "3" {
			out = append([]Entry{j.Entries[i]}, out...)
		}
	}
	return out
}

// maxAttempt bounds how many lines of a failed start are quoted.
const maxAttempt = 6

// Attempt returns what the last failed start of a unit said: the lines of the
// unit's own processes and systemd's word on how they ended, oldest first. They
// stand between "Starting …" and the failure.
func (j Journal) Attempt(unit string) []Entry {
	var out []Entry
	inside := false
	for i := len(j.Entries) - 1; i >= 0 && len(out) < maxAttempt; i-- {
		e := j.Entries[i]
		if e.Unit != unit && !(e.Identifier == "sshd" && e.Unit == "") {
			continue
		}
		if e.Identifier != "systemd" {
			if inside {
				out = append(out, e)
			}
			continue
		}
		switch {
		case strings.Contains(e.Message, "rocess exited, code="):
			inside = true
			out = append(out, e)
		case strings.HasPrefix(e.Message, "Starting "):
			if inside {
				slices.Reverse(out)
				return out
			}
		}
	}
	slices.Reverse(out)
	return out
}

// Said returns those lines of an attempt that the processes themselves wrote.
func Said(attempt []Entry) []Entry {
	return slices.DeleteFunc(slices.Clone(attempt), func(e Entry) bool { return e.Identifier == "systemd" })
}

// Complaint reads a line of the log as what sshd says of its configuration,
// its keys or its surroundings when it does not start.
func (e Entry) Complaint() (Problem, bool) {
	text := strings.TrimPrefix(strings.TrimPrefix(e.Message, "fatal: "), "error: ")
	p, ok := parseProblem(text, 0)
	p.Quote = e.Quote
	return p, ok && p.Kind != ProblemNoise && p.Kind != ProblemDeprecated
}
