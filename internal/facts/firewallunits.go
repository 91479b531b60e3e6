package facts

import (
	"slices"

	"sshwhy/internal/evidence"
)

// Where systemd keeps the control group of firewalld while it runs, in the unified
// hierarchy and in its own.
var (
	firewalldPrograms = []string{"/usr/sbin/firewalld", "/usr/bin/firewalld"}
	serviceGroups     = []string{"/sys/fs/cgroup/system.slice", "/sys/fs/cgroup/systemd/system.slice"}
)

// wantFirewallUnits asks systemd for the firewalls' units only where the answer
// matters: where firewalld may run, or iptables has a file of rules. On a machine
// with thousands of units the question keeps process 1 busy for 50 ms.
func wantFirewallUnits(b *evidence.Bundle) []evidence.Item {
	if b.Has(itemFirewallUnits) {
		return nil
	}
	var looks []evidence.Item
	for _, p := range firewalldPrograms {
		looks = append(looks, evidence.Stat(p))
	}
	for _, g := range serviceGroups {
		looks = append(looks, evidence.Stat(g), evidence.Stat(g+"/firewalld.service"))
	}
	for _, f := range FirewallFiles {
		looks = append(looks, evidence.File(f.Path))
	}
	for _, it := range append(looks, itemSystemd) {
		if !b.Has(it) {
			return looks
		}
	}
	if firewalldMayRun(b) || slices.ContainsFunc(FirewallFiles, func(f FirewallFile) bool {
		// what nftables.conf says is not compared with the running rules
		return f.Unit != "nftables.service" && b.Get(evidence.File(f.Path)).Status != evidence.Absent
	}) {
		return append(looks, itemFirewallUnits)
	}
	return looks
}

// firewalldMayRun is false only where it is not installed, or where systemd's
// control groups can be seen and firewalld has none.
func firewalldMayRun(b *evidence.Bundle) bool {
	absent := func(path string) bool { return b.Get(evidence.Stat(path)).Status == evidence.Absent }
	if !slices.ContainsFunc(firewalldPrograms, func(p string) bool { return !absent(p) }) {
		return false
	}
	seen := false
	for _, g := range serviceGroups {
		seen = seen || b.Get(evidence.Stat(g)).OK()
		if !absent(g + "/firewalld.service") {
			return true
		}
	}
	return !seen
}
