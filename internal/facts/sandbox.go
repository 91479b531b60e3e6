package facts

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"sshwhy/internal/evidence"
)

// Sandbox is what systemd and the kernel say of the fence around the server: all
// properties of the service, of its socket unit and of the slices above them,
// whether its control group is frozen, and which network it lives in.
type Sandbox struct {
	Origin  Origin
	Units   []Unit // services and sockets first, then the slices, the innermost first
	Frozen  Quote  // the line of cgroup.events that says so; no Source where none does
	Foreign Quote  // the network namespace of a server's process that is not ours; no Source where it is
	Server  int    // the process that Frozen or Foreign is about
	// Held is whether it could be seen which BPF programs and links systemd holds:
	// without them its packet filters are not in force (a container, an old kernel),
	// which it says in its log once for all units.
	Held     Origin
	Programs Quote // the first program
	Attached Quote // the first link, by which RestrictNetworkInterfaces is attached
}

// PacketFilters are the properties by which systemd filters packets with BPF.
var PacketFilters = []string{"IPAddressAllow", "IPAddressDeny", "RestrictNetworkInterfaces", "IPIngressFilterPath", "IPEgressFilterPath", "BPFProgram"}

// filtersPackets reports whether one of the units has such a property.
func filtersPackets(units []Unit) bool {
	return slices.ContainsFunc(units, func(u Unit) bool {
		return slices.ContainsFunc(PacketFilters, func(name string) bool { return u.Props[name] != "" })
	})
}

// sandboxNames are the units that stand around the server: those of SSH that are
// active or failed, and every slice above them (systemd.slice(5): a-b.slice lies in a.slice).
func sandboxNames(b *evidence.Bundle) []string {
	services, sockets, _ := parseUnits(b)
	var units, slicesAbove []string
	for _, u := range append(services, sockets...) {
		if u.Name == dropbearUnit && !u.Active() || u.LoadState() != "loaded" {
			continue
		}
		if !u.Active() && !u.Failed() && !u.Enabled() {
			continue
		}
		units = append(units, u.Name)
		for part := range strings.SplitSeq(path.Dir(u.Props["ControlGroup"]), "/") {
			if strings.HasSuffix(part, ".slice") && !slices.Contains(slicesAbove, part) {
				slicesAbove = append(slicesAbove, part)
			}
		}
	}
	if len(units) == 0 {
		return nil
	}
	slices.Reverse(slicesAbove)
	return append(append(units, slicesAbove...), "-.slice")
}

// itemSandbox asks for all properties, since one that nobody here knows counts, too.
func itemSandbox(names []string) evidence.Item {
	return evidence.Command(append([]string{"systemctl", "show", "--no-pager", "--"}, names...)...)
}

// itemOwnNet is the network namespace of whoever looks.
var itemOwnNet = evidence.Stat("/proc/self/ns/net")

func wantSandbox(b *evidence.Bundle, _ Ask) []evidence.Item {
	items := []evidence.Item{itemOwnNet}
	if names := sandboxNames(b); b.Has(itemUnits) && names != nil {
		items = append(items, itemSandbox(names))
		units, _ := parseSandboxUnits(b)
		for _, u := range units {
			for _, p := range u.paths() {
				items = append(items, evidence.File(p))
			}
		}
		if filtersPackets(units) {
			items = append(items, itemFDs(1))
		}
	}
	for _, pid := range mainPIDs(b) {
		dir := "/proc/" + strconv.Itoa(pid) + "/"
		items = append(items, evidence.Stat(dir+"ns/net"))
		if group := controlGroup(b, dir); group != "" {
			items = append(items, groupEvents(group))
		}
	}
	return items
}

// controlGroup is the process's group in the unified hierarchy: "0::/system.slice/ssh.service" (cgroups(7)).
func controlGroup(b *evidence.Bundle, dir string) string {
	for _, line := range lines(b.Get(evidence.File(dir + "cgroup").AtMost(8 << 10)).Data) {
		if group, ok := strings.CutPrefix(line, "0::/"); ok && group != "" && !strings.Contains(group, "..") {
			return group
		}
	}
	return ""
}

// groupEvents holds "frozen 1" where the group, or one above it, is frozen
// (kernel, cgroup-v2): whoever froze it, systemd or not.
func groupEvents(group string) evidence.Item {
	return evidence.File("/sys/fs/cgroup/" + group + "/cgroup.events").AtMost(1 << 10)
}

func parseSandboxUnits(b *evidence.Bundle) ([]Unit, Origin) {
	names := sandboxNames(b)
	if names == nil {
		return nil, Origin{Status: evidence.Absent, Source: "systemctl show"}
	}
	it := itemSandbox(names)
	r := b.Get(it)
	o := ran(it, r, exitZero)
	var units []Unit
	if o.Known() {
		for _, block := range strings.Split(string(r.Data), "\n\n") {
			if u := parseUnit(b, block, o); u.Name != "" && !slices.ContainsFunc(units, func(x Unit) bool { return x.Name == u.Name }) {
				units = append(units, u)
			}
		}
	}
	return units, o
}

func parseSandbox(b *evidence.Bundle) Sandbox {
	var s Sandbox
	s.Units, s.Origin = parseSandboxUnits(b)
	s.readHeld(b)
	own := b.Get(itemOwnNet)
	for _, pid := range mainPIDs(b) {
		dir := "/proc/" + strconv.Itoa(pid) + "/"
		if group := controlGroup(b, dir); group != "" && s.Frozen.Source == "" {
			it := groupEvents(group)
			for i, line := range lines(b.Get(it).Data) {
				if strings.TrimSpace(line) == "frozen 1" {
					s.Frozen = Quote{Source: it.Path, Line: i + 1, Text: line}
					s.Server = pid
				}
			}
		}
		net := b.Get(evidence.Stat(dir + "ns/net"))
		if net.OK() && own.OK() && net.Meta.Link != "" && own.Meta.Link != "" && net.Meta.Link != own.Meta.Link {
			s.Foreign = Quote{Source: dir + "ns/net", Text: net.Meta.Link}
			s.Server = pid
		}
	}
	return s
}

// readHeld reads which descriptors of systemd are of BPF: "17 -> anon_inode:bpf-prog".
func (s *Sandbox) readHeld(b *evidence.Bundle) {
	r := b.Get(itemFDs(1))
	s.Held = ran(itemFDs(1), r, exitZero)
	for i, line := range lines(r.Data) {
		q := Quote{Source: s.Held.Source, Line: i + 1, Text: clip(line)}
		switch {
		case strings.HasSuffix(line, "anon_inode:bpf-prog") && s.Programs.Source == "":
			s.Programs = q
		case strings.HasSuffix(line, "anon_inode:bpf_link") && s.Attached.Source == "":
			s.Attached = q
		}
	}
}

// Slice reports whether the unit is a slice.
func (u Unit) Slice() bool { return strings.HasSuffix(u.Name, ".slice") }

// Socket reports whether the unit is a socket unit.
func (u Unit) Socket() bool { return strings.HasSuffix(u.Name, ".socket") }
