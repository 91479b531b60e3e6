//go:build linux

package kerneltest

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// gen makes rulesets: nft text, iptables-restore text for both backends, and
// ipsets. Its values come from small pools, so that rules and packets meet.
type gen struct {
	*rand.Rand
	prios []int // not yet used
	// uncertain is how many of 1000 rules hold something nobody can decide.
	uncertain int
}

// ruleset is one generated machine.
type ruleset struct {
	nft                            string
	ipset                          string
	legacy4, legacy6, nft4x, nft6x string
}

var (
	ports  = []uint16{22, 22, 22, 22, 2222, 80, 443, 1000, 1024, 50022}
	addrs4 = []string{"10.99.0.2", "10.1.2.3", "10.1.2.4", "10.20.0.1", "192.0.2.10", "192.0.2.77", "198.51.100.200", "203.0.113.5", "172.16.5.5"}
	nets4  = []string{"10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/24", "192.0.2.0/25", "192.0.2.64/26", "198.51.100.0/24", "0.0.0.0/1", "203.0.113.5/32", "10.99.0.0/24"}
	addrs6 = []string{"fd99::2", "2001:db8::1", "2001:db8::2", "2001:db8:1::5", "2001:db8:ffff::9", "fd12::7"}
	nets6  = []string{"2001:db8::/32", "2001:db8::/64", "2001:db8:1::/48", "fd00::/8", "2001:db8::/127", "::/1"}
)

func newGen(seed uint64) *gen {
	g := &gen{Rand: rand.New(rand.NewPCG(seed, 22)), uncertain: envInt("SSHWHY_FUZZ_UNCERTAIN", 4)}
	for _, p := range g.Perm(200) {
		g.prios = append(g.prios, p*7-650)
	}
	return g
}

func pick[T any](g *gen, xs []T) T { return xs[g.IntN(len(xs))] }

func (g *gen) one(n int) bool { return g.IntN(n) == 0 }

// some returns between lo and hi values of f, joined.
func (g *gen) some(lo, hi int, sep string, f func() string) string {
	n := lo + g.IntN(hi-lo+1)
	parts := make([]string, n)
	for i := range parts {
		parts[i] = f()
	}
	return strings.Join(parts, sep)
}

// distinct returns up to n different values of f, joined.
func (g *gen) distinct(n int, sep string, f func() string) string {
	seen := map[string]bool{}
	var parts []string
	for range n {
		if s := f(); !seen[s] {
			seen[s] = true
			parts = append(parts, s)
		}
	}
	return strings.Join(parts, sep)
}

func (g *gen) prio() int {
	p := g.prios[len(g.prios)-1]
	g.prios = g.prios[:len(g.prios)-1]
	return p
}

func (g *gen) port() string { return fmt.Sprint(pick(g, ports)) }

func (g *gen) portRange(sep string) string {
	return pick(g, []string{"20" + sep + "25", "1" + sep + "1023", "1024" + sep + "65535", "80" + sep + "2222", "22" + sep + "22", "2000" + sep + "3000"})
}

// all makes a whole machine of one of a few kinds.
func (g *gen) all() ruleset {
	var rs ruleset
	kind := g.IntN(10)
	if kind != 8 {
		rs.nft = g.nftRuleset()
	}
	if kind >= 5 {
		rs.ipset = g.ipsets()
		if g.one(2) {
			rs.legacy4 = g.iptables(4)
		}
		if g.one(3) {
			rs.legacy6 = g.iptables(6)
		}
		if g.one(2) {
			rs.nft4x = g.iptables(4)
		}
		if g.one(3) {
			rs.nft6x = g.iptables(6)
		}
	}
	return rs
}
