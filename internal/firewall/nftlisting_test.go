package firewall

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// undecidedTexts are statements of testdata/grammar.txt that the reader of the text does
// not follow, because a filter for SSH hardly holds them. They must be
// undecidable, never read as something else.
var undecidedTexts = []string{"ct count", "socket ", "tcp option", "quota ", "numgen ", "jhash ", "@nh ", "exthdr ", "rt ", "synproxy", "dnat ", "redirect to :ip", "tproxy", "fwd ", "xt match"}

// TestListing: the text and the JSON of the same ruleset are read as the same
// rules, written out again alike.
func TestListing(t *testing.T) {
	for _, name := range []string{"grammar", "ufw/nft", "firewalld/nft", "fail2ban/nft"} {
		json, err := os.ReadFile("testdata/" + name + ".json")
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile("testdata/" + name + ".txt")
		if err != nil {
			t.Fatal(err)
		}
		want, problems := Read(Sources{NftJSON: json})
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		got, _ := Read(Sources{Listing: text})
		if len(got.chains) != len(want.chains) || len(want.chains) == 0 {
			t.Errorf("%s: %d chains, want %d", name, len(got.chains), len(want.chains))
		}
		for key, w := range want.chains {
			g := got.chains[key]
			if g == nil || len(g.Rules) != len(w.Rules) {
				t.Errorf("%s: chain %s: not the same rules", name, w.Title())
				continue
			}
			if (w.Base == nil) != (g.Base == nil) || w.Base != nil && (w.Base.Hook != g.Base.Hook || w.Base.Prio != g.Base.Prio || w.Base.Policy != g.Base.Policy || w.Base.Type != g.Base.Type) {
				t.Errorf("%s: chain %s: %+v, want %+v", name, w.Title(), g.Base, w.Base)
			}
			for i, r := range w.Rules {
				sameRule(t, name, r, g.Rules[i])
			}
		}
		for key, w := range want.sets {
			if g := got.sets[key]; g == nil || g.count() != w.count() {
				t.Errorf("%s: set %s differs", name, key.name)
			}
		}
	}
}

// sameRule compares what the rules do; their steps are functions, so what they were made of is
// written out.
func sameRule(t *testing.T, name string, want, got *Rule) {
	t.Helper()
	if want.xt {
		return // the JSON hides what iptables' own matches test; the text shows it
	}
	p := &nftParser{toks: nftTokens(got.Text)}
	var parts []string
	for p.more() {
		at := p.at
		e, ok := p.statement()
		if !ok {
			rest := strings.Join(p.toks[at:], " ")
			if !slices.ContainsFunc(undecidedTexts, func(s string) bool { return strings.HasPrefix(rest, s) }) {
				t.Errorf("%s: %q is not understood from %q", name, got.Text, rest)
			}
			return
		}
		if e != nil {
			parts = append(parts, composeStatement(e))
		}
	}
	a, b := plainRule(strings.Join(parts, " ")), plainRule(want.Text)
	if a != b {
		t.Errorf("%s: %q is read as %q, want %q", name, got.Text, a, b)
	}
}

// plainRule leaves out what has no effect and is written differently by
// versions of nft: counters, logs, comments.
func plainRule(s string) string {
	for _, w := range []string{"counter packets 0 bytes 0", "counter"} {
		s = strings.ReplaceAll(s, w, "")
	}
	if i := strings.Index(s, "comment "); i >= 0 {
		s = s[:i]
	}
	return strings.Join(strings.Fields(s), " ")
}

// TestListingVerdicts: what a pasted listing lets through.
func TestListingVerdicts(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       Kind
	}{
		{"policy drop", "table inet filter {\nchain input {\ntype filter hook input priority filter; policy drop;\nct state established,related accept\niif \"lo\" accept\ntcp dport { 80, 443 } accept\n}\n}\n", Drop},
		{"in a range", "table inet filter {\n\tchain input {\n\t\ttype filter hook input priority filter; policy drop;\n\t\ttcp dport 20-25 accept\n\t}\n}\n", Accept},
		{"in a set over two lines", "table inet filter {\n\tset ok {\n\t\ttype inet_service\n\t\telements = { 21,\n\t\t\t     22 }\n\t}\n\tchain input {\n\t\ttype filter hook input priority filter; policy drop;\n\t\ttcp dport @ok accept\n\t}\n}\n", Accept},
		{"by a chain of its own", "table ip f {\nchain ssh {\ntcp dport 22 reject with tcp reset\n}\nchain in {\ntype filter hook input priority 0; policy accept;\njump ssh\n}\n}\n", Reject},
		{"something unknown before", "table ip f {\nchain in {\ntype filter hook input priority 0; policy drop;\nfrobnicate 7 accept\n}\n}\n", CannotTell},
		{"something unknown, for UDP", "table ip f {\nchain in {\ntype filter hook input priority 0; policy drop;\nudp dport 22 frobnicate accept\n}\n}\n", Drop},
	} {
		rs, _ := Read(Sources{Listing: []byte(c.text)})
		vs := rs.OpenFor(Packet{Path: Incoming, Family: IPv4, Dport: 22, Iface: "eth0"})
		if len(vs) != 1 || vs[0].Kind != c.want {
			t.Errorf("%s: %v, want %v", c.name, vs, c.want)
		}
	}
}
