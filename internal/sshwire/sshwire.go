// Package sshwire reads the part of the SSH protocol that travels unencrypted:
// the identification string of RFC 4253 section 4.2 and the plain packets
// (KEXINIT, DISCONNECT) of section 6, from peers that may be anything but an
// SSH server.
//
// It bounds memory by constants and trusts no length that a peer announces. It
// does not bound time: the caller sets an absolute deadline on the connection.
// It must not decide what an answer means, and it never writes.
package sshwire

import (
	"bufio"
	"errors"
	"io"
)

// Limits on what a peer may make us keep.
const (
	// maxLine is the longest line before or with the identification string.
	// RFC 4253 allows 255 bytes; OpenSSH reads up to 8192 (kex.c,
	// SSH_MAX_BANNER_LEN), and a peer between the two still works with ssh.
	maxLine = 8192
	// maxLines is how many lines may come before the identification string
	// (OpenSSH: SSH_MAX_PRE_BANNER_LINES in kex.c).
	maxLines = 1024
	// keptLines and keptRaw bound what is kept of that as evidence.
	keptLines = 8
	keptLine  = 512
	keptRaw   = 1024
	// maxPacket is OpenSSH's PACKET_MAX_SIZE (packet.c): larger lengths are
	// not SSH packets.
	maxPacket = 256 * 1024
	// maxSkipped is how many IGNORE, DEBUG and other packets may stand before
	// the one that is waited for.
	maxSkipped = 32
	readBuffer = 4096
	// maxNames and maxName bound what is kept of a name-list. OpenSSH looks at the
	// first 40 names of its peer (MAX_PROP in match.c), and RFC 4251 section 6
	// allows names of 64 bytes.
	maxNames = 128
	maxName  = 256
)

// The faults of a peer that does not speak SSH. I/O errors of the connection
// are passed on as they are (io.EOF where the peer closed in an orderly way).
var (
	ErrLineTooLong  = errors.New("line longer than 8192 bytes before an SSH identification string")
	ErrTooManyLines = errors.New("no SSH identification string in the first 1024 lines")
	ErrNotText      = errors.New("binary data instead of an SSH identification string")
	ErrBadIdent     = errors.New("malformed SSH identification string")
	ErrBadPacket    = errors.New("not an SSH packet")
	ErrTooManySkips = errors.New("too many packets before the key exchange")
)

// Reader reads one connection from its first byte. Bytes that were read ahead
// stay in it: whoever goes on with the connection must read through it.
type Reader struct {
	buf *bufio.Reader
}

// NewReader returns a Reader on r.
func NewReader(r io.Reader) *Reader {
	return &Reader{buf: bufio.NewReaderSize(r, readBuffer)}
}

// Read hands out what follows the parts that were already read.
func (r *Reader) Read(p []byte) (int, error) { return r.buf.Read(p) }
