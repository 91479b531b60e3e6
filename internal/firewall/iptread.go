package firewall

import (
	"fmt"
	"strconv"
	"strings"
)

// iptTable is one table of iptables-save output.
type iptTable struct {
	name   string
	chains []iptChain
	index  map[string]int
}

type iptChain struct {
	name, policy string // policy "-" for chains that are no base chains
	rules        []string
}

// readSave splits the output of iptables-save (or ip6tables-save) into tables.
// Lines that do not belong there are reported.
func readSave(source string, data []byte) (tables []iptTable, complete bool, problems []Problem) {
	var t *iptTable
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || line[0] == '#':
			if strings.Contains(line, "is incompatible, use 'nft' tool") {
				continue // a table of nft's own in iptables' name; nft -j shows it
			}
		case line[0] == '*':
			tables = append(tables, iptTable{name: line[1:], index: map[string]int{}})
			t = &tables[len(tables)-1]
		case line == "COMMIT":
			t = nil
		case t == nil:
			problems = append(problems, Problem{source, fmt.Sprintf("a line outside of any table: %.80q", line)})
		case line[0] == ':':
			f := strings.Fields(line[1:])
			if len(f) < 2 {
				problems = append(problems, Problem{source, fmt.Sprintf("a chain without a policy: %.80q", line)})
				continue
			}
			t.add(f[0], f[1])
		default:
			if !t.addRule(line) {
				problems = append(problems, Problem{source, fmt.Sprintf("not a rule: %.80q", line)})
			}
		}
	}
	return tables, t == nil, problems
}

func (t *iptTable) add(name, policy string) {
	if _, ok := t.index[name]; !ok {
		t.index[name] = len(t.chains)
		t.chains = append(t.chains, iptChain{name: name, policy: policy})
	}
}

// addRule takes "-A CHAIN …", with "[packets:bytes] " before it where -c was used.
func (t *iptTable) addRule(line string) bool {
	if line[0] == '[' {
		_, rest, ok := strings.Cut(line, "] ")
		if !ok {
			return false
		}
		line = rest
	}
	rest, ok := strings.CutPrefix(line, "-A ")
	if !ok {
		return false
	}
	name, rule, _ := strings.Cut(rest, " ")
	i, ok := t.index[name]
	if !ok {
		t.add(name, "-")
		i = t.index[name]
	}
	t.chains[i].rules = append(t.chains[i].rules, strings.TrimSpace(rule))
	return true
}

// iptHooks gives the hook and priority of each built-in chain
// (netfilter_ipv4.h: NF_IP_PRI_*).
func iptHooks(table, chain string) (Base, bool) {
	hooks := map[string]string{"PREROUTING": "prerouting", "INPUT": "input", "FORWARD": "forward", "OUTPUT": "output", "POSTROUTING": "postrouting"}
	b := Base{Type: "filter", Hook: hooks[chain]}
	switch table {
	case "raw":
		b.Prio = -300
	case "mangle":
		b.Prio = -150
	case "nat":
		b.Type, b.Prio = "nat", prioNATDst
		if chain == "INPUT" || chain == "POSTROUTING" {
			b.Prio = prioNATSrc
		}
	case "security":
		b.Prio = 50
	case "filter":
	default:
		return b, false
	}
	return b, b.Hook != ""
}

// readIptables adds what iptables-save printed. For the nft backend, rules that
// `nft -j` has shown already get their line, and those of them that nft could not
// show get their meaning.
func (rs *Ruleset) readIptables(source string, backend Backend, family string, data []byte) []Problem {
	tables, complete, problems := readSave(source, data)
	if !complete || len(problems) > 0 {
		rs.gaps = append(rs.gaps, "a part of the listing of "+source)
		if !complete {
			problems = append(problems, Problem{source, "the listing ends in the middle of a table"})
		}
	}
	for _, t := range tables {
		for _, ic := range t.chains {
			problems = append(problems, rs.addIptChain(source, backend, family, &t, ic)...)
		}
	}
	return problems
}

