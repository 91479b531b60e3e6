package firewall

import (
	"fmt"
	"strconv"
	"strings"
)

// UfwTuple is one rule of ufw, as its user.rules and user6.rules files say it.
type UfwTuple struct {
	Number int    // its place in `ufw status numbered`
	Text   string // the comment line of the file, as it stands there
	Line   int    // 1-based line of the file
	File   string
	Words  string // "deny 22/tcp from 203.0.113.0/24"
	rules  int    // how many lines of iptables it makes in the input chain
	v6     bool
}

// The files of ufw that hold the rules its user gave it (ufw-framework(8)).
const (
	UfwRules4 = "/etc/ufw/user.rules"
	UfwRules6 = "/etc/ufw/user6.rules"
)

const ufwTupleMark = "### tuple ### "

// UfwTuples reads both rule files. Rules are numbered as ufw does: those for
// IPv4 first.
func UfwTuples(user, user6 []byte) []UfwTuple {
	var out []UfwTuple
	for _, f := range []struct {
		name, chain string
		data        []byte
		v6          bool
	}{{UfwRules4, "-A ufw-user-input ", user, false}, {UfwRules6, "-A ufw6-user-input ", user6, true}} {
		n, in := 0, false
		for line := range strings.Lines(string(f.data)) {
			n++
			line = strings.TrimRight(line, "\r\n")
			switch tuple, ok := strings.CutPrefix(line, ufwTupleMark); {
			case ok:
				out = append(out, UfwTuple{Number: len(out) + 1, Text: line, Line: n, File: f.name, Words: ufwWords(tuple), v6: f.v6})
				in = true
			case strings.HasPrefix(line, "### END RULES"):
				in = false
			case in && strings.HasPrefix(line, f.chain):
				out[len(out)-1].rules++
			}
		}
	}
	return out
}

// UfwTupleAt returns the rule that made the number-th line of ufw's input chain.
func UfwTupleAt(tuples []UfwTuple, number int, v6 bool) (UfwTuple, bool) {
	for _, t := range tuples {
		if t.v6 != v6 {
			continue
		}
		if number <= t.rules {
			return t, true
		}
		number -= t.rules
	}
	return UfwTuple{}, false
}

// ufwWords writes a tuple as its owner would type it. Its fields are action,
// protocol, destination port, destination, source port, source, then
// applications or none, and the direction (ufw, src/common.py, UFWRule).
func ufwWords(tuple string) string {
	f := strings.Fields(tuple)
	if len(f) < 6 {
		return tuple
	}
	action, proto, dport, dst, sport, src := f[0], f[1], f[2], f[3], f[4], f[5]
	anywhere := func(a string) bool { return a == "0.0.0.0/0" || a == "::/0" }
	words := action
	if i := strings.IndexByte(action, '_'); i > 0 { // deny_log
		words = action[:i] + " log"
	}
	if dport != "any" {
		words += " " + dport
		if proto != "any" {
			words += "/" + proto
		}
	} else if proto != "any" {
		words += " proto " + proto
	}
	if !anywhere(src) {
		words += " from " + src
	}
	if sport != "any" {
		words += " port " + sport
	}
	if !anywhere(dst) {
		words += " to " + dst
	}
	return words
}

// UfwConf is what the files of ufw say of its state.
type UfwConf struct {
	Enabled bool // ufw.conf ENABLED: it will be loaded at boot
	IPv6    bool // /etc/default/ufw IPV6: it filters IPv6 too
	Input   string
}

// ReadUfwConf reads /etc/ufw/ufw.conf and /etc/default/ufw.
func ReadUfwConf(conf, defaults []byte) UfwConf {
	c := UfwConf{Enabled: shellYes(conf, "ENABLED"), IPv6: shellYes(defaults, "IPV6")}
	c.Input = strings.ToLower(shellValue(defaults, "DEFAULT_INPUT_POLICY"))
	return c
}

func shellYes(data []byte, key string) bool {
	v := strings.ToLower(shellValue(data, key))
	return v == "yes" || v == "true" || v == "on"
}

// shellValue returns the last value a shell file gives to a variable.
func shellValue(data []byte, key string) string {
	value := ""
	for line := range strings.Lines(string(data)) {
		if k, v, ok := strings.Cut(strings.TrimSpace(line), "="); ok && strings.TrimSpace(k) == key {
			value = strings.Trim(strings.TrimSpace(v), `"'`)
		}
	}
	return value
}

// UfwDefault is how ufw calls its default for incoming packets.
func UfwDefault(k Kind) string {
	if k == Reject {
		return "ufw's default (reject incoming)"
	}
	return "ufw's default (deny incoming)"
}

// Title names the rule: `ufw rule 3 (deny 22/tcp)`.
func (t UfwTuple) Title() string {
	return fmt.Sprintf("ufw rule %s (%s)", strconv.Itoa(t.Number), t.Words)
}
