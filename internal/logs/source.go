package logs

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// logFormat is how a log is written.
type logFormat int

const (
	logText       logFormat = iota // syslog, journalctl -o short and its kin
	logJSON                        // journalctl -o json
	logCompressed                  // text that was compressed: an early end is an error
)

// maxWindow bounds the memory that a compressed log may ask for: zstd's own
// default limit for streams (RFC 8878 3.1.1.1.2 recommends 8 MB).
const maxWindow = 8 << 20

// ErrXZ is returned for a log that xz compressed, which is not read here.
var ErrXZ = errors.New("this text was compressed by xz, which is not read here")

// isXZ knows xz by its magic number (the .xz file format, 2.1.1.1).
func isXZ(head []byte) bool { return bytes.HasPrefix(head, []byte{0xfd, '7', 'z', 'X', 'Z', 0}) }

// openLog looks at the beginning of a log and returns its text. done releases
// what was opened for it.
func openLog(r io.Reader) (src io.Reader, format logFormat, done func(), err error) {
	done = func() {}
	br := bufio.NewReaderSize(r, 64<<10)
	head, err := br.Peek(6)
	if err != nil && err != io.EOF {
		return nil, 0, done, err
	}
	var in io.Reader = br
	format = logText
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		z, err := gzip.NewReader(br)
		if err != nil {
			return nil, 0, done, fmt.Errorf("gzip: %w", err)
		}
		in, format, done = z, logCompressed, func() { z.Close() }
	case bytes.HasPrefix(head, []byte("BZh")):
		in, format = bzip2.NewReader(br), logCompressed
	case isXZ(head):
		return nil, 0, done, ErrXZ
	case bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		z, err := zstd.NewReader(br, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, 0, done, fmt.Errorf("zstd: %w", err)
		}
		in, format, done = z, logCompressed, z.Close
	}
	tr := br
	if format == logCompressed {
		tr = bufio.NewReaderSize(in, 64<<10)
	}
	head, err = tr.Peek(4096)
	if err != nil && len(head) == 0 && err != io.EOF {
		done()
		return nil, 0, func() {}, err
	}
	switch {
	case bytes.HasPrefix(head, []byte("{")) && bytes.Contains(head, []byte(`"MESSAGE"`)):
		return tr, logJSON, done, nil
	case bytes.HasPrefix(head, []byte("__CURSOR=")):
		return newExportReader(tr), format, done, nil
	}
	return tr, format, done, nil
}

// exportReader turns journalctl -o export (systemd.io/JOURNAL_EXPORT_FORMATS)
// into lines as syslog has them. Binary fields are skipped.
type exportReader struct {
	r   *bufio.Reader
	out []byte
	err error
}

func newExportReader(r *bufio.Reader) *exportReader { return &exportReader{r: r} }

func (e *exportReader) Read(p []byte) (int, error) {
	for len(e.out) == 0 && e.err == nil {
		e.out, e.err = e.entry()
	}
	if len(e.out) == 0 {
		return 0, e.err
	}
	n := copy(p, e.out)
	e.out = e.out[n:]
	return n, nil
}

// entry reads one entry: fields up to an empty line.
func (e *exportReader) entry() ([]byte, error) {
	var msg, ident, pid, when string
	for {
		line, err := e.r.ReadSlice('\n')
		if err == bufio.ErrBufferFull { // a field longer than any message
			for err == bufio.ErrBufferFull {
				_, err = e.r.ReadSlice('\n')
			}
			line = nil
		}
		last := len(bytes.TrimSpace(line)) == 0
		key, value, ok := bytes.Cut(bytes.TrimRight(line, "\n"), []byte("="))
		if !ok && !last && err == nil {
			err = e.binary()
		}
		switch string(key) {
		case "MESSAGE":
			msg = string(value)
		case "SYSLOG_IDENTIFIER":
			ident = string(value)
		case "_PID":
			pid = string(value)
		case "__REALTIME_TIMESTAMP":
			when = string(value)
		}
		if last || err != nil {
			var out []byte
			if msg != "" {
				out = []byte(unixStamp(when) + " " + ident + "[" + pid + "]: " + msg + "\n")
			}
			return out, err
		}
	}
}

// binary skips a field's value: its length in eight bytes, little endian, the
// value, a newline.
func (e *exportReader) binary() error {
	var size [8]byte
	if _, err := io.ReadFull(e.r, size[:]); err != nil {
		return err
	}
	var n uint64
	for i := 7; i >= 0; i-- {
		n = n<<8 | uint64(size[i])
	}
	const largest = 64 << 20
	if n > largest {
		return fmt.Errorf("journal export: a field of %d bytes", n)
	}
	_, err := io.CopyN(io.Discard, e.r, int64(n)+1)
	return err
}

// journalFields reads a line of journalctl -o json into a line as syslog would
// have it, so that both go the same way.
func journalFields(line []byte) []byte {
	var e struct {
		Message any    `json:"MESSAGE"`
		Ident   string `json:"SYSLOG_IDENTIFIER"`
		Pid     string `json:"_PID"`
		Time    string `json:"__REALTIME_TIMESTAMP"`
	}
	if json.Unmarshal(line, &e) != nil {
		return nil
	}
	msg, ok := e.Message.(string)
	if !ok {
		return nil
	}
	return []byte(unixStamp(e.Time) + " " + e.Ident + "[" + e.Pid + "]: " + strings.ReplaceAll(msg, "\n", " "))
}
