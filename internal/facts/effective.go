package facts

import (
	"bytes"
	"strings"

	"sshwhy/internal/evidence"
)

// Effective is the configuration as sshd itself understands it
// (`sshd -G`, or `sshd -T` where sshd is older than 9.3).
type Effective struct {
	Origin  Origin
	Values  map[string][]Quote // keyword in lower case → its lines; Text is the whole line
	Visitor Origin             // whether Match blocks were applied for the visitor asked about
	Unsure  []string           // what Match blocks go by that is not known of the visitor
}

func wantEffective(b *evidence.Bundle, ask Ask) []evidence.Item {
	if sshdPath(b) == "" {
		return nil
	}
	full := sshdCommand(b, "-T")
	items := []evidence.Item{full}
	if r := b.Get(full); b.Has(full) && !(r.OK() && r.Exit == 0) {
		// -G (since 9.3) wants neither root nor host keys nor /run/sshd.
		items = append(items, sshdCommand(b, "-G"))
		if g := sshdCommand(b, "-G"); b.Has(g) && b.Get(g).Exit != 0 && lacksRunDir(r) {
			items = append(items, withRunDir(full))
		}
		if port, ok := portItem(b); ok {
			items = append(items, port)
		}
	}
	if visitor, ok := visitorItem(b, ask); ok {
		items = append(items, visitor)
		if lacksRunDir(b.Get(visitor)) {
			items = append(items, withRunDir(visitor))
		}
	}
	return items
}

// visitorItem asks what the configuration means for the visitor; -G takes no -C.
func visitorItem(b *evidence.Bundle, ask Ask) (evidence.Item, bool) {
	spec, ok := visitorSpec(ask)
	if !ok {
		return evidence.Item{}, false
	}
	return sshdCommand(b, "-T", "-C", describe(b, ask, spec)), true
}

// lacksRunDir reports whether sshd refused to speak only because its service is
// down: systemd takes /run/sshd away with it (RuntimeDirectory= on Debian and Ubuntu).
func lacksRunDir(r evidence.Result) bool {
	return r.OK() && r.Exit != 0 && bytes.Contains(r.Stderr, []byte("Missing privilege separation directory: /run/sshd"))
}

// withRunDir asks the same sshd in a mount namespace of its own, whose /run has
// the directory, and all else through links (name services have their sockets
// there). Nothing outside it changes; it needs root.
func withRunDir(it evidence.Item) evidence.Item {
	const prepare = `mount --rbind /run /mnt && mount -t tmpfs none /run && ln -s /mnt/* /run/ && mkdir -m 755 /run/sshd && exec "$@"`
	return evidence.Command(append([]string{"unshare", "--mount", "sh", "-c", prepare, "sh"}, it.Args...)...)
}

// visitorSpec is the argument of -C for the visitor asked about.
func visitorSpec(ask Ask) (string, bool) {
	if ask.User == "" && !ask.Client.IsValid() || strings.ContainsAny(ask.User, ",= \t\n") {
		return "", false
	}
	user := ask.User
	if user == "" {
		user = "nobody"
	}
	spec := "user=" + user
	if ask.Client.IsValid() {
		// sshd itself looks up no name, unless UseDNS is set: see describe.
		addr := ask.Client.Unmap().WithZone("").String()
		spec += ",host=" + addr + ",addr=" + addr
	}
	return spec, true
}

func parseEffective(b *evidence.Bundle, ask Ask) Effective {
	e := Effective{Origin: Origin{Status: evidence.Skipped, Reason: "no sshd to ask", Source: "sshd -T"}}
	if sshdPath(b) == "" {
		return e
	}
	e.Visitor = Origin{Status: evidence.Skipped, Reason: "no visitor asked about"}
	for _, it := range generalItems(b) {
		if e.Origin.Status != evidence.Skipped && !b.Has(it) {
			continue
		}
		r := b.Get(it)
		if e.Origin = ran(it, r, exitZero); e.Origin.Known() {
			e.Origin.Source = strings.TrimPrefix(e.Origin.Source, strings.Join(withRunDir(evidence.Command()).Args, " ")+" ")
			e.Values = parseDump(r.Data, e.Origin.Source)
			break
		}
	}
	if it, ok := visitorItem(b, ask); ok {
		r := b.Get(it)
		if again := b.Get(withRunDir(it)); again.OK() && again.Exit == 0 {
			r = again
		}
		if e.Visitor = ran(it, r, exitZero); e.Visitor.Known() {
			e.Values = parseDump(r.Data, e.Visitor.Source)
			if !e.Origin.Known() {
				e.Origin = e.Visitor
			}
			e.Unsure = undescribed(b, ask, len(e.Fields("port")))
		}
	}
	return e
}

// parseDump reads "keyword value" lines. Since 10.4 the keywords are printed in
// mixed case.
func parseDump(data []byte, source string) map[string][]Quote {
	out := map[string][]Quote{}
	for i, line := range lines(data) {
		key, _, _ := strings.Cut(line, " ")
		if key != "" {
			key = strings.ToLower(key)
			out[key] = append(out[key], Quote{Source: source, Line: i + 1, Text: clip(line)})
		}
	}
	return out
}

// Value returns the value of a keyword (any case); "" where it is not set.
func (e Effective) Value(keyword string) string {
	q := e.Values[strings.ToLower(keyword)]
	if len(q) == 0 {
		return ""
	}
	_, v, _ := strings.Cut(q[0].Text, " ")
	return strings.TrimSpace(v)
}

// Fields returns the words of all lines of a keyword.
func (e Effective) Fields(keyword string) []string {
	var out []string
	for _, q := range e.Values[strings.ToLower(keyword)] {
		if f := strings.Fields(q.Text); len(f) > 1 {
			out = append(out, f[1:]...)
		}
	}
	return out
}

// Quote returns the lines of a keyword.
func (e Effective) Quote(keyword string) []Quote {
	q := e.Values[strings.ToLower(keyword)]
	return q[:len(q):len(q)]
}

// Endpoints returns where sshd would listen. The listenaddress lines say it; the
// port lines do not (`ListenAddress 127.0.0.1:2300` still prints "port 22").
func (e Effective) Endpoints() []Endpoint {
	var out []Endpoint
	for _, s := range e.Fields("listenaddress") {
		if ep, ok := parseEndpoint(s); ok {
			out = append(out, ep)
		}
	}
	return out
}
