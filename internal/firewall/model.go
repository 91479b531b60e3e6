package firewall

import (
	"fmt"
	"strconv"
)

// Backend says where a chain comes from.
type Backend string

// The backends. IptablesNft rules live in the kernel's nftables and are shown by
// both nft and iptables; Legacy ones only by iptables-legacy.
const (
	Nftables    Backend = "nftables"
	IptablesNft Backend = "iptables-nft"
	Legacy      Backend = "iptables-legacy"
)

// Ruleset is all that filters packets on one machine.
type Ruleset struct {
	Chains []*Chain // in the order of listing
	sets   map[setKey]*Set
	ipsets map[string]*Set
	// ipsetParts says what the parts of an ipset's entries are: "ip", "net", "port", …
	ipsetParts map[*Set][]string
	chains     map[chainKey]*Chain
	order      int // counts base chains, for ties of priority
	// dormant tables hook nowhere (nft(8), TABLES); keys have no set name.
	dormant map[setKey]bool
	// gaps are parts of the ruleset that could not be read, so that no verdict holds.
	gaps []string
}

type chainKey struct {
	backend             Backend // Legacy or Nftables: iptables-nft chains are nftables chains
	family, table, name string
}

type setKey struct{ family, table, name string }

// Chain is a list of rules. A base chain hangs on a hook of the kernel.
type Chain struct {
	Backend Backend
	Family  string // ip, ip6, inet, netdev, bridge
	Table   string
	Name    string
	Base    *Base
	Head    string // the line that declares hook and policy, as its tool prints it; "" where not collected
	Line    int    // where that stands in the listing, from 1
	Rules   []*Rule
	order   int
}

// Base is what makes a chain a base chain.
type Base struct {
	Type    string // filter, nat, route
	Hook    string // ingress, prerouting, input, output, postrouting, …
	Prio    int
	Policy  string   // accept or drop
	Devices []string // netdev: its interfaces; nil where nft did not tell (1.0.6 and older, nft -j)
}

// Title names the chain as its tools do: "inet filter input" or "iptables-legacy filter INPUT".
func (c *Chain) Title() string {
	if c.Backend == Legacy {
		tool := "iptables-legacy"
		if c.Family == "ip6" {
			tool = "ip6tables-legacy"
		}
		return tool + " " + c.Table + " " + c.Name
	}
	return c.Family + " " + c.Table + " " + c.Name
}

// idle reports whether the base chain lets everything pass unchanged.
func (c *Chain) idle() bool {
	for _, r := range c.Rules {
		if !r.idle {
			return false
		}
	}
	return c.Base.Policy != "drop"
}

// Rule is one rule of a chain.
type Rule struct {
	Number int    // 1-based place in its chain
	Handle uint64 // nftables' handle; 0 for iptables-legacy
	Text   string // as its tool prints it; composed from the JSON where only that was given
	Save   string // the line of iptables-save, for iptables rules
	Line   int    // where Text stands in nft's listing, from 1; 0 where not collected
	steps  []step
	xt     bool // holds an iptables expression that nft cannot show
	idle   bool // has no effect on a packet's fate (counters, logs)
}

// Title names the rule: "handle 17 (tcp dport 22 drop)", "rule 3 (-p tcp … -j DROP)".
func (r *Rule) Title() string {
	if r.Handle != 0 && r.Save == "" {
		return fmt.Sprintf("handle %d (%s)", r.Handle, r.Text)
	}
	return "rule " + strconv.Itoa(r.Number) + " (" + r.Text + ")"
}

// newRuleset returns a ruleset without anything in it.
func newRuleset() *Ruleset {
	return &Ruleset{sets: map[setKey]*Set{}, ipsets: map[string]*Set{}, ipsetParts: map[*Set][]string{}, chains: map[chainKey]*Chain{}, dormant: map[setKey]bool{}}
}

// chain returns the chain of that name, which is made where it does not exist.
func (rs *Ruleset) chain(b Backend, family, table, name string) *Chain {
	key := keyOf(b, family, table, name)
	c := rs.chains[key]
	if c == nil {
		c = &Chain{Backend: b, Family: family, Table: table, Name: name}
		rs.chains[key] = c
		rs.Chains = append(rs.Chains, c)
	}
	return c
}

// Chain returns the nftables chain of that name, or nil.
func (rs *Ruleset) Chain(family, table, name string) *Chain {
	return rs.chains[keyOf(Nftables, family, table, name)]
}

// target returns the chain that a jump from c goes to, or nil.
func (rs *Ruleset) target(c *Chain, name string) *Chain {
	return rs.chains[keyOf(c.Backend, c.Family, c.Table, name)]
}

func keyOf(b Backend, family, table, name string) chainKey {
	if b != Legacy {
		b = Nftables
	}
	return chainKey{b, family, table, name}
}

// setBase makes the chain a base chain.
func (rs *Ruleset) setBase(c *Chain, b Base) {
	rs.order++
	c.order = rs.order
	c.Base = &b
}

// Empty reports whether nothing filters: no chain has a rule or a policy other
// than accept.
func (rs *Ruleset) Empty() bool {
	for _, c := range rs.Chains {
		if c.Base != nil && (len(c.Rules) > 0 || c.Base.Policy != "accept") {
			return false
		}
	}
	return true
}

// Problem is something that could not be read. The rules it belongs to are
// undecidable, not absent, unless it says that a whole source is missing.
type Problem struct {
	Source string // the command or file
	What   string
}

// String writes the problem in one line.
func (p Problem) String() string { return p.Source + ": " + p.What }
