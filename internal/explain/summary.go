package explain

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"sync"

	"sshwhy/internal/report"
)

// A Summary is what a log says, counted.
type Summary struct {
	Lines    int64        `json:"lines"`
	Bytes    int64        `json:"bytes"` // uncompressed
	Server   int64        `json:"server_lines"`
	Accepted int64        `json:"accepted"` // logins that succeeded
	First    string       `json:"first"`    // time stamp of the first line of an SSH server, as written
	Last     string       `json:"last"`
	Causes   []CauseCount `json:"causes"`
	Addrs    Ranking      `json:"addresses"` // of failures
	Users    Ranking      `json:"users"`
	Hours    []int64      `json:"hours"` // failures over time, in equal parts from the first to the last
	Client   *ClientLog   `json:"client,omitempty"`
	Unread   int64        `json:"unread"` // lines of the server that no message of the catalogue fits
}

// A CauseCount is how often a log speaks of a cause.
type CauseCount struct {
	Cause   string `json:"cause"`
	Count   int64  `json:"count"`
	First   string `json:"first"`
	Last    string `json:"last"`
	Example string `json:"example"` // the last line that says so
	Line    int64  `json:"line"`
}

// A ClientLog is what a log says of one visitor.
type ClientLog struct {
	Addr     string       `json:"address"`
	Attempts int64        `json:"attempts"`
	Accepted int64        `json:"accepted"`
	Causes   []CauseCount `json:"causes"`
	Last     []ClientLine `json:"last"` // the latest lines, oldest first
}

// A ClientLine is one line about the visitor.
type ClientLine struct {
	Line int64  `json:"line"`
	Text string `json:"text"`
}

// Sizes of the streaming: what is in memory is a few chunks and the tallies.
const (
	chunkSize   = 1 << 20
	longestLine = 64 << 10 // a longer one is cut into pieces that say nothing
	topShown    = 10
	clientLines = 20
	sparkBins   = 48
	maxWorkers  = 8
	maxHours    = 1 << 16
)

// Summarize reads a log of any size and counts what it says: by cause, by
// address, by user, over time, and what it says of opt.Client. It reads gzip,
// zstd, journalctl -o json and -o export as well, and uses a fixed amount of
// memory. It fails where reading does; what was read until then is returned too.
func Summarize(r io.Reader, opt Options) (*Summary, error) {
	cat, err := load()
	if err != nil {
		return nil, fmt.Errorf("message catalogue: %w", err)
	}
	src, format, done, err := openLog(r)
	if err != nil {
		return nil, err
	}
	defer done()
	s := &summer{cat: cat, opt: opt, format: format}
	err = s.run(src)
	return s.finish(), err
}

// summer runs the counting: one reader, a few workers, and one that puts their
// results in order.
type summer struct {
	cat    *catalogue
	opt    Options
	format logFormat
	total  counts
	hours  map[logHour]int64
	year   logHour // hours of the years that have passed in a log without years
	latest logHour
	lines  int64 // lines of the chunks put together so far
}

// A chunk is a piece of a log: whole lines.
type chunk struct {
	data []byte
	out  chan *counts
}

// counts is what was found in one or more chunks.
type counts struct {
	lines, bytes, server, accepted, unread int64
	causes                                 causeTable
	addrs, users                           *tally
	hours                                  []hourCount
	first, last                            []byte // time stamps
	client                                 *clientTally
	seen                                   []pidSeen
	data                                   []byte // the chunk
}

type hourCount struct {
	hour logHour
	n    int64
}

type causeTally struct {
	n           int64
	first, last []byte
	example     []byte
	line        int64 // within the chunk, then within the log
}

// A causeTable holds the tallies by the number of the cause.
type causeTable []*causeTally

// at returns the tally of a cause, nil where there is none yet.
func (t causeTable) at(id int) *causeTally {
	if id < len(t) {
		return t[id]
	}
	return nil
}

// put makes room for a cause and returns its tally.
func (t *causeTable) put(id int, c *causeTally) *causeTally {
	for len(*t) <= id {
		*t = append(*t, nil)
	}
	(*t)[id] = c
	return c
}

