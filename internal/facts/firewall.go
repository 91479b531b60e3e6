package facts

import (
	"bytes"
	"encoding/json"
	"path"
	"strings"
	"time"

	"sshwhy/internal/evidence"
)

// Firewall is what was collected of the machine's packet filters and of the
// programs that manage them. It is kept as raw bytes: internal/firewall reads it.
type Firewall struct {
	NftJSON, NftText   Raw // Absent: nft is not installed
	NftSave4, NftSave6 Raw // only asked for where nft shows rules of iptables, or is not there
	// Names4 and Names6 list the tables of iptables-legacy; reading them loads no
	// module. Absent or empty: there is none.
	Names4, Names6   Raw
	Legacy4, Legacy6 Raw
	Ipset            Raw
	Modules          Raw // /proc/modules

	UfwConf, UfwDefaults, UfwUser4, UfwUser6       Raw
	FirewalldState, FirewalldPanic, FirewalldZones Raw
	FirewalldPermanent, FirewalldDefault           Raw

	// Bridges are the interfaces that are bridges; Origin says whether that is known.
	Bridges       []string
	BridgesOrigin Origin

	// Proof is the kernel's word on a packet that the rules alone leave undecided.
	Proof Raw

	// Boot is what the service managers start at boot, by unit name.
	Boot map[string]BootUnit
	// Files are what is loaded at boot: path to content.
	Files map[string]Raw

	// Iface is the interface by which the visitor's packets come: that of the
	// route to the visitor, or the default one; "" where that is not known.
	Iface4, Iface6 string
}

// Raw is the bytes of one item, with where they come from.
type Raw struct {
	Origin Origin
	Data   []byte
	Cut    bool // there was more than was kept
}

// BootUnit is a service that loads rules at boot.
type BootUnit struct {
	Load, State, File string // LoadState, ActiveState, UnitFileState
}

// Limits of what is collected: a ruleset of 100,000 rules prints as some 40 MB,
// which nft takes seconds for.
const (
	rulesetCap  = 256 << 20
	rulesetTime = 30 * time.Second
)

var (
	itemNftJSON  = evidence.Command("nft", "-j", "list", "ruleset").AtMost(rulesetCap).Within(rulesetTime)
	itemNftText  = evidence.Command("nft", "-a", "list", "ruleset").AtMost(rulesetCap).Within(rulesetTime)
	itemNftSave4 = evidence.Command("iptables-nft-save").AtMost(rulesetCap).Within(rulesetTime)
	itemNftSave6 = evidence.Command("ip6tables-nft-save").AtMost(rulesetCap).Within(rulesetTime)
	itemNames4   = evidence.File("/proc/net/ip_tables_names")
	itemNames6   = evidence.File("/proc/net/ip6_tables_names")
	itemLegacy4  = evidence.Command("iptables-legacy-save").AtMost(rulesetCap).Within(rulesetTime)
	itemLegacy6  = evidence.Command("ip6tables-legacy-save").AtMost(rulesetCap).Within(rulesetTime)
	itemIpset    = evidence.Command("ipset", "save").AtMost(rulesetCap).Within(rulesetTime)
	itemModules  = evidence.File("/proc/modules")
	itemBridges  = evidence.Glob("/sys/class/net/*/bridge")

	itemUfwConf     = evidence.File("/etc/ufw/ufw.conf")
	itemUfwDefaults = evidence.File("/etc/default/ufw")
	itemUfwUser4    = evidence.File("/etc/ufw/user.rules")
	itemUfwUser6    = evidence.File("/etc/ufw/user6.rules")

	itemFirewalldState     = evidence.Command("firewall-cmd", "--state")
	itemFirewalldPanic     = evidence.Command("firewall-cmd", "--query-panic")
	itemFirewalldZones     = evidence.Command("firewall-cmd", "--list-all-zones")
	itemFirewalldDefault   = evidence.Command("firewall-cmd", "--get-default-zone")
	itemFirewalldPermanent = evidence.Command("firewall-cmd", "--permanent", "--list-all-zones")

	itemFirewallUnits = evidence.Command("systemctl", "show", "--property=Id,LoadState,ActiveState,UnitFileState",
		"ufw.service", "firewalld.service", "nftables.service", "netfilter-persistent.service", "iptables.service", "ip6tables.service")
)

