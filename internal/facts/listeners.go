package facts

import (
	"cmp"
	"encoding/hex"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"sshwhy/internal/evidence"
)

// Listeners are the TCP sockets in state LISTEN.
type Listeners struct {
	Origin Origin
	Owners bool // whether the owning processes could be seen (needs root)
	All    []Listener
}

// Listener is one listening socket.
type Listener struct {
	Endpoint
	Device  string // the interface it is bound to (SO_BINDTODEVICE), or that of a link-local address; "" for none
	Queue   int    // connections that wait to be accepted
	Backlog int
	Owners  []Owner
	Quote   Quote
}

// Owner is a process that holds a socket.
type Owner struct {
	Name string
	PID  int
}

// The commands and files that show listening sockets. ss reads every process's
// descriptors for -p, which is the most expensive single look of a diagnosis; on
// a crowded machine it is asked without, see crowded.go.
var (
	itemSS   = evidence.Command("ss", "-Hltnp")
	itemTCP  = evidence.File("/proc/net/tcp")
	itemTCP6 = evidence.File("/proc/net/tcp6")
)

func wantListeners(b *evidence.Bundle, ask Ask) []evidence.Item {
	if !b.Has(itemLoad) && !b.Has(itemSS) {
		return []evidence.Item{itemLoad}
	}
	if few, enough := wantFew(b, ask); enough {
		return few
	}
	items := []evidence.Item{itemSS}
	if r := b.Get(itemSS); b.Has(itemSS) && !(r.OK() && r.Exit == 0) {
		items = append(items, itemTCP, itemTCP6)
	}
	return items
}

func parseListeners(b *evidence.Bundle) Listeners {
	if !b.Has(itemSS) && b.Has(itemSSFew) {
		return parseFew(b)
	}
	r := b.Get(itemSS)
	l := Listeners{Origin: ran(itemSS, r, exitZero)}
	if l.Origin.Known() {
		l.Owners = b.UID == 0
		l.read(r)
	} else if tcp := b.Get(itemTCP); tcp.OK() {
		l.Origin = originOf(itemTCP, tcp)
		l.All = append(parseProcTCP(itemTCP.Path, tcp.Data), parseProcTCP(itemTCP6.Path, b.Get(itemTCP6).Data)...)
	}
	l.sort()
	return l
}

// read takes what ss printed.
func (l *Listeners) read(r evidence.Result) {
	for _, line := range lines(r.Data) {
		if s, ok := parseSS(line); ok {
			s.Quote = Quote{Source: l.Origin.Source, Text: clip(strings.TrimSpace(line))}
			l.All = append(l.All, s)
		}
	}
	if r.Truncated {
		l.Origin.Status, l.Origin.Reason = evidence.Failed, "more listening sockets than could be read"
	}
}

func (l *Listeners) sort() {
	slices.SortStableFunc(l.All, func(a, b Listener) int {
		return cmp.Or(cmp.Compare(a.Port, b.Port), a.Addr.Compare(b.Addr))
	})
}

// parseSS reads a line of `ss -Hltnp`:
// LISTEN 0 128 0.0.0.0:22 0.0.0.0:* users:(("sshd",pid=612,fd=3))
func parseSS(line string) (Listener, bool) {
	f := strings.Fields(line)
	if len(f) < 5 || f[0] != "LISTEN" {
		return Listener{}, false
	}
	e, ok := parseEndpoint(f[3])
	if !ok {
		return Listener{}, false
	}
	l := Listener{Endpoint: e}
	if _, device, ok := strings.Cut(f[3], "%"); ok { // 0.0.0.0%eth0:22, [fe80::1]%eth0:22
		l.Device = device[:strings.LastIndexByte(device, ':')]
	}
	l.Queue, _ = strconv.Atoi(f[1])
	l.Backlog, _ = strconv.Atoi(f[2])
	if i := strings.Index(line, "users:("); i >= 0 {
		l.Owners = parseOwners(line[i+len("users:("):])
	}
	return l, true
}

// owner is one process in ss's list. Its name may be anything of at most 15
// bytes, quotes among them, and so no more than a piece of another one.
var owner = regexp.MustCompile(`\("(.*?)",pid=(\d+),fd=\d+\)`)

// parseOwners reads ("sshd",pid=612,fd=3),("systemd",pid=1,fd=45)
func parseOwners(s string) []Owner {
	var out []Owner
	for _, m := range owner.FindAllStringSubmatch(s, 64) {
		pid, err := strconv.Atoi(m[2])
		if o := (Owner{Name: m[1], PID: pid}); err == nil && !slices.Contains(out, o) {
			out = append(out, o)
		}
	}
	return out
}

// parseProcTCP reads /proc/net/tcp and tcp6 (proc(5)): local address in host
// byte order (little-endian assumed, as on every machine sshwhy is built for),
// state 0A is LISTEN. Owners are not in there.
func parseProcTCP(source string, data []byte) []Listener {
	var out []Listener
	for i, line := range lines(data) {
		f := strings.Fields(line)
		if len(f) < 10 || f[3] != "0A" {
			continue
		}
		host, port, _ := strings.Cut(f[1], ":")
		n, err := strconv.ParseUint(port, 16, 16)
		raw, err2 := hex.DecodeString(host)
		if err != nil || err2 != nil || len(raw) != 4 && len(raw) != 16 {
			continue
		}
		for w := 0; w < len(raw); w += 4 {
			slices.Reverse(raw[w : w+4])
		}
		addr, _ := netip.AddrFromSlice(raw)
		l := Listener{Endpoint: Endpoint{Addr: addr.Unmap(), Port: int(n)}}
		l.Quote = Quote{Source: source, Line: i + 1, Text: clip(strings.TrimSpace(line))}
		out = append(out, l)
	}
	return out
}

// On returns the listeners at which a connection to addr:port arrives; an
// invalid addr stands for any address.
func (l Listeners) On(addr netip.Addr, port int) []Listener {
	var out []Listener
	for _, s := range l.All {
		if s.Covers(addr, port) {
			out = append(out, s)
		}
	}
	return out
}

// OwnedBy reports whether one of the names holds the socket.
func (s Listener) OwnedBy(names ...string) bool {
	return slices.ContainsFunc(s.Owners, func(o Owner) bool { return slices.Contains(names, o.Name) })
}
