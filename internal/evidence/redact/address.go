package redact

import (
	"bytes"
	"net/netip"
	"strconv"
)

// address matches what may be an address, with a prefix length.
var address = pattern(`(?:\d{1,3}\.){3}\d{1,3}(?:/\d{1,2}\b)?|[0-9A-Fa-f]{0,4}:[0-9A-Fa-f:]*:[0-9A-Fa-f.:]*(?:/\d{1,3}\b)?`)

// addresses replaces the addresses in data. An address in a network that is also
// named stays in it, so a firewall rule decides after as it did before: the
// replacement depends, bit by bit, on the bits in front (as in Crypto-PAn, Xu et
// al. 2002). The last byte of an IPv4 address stays, so ranges stay ranges.
func (p *pseudonyms) addresses(data []byte) []byte {
	var out []byte
	last := 0
	for _, m := range address().FindAllIndex(data, -1) {
		from, to := m[0], m[1]
		if from > 0 && (wordByte(data[from-1]) || data[from-1] == '.') || to < len(data) && wordByte(data[to]) {
			continue // part of a longer word
		}
		if to+1 < len(data) && data[to] == '.' && '0' <= data[to+1] && data[to+1] <= '9' {
			continue // a version number
		}
		if r := p.address(string(data[from:to])); r != "" {
			out = append(append(out, data[last:from]...), r...)
			last = to
		}
	}
	if last == 0 {
		return data
	}
	return append(out, data[last:]...)
}

func wordByte(c byte) bool {
	return c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// address gives the replacement, or nothing where s is no address.
func (p *pseudonyms) address(s string) string {
	text, bits, hasBits := bytes.Cut([]byte(s), []byte("/"))
	tail := ""
	a, err := netip.ParseAddr(string(text))
	for err != nil && len(text) > 2 && (text[len(text)-1] == ':' || text[len(text)-1] == '.') && !hasBits {
		tail = string(text[len(text)-1:]) + tail // "fe80::1:" at the end of a clause
		text = text[:len(text)-1]
		a, err = netip.ParseAddr(string(text))
	}
	if err != nil {
		return ""
	}
	mapped := p.mapAddress(a)
	if !hasBits {
		return mapped.String() + tail
	}
	n, err := strconv.Atoi(string(bits))
	if err != nil || n > a.BitLen() {
		return ""
	}
	if prefix := netip.PrefixFrom(a, n); prefix.Masked() == prefix { // a network stays one
		mapped = netip.PrefixFrom(mapped, n).Masked().Addr()
	}
	return mapped.String() + "/" + string(bits)
}

func (p *pseudonyms) mapAddress(a netip.Addr) netip.Addr {
	if m, ok := p.addrs[a]; ok {
		return m
	}
	m := a
	switch {
	case a.Is4In6():
		m = netip.AddrFrom16(p.mapAddress(a.Unmap()).As16())
	case a.IsUnspecified(), a.IsLoopback(), a.IsMulticast(), a == netip.AddrFrom4([4]byte{255, 255, 255, 255}), isMask(a):
	case a.Is4():
		m = p.map4(a)
	default:
		m = p.map6(a)
	}
	p.addrs[a] = m
	return m
}

// isMask reports whether a is a network mask such as 255.255.255.0.
func isMask(a netip.Addr) bool {
	if !a.Is4() {
		return false
	}
	b := a.As4()
	v := uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
	return b[0] == 255 && ^v&(^v+1) == 0
}

// keep4 says how many leading bits of an IPv4 address tell what kind of address
// it is and must stay: those of the special ranges of RFC 6890.
var keep4 = []netip.Prefix{
	netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("172.16.0.0/12"), netip.MustParsePrefix("192.168.0.0/16"),
	netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("169.254.0.0/16"), netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("203.0.113.0/24"),
	netip.MustParsePrefix("192.0.0.0/24"), netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("240.0.0.0/4"),
}

// mixed are the first bytes below which special and public ranges lie side by
// side. Public addresses keep their second byte there, so that none is mapped
// into a special range.
func mixed(first byte) bool {
	switch first {
	case 100, 169, 172, 192, 198, 203:
		return true
	}
	return false
}

func (p *pseudonyms) map4(a netip.Addr) netip.Addr {
	b := a.As4()
	for _, special := range keep4 {
		if special.Contains(a) {
			p.scramble(b[:3], special.Bits())
			return netip.AddrFrom4(b)
		}
	}
	if mixed(b[0]) {
		p.scramble(b[:3], 16)
		return netip.AddrFrom4(b)
	}
	first := p.publicFirst(b[0])
	p.scramble(b[:3], 8)
	b[0] = first
	return netip.AddrFrom4(b)
}

// publicFirst permutes the first bytes below which there is nothing special.
func (p *pseudonyms) publicFirst(c byte) byte {
	var plain []byte
	for i := range 224 {
		if b := byte(i); b != 0 && b != 10 && b != 127 && !mixed(b) {
			plain = append(plain, b)
		}
	}
	order := append([]byte(nil), plain...)
	for i := len(order) - 1; i > 0; i-- {
		r := p.sum("first byte", strconv.Itoa(i))
		j := (int(r[0])<<16 | int(r[1])<<8 | int(r[2])) % (i + 1)
		order[i], order[j] = order[j], order[i]
	}
	if i := bytes.IndexByte(plain, c); i >= 0 {
		return order[i]
	}
	return c
}

// map6 keeps the first 16 bits, which tell the kind of address (global, unique
// local, link-local, 6to4), and a short interface number such as ::1.
func (p *pseudonyms) map6(a netip.Addr) netip.Addr {
	zone := a.Zone()
	b := a.As16()
	short := bytes.Equal(b[8:14], make([]byte, 6))
	if short {
		p.scramble(b[:8], 16)
	} else {
		p.scramble(b[:], 16)
	}
	if a.IsLinkLocalUnicast() {
		copy(b[:8], a.AsSlice()[:8])
	}
	return netip.AddrFrom16(b).WithZone(zone)
}

// scramble flips each bit after the first keep by a random function of the
// (original) bits before it. So two addresses share as many leading bits after
// as before, and different ones stay different.
func (p *pseudonyms) scramble(b []byte, keep int) {
	var in, out [16]byte
	original := bytes.Clone(b)
	for i := keep; i < 8*len(b); i++ {
		clear(in[:]) // the bits in front, a one, zeros: different for each length
		copy(in[:], original[:i/8])
		in[i/8] = original[i/8]&^(0xff>>(i%8)) | 0x80>>(i%8)
		p.block.Encrypt(out[:], in[:])
		b[i/8] ^= (out[0] & 1) << (7 - i%8)
	}
}
