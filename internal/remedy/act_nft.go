package remedy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"sshwhy/internal/report"
	"sshwhy/internal/shquote"
)

// nftDoer puts a rule before the one that decides, in the chain where that is:
// an accept in another chain would not override it.
type nftDoer struct {
	family, table, chain string
	argv                 []string
	comment              string
}

func newNftDoer(o report.Opening) (*nftDoer, error) {
	d := &nftDoer{family: o.Family, table: o.Table, chain: o.Chain, comment: mark()}
	if d.family == "" || d.table == "" || d.chain == "" {
		return nil, errors.New("the nftables chain to open is not known")
	}
	match, err := nftMatch(o)
	if err != nil {
		return nil, err
	}
	d.argv = []string{"nft", "insert", "rule", d.family, d.table, d.chain}
	if o.Before > 0 {
		d.argv = append(d.argv, "position", strconv.Itoa(o.Before))
	}
	d.argv = append(append(d.argv, match...), "accept", "comment", strconv.Quote(d.comment))
	return d, nil
}

// nftMatch is the match of an opening.
func nftMatch(o report.Opening) ([]string, error) {
	var out []string
	if o.Source != "" {
		p, err := prefixOf(o.Source)
		if err != nil {
			return nil, err
		}
		family := "ip"
		if p.Addr().Is6() {
			family = "ip6"
		}
		if o.Family != "inet" && o.Family != "netdev" && o.Family != "bridge" && o.Family != family {
			return nil, fmt.Errorf("table %s %s does not know the address %s", o.Family, o.Table, o.Source)
		}
		out = append(out, family, "saddr", sourceText(o.Source))
	}
	return append(out, "tcp", "dport", strconv.Itoa(o.Port)), nil
}

func (d *nftDoer) touches() ([]string, []string)                          { return nil, nil }
func (d *nftDoer) probe(ctx context.Context, s *System) map[string]string { return nftProbe(ctx, s) }

func (d *nftDoer) words() (string, string) {
	return shquote.Join(d.argv), shquote.Join([]string{"nft", "delete", "rule", d.family, d.table, d.chain, "handle"}) + " (the one with comment " + shquote.Word(d.comment) + ")"
}

func (d *nftDoer) record() act {
	return act{Kind: "nft", Forward: [][]string{d.argv}, Family: d.family, Table: d.table, Chain: d.chain, Comment: d.comment, Loose: true}
}

func (d *nftDoer) check(ctx context.Context, s *System) error {
	if err := needRoot(); err != nil {
		return err
	}
	return s.ask(ctx, append([]string{"nft", "-c"}, d.argv[1:]...)...).err()
}

func (d *nftDoer) do(ctx context.Context, s *System) error {
	_, err := s.run(ctx, d.argv...)
	return err
}

// undoNft deletes the rule that bears the mark of a step, if it is there.
func undoNft(ctx context.Context, s *System, a act) error {
	r := s.ask(ctx, "nft", "-j", "-a", "list", "chain", a.Family, a.Table, a.Chain)
	if r.Code != 0 {
		if strings.Contains(r.Output, "No such file or directory") {
			return nil // the chain is gone, and the rule with it
		}
		return r.err()
	}
	var listing struct {
		Nftables []struct {
			Rule *struct {
				Handle  int    `json:"handle"`
				Comment string `json:"comment"`
			} `json:"rule"`
		} `json:"nftables"`
	}
	if err := json.Unmarshal([]byte(r.Output), &listing); err != nil {
		return fmt.Errorf("nft -j list chain: %w", err)
	}
	for _, n := range listing.Nftables {
		if n.Rule == nil || n.Rule.Comment != a.Comment {
			continue
		}
		_, err := s.run(ctx, "nft", "delete", "rule", a.Family, a.Table, a.Chain, "handle", strconv.Itoa(n.Rule.Handle))
		if err != nil {
			return err
		}
	}
	return nil
}

// nftFileStep is the permanent half: the same rule in the file that is loaded
// at boot.
func nftFileStep(s *System, st *Step, o report.Opening) (*Step, error) {
	if o.File == "" || o.RunningOnly {
		return nil, nil
	}
	data, err := s.read(o.File)
	if err != nil {
		return nil, err
	}
	match, err := nftMatch(o)
	if err != nil {
		return nil, err
	}
	e, err := nftPlace(string(data), o, strings.Join(match, " ")+" accept")
	if errors.Is(err, errNotInFile) {
		return nil, nil // what stops the packets is not loaded at boot either
	}
	if err != nil {
		st.Risk = joinLines(st.Risk, fmt.Sprintf("the opening ends with the next boot: %s is to be edited by hand, since %v", o.File, err))
		return nil, nil
	}
	return fileStep(s, st, o.File, e, report.CheckNft)
}