type clientTally struct {
	attempts, accepted int64
	causes             causeTable
	last               []ClientLine
}

// pidSeen remembers that a process has given a reason, so that the line with
// which its connection ends is not counted as another.
type pidSeen struct{ pid int }

const pidSlots = 4096

func newCounts() *counts {
	return &counts{causes: causeTable{}, addrs: newTally(), users: newTally(), seen: make([]pidSeen, pidSlots)}
}

// run streams src through the workers. All goroutines have ended when it returns.
func (s *summer) run(src io.Reader) error {
	workers := min(runtime.GOMAXPROCS(0), maxWorkers)
	work := make(chan chunk, workers)
	order := make(chan chan *counts, workers)
	free := make(chan []byte, 2*workers+2)
	s.total, s.hours = *newCounts(), map[logHour]int64{}

	var wg sync.WaitGroup
	tallies := make([]*counts, workers) // what does not depend on order stays with the worker
	for i := range workers {
		tallies[i] = newCounts()
		wg.Add(1)
		go func() {
			defer wg.Done()
			for c := range work {
				c.out <- s.count(c.data, tallies[i])
			}
		}()
	}
	merged := make(chan struct{})
	go func() {
		defer close(merged)
		for out := range order {
			c := <-out
			s.merge(c)
			select { // only now nothing points into the chunk any more
			case free <- c.data[:0]:
			default:
			}
		}
	}()
	err := s.feed(src, work, order, free)
	close(work)
	close(order)
	wg.Wait()
	<-merged
	for _, t := range tallies {
		s.total.addrs.merge(t.addrs)
		s.total.users.merge(t.users)
	}
	return err
}

// feed cuts src into chunks at line ends and hands them out in order.
func (s *summer) feed(src io.Reader, work chan<- chunk, order chan<- chan *counts, free <-chan []byte) error {
	var rest []byte
	for {
		buf, err := fillBuffer(src, append(s.buffer(free), rest...))
		end := len(buf)
		if err == nil {
			if i := bytes.LastIndexByte(buf, '\n'); i >= 0 && end-i <= longestLine {
				end = i + 1
			}
		}
		rest = append(rest[:0], buf[end:]...)
		if end > 0 {
			c := chunk{data: buf[:end], out: make(chan *counts, 1)}
			order <- c.out
			work <- c
		}
		switch {
		case err == nil:
		case errors.Is(err, io.EOF):
			return nil
		default:
			return err
		}
	}
}

// fillBuffer reads until the buffer is full or src has no more.
func fillBuffer(src io.Reader, buf []byte) ([]byte, error) {
	for len(buf) < cap(buf) {
		n, err := src.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if err != nil {
			return buf, err
		}
	}
	return buf, nil
}

func (s *summer) buffer(free <-chan []byte) []byte {
	select {
	case b := <-free:
		return b
	default:
		return make([]byte, 0, chunkSize)
	}
}

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
	t.last = append(t.last, ClientLine{Line: lineNo, Text: clip(string(line))})
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
	l := clean(0, string(msg[:min(len(msg), maxLineSize)]))
	hits := w.s.cat.find(l.text)
	if len(hits) == 0 {
		w.c.unread++
		return logEvent{}
	}
	for i := range hits {
		h := &hits[i]
		if h.row.kind != kindRoot && h.row.kind != kindEnd || len(h.row.causes) == 0 || h.row.file == generic {
			continue
		}
		ev := logEvent{times: 1, cause: w.s.causeIndex(serverCause(h)), end: h.row.kind == kindEnd}
		for _, c := range h.caps {
			switch c.name {
			case "addr", "ip":
				ev.addr = []byte(c.value)
			case "user":
				ev.user = []byte(c.value)
			}
		}
		return ev
	}
	return logEvent{}
}

// serverCause is the first cause of a message in a server's log.
func serverCause(h *hit) string {
	if id := h.row.causes[0].cause; id != atConfig {
		return id
	}
	return "sshd-config-invalid"
}

// causeIndex is the place of a cause in logCauses, or behind it in the order of
// the catalogue's own list.
func (s *summer) causeIndex(id string) int {
	if i := slices.Index(logCauses, id); i >= 0 {
		return i
	}
	i, _ := slices.BinarySearch(s.cat.ids, id)
	return len(logCauses) + i
}

