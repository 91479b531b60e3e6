package logs

import (
	"bytes"
	"slices"
	"sync"

	"sshwhy/internal/catalog"
	"sshwhy/internal/sshlog"
)

// causeIDs are all causes of the catalogue, sorted.
var causeIDs = sync.OnceValue(func() []string {
	var ids []string
	for _, page := range catalog.All() {
		ids = append(ids, page.ID)
	}
	slices.Sort(ids)
	return ids
})

// causeIndex is the place of a cause in logCauses, or behind it in the order of
// the catalogue's own list.
func causeIndex(id string) int {
	if i := slices.Index(logCauses, id); i >= 0 {
		return i
	}
	i, _ := slices.BinarySearch(causeIDs(), id)
	return len(logCauses) + i
}

func causeName(i int) string {
	if i < len(logCauses) {
		return logCauses[i]
	}
	return causeIDs()[min(i-len(logCauses), len(causeIDs())-1)]
}

// merge puts the result of the next chunk behind what there is.
func (s *summer) merge(c *counts) {
	t := &s.total
	if t.first == nil {
		t.first = bytes.Clone(c.first)
	}
	if c.last != nil {
		t.last = append(t.last[:0], c.last...)
	}
	mergeCauses(&t.causes, c.causes, s.lines)
	for _, h := range c.hours {
		s.addHour(h)
	}
	if c.client != nil {
		if t.client == nil {
			t.client = &clientTally{causes: causeTable{}}
		}
		t.client.attempts += c.client.attempts
		t.client.accepted += c.client.accepted
		mergeCauses(&t.client.causes, c.client.causes, s.lines)
		for _, l := range c.client.last {
			l.Line += s.lines
			t.client.last = append(t.client.last, l)
		}
		if n := len(t.client.last); n > clientLines {
			t.client.last = slices.Delete(t.client.last, 0, n-clientLines)
		}
	}
	t.lines += c.lines
	t.bytes += c.bytes
	t.server += c.server
	t.accepted += c.accepted
	t.unread += c.unread
	s.lines += c.lines
}

func mergeCauses(dst *causeTable, src causeTable, offset int64) {
	for id, c := range src {
		if c == nil {
			continue
		}
		t := dst.at(id)
		if t == nil {
			t = dst.put(id, &causeTally{first: bytes.Clone(c.first)})
		}
		t.n += c.n
		t.last = append(t.last[:0], c.last...)
		t.example = append(t.example[:0], sshlog.Quote(string(c.example))...)
		t.line = c.line + offset
	}
}

// addHour counts failures of an hour. In a log without years a month that goes
// back by more than half a year means that another year has begun.
func (s *summer) addHour(h hourCount) {
	hour := h.hour
	if hour == 0 {
		hour = s.latest
	} else if hour >= noYear {
		hour += s.year
		if hour+hoursPerYear/2 < s.latest {
			s.year += hoursPerYear
			hour += hoursPerYear
		}
	}
	s.latest = max(s.latest, hour)
	if _, ok := s.hours[hour]; ok || len(s.hours) < maxHours {
		s.hours[hour] += h.n
	}
}

// finish makes the summary.
func (s *summer) finish() *Summary {
	t := &s.total
	out := &Summary{Lines: t.lines, Bytes: t.bytes, Server: t.server, Accepted: t.accepted, Unread: t.unread,
		First: stampText(t.first), Last: stampText(t.last), Addrs: t.addrs.rank(topShown), Users: t.users.rank(topShown),
		Causes: s.causeCounts(t.causes), Hours: spark(s.hours)}
	if s.opt.Client.IsValid() {
		out.Client = &ClientLog{Addr: s.opt.Client.String(), Causes: []CauseCount{}, Last: []ClientLine{}}
		if c := t.client; c != nil {
			out.Client.Attempts, out.Client.Accepted = c.attempts, c.accepted
			out.Client.Causes = s.causeCounts(c.causes)
			out.Client.Last = append(out.Client.Last, c.last...)
		}
	}
	return out
}

func (s *summer) causeCounts(m causeTable) []CauseCount {
	out := make([]CauseCount, 0, len(m))
	for id, t := range m {
		if t == nil {
			continue
		}
		out = append(out, CauseCount{Cause: causeName(id), Count: t.n, First: stampText(t.first), Last: stampText(t.last), Example: string(t.example), Line: t.line})
	}
	slices.SortFunc(out, func(a, b CauseCount) int {
		if a.Count != b.Count {
			return int(min(max(b.Count-a.Count, -1), 1))
		}
		if a.Cause < b.Cause {
			return -1
		}
		return 1
	})
	return out
}

// stampText is a time stamp as written, without what stands around it.
func stampText(b []byte) string {
	if i := bytes.IndexByte(b, '>'); i >= 0 && i < 6 {
		b = b[i+1:]
	}
	return string(bytes.TrimSpace(b))
}

// spark spreads the hours over equal parts from the first to the last.
func spark(hours map[logHour]int64) []int64 {
	if len(hours) == 0 {
		return []int64{}
	}
	lo, hi := logHour(1<<31-1), logHour(0)
	for h := range hours {
		lo, hi = min(lo, h), max(hi, h)
	}
	span := int64(hi-lo) + 1
	bins := make([]int64, min(span, sparkBins))
	for h, n := range hours {
		bins[int64(h-lo)*int64(len(bins))/span] += n
	}
	return bins
}
