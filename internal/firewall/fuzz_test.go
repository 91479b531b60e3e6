package firewall

import (
	"net/netip"
	"os"
	"path/filepath"
	"testing"
)

// seeds adds every sample of the readers to a fuzz target.
func seeds(f *testing.F, patterns ...string) {
	for _, p := range patterns {
		names, err := filepath.Glob(filepath.Join("testdata", p))
		if err != nil || len(names) == 0 {
			f.Fatalf("no samples %s (%v)", p, err)
		}
		for _, n := range names {
			data, err := os.ReadFile(n)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
}

// whole checks what must hold for any ruleset: each address has exactly one
// verdict, and a visitor's own verdict does not contradict that for all.
func whole(t *testing.T, rs *Ruleset) {
	t.Helper()
	for _, src := range []string{"192.0.2.2", "2001:db8::1"} {
		one := rs.Evaluate(visit(src, 22))
		q := visit(src, 22)
		q.Src = netip.Addr{}
		var seen AddrSet
		for _, v := range rs.OpenFor(q) {
			if !seen.Intersect(v.For).IsEmpty() {
				t.Fatalf("two verdicts for %v", seen.Intersect(v.For))
			}
			seen = seen.Union(v.For)
			sure := v.Kind != CannotTell && v.Kind != Limited && one.Kind != CannotTell && one.Kind != Limited && len(v.Possible)+len(one.Possible) == 0
			if v.For.Contains(one.For.flat()[0].from) && sure && v.class() != one.class() {
				t.Fatalf("%s: %v alone, %v among all", src, one.Kind, v.Kind)
			}
		}
		if !seen.Equal(AllOf(q.Family)) {
			t.Fatalf("no verdict for %v", AllOf(q.Family).Minus(seen))
		}
	}
}

func FuzzNft(f *testing.F) {
	seeds(f, "*/nft.json", "grammar.json")
	f.Add([]byte(`{"nftables":[{"chain":{"family":"ip","table":"t","name":"a","handle":1,"type":"filter","hook":"input","prio":0,"policy":"drop"}},{"rule":{"family":"ip","table":"t","chain":"a","handle":2,"expr":[{"jump":{"target":"a"}}]}}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		rs, _ := Read(Sources{NftJSON: data})
		whole(t, rs)
	})
}

func FuzzListing(f *testing.F) {
	seeds(f, "*/nft.txt", "grammar.txt")
	json, err := os.ReadFile("testdata/grammar.json")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		rs, _ := Read(Sources{NftJSON: json, NftText: data})
		whole(t, rs)
	})
}

func FuzzIptables(f *testing.F) {
	seeds(f, "*/save4", "*/save6", "legacy.save")
	f.Fuzz(func(t *testing.T, data []byte) {
		rs, _ := Read(Sources{Legacy4: data, Legacy6: data, Ipset: []byte("create a hash:net family inet\nadd a 10.0.0.0/8\n")})
		whole(t, rs)
	})
}

func FuzzIpset(f *testing.F) {
	seeds(f, "ipset.save")
	rules := []byte("*filter\n:INPUT DROP [0:0]\n-A INPUT -m set --match-set a src -j ACCEPT\n-A INPUT -m set --match-set b src,dst -j DROP\n-A INPUT -m set ! --match-set l src -j ACCEPT\nCOMMIT\n")
	f.Fuzz(func(t *testing.T, data []byte) {
		rs, _ := Read(Sources{Legacy4: rules, Ipset: data})
		whole(t, rs)
	})
}

func FuzzManagers(f *testing.F) {
	seeds(f, "ufw/user.rules", "ufw/user6.rules", "firewalld/zones")
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, tuple := range UfwTuples(data, data) {
			if tuple.Title() == "" || tuple.Line < 1 {
				t.Fatal(tuple)
			}
		}
		ReadUfwConf(data, data)
		for _, z := range Zones(data) {
			z.Opens(22)
		}
	})
}
