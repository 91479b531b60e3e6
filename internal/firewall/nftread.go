package firewall

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// nftObject is one member of the list that `nft -j list ruleset` prints. Its
// members stay raw: versions differ in whether a value is a scalar or a list.
type nftObject struct {
	Chain *nftChain `json:"chain"`
	Rule  *nftRule  `json:"rule"`
	Set   *nftSet   `json:"set"`
	Map   *nftSet   `json:"map"`
	Table *nftTable `json:"table"`
}

type nftTable struct {
	Family, Name string
	Flags        any
}

type nftChain struct {
	Family, Table, Name string
	Type, Hook, Policy  string
	Prio                any
	Dev                 any
}

type nftRule struct {
	Family, Table, Chain string
	Handle               uint64
	Expr                 []any
}

type nftSet struct {
	Family, Table, Name string
	Type, Map           any
	Size                float64
	Elem                []any
}

// nftSource names the command in problems and in evidence.
const nftSource = "nft -j list ruleset"

// readNft adds what `nft -j list ruleset` printed.
func (rs *Ruleset) readNft(data []byte) []Problem {
	dec := json.NewDecoder(bytes.NewReader(data))
	if err := enterList(dec, "nftables"); err != nil {
		rs.gaps = append(rs.gaps, "the listing of nft")
		return []Problem{{nftSource, "not the JSON of nft: " + err.Error()}}
	}
	var problems []Problem
	for dec.More() {
		var o nftObject
		err := dec.Decode(&o)
		var mistyped *json.UnmarshalTypeError
		switch {
		case err == nil:
			rs.addNft(&o)
		case errors.As(err, &mistyped):
			problems = append(problems, Problem{nftSource, "an object in an unknown form: " + err.Error()})
			rs.addUnknown(&o)
		default:
			rs.gaps = append(rs.gaps, "the rest of the listing of nft")
			return append(problems, Problem{nftSource, "the JSON ends early: " + err.Error()})
		}
	}
	if _, err := dec.Token(); err != nil {
		rs.gaps = append(rs.gaps, "the rest of the listing of nft")
		problems = append(problems, Problem{nftSource, "the JSON ends early: " + err.Error()})
	}
	return problems
}

// enterList reads up to the beginning of the list that is a member of the object.
func enterList(dec *json.Decoder, member string) error {
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return fmt.Errorf("no object (%v)", err)
	}
	for {
		t, err := dec.Token()
		switch {
		case err != nil:
			return err
		case t == member:
			if t, err = dec.Token(); err != nil || t != json.Delim('[') {
				return fmt.Errorf("%q is no list", member)
			}
			return nil
		case t == json.Delim('}'):
			return io.ErrUnexpectedEOF
		}
		var skip json.RawMessage
		if err := dec.Decode(&skip); err != nil {
			return err
		}
	}
}

func (rs *Ruleset) addNft(o *nftObject) {
	switch {
	case o.Table != nil:
		for _, f := range listOf(o.Table.Flags) {
			if f == "dormant" {
				rs.dormant[setKey{o.Table.Family, o.Table.Name, ""}] = true
			}
		}
	case o.Chain != nil:
		c := rs.chain(Nftables, o.Chain.Family, o.Chain.Table, o.Chain.Name)
		if o.Chain.Hook != "" && c.Base == nil {
			rs.setBase(c, o.Chain.base())
		}
	case o.Rule != nil:
		rs.addNftRule(o.Rule)
	case o.Set != nil:
		s := readSet(o.Set.Elem, setTypes(o.Set.Type), "")
		s.Name, s.size = o.Set.Name, int(o.Set.Size)
		rs.sets[setKey{o.Set.Family, o.Set.Table, o.Set.Name}] = s
	case o.Map != nil:
		mapType, ok := o.Map.Map.(string)
		if !ok || mapType == "" {
			mapType = "any"
		}
		s := readSet(o.Map.Elem, setTypes(o.Map.Type), mapType)
		s.Name, s.size = o.Map.Name, int(o.Map.Size)
		rs.sets[setKey{o.Map.Family, o.Map.Table, o.Map.Name}] = s
	}
}

// addUnknown keeps the place of a rule that could not be read. Without a chain
// nothing can be told any more; a set that is missing is seen where it is used.
func (rs *Ruleset) addUnknown(o *nftObject) {
	if o.Chain != nil || o.Table != nil || o.Rule != nil && o.Rule.Chain == "" {
		rs.gaps = append(rs.gaps, "a table, chain or rule in an unknown form")
	}
	if o.Rule != nil && o.Rule.Chain != "" {
		c := rs.chain(Nftables, o.Rule.Family, o.Rule.Table, o.Rule.Chain)
		c.Rules = append(c.Rules, &Rule{Number: len(c.Rules) + 1, Handle: o.Rule.Handle, Text: "a rule in an unknown form",
			steps: []step{opaqueStep{Why{What: "a rule in an unknown form"}}}})
	}
}

func (n *nftChain) base() Base {
	b := Base{Type: n.Type, Hook: n.Hook, Policy: n.Policy}
	if p, ok := n.Prio.(float64); ok {
		b.Prio = int(p)
	}
	if b.Policy == "" {
		b.Policy = "accept"
	}
	for _, d := range listOf(n.Dev) {
		if s, ok := d.(string); ok {
			b.Devices = append(b.Devices, s)
		}
	}
	return b
}

func (rs *Ruleset) addNftRule(n *nftRule) {
	c := rs.chain(Nftables, n.Family, n.Table, n.Chain)
	r := &Rule{Number: len(c.Rules) + 1, Handle: n.Handle, Text: composeRule(n.Expr), idle: true}
	sc := nftScope{n.Family, n.Table}
	for _, e := range n.Expr {
		if name, _ := only(e); name == "xt" {
			r.xt = true
		}
		s, active := sc.statement(e)
		if s != nil {
			r.steps = append(r.steps, s)
		}
		if active {
			r.idle = false
		}
	}
	r.steps = conjoin(r.steps)
	c.Rules = append(c.Rules, r)
}