// ItemProof is where the kernel's word is kept in a bundle. No manifest wants it:
// it is put there when the rules alone leave a question open.
var ItemProof = evidence.Command("sshwhy", "firewall", "--prove")

// FirewallFile is a file of rules and the unit that loads it.
type FirewallFile struct{ Unit, Path string }

// FirewallFiles are the files from which rules are loaded at boot, by the unit
// that does so.
var FirewallFiles = []FirewallFile{
	{"nftables.service", "/etc/nftables.conf"},
	{"nftables.service", "/etc/sysconfig/nftables.conf"},
	{"netfilter-persistent.service", "/etc/iptables/rules.v4"},
	{"netfilter-persistent.service", "/etc/iptables/rules.v6"},
	{"iptables.service", "/etc/sysconfig/iptables"},
	{"ip6tables.service", "/etc/sysconfig/ip6tables"},
}

// madeByIptables reports whether a ruleset holds what iptables makes: matches of
// its own, or its built-in chains, whose simple rules newer releases of nft show
// like any other (seen with iptables 1.8.11 and nft 1.1).
func madeByIptables(nftJSON []byte) bool {
	for _, sign := range []string{`"xt"`, `"name": "INPUT"`, `"name": "PREROUTING"`, `"name": "OUTPUT"`, `"name": "FORWARD"`} {
		if bytes.Contains(nftJSON, []byte(sign)) {
			return true
		}
	}
	return false
}

func wantFirewall(b *evidence.Bundle, ask Ask) []evidence.Item {
	items := []evidence.Item{itemNftJSON, itemNames4, itemNames6, itemModules, itemBridges, itemUfwConf, itemUfwDefaults,
		itemUfwUser4, itemUfwUser6}
	for _, f := range FirewallFiles {
		items = append(items, evidence.File(f.Path))
	}
	items = append(items, wantFirewallUnits(b)...)
	if bytes.Contains(b.Get(itemNftJSON).Data, []byte(`"chain"`)) {
		items = append(items, itemNftText) // what is shown as evidence; without a chain there is none
	}
	if nft := b.Get(itemNftJSON); b.Has(itemNftJSON) && (nft.Status != evidence.Known || nft.Exit != 0 || madeByIptables(nft.Data)) {
		items = append(items, itemNftSave4, itemNftSave6)
	}
	if r := b.Get(itemNames4); r.OK() && len(bytes.TrimSpace(r.Data)) > 0 {
		items = append(items, itemLegacy4)
	}
	if r := b.Get(itemNames6); r.OK() && len(bytes.TrimSpace(r.Data)) > 0 {
		items = append(items, itemLegacy6)
	}
	for _, it := range []evidence.Item{itemNftSave4, itemNftSave6, itemLegacy4, itemLegacy6} {
		if bytes.Contains(b.Get(it).Data, []byte("-set ")) {
			items = append(items, itemIpset)
			break
		}
	}
	if firewalldRuns(b) { // firewall-cmd is a Python program: it takes longer than all else together
		items = append(items, itemFirewalldState)
	}
	if r := b.Get(itemFirewalldState); r.OK() && r.Exit == 0 {
		items = append(items, itemFirewalldPanic, itemFirewalldZones, itemFirewalldPermanent, itemFirewalldDefault)
	}
	return items
}

