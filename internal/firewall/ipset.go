package firewall

import (
	"bufio"
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// ipsetSource names the command in problems.
const ipsetSource = "ipset save"

// readIpset adds the sets that `ipset save` printed: "create NAME TYPE …" and
// "add NAME ENTRY …" (ipset(8)).
func (rs *Ruleset) readIpset(data []byte) []Problem {
	var problems []Problem
	type building struct {
		set   *Set
		plain []addrRange
		parts []string
	}
	all := map[string]*building{}
	sc := bufio.NewScanner(bytes.NewReader(data))
	for sc.Scan() {
		w := splitRule(sc.Text())
		switch {
		case len(w) == 0:
		case len(w) >= 3 && w[0].s == "create":
			_, parts, _ := strings.Cut(w[2].s, ":")
			b := &building{set: &Set{Name: w[1].s}, parts: strings.Split(parts, ",")}
			b.set.size = ipsetSize(w)
			all[w[1].s] = b
			rs.ipsets[w[1].s] = b.set
			rs.ipsetParts[b.set] = b.parts
		case len(w) >= 3 && w[0].s == "add" && all[w[1].s] != nil:
			b := all[w[1].s]
			e, ok := rs.ipsetEntry(b.parts, w[2].s)
			for _, opt := range w[3:] {
				e.nomatch = e.nomatch || opt.s == "nomatch"
			}
			switch {
			case !ok:
				b.set.broken = "an entry of the set " + w[1].s + ": " + w[2].s
			case len(e.key) == 1 && e.key[0].kind == addrValue && !e.nomatch:
				b.plain = append(b.plain, addrRange{e.key[0].from, e.key[0].to})
			default:
				b.set.elems = append(b.set.elems, e)
			}
		default:
			problems = append(problems, Problem{ipsetSource, fmt.Sprintf("a line that is neither create nor add: %.80q", sc.Text())})
		}
	}
	if err := sc.Err(); err != nil {
		problems = append(problems, Problem{ipsetSource, err.Error()})
		for _, b := range all {
			b.set.broken = "the set " + b.set.Name + ", which was not read to its end"
		}
	}
	for _, b := range all {
		b.set.close(b.plain)
	}
	return problems
}

// close finishes an ipset. Where it has exceptions, its plain addresses become
// elements too, for the narrowest decides.
func (s *Set) close(plain []addrRange) {
	for _, e := range s.elems {
		if e.nomatch && len(e.key) == 1 {
			for _, r := range plain {
				s.elems = append(s.elems, elem{key: []pattern{addrPattern(r.from, r.to)}})
			}
			plain = nil
			break
		}
	}
	s.finish(plain)
}

func ipsetSize(w []token) int {
	for i, t := range w {
		if t.s == "maxelem" && i+1 < len(w) {
			n, _ := strconv.Atoi(w[i+1].s)
			return n
		}
	}
	return 0
}

// ipsetEntry reads one entry: its parts are separated by commas, a port may
// have its protocol in front ("tcp:22").
func (rs *Ruleset) ipsetEntry(parts []string, entry string) (elem, bool) {
	if len(parts) == 1 && parts[0] == "set" {
		return elem{key: []pattern{{kind: textValue, text: entry}}}, true
	}
	words := strings.Split(entry, ",")
	if len(words) != len(parts) {
		return elem{}, false
	}
	var e elem
	for i, part := range parts {
		p, ok := ipsetPart(part, words[i])
		if !ok {
			return elem{}, false
		}
		e.key = append(e.key, p)
	}
	return e, true
}

func ipsetPart(part, word string) (pattern, bool) {
	switch part {
	case "ip", "net":
		if p, ok := parsePrefix(word); ok {
			return prefixPattern(p), true
		}
		return parseRange(word)
	case "port":
		if proto, port, ok := strings.Cut(word, ":"); ok {
			n, known := symbol(dtProto, proto)
			if !known {
				return pattern{}, false
			}
			if n != 6 { // an entry for another protocol matches none of our packets
				return numPattern(1<<32, 1<<32), true
			}
			word = port
		}
		return parsePorts(strings.ReplaceAll(word, "-", ":"))
	case "iface":
		return namePattern(word, "+"), true
	case "mark":
		n, ok := symbol(dtNum, word)
		return numPattern(n, n), ok
	}
	return pattern{unknown: true, text: part + " " + word}, true
}

// ipsetTest reads -m set --match-set NAME src,dst.
func ipsetTest(f Family, s section) test {
	var name string
	var dirs []string
	neg := false
	for _, o := range s.opts {
		if o.name != "--match-set" || len(o.args) != 2 {
			return unknownTest(s.String())
		}
		name, dirs, neg = o.args[0], strings.Split(o.args[1], ","), o.neg
	}
	written := s.String()
	return inverted(neg, func(r *run, st *state) split {
		return r.inIpset(st, name, dirs, written, 0)
	})
}

// inIpset answers whether the packet is in the set, seen from dirs.
func (r *run) inIpset(st *state, name string, dirs []string, written string, depth int) split {
	set := r.rs.ipsets[name]
	if set == nil || r.touched[set] {
		return perhaps(written)
	}
	parts := r.rs.ipsetParts[set]
	all := AllOf(r.p.Family)
	if len(parts) == 1 && parts[0] == "set" {
		if depth > 0 { // a list holds no lists
			return perhaps(written)
		}
		out := sure(No)
		for _, e := range set.elems {
			out = out.or(r.inIpset(st, e.key[0].text, dirs, written, depth+1), all)
		}
		return out
	}
	if len(dirs) < len(parts) {
		return perhaps(written)
	}
	key := make([]value, 0, len(parts))
	for i, part := range parts {
		v, ok := r.ipsetKey(st, part, dirs[i] == "src")
		if ok.tri != Yes {
			return perhaps(written)
		}
		key = append(key, v)
	}
	return set.hasMostSpecific(key, all)
}

func (r *run) ipsetKey(st *state, part string, src bool) (value, split) {
	switch part {
	case "ip", "net":
		if src {
			return r.source(st)
		}
		return r.destination(st)
	case "port":
		if src {
			return numRange(st.sport), sure(Yes)
		}
		return numRange(st.dport), sure(Yes)
	case "iface":
		return r.ifname(src)
	case "mark":
		return st.mark.value("the packet's mark")
	}
	return value{}, perhaps(part)
}
