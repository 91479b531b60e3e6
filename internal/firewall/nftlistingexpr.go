package firewall

import (
	"slices"
	"strings"
)

// nftParser reads the statements and expressions of one rule of a listing.
type nftParser struct {
	toks  []string
	at    int
	depth int
}

// maxNested bounds how deep sets may stand in sets.
const maxNested = 8

func (p *nftParser) more() bool { return p.at < len(p.toks) }

func (p *nftParser) peek() string {
	if p.more() {
		return p.toks[p.at]
	}
	return ""
}

func (p *nftParser) next() string {
	t := p.peek()
	if p.more() {
		p.at++
	}
	return t
}

func (p *nftParser) take(word string) bool {
	if p.peek() == word && p.more() {
		p.at++
		return true
	}
	return false
}

// statement reads one statement. A nil expression with ok says nothing of packets.
func (p *nftParser) statement() (any, bool) {
	switch w := p.peek(); w {
	case "accept", "drop", "return", "continue", "notrack":
		p.next()
		return map[string]any{w: nil}, true
	case "jump", "goto":
		p.next()
		return map[string]any{w: map[string]any{"target": p.next()}}, true
	case "counter":
		p.next()
		p.pairs("packets", "bytes", "name")
		return map[string]any{"counter": nil}, true
	case "log":
		p.next()
		m := map[string]any{}
		for slices.Contains([]string{"prefix", "level", "group", "snaplen", "queue-threshold", "flags"}, p.peek()) {
			key := p.next()
			m[key] = unquote(p.next())
		}
		return map[string]any{"log": m}, true
	case "comment":
		p.next()
		p.next()
		return nil, true
	case "reject":
		p.next()
		return p.reject(), true
	case "limit":
		return p.limit()
	case "masquerade", "redirect":
		return p.nat()
	case "add", "update", "delete":
		return p.update()
	}
	return p.match()
}

// pairs skips words and the value behind each.
func (p *nftParser) pairs(words ...string) {
	for slices.Contains(words, p.peek()) {
		p.next()
		p.next()
	}
}

func (p *nftParser) reject() any {
	m := map[string]any{}
	if p.take("with") {
		typ := p.next()
		switch {
		case typ == "tcp" && p.take("reset"):
			m["type"] = "tcp reset"
		default:
			p.take("type")
			m["type"], m["expr"] = typ, p.next()
		}
	}
	return map[string]any{"reject": m}
}

// limit reads `limit rate [over] 5/minute [burst 10 packets]`.
func (p *nftParser) limit() (any, bool) {
	p.next()
	if !p.take("rate") {
		return nil, false
	}
	m := map[string]any{}
	if p.take("over") {
		m["inv"] = true
	}
	rate, per, _ := strings.Cut(p.next(), "/")
	m["rate"], m["per"] = number(rate), per
	if u := p.peek(); strings.Contains(u, "bytes/") {
		p.next()
	}
	if p.take("burst") {
		m["burst"] = number(p.next())
		p.next() // packets
	}
	return map[string]any{"limit": m}, true
}

// nat reads `redirect [to :22]` and `masquerade [to …]`.
func (p *nftParser) nat() (any, bool) {
	w := p.next()
	m := map[string]any{}
	if p.take("to") {
		port, found := strings.CutPrefix(p.next(), ":")
		if !found || number(port) == nil {
			return nil, false
		}
		m["port"] = number(port)
	}
	return map[string]any{w: m}, true
}

// update reads `add @set { ip saddr [timeout 1m] [limit …] }`.
func (p *nftParser) update() (any, bool) {
	op, set := p.next(), p.next()
	if !p.take("{") {
		return nil, false
	}
	key, ok := p.operand()
	if !ok {
		return nil, false
	}
	m := map[string]any{"op": op, "set": set, "elem": key}
	for p.more() && !p.take("}") {
		switch p.peek() {
		case "timeout", "expires":
			p.next()
			p.next()
		default:
			st, ok := p.statement()
			if !ok {
				return nil, false
			}
			m["stmt"] = []any{st}
		}
	}
	return map[string]any{"set": m}, true
}

