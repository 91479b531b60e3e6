package script

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"sshwhy/internal/evidence"
	"sshwhy/internal/evidence/shell"
)

// Limits of a text that is parsed.
const (
	maxText  = 64 << 20
	maxLine  = 1 << 16
	maxLines = 1 << 18  // of data, in one output: 15 MB before unpacking
	maxBlock = 16 << 20 // an item after unpacking
	maxAll   = 64 << 20 // all items of an output together
)

// The lines of the output. Something else, a prompt, may stand before each.
var (
	beginLine = regexp.MustCompile(`=sshwhy= begin 1 ([0-9a-f]{12})$`)
	withLine  = regexp.MustCompile(`=sshwhy= with ([bh]) (gzip|cat) ?(\d*) ?(\d*)$`)
	endLine   = regexp.MustCompile(`=sshwhy= end (\d{1,6})$`)
	dataLine  = regexp.MustCompile(`=(\d{1,6})\.(\d{1,7})= ([A-Za-z0-9+/=]+)$`)
	sumLine   = regexp.MustCompile(`=(\d{1,6})\.= (\d{1,7}) (\d{1,10}|-)$`)
	bareLine  = regexp.MustCompile(`^[A-Za-z0-9+/=]+$`)
	// what a terminal was told, not shown: colours, window titles, bracketed paste
	escapes = regexp.MustCompile("\x1b(?:\\[[0-9;?]*[A-Za-z]|\\][^\x07\x1b]*(?:\x07|\x1b\\\\))")
)

// block is the lines of one item, as far as they came.
type block struct {
	lines map[int]string
	count int    // how many there should be; -1: not known
	sum   string // POSIX checksum of the lines; "-": not known
}

// run is one output of a script.
type run struct {
	nonce, uid, date string
	hex, zipped      bool
	blocks           map[int]*block
	items            int // -1: its end was not seen
	lines            int
	room             int // bytes that may still be unpacked
}

// Parse reads the output back from whatever it was copied with. An error says
// that it cannot be used at all: half of a machine is no machine. Where the text
// holds several outputs, the last whole one counts.
func Parse(r io.Reader) (*evidence.Bundle, error) {
	limited := &io.LimitedReader{R: r, N: maxText + 1}
	whole, found, err := scan(limited)
	if limited.N <= 0 {
		return nil, ErrTooBig
	}
	if err != nil {
		return nil, err
	}
	switch {
	case !found:
		return nil, ErrForeign
	case whole == nil:
		return nil, ErrCut
	}
	return whole.bundle()
}

// scan gives the last whole output, and whether there was any. It holds two at most.
func scan(in io.Reader) (whole *run, found bool, err error) {
	var now *run
	var open *openLine
	lines := bufio.NewReaderSize(in, maxLine)
	for {
		text, err := lines.ReadSlice('\n')
		for err == bufio.ErrBufferFull { // too long to be ours
			_, err = lines.ReadSlice('\n')
			text = nil
		}
		if err != nil && err != io.EOF {
			return nil, found, err
		}
		if bytes.IndexByte(text, '\x1b') >= 0 {
			text = escapes.ReplaceAll(text, nil)
		}
		line := string(bytes.TrimRight(text, " \t\r\n"))
		if m := beginLine.FindStringSubmatch(line); m != nil {
			now, found = &run{nonce: m[1], zipped: true, items: -1, blocks: map[int]*block{}, room: maxAll}, true
			open = nil
		} else if now != nil {
			open = now.line(line, open)
			if now.lines > maxLines {
				return nil, found, ErrTooBig
			}
			if now.items >= 0 {
				whole = now
			}
		}
		if err == io.EOF {
			return whole, found, nil
		}
	}
}

// openLine is a line of data that may go on: the console wrapped it.
type openLine struct {
	block  *block
	number int
}

func (r *run) line(line string, open *openLine) *openLine {
	if !strings.Contains(line, "= ") {
		return r.goOn(line, open)
	}
	if m := dataLine.FindStringSubmatch(line); m != nil {
		b := r.block(m[1])
		r.lines++
		number, _ := strconv.Atoi(m[2]) // digits, and few
		b.lines[number] = m[3]
		return &openLine{b, number}
	}
	if m := sumLine.FindStringSubmatch(line); m != nil {
		b := r.block(m[1])
		b.count, _ = strconv.Atoi(m[2])
		b.sum = m[3]
		return nil
	}
	if m := withLine.FindStringSubmatch(line); m != nil {
		r.hex, r.zipped, r.uid, r.date = m[1] == "h", m[2] == "gzip", m[3], m[4]
		return nil
	}
	if m := endLine.FindStringSubmatch(line); m != nil {
		r.items, _ = strconv.Atoi(m[1])
		return nil
	}
	return nil
}

// goOn takes a line without a mark for the rest of the one before, where that
// was too short and this one fits.
func (r *run) goOn(line string, open *openLine) *openLine {
	if open != nil && bareLine.MatchString(line) {
		if whole := open.block.lines[open.number] + line; len(whole) <= width {
			open.block.lines[open.number] = whole
			return open
		}
	}
	return nil
}

