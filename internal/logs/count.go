package logs

import (
	"bytes"
	"slices"

	"sshwhy/internal/sshlog"
)

// count reads the lines of a chunk. What must be put in order goes into the
// result; addresses and users go straight to the worker's own tallies.
func (s *summer) count(data []byte, own *counts) *counts {
	c := &counts{data: data, bytes: int64(len(data)), causes: causeTable{}, seen: own.seen, addrs: own.addrs, users: own.users}
	clear(c.seen)
	if s.opt.Client.IsValid() {
		c.client = &clientTally{causes: causeTable{}}
	}
	w := &lineWorker{s: s, c: c, client: []byte(s.opt.Client.String())}
	if !s.opt.Client.IsValid() {
		w.client = nil
	}
	for len(data) > 0 {
		line := data
		if i := bytes.IndexByte(data, '\n'); i >= 0 {
			line, data = data[:i], data[i+1:]
		} else {
			data = nil
		}
		c.lines++
		if n := len(line); n > 0 && line[n-1] == '\r' {
			line = line[:n-1]
		}
		if s.format == logJSON {
			line = journalFields(line)
		}
		if len(line) > 20 {
			w.line(line)
		}
	}
	return c
}

// A lineWorker reads the lines of one chunk.
type lineWorker struct {
	s      *summer
	c      *counts
	client []byte
	stamp  [13]byte // the hour's part of the last time stamp
	hour   logHour
}

func (w *lineWorker) line(line []byte) {
	stamp, pid, msg := daemonMessage(line)
	if msg == nil {
		return
	}
	c := w.c
	c.server++
	if n := len(msg); n > 0 && msg[n-1] == ' ' {
		msg = bytes.TrimRight(msg, " ")
	}
	ev, known := fast(msg)
	if !known {
		ev = w.slow(msg)
	}
	ev.pid = pid
	mine := w.client != nil && bytes.Contains(msg, w.client)
	if mine {
		mine = w.isClient(msg)
	}
	if ev.times == 0 && !mine {
		return
	}
	when := line[:min(stamp, len(line))]
	if c.first == nil {
		c.first = bytes.Clone(when)
	}
	c.last = when
	w.tally(&ev, when, line, mine)
}

// isClient makes sure that the client's address stands by itself: 192.0.2.1 is
// not in 192.0.2.10.
func (w *lineWorker) isClient(msg []byte) bool {
	for at := 0; ; {
		i := bytes.Index(msg[at:], w.client)
		if i < 0 {
			return false
		}
		i += at
		end := i + len(w.client)
		if (i == 0 || !addressByte(msg[i-1])) && (end == len(msg) || !addressByte(msg[end])) {
			return true
		}
		at = i + 1
	}
}

func addressByte(b byte) bool {
	return b >= '0' && b <= '9' || b >= 'a' && b <= 'f' || b == '.' || b == ':'
}

// tally counts an event.
func (w *lineWorker) tally(ev *logEvent, when, line []byte, mine bool) {
	c := w.c
	slot := &c.seen[ev.pid&(pidSlots-1)]
	known := ev.pid != 0 && slot.pid == ev.pid
	if mine {
		c.client.see(ev, c.lines, when, line, ev.end && known)
	}
	switch {
	case ev.times == 0, ev.end && known:
		return
	case ev.cause == logSuccess:
		c.accepted += int64(ev.times)
		return
	}
	slot.pid = ev.pid
	n := int64(ev.times)
	note(&c.causes, ev.cause, n, c.lines, when, line)
	if len(ev.addr) > 0 {
		c.addrs.add(ev.addr, n)
	}
	if len(ev.user) > 0 {
		c.users.add(ev.user, n)
	}
	hour := w.hourOf(line)
	if k := len(c.hours); k > 0 && c.hours[k-1].hour == hour {
		c.hours[k-1].n += n
	} else if len(c.hours) < maxHours {
		c.hours = append(c.hours, hourCount{hour, n})
	}
}

// hourOf is hourOf with the last answer remembered: lines come in order.
func (w *lineWorker) hourOf(line []byte) logHour {
	line = line[dateAt(line):]
	if len(line) < len(w.stamp) {
		return 0
	}
	n := len(w.stamp)
	if line[3] == ' ' {
		n = 9
	}
	if w.hour != 0 && bytes.Equal(line[:n], w.stamp[:n]) {
		return w.hour
	}
	copy(w.stamp[:], line)
	w.hour = hourOf(line)
	return w.hour
}

// note counts one event of a cause. The example is the latest line; the slices
// are kept as they are and copied when the chunk is merged.
func note(m *causeTable, cause int, n, lineNo int64, when, line []byte) {
	t := m.at(cause)
	if t == nil {
		t = m.put(cause, &causeTally{first: when})
	}
	t.n += n
	t.last, t.example, t.line = when, line, lineNo
}

func (t *clientTally) see(ev *logEvent, lineNo int64, when, line []byte, again bool) {
	if len(t.last) == clientLines {
		t.last = slices.Delete(t.last, 0, 1)
	}
	t.last = append(t.last, ClientLine{Line: lineNo, Text: sshlog.Quote(string(line))})
	switch {
	case ev.times == 0 || again:
	case ev.cause == logSuccess:
		t.accepted += int64(ev.times)
		t.attempts += int64(ev.times)
	default:
		t.attempts += int64(ev.times)
		note(&t.causes, ev.cause, int64(ev.times), lineNo, bytes.Clone(when), bytes.Clone(line))
	}
}

// slow looks a message up in the whole catalogue.
func (w *lineWorker) slow(msg []byte) logEvent {
	l := sshlog.Clean(string(msg[:min(len(msg), sshlog.MaxLine)]))
	hits := w.s.cat.Find(l.Text)
	if len(hits) == 0 {
		w.c.unread++
		return logEvent{}
	}
	for i := range hits {
		h := &hits[i]
		if h.Row.Kind != sshlog.Root && h.Row.Kind != sshlog.End || len(h.Row.Causes) == 0 || h.Row.Table == sshlog.Generic {
			continue
		}
		ev := logEvent{times: 1, cause: causeIndex(serverCause(h)), end: h.Row.Kind == sshlog.End}
		for _, c := range h.Captures {
			switch c.Name {
			case "addr", "ip":
				ev.addr = []byte(c.Value)
			case "user":
				ev.user = []byte(c.Value)
			}
		}
		return ev
	}
	return logEvent{}
}

// serverCause is the first cause of a message in a server's log.
func serverCause(h *sshlog.Hit) string {
	if id := h.Row.Causes[0].Cause; id != sshlog.AtConfig {
		return id
	}
	return "sshd-config-invalid"
}
