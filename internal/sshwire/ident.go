package sshwire

import (
	"bytes"
	"strings"
)

// Ident is what a peer said up to and with its identification string.
type Ident struct {
	Line     string   // the identification string without line end; empty if none came
	Protocol string   // "2.0", "1.99", "1.5"
	Software string   // "OpenSSH_9.2p1"
	Comment  string   // "Debian-2+deb12u10"
	Before   []string // the first lines before it
	Raw      []byte   // the first bytes of the connection
	Bytes    int      // how many bytes came until the string was complete or reading failed
}

// SSH2 reports whether the peer speaks protocol 2. RFC 4253 section 5.1: 1.99
// means "both 1 and 2".
func (id Ident) SSH2() bool { return id.Protocol == "2.0" || id.Protocol == "1.99" }

// ReadIdent reads lines until the identification string. What came so far is
// returned with every error.
func (r *Reader) ReadIdent() (Ident, error) {
	var id Ident
	for range maxLines {
		line, err := r.readLine(&id)
		if err != nil {
			if len(line) > 0 && len(id.Before) < keptLines {
				id.Before = append(id.Before, clip(line))
			}
			return id, err
		}
		if !bytes.HasPrefix(line, []byte("SSH-")) {
			if bytes.ContainsRune(line, 0) {
				return id, ErrNotText
			}
			if len(id.Before) < keptLines {
				id.Before = append(id.Before, clip(line))
			}
			continue
		}
		id.Line = string(line)
		return id, id.split()
	}
	return id, ErrTooManyLines
}

// readLine reads up to LF and drops CR LF; the line may not exceed maxLine.
func (r *Reader) readLine(id *Ident) ([]byte, error) {
	var line []byte
	for {
		b, err := r.buf.ReadByte()
		if err != nil {
			return line, err
		}
		id.Bytes++
		if len(id.Raw) < keptRaw {
			id.Raw = append(id.Raw, b)
		}
		if b == '\n' {
			return bytes.TrimSuffix(line, []byte("\r")), nil
		}
		if len(line) >= maxLine {
			return line, ErrLineTooLong
		}
		line = append(line, b)
	}
}

// split takes SSH-protoversion-softwareversion SP comments apart.
func (id *Ident) split() error {
	rest := strings.TrimPrefix(id.Line, "SSH-")
	proto, rest, ok := strings.Cut(rest, "-")
	if !ok || proto == "" || strings.Trim(proto, "0123456789.") != "" {
		return ErrBadIdent
	}
	id.Protocol = proto
	id.Software, id.Comment, _ = strings.Cut(rest, " ")
	return nil
}

func clip(line []byte) string { return string(line[:min(len(line), keptLine)]) }