func (rs *Ruleset) addIptChain(source string, backend Backend, family string, t *iptTable, ic iptChain) []Problem {
	known := rs.chains[keyOf(backend, family, t.name, ic.name)]
	if known != nil && backend == IptablesNft {
		return known.enrich(source, rs, t, ic)
	}
	c := rs.chain(backend, family, t.name, ic.name)
	if b, ok := iptHooks(t.name, ic.name); ok && ic.policy != "-" {
		b.Policy = strings.ToLower(ic.policy)
		if b.Policy != "accept" && b.Policy != "drop" {
			b.Policy = "drop" // QUEUE is gone since 2.6; nothing else exists
		}
		rs.setBase(c, b)
		c.Head = ":" + ic.name + " " + ic.policy
	}
	for i, line := range ic.rules {
		r := &Rule{Number: i + 1, Text: line, Save: line}
		r.steps, r.idle = compileIpt(family, t, line)
		c.Rules = append(c.Rules, r)
	}
	return nil
}

// enrich gives an nftables chain that iptables made the lines of iptables-save.
func (c *Chain) enrich(source string, rs *Ruleset, t *iptTable, ic iptChain) []Problem {
	c.Backend = IptablesNft
	if c.Base != nil {
		c.Head, c.Line = ":"+ic.name+" "+ic.policy, 0
	}
	if len(c.Rules) != len(ic.rules) {
		return []Problem{{source, "chain " + ic.name + " has " + strconv.Itoa(len(ic.rules)) + " rules here and " +
			strconv.Itoa(len(c.Rules)) + " in the listing of nft"}}
	}
	for i, line := range ic.rules {
		r := c.Rules[i]
		r.Save, r.Text = line, line
		if r.xt {
			r.steps, r.idle = compileIpt(c.Family, t, line)
		}
	}
	return nil
}

// token is a word of a rule; quoted ones are never options.
type token struct {
	s      string
	quoted bool
}

// splitRule splits a line of iptables-save into words: blanks separate, double
// quotes hold together, a backslash takes the next byte as it is (xtables_save_string).
func splitRule(line string) []token {
	var out []token
	var cur []byte
	inWord, quoted, open := false, false, false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\\' && i+1 < len(line):
			i++
			cur, inWord = append(cur, line[i]), true
		case c == '"':
			open, inWord, quoted = !open, true, true
		case (c == ' ' || c == '\t') && !open:
			if inWord {
				out = append(out, token{string(cur), quoted})
			}
			cur, inWord, quoted = cur[:0], false, false
		default:
			cur, inWord = append(cur, c), true
		}
	}
	if inWord {
		out = append(out, token{string(cur), quoted})
	}
	return out
}

// option is one option of a match or target with its arguments.
type option struct {
	neg  bool
	name string
	args []string
}

// arg returns the i-th argument or "".
func (o option) arg(i int) string {
	if i < len(o.args) {
		return o.args[i]
	}
	return ""
}

// String writes the option as in the rule.
func (o option) String() string {
	s := strings.Join(append([]string{o.name}, o.args...), " ")
	if o.neg {
		return "! " + s
	}
	return s
}

// section is the options that belong together: the general ones (module ""),
// those of a match, or those of the target.
type section struct {
	kind   string // "", "-m", "-j", "-g"
	module string
	opts   []option
}

// String writes the section as in the rule.
func (s section) String() string {
	var parts []string
	if s.kind != "" {
		parts = append(parts, s.kind, s.module)
	}
	for _, o := range s.opts {
		parts = append(parts, o.String())
	}
	return strings.Join(parts, " ")
}

// sections sorts the words of a rule. A "!" stands before its option, or in old
// versions after it.
func sections(line string) []section {
	out := []section{{}}
	neg := false
	words := splitRule(line)
	for i := 0; i < len(words); i++ {
		w := words[i]
		cur := &out[len(out)-1]
		switch {
		case w.s == "!" && !w.quoted:
			neg = true
		case !w.quoted && (w.s == "-m" || w.s == "-j" || w.s == "-g"):
			name := ""
			if i+1 < len(words) {
				i++
				name = words[i].s
			}
			out = append(out, section{kind: w.s, module: name})
			neg = false
		case !w.quoted && len(w.s) > 1 && w.s[0] == '-':
			cur.opts = append(cur.opts, option{neg: neg, name: w.s})
			neg = false
		case len(cur.opts) > 0:
			o := &cur.opts[len(cur.opts)-1]
			o.args = append(o.args, w.s)
			o.neg = o.neg || neg
			neg = false
		default:
			cur.opts = append(cur.opts, option{neg: neg, name: w.s})
			neg = false
		}
	}
	return out
}
