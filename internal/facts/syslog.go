package facts

import (
	"cmp"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"sshwhy/internal/evidence"
)

// The log files of syslog daemons: rsyslog, syslog-ng and busybox write
// auth.log (Debian), secure (Red Hat), messages (SUSE, Alpine, Gentoo) or syslog;
// socklog and metalog a directory with a file "current".

// tailBytes is how much is read of the end of a log: some 300 lines.
const tailBytes = "32768"

// maxSearched is how many files are searched for the visitor, the newest first.
const maxSearched = 4

// logFiles are where what sshd says ends up, the likelier first.
var logFiles = []string{"/var/log/auth.log", "/var/log/secure", "/var/log/socklog/auth/current", "/var/log/socklog/secure/current",
	"/var/log/sshd/current", "/var/log/messages", "/var/log/syslog"}

var (
	itemZone = evidence.Command("date", "+%z") // traditional log lines are in local time
	itemHost = evidence.File("/etc/hostname")  // stands in every line of a log file
)

// logGlob finds a log and its rotated files.
func logGlob(file string) evidence.Item {
	if path.Base(file) == "current" {
		return evidence.Glob(file)
	}
	return evidence.Glob(file + "*")
}

func logTail(file string) evidence.Item {
	return evidence.Command("tail", "-c", tailBytes, file).AtMost(64 << 10).Within(2 * time.Second)
}

// logSearch finds the lines of one file that hold a word. The program
// goes by how the file is compressed.
func logSearch(file, word string) (evidence.Item, bool) {
	program, ok := map[string]string{".gz": "zgrep", ".xz": "xzgrep", ".bz2": "bzgrep", ".zst": "zstdgrep"}[path.Ext(file)]
	if !ok {
		program = "grep"
	}
	return evidence.Command(program, "-a", "-F", "-e", word, file).AtMost(64 << 10).Within(3 * time.Second),
		!strings.HasPrefix(word, "-")
}

// wantLogFiles looks at the files: at their ends where the journal says nothing
// of SSH, and through them where the visitor is not found yet.
func wantLogFiles(b *evidence.Bundle, ask Ask, journal bool) []evidence.Item {
	items := []evidence.Item{itemZone, itemHost}
	for _, f := range logFiles {
		items = append(items, logGlob(f))
	}
	if !b.Has(logGlob(logFiles[0])) {
		return items
	}
	var j Journal
	if !journal {
		for _, f := range presentLogs(b) {
			it := logTail(f)
			items = append(items, it)
			if !b.Has(it) {
				ask = Ask{} // where the ends tell, the rest need not be searched
			}
		}
		j.readTails(b, ask)
	}
	if len(j.Entries) > 0 && j.tells(ask) || len(j.Earlier) > 0 {
		return items
	}
	return append(items, logSearches(b, ask)...)
}

// presentLogs are the logs that are there, at most three of them.
func presentLogs(b *evidence.Bundle) []string {
	var out []string
	for _, f := range logFiles {
		if slices.ContainsFunc(b.Get(logGlob(f)).Matches, func(m evidence.Match) bool { return m.Path == f }) {
			out = append(out, f)
		}
	}
	return out[:min(len(out), 3)]
}

// logSearches looks for the visitor in the logs and their youngest rotated files.
func logSearches(b *evidence.Bundle, ask Ask) []evidence.Item {
	words := ask.words()
	if len(words) == 0 {
		return nil
	}
	var files []evidence.Match
	for _, f := range presentLogs(b) {
		for _, m := range b.Get(logGlob(f)).Matches {
			// "auth.log.1", "secure-20261115", "messages.0"; not "syslog-ng", a directory
			rest := strings.TrimPrefix(m.Path, f)
			if m.Meta.Type == "file" && (rest == "" || strings.ContainsAny(rest, "0123456789")) {
				files = append(files, m)
			}
		}
	}
	slices.SortStableFunc(files, func(x, y evidence.Match) int { return cmp.Compare(y.Meta.MTime, x.Meta.MTime) })
	var items []evidence.Item
	for _, m := range files[:min(len(files), maxSearched)] {
		if it, ok := logSearch(m.Path, words[0]); ok { // the address, where it is known: every attempt names it
			items = append(items, it)
		}
	}
	return items
}

