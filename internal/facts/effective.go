package facts

import (
	"strings"

	"sshwhy/internal/evidence"
)

// Effective is the configuration as sshd itself understands it
// (`sshd -G`, or `sshd -T` where sshd is older than 9.3).
type Effective struct {
	Origin  Origin
	Values  map[string][]Quote // keyword in lower case → its lines; Text is the whole line
	Visitor Origin             // whether Match blocks were applied for the visitor asked about
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
	}
	if spec, ok := visitorSpec(ask); ok {
		items = append(items, sshdCommand(b, "-T", "-C", spec)) // -G takes no -C
	}
	return items
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
		// A host name is not looked up; sshd itself does not, unless UseDNS is set.
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
	for _, it := range []evidence.Item{sshdCommand(b, "-T"), sshdCommand(b, "-G")} {
		r := b.Get(it)
		if e.Origin = ran(it, r, exitZero); e.Origin.Known() {
			e.Values = parseDump(r.Data, e.Origin.Source)
			break
		}
	}
	if spec, ok := visitorSpec(ask); ok {
		it := sshdCommand(b, "-T", "-C", spec)
		r := b.Get(it)
		if e.Visitor = ran(it, r, exitZero); e.Visitor.Known() {
			e.Values = parseDump(r.Data, e.Visitor.Source)
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