func (s *summer) causeName(i int) string {
	if i < len(logCauses) {
		return logCauses[i]
	}
	return s.cat.ids[min(i-len(logCauses), len(s.cat.ids)-1)]
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
		t.example = append(t.example[:0], c.example[:min(len(c.example), maxExcerpt)]...)
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
		out = append(out, CauseCount{Cause: s.causeName(id), Count: t.n, First: stampText(t.first), Last: stampText(t.last), Example: string(t.example), Line: t.line})
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

// Report makes the report of a summary: side text, a finding for each cause,
// most frequent first; what keeps the server from working, or the client that was
// asked about from getting in, blocks, and strangers at the door are notes.
func (s *Summary) Report(opt Options) *report.Report {
	r := &report.Report{Tool: report.Tool{Name: "sshwhy", Version: opt.Version}, Side: report.SideText}
	cat, err := load()
	if err != nil {
		r.Normalize()
		return r
	}
	source := opt.Source
	if source == "" {
		source = "text"
	}
	causes := s.Causes
	if s.Client != nil {
		causes = s.Client.Causes
		r.Target.Address = s.Client.Addr
	}
	for _, c := range causes {
		what := cat.said[c.Cause]
		f := report.Finding{Cause: c.Cause, Impact: report.Note, Certainty: report.Likely,
			Summary:  fmt.Sprintf("%s %s", fill(what.sentence, nil), times(c)),
			Evidence: []report.Evidence{{Source: source, Excerpt: c.Example, Line: int(c.Line)}},
			Remedy:   &report.Remedy{Kind: what.kind, Summary: what.advice}}
		for _, step := range [...]report.Step{what.look, what.mend} {
			if step.Do != "" {
				f.Remedy.Steps = append(f.Remedy.Steps, step)
			}
		}
		if s.Client != nil && s.Client.Accepted == 0 || what.bites == report.StageConnect {
			f.Impact = report.Blocking
		}
		r.Findings = append(r.Findings, f)
	}
	slices.SortStableFunc(r.Findings, func(a, b report.Finding) int { return a.Impact.Rank() - b.Impact.Rank() })
	r.Decide()
	s.headline(r)
	r.Normalize()
	return r
}

func times(c CauseCount) string {
	switch {
	case c.Count == 1:
		return "(once, " + c.Last + ")"
	case c.First == c.Last:
		return fmt.Sprintf("(%d times, %s)", c.Count, c.Last)
	default:
		return fmt.Sprintf("(%d times, %s to %s)", c.Count, c.First, c.Last)
	}
}

func (s *Summary) headline(r *report.Report) {
	switch {
	case s.Server == 0:
		r.Verdict = report.VerdictUnknown
		r.Headline = "This log holds no line of an SSH server."
	case s.Client != nil && s.Client.Attempts == 0:
		r.Verdict = report.VerdictUnknown
		r.Headline = fmt.Sprintf("The log has no attempt from %s: its connections end before they reach the SSH server, or come from another address.", s.Client.Addr)
	case s.Client != nil && s.Client.Accepted > 0:
		r.Headline = fmt.Sprintf("%s logged in %d times and failed %d times.", s.Client.Addr, s.Client.Accepted, s.Client.Attempts-s.Client.Accepted)
	case s.Client != nil && len(s.Client.Causes) > 0:
		r.Headline = fmt.Sprintf("%s tried %d times and never got in: %s", s.Client.Addr, s.Client.Attempts, r.Findings[0].Summary)
	case r.Verdict == report.VerdictBroken:
		r.Headline = "The server itself was in trouble: " + r.Findings[0].Summary
	default:
		var failures int64
		for _, c := range s.Causes {
			failures += c.Count
		}
		r.Headline = fmt.Sprintf("%d logins succeeded and %d attempts failed, from %d addresses.", s.Accepted, failures, s.Addrs.Kinds)
		if !s.Addrs.Exact {
			r.Headline = fmt.Sprintf("%d logins succeeded and %d attempts failed, from more than %d addresses.", s.Accepted, failures, s.Addrs.Kinds)
		}
	}
}