// errNotInFile says that a ruleset file does not have the chain.
var errNotInFile = errors.New("the chain is not in it")

// fileStep is the step that edits a firewall's file, after the running rules.
func fileStep(s *System, st *Step, file string, e report.LineEdit, check report.Checker) (*Step, error) {
	c := *st
	c.Do, c.Undo = "edit "+file, "put back "+file
	steps, err := expandEdit(s, &c, file, []report.LineEdit{e}, check, 0)
	if err != nil || len(steps) == 0 {
		return nil, err
	}
	return steps[0], nil
}

// nftPlace finds the head of a chain in a ruleset file: behind its type and
// policy, before its first rule. Only the block syntax is understood, with one
// opening of the chain; anything else is left to a person.
func nftPlace(text string, o report.Opening, rule string) (report.LineEdit, error) {
	var path []string
	var found *report.LineEdit
	inChain := func() bool {
		return len(path) == 2 && path[0] == o.Family+" "+o.Table && path[1] == "chain "+o.Chain
	}
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSuffix(line, "\n")
		code, _, _ := strings.Cut(line, "#")
		words := strings.Fields(strings.ReplaceAll(strings.ReplaceAll(code, "{", " { "), "}", " } "))
		was := inChain()
		path = nftBlocks(path, words)
		indent := line[:len(line)-len(strings.TrimLeft(line, " \t"))]
		switch {
		case !was && inChain(): // the chain opens here
			if found != nil {
				return report.LineEdit{}, errors.New("the chain is opened more than once")
			}
			if words[len(words)-1] != "{" {
				return report.LineEdit{}, errors.New("the chain begins in the middle of a line")
			}
			found = &report.LineEdit{Line: n, Old: line, Op: report.LineAfter, New: indent + "\t" + rule}
		case !was && strings.Contains(strings.Join(words, " "), "chain "+o.Chain+" {"):
			return report.LineEdit{}, errors.New("the chain is written on one line")
		case was && len(words) > 0 && n == found.Line+1 && (words[0] == "type" || words[0] == "policy"):
			if !inChain() {
				return report.LineEdit{}, errors.New("the chain ends in the middle of a line")
			}
			found.Line, found.Old, found.New = n, line, indent+rule
		}
	}
	if found == nil {
		return report.LineEdit{}, errNotInFile
	}
	return *found, nil
}

// nftBlocks follows the opening and closing braces of one line.
func nftBlocks(path []string, words []string) []string {
	start := 0
	for i, w := range words {
		switch w {
		case "{":
			name := strings.Join(words[start:i], " ")
			if rest, ok := strings.CutPrefix(name, "table "); ok {
				name = rest
				if !strings.Contains(rest, " ") {
					name = "ip " + rest // the family that nft(8) takes where none is named
				}
			}
			path, start = append(path, name), i+1
		case "}":
			if len(path) > 0 {
				path = path[:len(path)-1]
			}
			start = i + 1
		default:
			if strings.HasSuffix(w, ";") {
				start = i + 1
			}
		}
	}
	return path
}

// iptablesFileStep is the permanent half for iptables: the same rule first in
// its chain of the file that is restored at boot.
func iptablesFileStep(s *System, st *Step, o report.Opening) (*Step, error) {
	if o.File == "" || o.RunningOnly {
		return nil, nil
	}
	data, err := s.read(o.File)
	if err != nil {
		return nil, err
	}
	rule, err := iptablesRule(o)
	if err != nil {
		return nil, err
	}
	chain := orElse(o.Chain, "INPUT")
	line := "-A " + chain + " " + strings.Join(rule, " ") + " -j ACCEPT"
	table, n := "", 0
	for l := range strings.Lines(string(data)) {
		n++
		l = strings.TrimRight(l, "\r\n")
		if t, ok := strings.CutPrefix(l, "*"); ok {
			table = strings.TrimSpace(t)
		}
		if table == orElse(o.Table, "filter") && (strings.HasPrefix(l, "-A "+chain+" ") || l == "COMMIT") {
			check := report.CheckIPTables
			if strings.HasPrefix(o.Manager, "ip6") {
				check = report.CheckIP6Table
			}
			return fileStep(s, st, o.File, report.LineEdit{Line: n, Old: l, Op: report.LineBefore, New: line}, check)
		}
	}
	return nil, fmt.Errorf("%s has no table %s", o.File, orElse(o.Table, "filter"))
}
