package sshwire

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
)

// Message numbers of RFC 4253 section 12.
const (
	msgDisconnect = 1
	msgKexInit    = 20
)

// PacketError is a packet that cannot be one. First are the four bytes that
// stand where its length should be; they often are the text of another protocol.
type PacketError struct {
	First  [4]byte
	Length uint32
}

func (e *PacketError) Error() string {
	return fmt.Sprintf("bad packet length %d (%q)", e.Length, e.First[:])
}

// Unwrap makes every PacketError an ErrBadPacket.
func (e *PacketError) Unwrap() error { return ErrBadPacket }

// Disconnect is a DISCONNECT message (RFC 4253 section 11.1).
type Disconnect struct {
	Code    uint32
	Message string
}

func (e *Disconnect) Error() string {
	return fmt.Sprintf("disconnected by the peer: %s (reason %d)", e.Message, e.Code)
}

// KexInit holds the ten name-lists of a KEXINIT message (RFC 4253 section 7.1)
// and the packet it came in, so that the connection can be handed on.
type KexInit struct {
	Kex         []string `json:"kex"`
	HostKey     []string `json:"host_key"`
	CipherOut   []string `json:"cipher_client_to_server"`
	CipherIn    []string `json:"cipher_server_to_client"`
	MACOut      []string `json:"mac_client_to_server"`
	MACIn       []string `json:"mac_server_to_client"`
	CompressOut []string `json:"compression_client_to_server"`
	CompressIn  []string `json:"compression_server_to_client"`
	// LeftOut is how many names stood behind the maxNames first of a list, in all.
	LeftOut int `json:"left_out,omitempty"`
}

// ReadKexInit reads packets until KEXINIT; other messages before it are
// skipped, a DISCONNECT is returned as *Disconnect. wire is every byte read
// here, for whoever has to read them again.
func (r *Reader) ReadKexInit() (kex KexInit, wire []byte, err error) {
	for range maxSkipped {
		payload, raw, err := r.readPacket()
		wire = append(wire, raw...)
		if err != nil {
			return kex, wire, err
		}
		switch payload[0] {
		case msgKexInit:
			kex, err = ParseKexInit(payload)
			return kex, wire, err
		case msgDisconnect:
			return kex, wire, parseDisconnect(payload)
		}
		if len(wire) > maxPacket {
			break
		}
	}
	return kex, wire, ErrTooManySkips
}

// readPacket reads one unencrypted packet: uint32 length, byte padding length,
// payload, padding (RFC 4253 section 6). The payload has at least one byte.
func (r *Reader) readPacket() (payload, raw []byte, err error) {
	var head [4]byte
	if n, err := io.ReadFull(r.buf, head[:]); err != nil {
		return nil, head[:n], err
	}
	length := binary.BigEndian.Uint32(head[:])
	if length < 6 || length > maxPacket {
		return nil, head[:], &PacketError{First: head, Length: length}
	}
	// The body grows with what really arrives, not with what was announced.
	var body bytes.Buffer
	body.Write(head[:])
	_, err = io.CopyN(&body, r.buf, int64(length))
	raw = body.Bytes()
	if err != nil {
		return nil, raw, err
	}
	padding := int(raw[4])
	if padding+2 > int(length) {
		return nil, raw, &PacketError{First: head, Length: length}
	}
	return raw[5 : len(raw)-padding], raw, nil
}

// ParseKexInit parses the payload of a KEXINIT message.
func ParseKexInit(payload []byte) (KexInit, error) {
	var k KexInit
	if len(payload) < 17 || payload[0] != msgKexInit {
		return k, fmt.Errorf("%w: no KEXINIT", ErrBadPacket)
	}
	rest := payload[17:] // message number and cookie
	for _, list := range []*[]string{
		&k.Kex, &k.HostKey, &k.CipherOut, &k.CipherIn, &k.MACOut, &k.MACIn, &k.CompressOut, &k.CompressIn,
	} {
		text, after, ok := CutString(rest)
		if !ok {
			return k, fmt.Errorf("%w: KEXINIT ends early", ErrBadPacket)
		}
		var more int
		*list, more = nameList(text)
		k.LeftOut += more
		rest = after
	}
	return k, nil // the two language lists and the reserved field say nothing
}

// parseDisconnect returns the message as the error that it is.
func parseDisconnect(payload []byte) error {
	if len(payload) < 5 {
		return &Disconnect{}
	}
	d := &Disconnect{Code: binary.BigEndian.Uint32(payload[1:5])}
	text, _, _ := CutString(payload[5:])
	d.Message = clip(text)
	return d
}

// CutString cuts a string of RFC 4251 section 5 off b.
func CutString(b []byte) (text, rest []byte, ok bool) {
	if len(b) < 4 {
		return nil, nil, false
	}
	n := binary.BigEndian.Uint32(b)
	if uint64(n) > uint64(len(b)-4) {
		return nil, nil, false
	}
	return b[4 : 4+n], b[4+n:], true
}

// nameList takes a name-list apart. more is how many names are not among those returned.
func nameList(text []byte) (names []string, more int) {
	if len(text) == 0 {
		return []string{}, 0
	}
	names = strings.SplitN(string(text), ",", maxNames+1)
	if len(names) > maxNames {
		more = 1 + strings.Count(names[maxNames], ",")
		names = names[:maxNames]
	}
	for i, name := range names {
		if len(name) > maxName {
			names[i] = name[:maxName] + "…"
		} else {
			names[i] = strings.Clone(name) // not the whole packet's text
		}
	}
	return names, more
}
