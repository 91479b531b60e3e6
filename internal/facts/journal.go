package facts

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"sshwhy/internal/evidence"
)

// Journal is what the log says of SSH: the journal of systemd, or where that says
// nothing the files that syslog daemons write.
type Journal struct {
	Origin  Origin  // of what Entries were read from; Absent where no log is kept
	Entries []Entry // since boot, newest last
	// Earlier are lines about the visitor asked about which are not among the
	// entries: from before this boot, from rotated files, or crowded out by others.
	Earlier []Entry
	// Search says whether the visitor was looked for there; Skipped where no
	// visitor was asked about or the entries know him.
	Search Origin
}

// Entry is one line of the log.
type Entry struct {
	Identifier string // SYSLOG_IDENTIFIER: sshd, sshd-session, systemd
	Unit       string // the unit it is about
	Priority   string // syslog's: "3" is an error; "" where the log does not say
	Message    string
	Time       int64 // seconds since 1970; 0 where the log does not say
	PID        int   // of the process that wrote it; 0 where the log does not say
	// Vouched: the kernel told the log that a server of SSH with root's rights
	// wrote the line. In the files of syslog daemons nobody vouches for a line.
	Vouched bool
	Quote   Quote
}

// SSH reports whether a server of SSH wrote the line, by its own word.
func (e Entry) SSH() bool { return serverProgram(e.Identifier) }

// serverProgram reports whether a name is that of a program of an SSH server.
func serverProgram(name string) bool {
	return strings.HasPrefix(name, "sshd") || name == "dropbear" || name == "tinysshd"
}

// maxEntries bounds what is read of the journal: the last lines of this boot.
const maxEntries = "200"

// journalFields are what is read of an entry; its time and boot come unasked.
const journalFields = "--output-fields=MESSAGE,PRIORITY,SYSLOG_IDENTIFIER,UNIT,_SYSTEMD_UNIT,_PID,_UID,_COMM"

// itemJournal asks by unit and by identifier: short-lived processes lose their
// unit in one of four runs, and the decisive line with it. Whoever is on the
// machine may write lines under any identifier (logger -t sshd) and of any unit
// (UNIT= is a field like others); only root's are asked for, whose sender the
// kernel tells journald (systemd.journal-fields(7), _UID).
var itemJournal = evidence.Command("journalctl", "-q", "--no-pager", "-o", "json", "--all", "-b", "-n", maxEntries,
	journalFields,
	"_SYSTEMD_UNIT=ssh.service", "+", "_SYSTEMD_UNIT=sshd.service",
	"+", "UNIT=ssh.service", "_UID=0", "+", "UNIT=sshd.service", "_UID=0", "+", "UNIT=ssh.socket", "_UID=0", "+", "UNIT=sshd.socket", "_UID=0",
	"+", "SYSLOG_IDENTIFIER=sshd", "_UID=0", "+", "SYSLOG_IDENTIFIER=sshd-session", "_UID=0", "+", "SYSLOG_IDENTIFIER=sshd-auth", "_UID=0",
	"+", "SYSLOG_IDENTIFIER=dropbear", "_UID=0").AtMost(512 << 10)

func wantJournal(b *evidence.Bundle, ask Ask) []evidence.Item {
	var items []evidence.Item
	systemd := !b.Has(itemSystemd) || b.Get(itemSystemd).OK()
	if systemd {
		items = append(items, itemJournal)
		if !b.Has(itemJournal) {
			return items
		}
	}
	j := readJournal(b)
	if !j.tells(ask) && j.Origin.Known() {
		if it, ok := journalSearch(ask); ok {
			items = append(items, it)
			if !b.Has(it) {
				return items
			}
			j.searchJournal(b, ask)
		}
	}
	if j.speaks() && (j.tells(ask) || len(j.Earlier) > 0) {
		return items
	}
	return append(items, wantLogFiles(b, ask, j.speaks())...)
}

func parseJournal(b *evidence.Bundle, ask Ask) Journal {
	j := readJournal(b)
	if !j.tells(ask) {
		j.searchJournal(b, ask)
	}
	if j.speaks() && (j.tells(ask) || len(j.Earlier) > 0) {
		return j
	}
	j.readLogFiles(b, ask)
	return j
}

// speaks reports whether a server of SSH has written anything into the log.
func (j Journal) speaks() bool { return slices.ContainsFunc(j.Entries, Entry.SSH) }

// tells reports whether the entries name the visitor, or none was asked about.
func (j Journal) tells(ask Ask) bool {
	return ask.User == "" && !ask.Client.IsValid() || slices.ContainsFunc(j.Entries, func(e Entry) bool { return e.Names(ask) })
}

func readJournal(b *evidence.Bundle) Journal {
	r := b.Get(itemJournal)
	j := Journal{Origin: ran(itemJournal, r, anyExit), Search: Origin{Status: evidence.Skipped, Reason: "no visitor asked about"}}
	if st := b.Get(itemSystemd); b.Has(itemSystemd) && !st.OK() { // some ways of looking ask it before they know
		j.Origin.Status, j.Origin.Reason = st.Status, "systemd is not running here"
		r.Data = nil
	}
	j.Origin.Source = "journalctl -b"
	j.Entries = journalEntries(r.Data, j.Origin.Source)
	if j.Origin.Known() && len(j.Entries) == 0 && b.UID > 0 {
		// Who may not read the system's journal sees an empty one, and -q hides the hint.
		j.Origin.Status, j.Origin.Reason = evidence.Denied, "no permission to read the system's journal"
	}
	return j
}

