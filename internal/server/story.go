package server

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"sshwhy/internal/facts"
	"sshwhy/internal/report"
)

// What the log says of the visitor: which connections were theirs, and which of
// its lines bear out a finding or name a fault that no setting shows.

// attempts returns the lines of the visitor's connections, oldest first: those
// that name the address and account asked about, and what else the same process
// wrote of the same connection. Nothing where no visitor was asked about.
func (v *view) attempts() []facts.Entry {
	ask := v.q.ask()
	all := slices.Concat(v.Journal.Earlier, v.Journal.Entries)
	listener := v.listenerPIDs()
	type connection struct{ client, user, other bool }
	byPID := map[int]connection{}
	for _, e := range all {
		c := byPID[e.PID]
		c.client = c.client || e.NamesClient(ask)
		c.user = c.user || e.NamesUser(ask)
		c.other = c.other || strings.Contains(e.Message, " user ") || strings.Contains(e.Message, " for ")
		byPID[e.PID] = c
	}
	mine := func(c connection) bool {
		return (c.client || !v.q.Client.IsValid()) && (c.user || v.q.User == "" || v.q.Client.IsValid() && !c.other) && (c.client || c.user)
	}
	var out []facts.Entry
	for _, e := range all {
		c := byPID[e.PID]
		if e.PID == 0 || slices.Contains(listener, e.PID) { // one process, all connections
			c = connection{e.NamesClient(ask), e.NamesUser(ask), strings.Contains(e.Message, " user ")}
		}
		if e.SSH() && mine(c) {
			out = append(out, e)
		}
	}
	return out
}

// lastConnection are the lines of the newest connection: those at the end that
// one process wrote.
func lastConnection(lines []facts.Entry) []facts.Entry {
	if len(lines) == 0 {
		return nil
	}
	pid := lines[len(lines)-1].PID
	return slices.DeleteFunc(slices.Clone(lines), func(e facts.Entry) bool { return e.PID != pid })
}

// visitor names who was asked about.
func (v *view) visitor() string {
	switch {
	case v.q.User == "":
		return v.q.Client.Unmap().String()
	case v.q.Client.IsValid():
		return v.q.User + " from " + v.q.Client.Unmap().String()
	}
	return v.q.User
}

// ago says how long before the look a time was, " (3 hours ago)"; "" where one
// of the two is not known.
func (v *view) ago(at int64) string {
	d := v.taken - at
	for _, u := range [...]struct {
		seconds int64
		name    string
	}{{86400, "days"}, {3600, "hours"}, {60, "minutes"}} {
		if at > 0 && d >= 2*u.seconds {
			return fmt.Sprintf(" (%d %s ago)", d/u.seconds, u.name)
		}
	}
	return ""
}

// when is a time of day, with the date where it was not on the day of the look.
func (v *view) when(at int64) string {
	t := time.Unix(at, 0).UTC()
	if t.Format(time.DateOnly) == time.Unix(v.taken, 0).UTC().Format(time.DateOnly) {
		return t.Format("at 15:04 UTC")
	}
	return t.Format("on 2006-01-02 at 15:04 UTC")
}

// meant are the endings in words, for the timeline.
var meant = map[ending]string{
	letIn: "let in", refused: "refused", turnedAway: "turned away: nothing that it offered was taken", untold: "came, and left or was cut off before a login",
}

// timeline is what the log tells of the visitor's tries, oldest first, and between
// them of the starts and reloads of the server that they met.
func (v *view) timeline() []report.Event {
	if v.q.User == "" && !v.q.Client.IsValid() {
		return nil
	}
	type event struct {
		facts.Entry
		meaning string
	}
	var all []event
	for _, t := range v.tries() {
		all = append(all, event{t.word, meant[t.end]})
	}
	if len(all) == 0 {
		return nil
	}
	started := int64(0)
	for _, e := range v.Journal.Entries {
		switch {
		case strings.HasPrefix(e.Message, "Server listening on ") && e.Time != started: // one line for each address
			all, started = append(all, event{e, "the server began to listen"}), e.Time
		case strings.HasPrefix(e.Message, "Received SIGHUP"):
			all = append(all, event{e, "the server read its configuration anew"})
		}
	}
	slices.SortStableFunc(all, func(a, b event) int { return cmp.Compare(a.Time, b.Time) })
	var out []report.Event
	for _, e := range all {
		if e.Time > 0 {
			out = append(out, report.Event{At: time.Unix(e.Time, 0).UTC().Format(time.RFC3339), Source: e.Quote.Source, Excerpt: e.Message, Meaning: e.meaning})
		}
	}
	return out
}
