package logs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"sync"

	"sshwhy/internal/sshlog"
)

// Options is what the asker says beside the log.
type Options struct {
	Client  netip.Addr // --client: the visitor the question is about; zero: nobody in particular
	Version string     // of the tool, for the report
	Source  string     // what the evidence names as its source: a file name; "" means pasted text
}

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
	// shards is how many workers share a log, each every fourth chunk: a fixed
	// number, so that the same log gives the same figures on every machine also where
	// there are more addresses than can be counted one by one.
	shards   = 4
	maxHours = 1 << 16
)

// Summarize reads a log of any size and counts what it says: by cause, by
// address, by user, over time, and what it says of opt.Client. It reads gzip,
// zstd, journalctl -o json and -o export as well, and uses a fixed amount of
// memory. It fails where reading does; what was read until then is returned too.
func Summarize(r io.Reader, opt Options) (*Summary, error) {
	cat, err := sshlog.Load()
	if err != nil {
		return nil, fmt.Errorf("the tables of messages: %w", err)
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
	cat    *sshlog.Messages
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
	work := [shards]chan chunk{}
	order := make(chan chan *counts, shards)
	free := make(chan []byte, shards+2)
	s.total, s.hours = *newCounts(), map[logHour]int64{}

	var wg sync.WaitGroup
	tallies := [shards]*counts{} // what does not depend on order stays with the worker
	for i := range shards {
		tallies[i], work[i] = newCounts(), make(chan chunk, 1)
		wg.Add(1)
		go func() {
			defer wg.Done()
			for c := range work[i] {
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
	err := s.feed(src, work[:], order, free)
	for _, w := range work {
		close(w)
	}
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
func (s *summer) feed(src io.Reader, work []chan chunk, order chan<- chan *counts, free <-chan []byte) error {
	var rest []byte
	for n := 0; ; n++ {
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
			work[n%shards] <- c
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
