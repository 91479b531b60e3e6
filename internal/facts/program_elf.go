package facts

import (
	"bytes"
	"encoding/binary"
	"strings"
)

// elfHead is what the kernel reads of a program before it runs it (elf(5),
// binfmt_elf.c): for which machine it is, by which loader it wants to be started,
// and whether its parts lie within the file.
type elfHead struct {
	Machine uint16
	Loader  string // PT_INTERP; "" for a static one
	Cut     bool   // the file ends before what the head says of it
}

const (
	elfMagic      = "\x7fELF"
	elfLoad       = 1 // PT_LOAD
	elfInterp     = 3 // PT_INTERP
	maxElfHeaders = 64
)

// readELF reads the head of a program; size is the whole file's. ok is false where
// it is none.
func readELF(head []byte, size int64) (e elfHead, ok bool) {
	if len(head) < 6 || string(head[:4]) != elfMagic {
		return e, false
	}
	wide := head[4] == 2
	var order binary.ByteOrder = binary.LittleEndian
	if head[5] == 2 {
		order = binary.BigEndian
	}
	word := func(at, width int) uint64 {
		if at < 0 || at+width > len(head) {
			e.Cut = e.Cut || int64(at+width) > size
			return 0
		}
		switch width {
		case 2:
			return uint64(order.Uint16(head[at:]))
		case 4:
			return uint64(order.Uint32(head[at:]))
		}
		return order.Uint64(head[at:])
	}
	pick := func(narrow, broad int) int {
		if wide {
			return broad
		}
		return narrow
	}
	e.Machine = uint16(word(18, 2))
	offset, each, n := int(word(pick(28, 32), pick(4, 8))), int(word(pick(42, 54), 2)), int(word(pick(44, 56), 2))
	for i := range min(n, maxElfHeaders) {
		at := offset + i*each
		kind := word(at, 4)
		from, length := word(at+pick(4, 8), pick(4, 8)), word(at+pick(16, 32), pick(4, 8))
		if kind != elfLoad && kind != elfInterp {
			continue
		}
		if end := from + length; end < from || end > uint64(size) {
			e.Cut = true
		} else if kind == elfInterp && end <= uint64(len(head)) {
			e.Loader = string(bytes.TrimRight(head[from:end], "\x00"))
		}
	}
	return e, true
}

// interpreter is the program that the first line of a script names, "#!", and its
// one argument (execve(2)).
func interpreter(head []byte) (program, argument string, ok bool) {
	rest, ok := bytes.CutPrefix(head, []byte("#!"))
	if !ok {
		return "", "", false
	}
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	text := strings.Trim(string(line), " \t") // a carriage return belongs to the name
	program, argument, _ = strings.Cut(text, " ")
	return program, strings.TrimSpace(argument), true
}