// match reads `tcp dport 22`, `ct state vmap { … }`, `meta mark set 1`.
func (p *nftParser) match() (any, bool) {
	left, ok := p.operand()
	if !ok {
		return nil, false
	}
	switch {
	case p.take("vmap"):
		data := p.value()
		if data == nil {
			return nil, false
		}
		return map[string]any{"vmap": map[string]any{"key": left, "data": data}}, true
	case p.take("set"):
		if v, ok := p.operand(); ok {
			return map[string]any{"mangle": map[string]any{"key": left, "value": v}}, true
		}
		v := p.value()
		return map[string]any{"mangle": map[string]any{"key": left, "value": v}}, v != nil
	}
	op := ""
	if slices.Contains([]string{"==", "!=", "<", ">", "<=", ">="}, p.peek()) {
		op = p.next()
	}
	right := p.value()
	if right == nil {
		return nil, false
	}
	if p.take("/") { // tcp flags syn / syn,ack
		mask := p.value()
		left, right = map[string]any{"&": []any{left, mask}}, orWord(right)
		if op == "" {
			op = "=="
		}
	}
	if op == "" {
		op = "=="
		if isSet, _ := only(right); isSet != "set" && isFlags(left) {
			op = "in"
		}
	}
	return map[string]any{"match": map[string]any{"op": op, "left": left, "right": right}}, true
}

// orWord is how nft -j prints several flags that are all to be set.
func orWord(v any) any {
	if l, ok := v.([]any); ok {
		return map[string]any{"|": l}
	}
	return v
}

// isFlags reports whether a field holds bits, of which a match names those wanted.
func isFlags(left any) bool {
	name, arg := only(left)
	key := str(arg, "key")
	return name == "ct" && (key == "state" || key == "status") || name == "payload" && str(arg, "protocol") == "tcp" && str(arg, "field") == "flags"
}

// metaWords are the keys of meta that need not be said to be such.
var metaWords = []string{"iif", "oif", "iifname", "oifname", "iifgroup", "oifgroup", "mark", "skuid", "skgid", "pkttype", "cpu", "l4proto", "nfproto", "protocol"}

// headers are the protocols whose fields are matched.
var headers = []string{"ip", "ip6", "tcp", "udp", "udplite", "sctp", "dccp", "th", "icmp", "icmpv6", "igmp", "ether", "vlan", "arp", "ah", "esp", "comp", "gre"}

// operand reads a left-hand side: a field, a masked one, or a concatenation.
func (p *nftParser) operand() (any, bool) {
	var parts []any
	for {
		one, ok := p.field()
		if !ok {
			return nil, false
		}
		for p.peek() == "&" || p.peek() == "|" {
			op := p.next()
			v := p.value()
			if v == nil {
				return nil, false
			}
			one = map[string]any{op: []any{one, v}}
		}
		parts = append(parts, one)
		if !p.take(".") {
			break
		}
	}
	if len(parts) == 1 {
		return parts[0], true
	}
	return map[string]any{"concat": parts}, true
}

func (p *nftParser) field() (any, bool) {
	at := p.at
	switch w := p.next(); {
	case w == "meta":
		return map[string]any{"meta": map[string]any{"key": p.next()}}, true
	case slices.Contains(metaWords, w):
		return map[string]any{"meta": map[string]any{"key": w}}, true
	case w == "ct" && p.peek() != "count" && p.peek() != "helper" && p.peek() != "timeout":
		m := map[string]any{"key": p.next()}
		if m["key"] == "original" || m["key"] == "reply" {
			m["dir"], m["key"] = m["key"], p.next()
		}
		if m["key"] == "ip" || m["key"] == "ip6" {
			m["key"] = m["key"].(string) + " " + p.next()
		}
		return map[string]any{"ct": m}, true
	case w == "fib":
		return p.fib()
	case slices.Contains(headers, w) && p.peek() != "option" && p.more():
		return map[string]any{"payload": map[string]any{"protocol": w, "field": p.next()}}, true
	}
	p.at = at
	return nil, false
}

// fib reads `fib saddr . iif oif`: flags with dots between, then the result.
func (p *nftParser) fib() (any, bool) {
	flags := []any{p.next()}
	for p.take(".") {
		flags = append(flags, p.next())
	}
	return map[string]any{"fib": map[string]any{"result": p.next(), "flags": flags}}, true
}
