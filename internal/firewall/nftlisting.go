package firewall

import (
	"slices"
	"strconv"
	"strings"
)

// A listing reader reads `nft list ruleset` as people paste it: text, not JSON,
// indented or not. It makes the same objects that `nft -j` prints, so that one
// evaluator serves both (nft(8) describes the syntax, libnftables-json(5) the
// objects). A statement that it does not know keeps its rule, from there on,
// undecidable.
type listing struct {
	rs            *Ruleset
	family, table string
	chain         *nftChain
	based         bool
	set           *nftSet
	isMap         bool
	skip          int // open braces of a block that says nothing of packets
}

// maxJoined bounds how many lines the elements of a set may take together.
const maxJoined = 20_000

// readNftText adds what `nft list ruleset` printed as text.
func (rs *Ruleset) readNftText(data []byte) {
	l := &listing{rs: rs}
	var pending []string // tokens of a statement that goes on in the next line
	depth, joined, from := 0, 0, 0
	n := 0
	for line := range strings.Lines(string(data)) {
		n++
		toks := nftTokens(line)
		if len(toks) == 0 {
			continue
		}
		if depth == 0 {
			from = n
			if toks[len(toks)-1] == "{" && isBlockHead(toks) || toks[0] == "}" {
				l.block(toks, from)
				continue
			}
		}
		pending = append(pending, toks...)
		depth += count(toks, "{") - count(toks, "}")
		if joined++; depth > 0 && joined < maxJoined {
			continue
		}
		l.statement(pending, strings.TrimSpace(withoutHandle(line)), from)
		pending, depth, joined = nil, 0, 0
	}
	l.endBlock()
}

// isBlockHead tells "chain input {" from a rule that ends in an open set.
func isBlockHead(toks []string) bool {
	return slices.Contains([]string{"table", "chain", "set", "map", "flowtable", "counter", "quota", "limit", "ct", "synproxy", "secmark"}, toks[0]) && count(toks, "{") == 1 && !slices.Contains(toks, "=")
}

func count(toks []string, what string) int {
	n := 0
	for _, t := range toks {
		if t == what {
			n++
		}
	}
	return n
}

// withoutHandle cuts the comment that -a puts behind a line.
func withoutHandle(line string) string {
	if i := strings.LastIndex(line, " # "); i >= 0 && !strings.Contains(line[i:], `"`) {
		line = line[:i]
	}
	return line
}

// nftTokens cuts a line into words, quoted strings and the marks that stand for
// themselves. Comments are left out.
func nftTokens(line string) []string {
	line = strings.TrimSpace(withoutHandle(line))
	if strings.HasPrefix(line, "#") {
		return nil
	}
	var out []string
	for i := 0; i < len(line); {
		c := line[i]
		switch {
		case c == ' ' || c == '\t' || c == '\r' || c == '\n':
			i++
		case c == '"':
			j := strings.IndexByte(line[i+1:], '"')
			if j < 0 {
				return append(out, line[i:])
			}
			end := i + j + 2
			for end < len(line) && line[end] == '-' && end+1 < len(line) && line[end+1] == '"' { // "08:00"-"17:00"
				k := strings.IndexByte(line[end+2:], '"')
				if k < 0 {
					break
				}
				end += k + 3
			}
			out = append(out, line[i:end])
			i = end
		case strings.IndexByte("{},;()", c) >= 0:
			out = append(out, line[i:i+1])
			i++
		default:
			j := strings.IndexAny(line[i:], " \t\r\n\"{},;()")
			if j < 0 {
				j = len(line) - i
			}
			out = append(out, line[i:i+j])
			i += j
		}
	}
	return out
}

// block opens or closes a block.
func (l *listing) block(toks []string, line int) {
	if toks[0] == "}" {
		if l.skip > 0 {
			l.skip--
			return
		}
		l.endBlock()
		return
	}
	l.endBlock()
	switch {
	case toks[0] == "table" && len(toks) >= 4:
		l.family, l.table = toks[1], toks[2]
	case toks[0] == "table" && len(toks) == 3: // nft's default family
		l.family, l.table = "ip", toks[1]
	case toks[0] == "chain" && len(toks) >= 3:
		l.chain = &nftChain{Family: l.family, Table: l.table, Name: toks[1]}
		l.rs.addNft(&nftObject{Chain: l.chain})
		l.based = false
	case (toks[0] == "set" || toks[0] == "map") && len(toks) >= 3:
		l.set, l.isMap = &nftSet{Family: l.family, Table: l.table, Name: toks[1]}, toks[0] == "map"
	default:
		l.skip++
	}
}

