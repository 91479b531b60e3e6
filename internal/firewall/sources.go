package firewall

import (
	"bytes"
	"strings"
)

// Sources is what was collected of a machine's packet filters. A nil field was
// not collected; whether that means "there is none" or "could not look" is for
// the caller to know and to tell.
type Sources struct {
	NftJSON  []byte // nft -j list ruleset
	NftText  []byte // nft -a list ruleset: rules as written, and what the JSON of old versions leaves out
	Listing  []byte // nft list ruleset as text, where that is all there is (a paste)
	NftSave4 []byte // iptables-nft-save
	NftSave6 []byte // ip6tables-nft-save
	Legacy4  []byte // iptables-legacy-save
	Legacy6  []byte // ip6tables-legacy-save
	Ipset    []byte // ipset save
}

// Read makes one ruleset of all sources. Problems name what could not be read;
// the rules concerned are then undecidable, never left out.
func Read(s Sources) (*Ruleset, []Problem) {
	rs := newRuleset()
	var problems []Problem
	if s.NftJSON != nil {
		problems = append(problems, rs.readNft(s.NftJSON)...)
	}
	if s.Listing != nil && s.NftJSON == nil {
		rs.readNftText(s.Listing)
	}
	if s.NftText != nil {
		rs.readListing(s.NftText)
	}
	for _, x := range []struct {
		data    []byte
		source  string
		backend Backend
		family  string
	}{
		{s.NftSave4, "iptables-nft-save", IptablesNft, "ip"},
		{s.NftSave6, "ip6tables-nft-save", IptablesNft, "ip6"},
		{s.Legacy4, "iptables-legacy-save", Legacy, "ip"},
		{s.Legacy6, "ip6tables-legacy-save", Legacy, "ip6"},
	} {
		if x.data != nil {
			problems = append(problems, rs.readIptables(x.source, x.backend, x.family, x.data)...)
		}
	}
	if s.Ipset != nil {
		problems = append(problems, rs.readIpset(s.Ipset)...)
	}
	return rs, problems
}

// ListingSource is the command whose lines are shown as evidence.
const ListingSource = "nft -a list ruleset"

// readListing takes from the text listing what the JSON lacks: the rules as
// written, the devices of netdev chains (nft 1.0.6 and older omit them), and
// which tables are dormant.
func (rs *Ruleset) readListing(data []byte) {
	var family, table string
	var c *Chain
	var byHandle map[uint64]*Rule
	for n := 1; len(data) > 0; n++ {
		line, rest, _ := bytes.Cut(data, []byte("\n"))
		data = rest
		indent := len(line) - len(bytes.TrimLeft(line, "\t"))
		text := strings.TrimSpace(string(line))
		switch {
		case indent == 0 && strings.HasPrefix(text, "table "):
			w := strings.Fields(text)
			if len(w) >= 3 {
				family, table, c = w[1], w[2], nil
			}
		case indent == 1 && text == "flags dormant":
			rs.dormant[setKey{family, table, ""}] = true
		case indent == 1 && strings.HasPrefix(text, "chain "):
			w := strings.Fields(text)
			c = rs.chains[keyOf(Nftables, family, table, w[1])]
			byHandle = map[uint64]*Rule{}
			if c != nil {
				for _, r := range c.Rules {
					byHandle[r.Handle] = r
				}
			}
		case indent == 1:
			c = nil
		case indent == 2 && c != nil && strings.HasPrefix(text, "type ") && strings.Contains(text, " hook "):
			c.Head, c.Line = text, n
			if c.Base != nil && c.Base.Devices == nil {
				c.Base.Devices = devicesOf(text)
			}
		case indent == 2 && c != nil:
			if i := strings.LastIndex(text, " # handle "); i >= 0 {
				handle, _ := symbol(dtNum, text[i+len(" # handle "):])
				if r := byHandle[handle]; r != nil && handle != 0 {
					r.Text, r.Line = text[:i], n
				}
			}
		}
	}
}

// devicesOf reads `device "eth0"` or `devices = { "eth0", eth1 }` of a chain's head.
func devicesOf(head string) []string {
	i := strings.Index(head, " device")
	j := strings.Index(head, " priority ")
	if i < 0 || j < i {
		return nil
	}
	var out []string
	for _, w := range strings.FieldsFunc(head[i+len(" device"):j], func(c rune) bool { return strings.ContainsRune(` ={},"`, c) }) {
		if w != "s" { // of "devices"
			out = append(out, w)
		}
	}
	return out
}