// readLogFiles adds what the files say.
func (j *Journal) readLogFiles(b *evidence.Bundle, ask Ask) {
	var files Journal
	files.readTails(b, ask)
	if !j.speaks() && files.speaks() {
		j.Origin, j.Entries = files.Origin, files.Entries
	}
	j.addEarlier(append(files.Entries, files.Earlier...), ask)
	for _, it := range logSearches(b, ask) {
		r := b.Get(it)
		if r.Status == evidence.Skipped {
			continue
		}
		file := it.Args[len(it.Args)-1]
		if j.Search.Status == evidence.Skipped || j.Search.Known() {
			j.Search = ran(it, r, anyExit)
			j.Search.Source = file
		}
		j.addEarlier(syslogEntries(b, file, r.Data), ask)
	}
	if !j.Origin.Known() && files.Origin.Status != evidence.Skipped && j.Origin.Status != evidence.Denied {
		j.Origin = files.Origin
	}
}

// readTails reads the ends of the log files: what was written since boot becomes
// the entries, and what is older and about the visitor the earlier lines.
func (j *Journal) readTails(b *evidence.Bundle, ask Ask) {
	j.Origin = Origin{Status: evidence.Skipped, Reason: "not looked at", Source: "/var/log"}
	if b.Has(logGlob(logFiles[0])) {
		j.Origin = Origin{Status: evidence.Absent, Reason: "no log is kept", Source: "/var/log"}
	}
	boot := int64(0)
	if up := parseSystem(b).Uptime; up > 0 && !b.Taken.IsZero() {
		boot = b.Taken.Unix() - int64(up) - 1
	}
	if own, o := svEntries(b); len(own) > 0 {
		j.Origin = o
		j.takeSince(boot, own, ask)
		return
	}
	for _, f := range presentLogs(b) {
		r := b.Get(logTail(f))
		o := ran(logTail(f), r, exitZero)
		o.Source = f
		if !o.Known() {
			if strings.Contains(o.Reason, "ermission denied") {
				o.Status = evidence.Denied
			}
			if !j.Origin.Known() {
				j.Origin = o
			}
			continue
		}
		found := syslogEntries(b, f, r.Data)
		if !slices.ContainsFunc(found, Entry.SSH) {
			if !j.Origin.Known() {
				j.Origin = o
			}
			continue
		}
		j.Origin = o
		j.takeSince(boot, found, ask)
		return
	}
}

// takeSince takes the lines written since boot as the entries, and those about the
// visitor that are older as earlier ones.
func (j *Journal) takeSince(boot int64, found []Entry, ask Ask) {
	for _, e := range found {
		if e.Time == 0 || e.Time >= boot {
			j.Entries = append(j.Entries, e)
		}
	}
	j.addEarlier(found, ask)
}

// svEntries reads the log that runit keeps of the service itself: what sshd -e
// writes, each line behind svlogd's time, "2026-11-21_13:29:25.27698 text" (in UTC).
func svEntries(b *evidence.Bundle) (out []Entry, o Origin) {
	s := parseScript(b)
	if s.Dir == "" {
		return nil, o
	}
	for _, it := range []evidence.Item{svLog("/var/log/runit/", s), svLog("/var/log/", s)} {
		r := b.Get(it)
		if !r.OK() {
			continue
		}
		o = originOf(it, r)
		name := "sshd"
		if s.Name == "dropbear" {
			name = s.Name
		}
		for i, line := range lines(r.Data) {
			stamp, text, _ := strings.Cut(line, " ")
			e := Entry{Identifier: name, Message: text, Time: syslogTime(stamp, b.Taken.UTC()),
				Quote: Quote{Source: it.Path, Line: i + 1, Text: clip(line)}}
			if e.Time > 0 && text != "" {
				out = append(out, e)
			}
		}
	}
	return out, o
}

