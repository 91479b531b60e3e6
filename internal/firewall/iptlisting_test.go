package firewall

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func saveText(l Listed) []byte {
	var b strings.Builder
	for _, s := range l.Save {
		b.WriteString(s.Text + "\n")
	}
	return []byte(b.String())
}

// TestFromListing: iptables -L of a real ruleset, in its three forms, does with
// packets what the ruleset does.
func TestFromListing(t *testing.T) {
	saves, _ := filepath.Glob("testdata/listing/*.save")
	if len(saves) == 0 {
		t.Fatal("no samples")
	}
	for _, file := range saves {
		save, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		want, problems := Read(Sources{Legacy4: save})
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		for _, form := range []string{".L", ".Ln", ".Lnv"} {
			text, err := os.ReadFile(strings.TrimSuffix(file, ".save") + form)
			if err != nil {
				t.Fatal(err)
			}
			l := FromListing(strings.Split(string(text), "\n"))
			if l.Guessed == (form == ".Lnv") {
				t.Errorf("%s%s: guessed is %v", file, form, l.Guessed)
			}
			got, problems := Read(Sources{Legacy4: saveText(l)})
			if len(problems) > 0 {
				t.Errorf("%s%s: %v", file, form, problems)
			}
			for _, port := range []uint16{22, 25, 80, 2222, 3306, 5000} {
				for _, src := range []string{"192.0.2.1", "198.51.100.7", "203.0.113.9", "10.1.2.3"} {
					p := Packet{Path: Incoming, Family: IPv4, Src: netip.MustParseAddr(src), Dport: port, Iface: "eth0"}
					w, g := want.Evaluate(p), got.Evaluate(p)
					if w.Kind != g.Kind || (w.Rule == nil) != (g.Rule == nil) || w.Rule != nil && w.Rule.Number != g.Rule.Number {
						t.Errorf("%s%s: %s to port %d: %v, want %v\n%s", file, form, src, port, g, w, saveText(l))
					}
				}
			}
		}
	}
}

func FuzzFromListing(f *testing.F) {
	seeds(f, "listing/*")
	f.Fuzz(func(t *testing.T, data []byte) {
		l := FromListing(strings.Split(string(data), "\n"))
		rs, _ := Read(Sources{Legacy4: saveText(l)})
		whole(t, rs)
	})
}

func FuzzNftText(f *testing.F) {
	seeds(f, "*/nft.txt", "grammar.txt")
	f.Fuzz(func(t *testing.T, data []byte) {
		rs, _ := Read(Sources{Listing: data})
		whole(t, rs)
	})
}