func parseFirewall(b *evidence.Bundle, ask Ask) Firewall {
	f := Firewall{Boot: map[string]BootUnit{}, Files: map[string]Raw{}}
	for _, x := range []struct {
		to   *Raw
		item evidence.Item
	}{
		{&f.NftJSON, itemNftJSON}, {&f.NftText, itemNftText}, {&f.NftSave4, itemNftSave4}, {&f.NftSave6, itemNftSave6},
		{&f.Names4, itemNames4}, {&f.Names6, itemNames6}, {&f.Legacy4, itemLegacy4}, {&f.Legacy6, itemLegacy6},
		{&f.Ipset, itemIpset}, {&f.Modules, itemModules}, {&f.UfwConf, itemUfwConf}, {&f.UfwDefaults, itemUfwDefaults},
		{&f.UfwUser4, itemUfwUser4}, {&f.UfwUser6, itemUfwUser6}, {&f.FirewalldState, itemFirewalldState},
		{&f.FirewalldPanic, itemFirewalldPanic}, {&f.FirewalldZones, itemFirewalldZones}, {&f.FirewalldPermanent, itemFirewalldPermanent},
		{&f.FirewalldDefault, itemFirewalldDefault},
	} {
		*x.to = rawOf(b, x.item)
	}
	f.Proof = rawOf(b, ItemProof)
	f.BridgesOrigin = originOf(itemBridges, b.Get(itemBridges))
	for _, m := range b.Get(itemBridges).Matches {
		f.Bridges = append(f.Bridges, path.Base(path.Dir(m.Path)))
	}
	for _, file := range FirewallFiles {
		f.Files[file.Path] = rawOf(b, evidence.File(file.Path))
	}
	parseBoot(b.Get(itemFirewallUnits).Data, f.Boot)
	f.Iface4, f.Iface6 = deviceOf(b.Get(itemRoute4).Data), deviceOf(b.Get(itemRoute6).Data)
	if it, ok := routeItem(ask); ok {
		if dev := deviceOf(b.Get(it).Data); dev != "" {
			f.Iface4, f.Iface6 = dev, dev
		}
	}
	return f
}

func rawOf(b *evidence.Bundle, it evidence.Item) Raw {
	r := b.Get(it)
	o := originOf(it, r)
	if it.Kind == evidence.KindCommand {
		o = ran(it, r, exitZero)
	}
	return Raw{Origin: o, Data: r.Data, Cut: r.Truncated}
}

// parseBoot reads `systemctl show` of several units: blocks of Key=Value,
// separated by empty lines.
func parseBoot(data []byte, into map[string]BootUnit) {
	var id string
	var u BootUnit
	flush := func() {
		if id != "" {
			into[id] = u
		}
		id, u = "", BootUnit{}
	}
	for _, line := range lines(data) {
		key, value, ok := strings.Cut(line, "=")
		switch {
		case !ok:
			flush()
		case key == "Id":
			id = value
		case key == "LoadState":
			u.Load = value
		case key == "ActiveState":
			u.State = value
		case key == "UnitFileState":
			u.File = value
		}
	}
	flush()
}

// deviceOf returns the device of the first route that `ip -j route` printed.
func deviceOf(data []byte) string {
	var routes []struct {
		Dev string `json:"dev"`
	}
	if json.Unmarshal(data, &routes) != nil || len(routes) == 0 {
		return ""
	}
	return routes[0].Dev
}

// RulesetBundle makes a bundle that holds nothing but a saved ruleset: the output
// of `nft -j list ruleset`, or that of iptables-save (ip6tables-save: ipv6). ok is
// false where it is neither.
func RulesetBundle(text []byte, ipv6 bool) (b *evidence.Bundle, ok bool) {
	b = evidence.NewBundle()
	b.UID = 0
	none := evidence.Result{Status: evidence.Absent}
	for _, it := range []evidence.Item{itemNames4, itemNames6} {
		b.Put(it, none)
	}
	known := evidence.Result{Status: evidence.Known, Data: text}
	head := bytes.TrimSpace(text)
	switch {
	case bytes.HasPrefix(head, []byte("{")) && bytes.Contains(head, []byte(`"nftables"`)):
		b.Put(itemNftJSON, known)
	case bytes.HasPrefix(head, []byte("*")) || bytes.HasPrefix(head, []byte("#")) && bytes.Contains(head, []byte("\n*")):
		b.Put(itemNftJSON, evidence.Result{Status: evidence.Known, Data: []byte(`{"nftables":[]}`)})
		names, save := itemNames4, itemLegacy4
		if ipv6 {
			names, save = itemNames6, itemLegacy6
		}
		b.Put(names, evidence.Result{Status: evidence.Known, Data: []byte("filter\n")})
		b.Put(save, known)
	default:
		return nil, false
	}
	return b, true
}

// firewalldRuns reports whether systemd says so, or its tables are in the kernel.
func firewalldRuns(b *evidence.Bundle) bool {
	boot := map[string]BootUnit{}
	parseBoot(b.Get(itemFirewallUnits).Data, boot)
	return boot["firewalld.service"].State == "active" || bytes.Contains(b.Get(itemNftJSON).Data, []byte(`"firewalld`))
}