// syslogEntries are the lines of a log file that SSH servers wrote, or systemd
// about their units.
func syslogEntries(b *evidence.Bundle, file string, data []byte) []Entry {
	zone := zoneOf(firstLine(b.Get(itemZone).Data))
	var out []Entry
	for _, line := range lines(data) {
		e, ok := parseSyslog(line, b.Taken.In(zone))
		if ok && (e.SSH() || e.Unit != "") {
			e.Quote = Quote{Source: file, Text: clip(line)}
			out = append(out, e)
		}
	}
	return out
}

// zoneOf reads what `date +%z` prints, "+0100"; UTC where it is something else.
func zoneOf(s string) *time.Location {
	t, err := time.Parse("-0700", s)
	if err != nil {
		return time.UTC
	}
	_, offset := t.Zone()
	return time.FixedZone(s, offset)
}

// maxHead is how many words may stand before the tag in a line of a log file:
// month, day, time, host and "auth.info", and svlogd's own time before them.
const maxHead = 8

// parseSyslog reads a line as syslog daemons write it:
//
//	2026-11-21T13:05:47.123456+00:00 web1 sshd-session[123]: text      rsyslog
//	Nov 21 13:05:47 web1 sshd[123]: text                               the traditional form
//	Nov 21 13:05:47 web1 auth.info sshd[123]: text                     busybox
//	2026-11-21T13:05:47.12345 auth.info: Nov 21 13:05:47 sshd[123]: …  socklog
//
// now, in the machine's zone, gives the year that the traditional form leaves out.
func parseSyslog(line string, now time.Time) (Entry, bool) {
	var e Entry
	rest := line
	for range maxHead {
		word, after, _ := strings.Cut(strings.TrimLeft(rest, " "), " ")
		if e.Time == 0 {
			e.Time = syslogTime(rest, now)
		}
		tag, isTag := strings.CutSuffix(word, ":")
		name, pid, bracket := strings.Cut(tag, "[")
		if isTag && (bracket && strings.HasSuffix(pid, "]") || knownTag(name)) {
			e.Identifier, e.Message = name, after
			e.PID, _ = strconv.Atoi(strings.TrimSuffix(pid, "]"))
			if name == "systemd" {
				e.Unit = unitIn(after)
			}
			return e, true
		}
		if after == "" {
			return e, false
		}
		rest = after
	}
	return e, false
}

func knownTag(name string) bool { return Entry{Identifier: name}.SSH() || name == "systemd" }

// unitIn is the SSH unit that a message of systemd is about.
func unitIn(message string) string {
	for _, u := range [...]string{"ssh.service", "sshd.service", "ssh.socket", "sshd.socket"} {
		if holdsWord(message, u, "abcdefghijklmnopqrstuvwxyz.@-") {
			return u
		}
	}
	return ""
}

// syslogTime reads the time at the head of a text; 0 where there is none.
func syslogTime(s string, now time.Time) int64 {
	s = strings.TrimLeft(s, " ")
	word, _, _ := strings.Cut(s, " ")
	for _, layout := range [...]string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02_15:04:05"} {
		if t, err := time.ParseInLocation(layout, word, now.Location()); err == nil { // a fraction of a second is taken too
			return t.Unix()
		}
	}
	if len(s) < len(time.Stamp) {
		return 0
	}
	t, err := time.ParseInLocation(time.Stamp, s[:len(time.Stamp)], now.Location())
	if err != nil {
		return 0
	}
	t = t.AddDate(now.Year(), 0, 0)
	if t.After(now.AddDate(0, 0, 1)) { // last December, read in January
		t = t.AddDate(-1, 0, 0)
	}
	return t.Unix()
}