// endBlock puts down what was read of a set; a chain is already there.
func (l *listing) endBlock() {
	if l.set != nil {
		if l.isMap {
			l.rs.addNft(&nftObject{Map: l.set})
		} else {
			l.rs.addNft(&nftObject{Set: l.set})
		}
	}
	l.chain, l.set = nil, nil
}

// statement reads one line of a block: a rule, the head of a chain, a property
// of a set or table.
func (l *listing) statement(toks []string, text string, line int) {
	switch {
	case l.skip > 0:
	case l.set != nil:
		l.setLine(toks)
	case l.chain != nil && toks[0] == "type" && slices.Contains(toks, "hook"):
		l.head(toks, text, line)
	case l.chain != nil && toks[0] == "policy": // a head that was wrapped
		l.head(append([]string{"type"}, toks...), text, line)
	case l.chain != nil && toks[0] != "comment":
		l.rule(toks, text, line)
	case toks[0] == "flags" && slices.Contains(toks, "dormant"):
		l.rs.dormant[setKey{l.family, l.table, ""}] = true
	}
}

// head reads `type filter hook input priority filter + 10; policy drop;`.
func (l *listing) head(toks []string, text string, line int) {
	after := func(word string) []string {
		i := slices.Index(toks, word)
		if i < 0 {
			return nil
		}
		rest := toks[i+1:]
		if j := slices.Index(rest, ";"); j >= 0 {
			rest = rest[:j]
		}
		return rest
	}
	h := nftChain{Family: l.family, Table: l.table, Name: l.chain.Name, Prio: float64(priority(after("priority")))}
	if w := after("type"); len(w) > 0 {
		h.Type = w[0]
	}
	if w := after("hook"); len(w) > 0 {
		h.Hook = w[0]
	}
	if w := after("policy"); len(w) > 0 {
		h.Policy = w[0]
	}
	c := l.rs.chain(Nftables, l.family, l.table, l.chain.Name)
	if h.Hook == "" && c.Base != nil { // the policy alone
		c.Base.Policy = h.Policy
		return
	}
	if c.Base == nil && h.Hook != "" {
		b := h.base()
		b.Devices = devicesOf(text)
		l.rs.setBase(c, b)
		c.Head, c.Line = text, line
	}
}

// priorities are the names that nft has for them (nft(8), CHAINS).
var priorities = map[string]int{"raw": -300, "mangle": -150, "dstnat": -100, "filter": 0, "security": 50, "srcnat": 100}

func priority(w []string) int {
	sum, sign := 0, 1
	for _, t := range w {
		switch n, err := strconv.Atoi(t); {
		case t == "-":
			sign = -1
		case t == "+":
			sign = 1
		case err == nil:
			sum += sign * n
		default:
			sum += priorities[t]
		}
	}
	return sum
}

// setLine reads one property of a set or map.
func (l *listing) setLine(toks []string) {
	p := &nftParser{toks: toks[1:]}
	switch toks[0] {
	case "type", "typeof":
		key, data := p.toks, []string(nil)
		if i := slices.Index(key, ":"); i >= 0 {
			key, data = key[:i], key[i+1:]
		}
		l.set.Type = strings.Join(key, " ")
		if toks[0] == "typeof" {
			l.set.Type = typeofTokens(key)
		}
		if l.isMap {
			l.set.Map = strings.Join(data, " ")
		}
	case "size":
		if n, ok := p.value().(float64); ok {
			l.set.Size = n
		}
	case "elements":
		if p.take("=") && p.peek() == "{" {
			if _, elems := only(p.value()); elems != nil {
				l.set.Elem = listOf(elems)
			}
		}
	}
}

// typeofTokens is the type of the expression a set was declared with.
func typeofTokens(toks []string) any {
	p := &nftParser{toks: toks}
	if e, ok := p.operand(); ok {
		return map[string]any{"typeof": e}
	}
	return nil
}

// rule adds one rule; what is not understood makes it undecidable from there on.
func (l *listing) rule(toks []string, text string, line int) {
	p := &nftParser{toks: toks}
	var exprs []any
	for p.more() {
		at := p.at
		e, ok := p.statement()
		if !ok {
			exprs = append(exprs, map[string]any{"not understood: " + strings.Join(toks[at:], " "): nil})
			break
		}
		if e != nil {
			exprs = append(exprs, e)
		}
	}
	l.rs.addNftRule(&nftRule{Family: l.family, Table: l.table, Chain: l.chain.Name, Expr: exprs})
	c := l.rs.chain(Nftables, l.family, l.table, l.chain.Name)
	r := c.Rules[len(c.Rules)-1]
	r.Text, r.Line = text, line
}
