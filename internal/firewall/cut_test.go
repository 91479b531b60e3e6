package firewall

import (
	"strings"
	"testing"

	"sshwhy/internal/cuttest"
)

// lineReaders are the readers of listings and rule files.
func lineReaders(testing.TB) map[string]cuttest.Reader {
	return map[string]cuttest.Reader{
		"a listing of nft": func(b []byte) { Read(Sources{Listing: b}) },
		"nft's JSON":       func(b []byte) { Read(Sources{NftJSON: b}) },
		"ipset":            func(b []byte) { Read(Sources{Ipset: b}) },
		"ufw's rules":      func(b []byte) { UfwTuples(b, b) },
		"ufw's settings":   func(b []byte) { ReadUfwConf(b, b) },
		"firewalld's zones": func(b []byte) {
			for _, z := range Zones(b) {
				z.Opens(22)
			}
		},
	}
}

// TestCutLines: a listing that ends anywhere is no panic.
func TestCutLines(t *testing.T) { cuttest.All(t, lineReaders(t)) }

// TestCutTexts evaluates what was read.
func TestCutTexts(t *testing.T) {
	cuttest.Texts(t, 8, map[string]cuttest.Reader{"rules": func(b []byte) {
		for _, s := range []Sources{{Listing: b}, {Legacy4: []byte("*filter\n:INPUT DROP [0:0]\n" + string(b) + "\nCOMMIT\n")}, {Legacy4: saveText(FromListing(strings.Split(string(b), "\n")))}} {
			rs, _ := Read(s)
			whole(t, rs)
		}
	}})
}

func FuzzLines(f *testing.F) { cuttest.Fuzz(f, lineReaders(f)) }
