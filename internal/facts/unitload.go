package facts

import (
	"strings"

	"sshwhy/internal/evidence"
)

// Unloaded is a unit of SSH that systemd could not load: its files hold something
// that makes no unit (bad-setting, error), or a link to it leads nowhere (not-found).
type Unloaded struct {
	Unit
	Link Quote // the link that leads nowhere; no Source where there is none
}

// unitLink is where an administrator's own unit file of that name stands.
func unitLink(name string) evidence.Item { return evidence.Stat("/etc/systemd/system/" + name) }

func wantUnloaded(b *evidence.Bundle, _ Ask) []evidence.Item {
	var items []evidence.Item
	for _, u := range notLoaded(b) {
		items = append(items, unitLink(u.Name))
	}
	return items
}

// notLoaded are the units among those asked about that are neither loaded nor masked.
func notLoaded(b *evidence.Bundle) []Unit {
	r := b.Get(itemUnits)
	o := ran(itemUnits, r, exitZero)
	if !o.Known() {
		return nil
	}
	var out []Unit
	for _, block := range strings.Split(string(r.Data), "\n\n") {
		switch u := parseUnit(b, block, o); u.LoadState() {
		case "bad-setting", "error", "not-found":
			if u.Name != "" && u.Name != dropbearUnit {
				out = append(out, u)
			}
		}
	}
	return out
}

func parseUnloaded(b *evidence.Bundle) []Unloaded {
	var out []Unloaded
	for _, u := range notLoaded(b) {
		x := Unloaded{Unit: u}
		it := unitLink(u.Name)
		if r := b.Get(it); r.Status == evidence.Absent && r.Meta != nil && r.Meta.Link != "" && r.Meta.Link != "/dev/null" {
			x.Link = Quote{Source: it.Path, Text: clip("a link to " + r.Meta.Link + ", which does not exist")}
		}
		if u.LoadState() != "not-found" || x.Link.Source != "" {
			out = append(out, x)
		}
	}
	return out
}
