package firewall

import (
	"regexp"
	"strings"
	"sync"
)

// Owner is the program that made a chain or rule, and through which it is to be
// changed.
type Owner struct {
	Manager string // one of the constants below
	Zone    string // firewalld: the zone the packet fell into
	Jail    string // fail2ban: the jail
}

// The managers.
const (
	ByUfw        = "ufw"
	ByFirewalld  = "firewalld"
	ByFail2ban   = "fail2ban"
	BySshguard   = "sshguard"
	ByCrowdsec   = "crowdsec"
	ByDocker     = "docker"
	ByLibvirt    = "libvirt"
	ByKubernetes = "kubernetes"
	ByNftables   = "nftables" // nobody known: written by hand or by a script
	ByIptables   = "iptables"
)

// Bans reports whether the owner bans addresses, as opposed to filtering ports.
func (o Owner) Bans() bool {
	return o.Manager == ByFail2ban || o.Manager == BySshguard || o.Manager == ByCrowdsec
}

// Cause is what the catalogue calls it when something of this owner, in chain c,
// stops a packet: the program that people know it by, or else what made the rules.
func (o Owner) Cause(c *Chain) string {
	switch {
	case o.Bans():
		return "client-banned"
	case o.Manager == ByUfw:
		return "firewall-ufw"
	case o.Manager == ByFirewalld:
		return "firewall-firewalld"
	case c != nil && c.Backend != Nftables:
		return "firewall-iptables"
	}
	return "firewall-nftables" // also docker's, libvirt's and Kubernetes' own tables
}

// chainOwners knows chains by the beginning of their names, and tables by theirs.
var chainOwners = []struct{ prefix, manager string }{
	{"ufw-", ByUfw}, {"ufw6-", ByUfw},
	{"f2b-", ByFail2ban}, {"fail2ban-", ByFail2ban},
	{"sshguard", BySshguard},
	{"CROWDSEC", ByCrowdsec}, {"crowdsec", ByCrowdsec},
	{"DOCKER", ByDocker},
	{"LIBVIRT_", ByLibvirt},
	{"KUBE-", ByKubernetes}, {"cali-", ByKubernetes}, {"CILIUM_", ByKubernetes}, {"FLANNEL-", ByKubernetes},
}

var tableOwners = []struct{ prefix, manager string }{
	{"firewalld", ByFirewalld},
	{"f2b-table", ByFail2ban}, {"sshguard", BySshguard}, {"crowdsec", ByCrowdsec},
	{"docker-bridges", ByDocker}, {"libvirt_network", ByLibvirt}, {"kube-proxy", ByKubernetes}, {"kube-", ByKubernetes},
}

// OwnerOf says who made what decided an outcome.
func (rs *Ruleset) OwnerOf(o *Outcome) Owner {
	if o.Chain == nil {
		return Owner{}
	}
	own := rs.ownerOfChain(o.Chain)
	if own.Manager == ByNftables || own.Manager == ByIptables {
		if o.Rule == nil && rs.hasUfw(o.Chain) { // ufw sets the policy of the built-in chains
			own.Manager = ByUfw
		}
		if o.Rule != nil && strings.Contains(o.Rule.Text, "crowdsec") {
			own.Manager = ByCrowdsec
		}
	}
	if own.Manager == ByFail2ban {
		own.Jail = jailOf(o)
	}
	if own.Manager == ByFirewalld {
		own.Zone = zoneOf(o.Chain.Name)
	}
	return own
}

func (rs *Ruleset) ownerOfChain(c *Chain) Owner {
	if c.Backend == Nftables {
		for _, t := range tableOwners {
			if strings.HasPrefix(c.Table, t.prefix) {
				return Owner{Manager: t.manager}
			}
		}
	}
	for _, k := range chainOwners {
		if strings.HasPrefix(c.Name, k.prefix) {
			return Owner{Manager: k.manager}
		}
	}
	if c.Backend == Nftables {
		return Owner{Manager: ByNftables}
	}
	for _, name := range []string{"INPUT_ZONES", "INPUT_ZONES_SOURCE", "INPUT_direct", "IN_public"} {
		if rs.target(c, name) != nil { // firewalld with its iptables backend
			return Owner{Manager: ByFirewalld}
		}
	}
	return Owner{Manager: ByIptables}
}

// hasUfw reports whether ufw's chains are in the table of a chain.
func (rs *Ruleset) hasUfw(c *Chain) bool {
	return rs.target(c, "ufw-before-input") != nil || rs.target(c, "ufw6-before-input") != nil
}

// jailSet finds the jail in the names that fail2ban gives its sets and chains.
var jailSet = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`addr6?-set-([A-Za-z0-9_.-]+)|f2b-([A-Za-z0-9_.-]+)`) })

func jailOf(o *Outcome) string {
	texts := []string{o.Chain.Name}
	if o.Rule != nil {
		texts = []string{o.Rule.Text, o.Chain.Name}
	}
	for _, t := range texts {
		for _, m := range jailSet().FindAllStringSubmatch(t, -1) {
			if j := m[1] + m[2]; j != "" && j != "chain" && j != "table" {
				return strings.TrimSuffix(j, "6")
			}
		}
	}
	return ""
}

// zoneChain is how firewalld names the chains of a zone: filter_IN_ZONE,
// filter_IN_ZONE_deny; IN_ZONE with the iptables backend.
var zoneChain = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(?:filter_)?IN_(.+?)(?:_(?:pre|log|deny|allow|post))?$`)
})

func zoneOf(chain string) string {
	if m := zoneChain().FindStringSubmatch(chain); m != nil && !strings.HasPrefix(m[1], "policy_") {
		return m[1]
	}
	return ""
}

// ZoneOf finds the zone of firewalld that a packet fell into, from its way.
func ZoneOf(trace []Event) string {
	zone := ""
	for _, e := range trace {
		if z := zoneOf(e.Chain.Name); z != "" {
			zone = z
		}
	}
	return zone
}

// UfwRule returns the number (from 1) of the rule in ufw's own chain by which a
// packet was last matched on its way, and whether it is the chain for IPv6.
func UfwRule(trace []Event) (number int, v6, ok bool) {
	for _, e := range trace {
		if e.Rule != nil && (e.Chain.Name == "ufw-user-input" || e.Chain.Name == "ufw6-user-input") {
			number, v6, ok = e.Rule.Number, e.Chain.Name == "ufw6-user-input", true
		}
	}
	return number, v6, ok
}
