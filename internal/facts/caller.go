package facts

import (
	"net/netip"
	"strings"
	"time"

	"sshwhy/internal/evidence"
)

// Caller is a client as patterns of names and addresses see it.
type Caller struct {
	Addr  netip.Addr // not valid: any client from outside
	Named bool       // what its name is, or that it has none, is known
	Name  string     // in lower case; "" where it has none that leads back to Addr
	False bool       // it has a name, and that does not lead back to Addr
}

// Names is what this machine's resolver makes of the visitor's address: sshd
// (UseDNS, canohost.c, remote_hostname) and libwrap (socket.c, sock_hostname) take
// the name of an address only where that name leads back to the address.
type Names struct {
	Origin Origin // of the look-up of the address; Skipped where nothing goes by names
	Name   string // in lower case; "" where the address has none
	Back   Origin // of the look-up of that name
	Leads  bool   // it leads back to the address
	Quotes []Quote
}

// nameLimit is how long a look-up may take: sshd itself waits longer, but a name
// server that is silent must not keep the diagnosis.
const nameLimit = 2 * time.Second

func nameItem(a netip.Addr) evidence.Item {
	return evidence.Command("getent", "hosts", a.Unmap().WithZone("").String()).Within(nameLimit)
}

func backItem(name string) evidence.Item {
	return evidence.Command("getent", "ahosts", name).Within(nameLimit)
}

// wantNames asks for the visitor's name where something here goes by it.
func wantNames(b *evidence.Bundle, ask Ask) []evidence.Item {
	if !ask.Client.IsValid() || !namesCount(b, ask) {
		return nil
	}
	items := []evidence.Item{nameItem(ask.Client)}
	if n := parseNames(b, ask); plainHost(n.Name) {
		items = append(items, backItem(n.Name))
	}
	return items
}

// namesCount reports whether sshd looks names up, or the rules of TCP wrappers
// about the visitor hang on a name.
func namesCount(b *evidence.Bundle, ask Ask) bool {
	return strings.EqualFold(parseEffective(b, ask).Value("usedns"), "yes") ||
		parseWrappers(b).Decide(Caller{Addr: ask.Client}).Denied == Some
}

// plainHost reports whether a name can be handed to a program, and is no address:
// a name that looks like one is not believed (canohost.c).
func plainHost(name string) bool {
	_, err := netip.ParseAddr(name)
	return name != "" && name[0] != '-' && err != nil && len(name) < 256 && !strings.ContainsAny(name, " \t\r\n/\x00")
}

// parseNames reads getent(1): "192.0.2.2  desk.example desk", and lines
// "192.0.2.2  STREAM desk.example" for the way back; it ends with 2 where it
// finds nothing.
func parseNames(b *evidence.Bundle, ask Ask) Names {
	n := Names{Origin: Origin{Status: evidence.Skipped, Reason: "nothing here goes by the visitor's name", Source: "getent hosts"}}
	if !ask.Client.IsValid() || !b.Has(nameItem(ask.Client)) {
		return n
	}
	it := nameItem(ask.Client)
	r := b.Get(it)
	found := func(exit int) bool { return exit == 0 || exit == 2 }
	n.Origin = ran(it, r, found)
	if !n.Origin.Known() {
		return n
	}
	n.Name = strings.ToLower(strings.TrimSuffix(nth(firstLine(r.Data), 1), "."))
	n.Quotes = []Quote{{Source: n.Origin.Source, Text: firstLine(r.Data)}}
	if n.Name == "" {
		n.Quotes[0].Text = "(no name)"
		return n
	}
	if !plainHost(n.Name) {
		return n
	}
	back := backItem(n.Name)
	r = b.Get(back)
	if n.Back = ran(back, r, found); !n.Back.Known() {
		return n
	}
	want := ask.Client.Unmap().WithZone("")
	for _, line := range lines(r.Data) {
		if a, err := netip.ParseAddr(nth(line, 0)); err == nil && a.Unmap().WithZone("") == want {
			n.Leads = true
		}
	}
	n.Quotes = append(n.Quotes, Quote{Source: n.Back.Source, Text: firstLine(r.Data)})
	return n
}

// Caller is the visitor with the name that the resolver gives him.
func (n Names) Caller(client netip.Addr) Caller {
	c := Caller{Addr: client}
	switch {
	case !client.IsValid() || !n.Origin.Known():
	case n.Name == "" || !plainHost(n.Name):
		c.Named = true
	case n.Leads:
		c.Named, c.Name = true, n.Name
	case n.Back.Known():
		c.Named, c.False = true, true
	}
	return c
}

// CallerOfSSHD is the visitor as sshd's own patterns see him: by his address alone,
// unless UseDNS is set.
func (f *Facts) CallerOfSSHD(client netip.Addr) Caller {
	if !f.Effective.Origin.Known() || strings.EqualFold(f.Effective.Value("usedns"), "yes") {
		return f.Names.Caller(client)
	}
	return Caller{Addr: client, Named: client.IsValid()}
}
