package firewall

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// largeRuleset is what `nft -j list ruleset` prints of 100,000 rules and 50 sets
// of 10,000 addresses; bench/firewall loads the same into a kernel.
func largeRuleset(rules, sets, elems int) []byte {
	var b strings.Builder
	b.WriteString(`{"nftables": [{"metainfo": {"version": "1.0.6", "json_schema_version": 1}}, {"table": {"family": "inet", "name": "t", "handle": 1}}`)
	for s := range sets {
		fmt.Fprintf(&b, `, {"set": {"family": "inet", "name": "s%d", "table": "t", "type": "ipv4_addr", "handle": %d, "elem": [`, s, s+2)
		for e := range elems {
			if e > 0 {
				b.WriteString(", ")
			}
			fmt.Fprintf(&b, `"%s"`, netip.AddrFrom4([4]byte{byte(11 + s), byte(e >> 16), byte(e >> 8), byte(e)}))
		}
		b.WriteString("]}}")
	}
	b.WriteString(`, {"chain": {"family": "inet", "table": "t", "name": "input", "handle": 60, "type": "filter", "hook": "input", "prio": 0, "policy": "drop"}}`)
	for r := range rules {
		if sets > 0 && r%2000 == 1999 {
			fmt.Fprintf(&b, `, {"rule": {"family": "inet", "table": "t", "chain": "input", "handle": %d, "expr": [{"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "saddr"}}, "right": "@s%d"}}, {"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": 22}}, {"drop": null}]}}`, r+100, r/2000%sets)
			continue
		}
		fmt.Fprintf(&b, `, {"rule": {"family": "inet", "table": "t", "chain": "input", "handle": %d, "expr": [{"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "saddr"}}, "right": "10.%d.%d.%d"}}, {"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": %d}}, {"counter": {"packets": 0, "bytes": 0}}, {"accept": null}]}}`,
			r+100, r>>16, r>>8&255, r&255, []int{22, 80, 443}[r%3])
	}
	b.WriteString("]}")
	return []byte(b.String())
}

// BenchmarkLarge reads and evaluates the largest ruleset that is promised.
func BenchmarkLarge(b *testing.B) {
	data := largeRuleset(100_000, 50, 10_000)
	b.SetBytes(int64(len(data)))
	b.ResetTimer()
	for b.Loop() {
		rs, problems := Read(Sources{NftJSON: data})
		if len(problems) > 0 {
			b.Fatal(problems)
		}
		if v := rs.Evaluate(visit("192.0.2.7", 22)); v.Kind != Drop {
			b.Fatal(v.Kind)
		}
	}
}

// BenchmarkLargeForAll asks the same of every address.
func BenchmarkLargeForAll(b *testing.B) {
	rs, _ := Read(Sources{NftJSON: largeRuleset(100_000, 50, 10_000)})
	q := visit("192.0.2.7", 22)
	q.Src = netip.Addr{}
	for b.Loop() {
		if vs := rs.OpenFor(q); len(vs) < 2 {
			b.Fatal(vs)
		}
	}
}

// BenchmarkUsual is a machine with ufw.
func BenchmarkUsual(b *testing.B) {
	var src Sources
	for file, to := range map[string]*[]byte{"nft.json": &src.NftJSON, "nft.txt": &src.NftText, "save4": &src.NftSave4, "save6": &src.NftSave6} {
		data, err := os.ReadFile(filepath.Join("testdata", "ufw", file))
		if err != nil {
			b.Fatal(err)
		}
		*to = data
	}
	for b.Loop() {
		rs, _ := Read(src)
		if v := rs.Evaluate(visit("192.0.2.2", 22)); v.Kind != Drop {
			b.Fatal(v.Kind)
		}
	}
}
