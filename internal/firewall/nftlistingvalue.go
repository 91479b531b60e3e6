package firewall

import (
	"net/netip"
	"strconv"
	"strings"
)

// value reads a right-hand side; nil where there is none that is understood.
func (p *nftParser) value() any {
	if p.take("{") {
		return p.elements()
	}
	first := p.single()
	if first == nil {
		return nil
	}
	if p.peek() == "." {
		parts := []any{first}
		for p.take(".") {
			v := p.single()
			if v == nil {
				return nil
			}
			parts = append(parts, v)
		}
		return map[string]any{"concat": parts}
	}
	if p.peek() == "," && p.depth == 0 || p.peek() == "|" {
		sep := p.peek()
		parts := []any{first}
		for p.take(sep) {
			v := p.single()
			if v == nil {
				return nil
			}
			parts = append(parts, v)
		}
		if sep == "|" {
			return map[string]any{"|": parts}
		}
		return parts
	}
	return first
}

// single reads one word as what it stands for: number, range, prefix, name.
func (p *nftParser) single() any {
	if p.take("(") {
		v := p.value()
		if !p.take(")") {
			return nil
		}
		return v
	}
	w := p.next()
	switch {
	case w == "" || strings.Contains("{},;()", w) || w == ":":
		return nil
	case w == "exists":
		return true
	case w == "missing":
		return false
	case w[0] == '"' && strings.Contains(w, `"-"`):
		from, to, _ := strings.Cut(w, `"-"`)
		return map[string]any{"range": []any{strings.Trim(from, `"`), strings.Trim(to, `"`)}}
	case w[0] == '"':
		return unquote(w)
	case number(w) != nil:
		return number(w)
	}
	if from, to, ok := strings.Cut(w, "-"); ok {
		if a, b := number(from), number(to); a != nil && b != nil {
			return map[string]any{"range": []any{a, b}}
		}
		if isAddr(from) && isAddr(to) {
			return map[string]any{"range": []any{from, to}}
		}
	}
	if prefix, err := netip.ParsePrefix(w); err == nil {
		addr, _, _ := strings.Cut(w, "/")
		return map[string]any{"prefix": map[string]any{"addr": addr, "len": float64(prefix.Bits())}}
	}
	return w
}

func isAddr(s string) bool { _, err := netip.ParseAddr(s); return err == nil }

// elements reads a set up to its closing brace.
func (p *nftParser) elements() any {
	if p.depth >= maxNested {
		return nil
	}
	p.depth++
	defer func() { p.depth-- }()
	out := []any{}
	for p.more() && !p.take("}") {
		if p.take(",") {
			continue
		}
		e := p.value()
		if e == nil {
			return nil
		}
		e = p.properties(e)
		if p.take(":") {
			data := p.data()
			if data == nil {
				return nil
			}
			e = []any{e, data}
		}
		out = append(out, e)
	}
	return map[string]any{"set": out}
}

// properties reads what may stand behind an element (nft(8), ELEMENTS).
func (p *nftParser) properties(e any) any {
	for {
		switch p.peek() {
		case "timeout", "expires", "comment":
			p.next()
			p.next()
		case "counter":
			p.next()
			p.pairs("packets", "bytes")
		case "limit":
			l, ok := p.limit()
			if !ok {
				return e
			}
			_, arg := only(l)
			e = map[string]any{"elem": map[string]any{"val": e, "limit": arg}}
		default:
			return e
		}
	}
}

// data reads what a map gives for a key: a verdict or a value.
func (p *nftParser) data() any {
	switch w := p.peek(); w {
	case "accept", "drop", "return", "continue":
		p.next()
		return map[string]any{w: nil}
	case "jump", "goto":
		p.next()
		return map[string]any{w: map[string]any{"target": p.next()}}
	}
	return p.value()
}

// number reads a decimal or hexadecimal number as JSON has it, nil where it is none.
func number(s string) any {
	if s == "" || s[0] < '0' || s[0] > '9' {
		return nil
	}
	n, err := strconv.ParseUint(s, 0, 32)
	if err != nil || len(s) > 1 && s[0] == '0' && s[1] != 'x' {
		return nil
	}
	return float64(n)
}

func unquote(s string) string { return strings.Trim(s, `"`) }
