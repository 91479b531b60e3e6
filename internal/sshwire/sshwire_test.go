package sshwire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

func TestReadIdent(t *testing.T) {
	for _, tt := range []struct {
		name, in, line, software, comment string
		before                            []string
		err                               error
	}{
		{"plain", "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u10\r\nrest", "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u10", "OpenSSH_9.2p1", "Debian-2+deb12u10", nil, nil},
		{"lf only", "SSH-1.99-x\n", "SSH-1.99-x", "x", "", nil, nil},
		{"lines before", "hello\r\nworld\nSSH-2.0-a-b c d\r\n", "SSH-2.0-a-b c d", "a-b", "c d", []string{"hello", "world"}, nil},
		{"closed", "", "", "", "", nil, io.EOF},
		{"closed after text", "Not allowed at this time\r\n", "", "", "", []string{"Not allowed at this time"}, io.EOF},
		{"closed in a line", "Exceeded MaxStartups", "", "", "", []string{"Exceeded MaxStartups"}, io.EOF},
		{"nul", "\x00\x01\x02\n", "", "", "", nil, ErrNotText},
		{"no version", "SSH-foo\n", "SSH-foo", "", "", nil, ErrBadIdent},
		{"too long", strings.Repeat("a", maxLine+10), "", "", "", []string{strings.Repeat("a", keptLine)}, ErrLineTooLong},
		{"too many", strings.Repeat("x\n", maxLines+5), "", "", "", slices.Repeat([]string{"x"}, keptLines), ErrTooManyLines},
	} {
		t.Run(tt.name, func(t *testing.T) {
			// One byte at a time: a peer that drips must read the same.
			id, err := NewReader(iotest.OneByteReader(strings.NewReader(tt.in))).ReadIdent()
			if !errors.Is(err, tt.err) || (tt.err == nil && err != nil) {
				t.Fatalf("error %v, want %v", err, tt.err)
			}
			if id.Line != tt.line || id.Software != tt.software || id.Comment != tt.comment {
				t.Errorf("got %+v", id)
			}
			if !slices.Equal(id.Before, tt.before) {
				t.Errorf("before %q, want %q", id.Before, tt.before)
			}
			if len(id.Raw) > keptRaw {
				t.Errorf("kept %d raw bytes", len(id.Raw))
			}
		})
	}
}

// packet builds an unencrypted packet with padding, as RFC 4253 section 6 says.
func packet(payload []byte) []byte {
	pad := 8 - (5+len(payload))%8
	if pad < 4 {
		pad += 8
	}
	b := binary.BigEndian.AppendUint32(nil, uint32(1+len(payload)+pad))
	b = append(b, byte(pad))
	b = append(b, payload...)
	return append(b, make([]byte, pad)...)
}

func kexInit(lists ...string) []byte {
	b := append([]byte{msgKexInit}, make([]byte, 16)...)
	for i := range 10 {
		s := ""
		if i < len(lists) {
			s = lists[i]
		}
		b = binary.BigEndian.AppendUint32(b, uint32(len(s)))
		b = append(b, s...)
	}
	return append(b, 0, 0, 0, 0, 0)
}

func TestReadKexInit(t *testing.T) {
	ignore := packet([]byte{2, 0, 0, 0, 0})
	good := packet(kexInit("curve25519-sha256,ext-info-s", "ssh-ed25519", "a", "b", "c", "d", "none", "none"))
	k, wire, err := NewReader(bytes.NewReader(append(slices.Clone(ignore), good...))).ReadKexInit()
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(k.Kex, []string{"curve25519-sha256", "ext-info-s"}) || k.CipherIn[0] != "b" || k.MACIn[0] != "d" || k.CompressIn[0] != "none" {
		t.Errorf("got %+v", k)
	}
	if len(wire) != len(ignore)+len(good) {
		t.Errorf("wire has %d bytes", len(wire))
	}
}

func TestReadKexInitFaults(t *testing.T) {
	disconnect := append([]byte{msgDisconnect, 0, 0, 0, 2, 0, 0, 0, 3}, "bye"...)
	for _, tt := range []struct {
		name string
		in   []byte
		want error
	}{
		{"eof", nil, io.EOF},
		{"http", []byte("HTTP/1.1 400 Bad Request\r\n"), ErrBadPacket},
		{"zero length", make([]byte, 8), ErrBadPacket},
		{"announced and not sent", []byte{0, 2, 0, 0, 1, 20}, io.EOF},
		{"padding larger than packet", []byte{0, 0, 0, 8, 200, 20, 0, 0, 0, 0, 0, 0}, ErrBadPacket},
		{"list longer than packet", packet(append(append([]byte{msgKexInit}, make([]byte, 16)...), 0xff, 0xff, 0xff, 0xff)), ErrBadPacket},
		{"only ignores", bytes.Repeat(packet([]byte{2, 0, 0, 0, 0}), maxSkipped+1), ErrTooManySkips},
	} {
		if _, _, err := NewReader(bytes.NewReader(tt.in)).ReadKexInit(); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
	}
	_, _, err := NewReader(bytes.NewReader(packet(disconnect))).ReadKexInit()
	if d := new(Disconnect); !errors.As(err, &d) || d.Code != 2 || d.Message != "bye" {
		t.Errorf("disconnect read as %v", err)
	}
}

func FuzzReader(f *testing.F) {
	f.Add([]byte("SSH-2.0-x\r\n"))
	f.Add([]byte("220 mail ESMTP\r\n"))
	f.Add(append([]byte("SSH-2.0-x\n"), packet(kexInit("a,b", "c"))...))
	f.Add(append([]byte("SSH-2.0-x\n"), 0, 3, 255, 255, 4, 20))
	f.Fuzz(func(t *testing.T, in []byte) {
		r := NewReader(bytes.NewReader(in))
		id, err := r.ReadIdent()
		if len(id.Before) > keptLines || len(id.Raw) > keptRaw {
			t.Fatalf("kept too much: %d lines, %d bytes", len(id.Before), len(id.Raw))
		}
		if err != nil {
			return
		}
		if _, wire, _ := r.ReadKexInit(); len(wire) > 2*maxPacket+8 {
			t.Fatalf("kept %d bytes of packets", len(wire))
		}
	})
}

// A peer's list is kept as far as an ssh reads it, and what stands behind is counted.
func TestLongNameLists(t *testing.T) {
	names, more := nameList([]byte(strings.Repeat("x,", 1000) + "x"))
	if len(names) != maxNames || more != 1001-maxNames {
		t.Errorf("%d names and %d more", len(names), more)
	}
	if names, more := nameList([]byte(strings.Repeat("y", 1<<16))); more != 0 || len(names) != 1 || len(names[0]) > maxName+3 {
		t.Errorf("%d names of %d bytes, %d more", len(names), len(names[0]), more)
	}
	if names, more := nameList([]byte("a,b")); more != 0 || len(names) != 2 {
		t.Errorf("%q, %d more", names, more)
	}
}