// journalSearch looks for the visitor in the journal of this boot and of those
// before it. It is asked only where the last lines do not name him, since it may
// have to read a whole large journal.
func journalSearch(ask Ask) (evidence.Item, bool) {
	pattern, ok := ask.pattern()
	return evidence.Command("journalctl", "-q", "--no-pager", "-o", "json", "--all", "--since=-7d", "-n", "60", journalFields,
		"-g", pattern, "SYSLOG_IDENTIFIER=sshd", "_UID=0", "+", "SYSLOG_IDENTIFIER=sshd-session", "_UID=0", "+", "SYSLOG_IDENTIFIER=sshd-auth", "_UID=0",
		"+", "SYSLOG_IDENTIFIER=dropbear", "_UID=0").AtMost(128 << 10).Within(3 * time.Second), ok
}

func (j *Journal) searchJournal(b *evidence.Bundle, ask Ask) {
	it, ok := journalSearch(ask)
	if !ok || !b.Has(it) {
		return
	}
	r := b.Get(it)
	j.Search = ran(it, r, anyExit) // 1: nothing found
	j.Search.Source = "journalctl --since=-7d"
	found := journalEntries(r.Data, j.Search.Source)
	for i, e := range found { // days may lie between these: they are shown with their time
		found[i].Quote.Text = clip(time.Unix(e.Time, 0).UTC().Format(time.DateTime) + " UTC " + e.Quote.Text)
	}
	j.addEarlier(found, ask)
}

// addEarlier takes over the lines that name the visitor, oldest first, each once.
func (j *Journal) addEarlier(found []Entry, ask Ask) {
	type line struct {
		at   int64
		pid  int
		text string
	}
	have := map[line]bool{}
	for _, e := range append(slices.Clone(j.Entries), j.Earlier...) {
		have[line{e.Time, e.PID, e.Message}] = true
	}
	for _, e := range found {
		if k := (line{e.Time, e.PID, e.Message}); e.SSH() && e.Names(ask) && !have[k] {
			have[k] = true
			j.Earlier = append(j.Earlier, e)
		}
	}
	slices.SortStableFunc(j.Earlier, func(a, b Entry) int { return cmp.Compare(a.Time, b.Time) })
}

// journalEntries reads the lines of journalctl -o json.
func journalEntries(data []byte, source string) []Entry {
	var out []Entry
	for line := range bytes.Lines(data) {
		var raw map[string]any
		if json.Unmarshal(line, &raw) != nil {
			continue
		}
		e := Entry{Identifier: text(raw["SYSLOG_IDENTIFIER"]), Priority: text(raw["PRIORITY"]), Message: text(raw["MESSAGE"])}
		if us, err := strconv.ParseInt(text(raw["__REALTIME_TIMESTAMP"]), 10, 64); err == nil {
			e.Time = us / 1e6
		}
		e.PID, _ = strconv.Atoi(text(raw["_PID"]))
		comm := text(raw["_COMM"]) // a process that ended at once may have lost it
		e.Vouched = text(raw["_UID"]) == "0" && (comm == "" || serverProgram(comm))
		if e.Unit = text(raw["UNIT"]); e.Unit == "" {
			e.Unit = text(raw["_SYSTEMD_UNIT"])
		}
		e.Quote = Quote{Source: source, Text: clip(e.Identifier + ": " + e.Message)}
		out = append(out, e)
	}
	return out
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

// SinceChange leaves out what was logged of connections up to a time, in
// seconds since 1970 (0: leaves out nothing): the lines in which sshd tells of a
// client, and what PAM's modules say with them. Lines without a time stay, as
// do systemd's, and those of the listening sshd: it goes on as it was.
func (j Journal) SinceChange(at int64) Journal {
	if at == 0 {
		return j
	}
	old := func(e Entry) bool { return e.Time != 0 && e.Time <= at && e.SSH() && !ofServer(e.Message) }
	j.Entries = slices.DeleteFunc(slices.Clone(j.Entries), old)
	j.Earlier = slices.DeleteFunc(slices.Clone(j.Earlier), old)
	return j
}

// serverWords begin the lines that the listening sshd writes of itself
// (sshd.c, servconf.c, sshkey and authfile.c at its start).
var serverWords = [...]string{
	"Server listening on ", "Received signal ", "Received SIGHUP", "error: Bind to port ", "Bind to port ",
	"fatal: Cannot bind any address", "Cannot bind any address", "drop connection #", "error: drop connection #",
}

// ofServer reports whether a line of sshd's is about the server and not about
// one connection.
func ofServer(message string) bool {
	if slices.ContainsFunc(serverWords[:], func(w string) bool { return strings.HasPrefix(message, w) }) {
		return true
	}
	pr, complaint := Entry{Message: message}.Complaint()
	return complaint && (pr.Kind != ProblemNoFile || strings.HasPrefix(pr.File, "/"))
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