func (r *run) block(number string) *block {
	n, _ := strconv.Atoi(number) // digits, and few
	if r.blocks[n] == nil {
		r.blocks[n] = &block{lines: map[int]string{}, count: -1, sum: "-"}
	}
	return r.blocks[n]
}

// bundle unpacks the blocks. Block 0 is the list of all items: by it a damaged
// one is known for what it was.
func (r *run) bundle() (*evidence.Bundle, error) {
	b := evidence.NewBundle()
	b.Way, b.Taken = "script", taken(r.date)
	if uid, err := strconv.Atoi(r.uid); err == nil {
		b.UID = uid
	}
	names := map[int]string{}
	if index, reason := r.unpack(0); reason == "" {
		tool, rest, _ := strings.Cut(string(index), "\n")
		b.Tool = tool
		for line := range strings.SplitSeq(rest, "\n") {
			number, key, _ := strings.Cut(line, " ")
			if n, err := strconv.Atoi(number); err == nil {
				names[n] = key
			}
		}
	}
	if r.items > evidence.MaxItems {
		return nil, fmt.Errorf("the output claims to hold %d items, more than %d", r.items, evidence.MaxItems)
	}
	for n := 1; n <= r.items; n++ {
		data, reason := r.unpack(n)
		key := names[n]
		result := evidence.Result{Status: evidence.Failed, Reason: reason, Exit: -1}
		if reason == "" {
			key, result = r.item(data)
		}
		if key == "" {
			return nil, fmt.Errorf("the output is damaged: %s (block %d), and what it was is lost too: copy it again", result.Reason, n)
		}
		if !b.HasKey(key) || b.Lookup(key).Status == evidence.Failed {
			b.PutKey(key, result)
		}
	}
	b.Settle()
	return b, nil
}

// outOfRoom is the reason of every item behind the one that went beyond maxAll.
var outOfRoom = fmt.Sprintf("left out: the output unpacks to more than %d MB", maxAll>>20)

// unpack gives the content of a block, or the reason why there is none.
func (r *run) unpack(n int) (data []byte, reason string) {
	b := r.blocks[n]
	if b == nil {
		return nil, "all its lines are missing from the copied text"
	}
	if b.count < 0 {
		b.count = slices.Max(append(slices.Collect(maps.Keys(b.lines)), 0)) + 1 // the last line is missing at least
	}
	var text, whole strings.Builder
	for i := 1; i <= b.count; i++ {
		line, ok := b.lines[i]
		if !ok {
			return nil, fmt.Sprintf("line %d of %d is missing from the copied text", i, b.count)
		}
		text.WriteString(line)
		whole.WriteString(line + "\n")
	}
	if b.count == 0 {
		whole.WriteString("\n")
	}
	if b.sum != "-" && b.sum != strconv.FormatUint(uint64(cksum(whole.String())), 10) {
		return nil, "its lines were changed in the copied text: the checksum does not fit"
	}
	if r.room <= 0 {
		return nil, outOfRoom
	}
	data, err := r.decode(text.String())
	r.room -= len(data)
	if r.room < 0 {
		return nil, outOfRoom
	}
	if err != nil {
		return nil, "its lines were changed in the copied text: " + err.Error()
	}
	return data, ""
}

func (r *run) decode(text string) ([]byte, error) {
	read := base64.StdEncoding.DecodeString
	if r.hex {
		read = hex.DecodeString
	}
	data, err := read(text)
	if err != nil || !r.zipped {
		return data, err
	}
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	data, err = io.ReadAll(io.LimitReader(z, int64(min(maxBlock, r.room))+1))
	if err == nil && len(data) > maxBlock {
		err = fmt.Errorf("it unpacks to more than %d MB", maxBlock>>20)
	}
	return data, err
}

// item reads one unpacked block: the cap, the key, and the frames with their
// contents as they were, which a line with the nonce parts.
func (r *run) item(data []byte) (key string, result evidence.Result) {
	head, frames, found := bytes.Cut(data, []byte("\x00"))
	limit, key, _ := strings.Cut(string(head), "\n")
	most, err := strconv.Atoi(limit)
	kind, user, _ := evidence.CutKey(key)
	if !found || err != nil || key == "" {
		return key, evidence.Result{Status: evidence.Failed, Reason: "the answer is damaged: its name is missing", Exit: -1}
	}
	answers := shell.Frames(r.nonce, frames)
	if len(answers) == 0 && user != "" {
		return key, evidence.Result{Status: evidence.Failed, Reason: "could not look as " + user + ": no answer came", Exit: -1}
	}
	var sections []shell.Section
	if len(answers) > 0 {
		sections = answers[0].Sections
	}
	return key, shell.Decode(kind, max(0, most-1), sections, true)
}

// cksum is the checksum of cksum(1), as POSIX defines it.
func cksum(text string) uint32 {
	var crc uint32
	step := func(c byte) {
		crc ^= uint32(c) << 24
		for range 8 {
			if crc&(1<<31) != 0 {
				crc = crc<<1 ^ 0x04c11db7
			} else {
				crc <<= 1
			}
		}
	}
	for i := range len(text) {
		step(text[i])
	}
	for n := len(text); n > 0; n >>= 8 {
		step(byte(n))
	}
	return ^crc
}
