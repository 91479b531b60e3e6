package facts

import (
	"path"
	"slices"
	"strings"

	"sshwhy/internal/evidence"
	"sshwhy/internal/sshconf"
)

// Config is sshd_config and all that it includes, in the order in which sshd
// reads it, without losing a line: it says which file and line sets what.
// What sshd makes of it is Effective's word; where that can be had, it decides.
type Config struct {
	Origin     Origin // of the main file
	Path       string
	Directives []Directive // includes are expanded in place
	Unread     []Origin    // included files that could not be read
	ModTimes   map[string]int64
}

// Directive is one line that sets something.
type Directive struct {
	Keyword   string // as written
	Args      []string
	Match     string // the arguments of the Match block it stands in; "" for the global part
	BadQuotes bool
	Quote     Quote
}

// Limits of the parser.
const (
	maxInclude    = 16     // servconf.c, SERVCONF_MAX_DEPTH
	maxDirectives = 100000 // far beyond any real configuration
	maxFiles      = 512
)

// configPaths: openSUSE and other images keep the vendor's file under /usr/etc.
var configPaths = []string{"/etc/ssh/sshd_config", "/usr/etc/ssh/sshd_config"}

// configPath is the file that sshd reads: -f of its options, /etc, or the vendor's.
func configPath(b *evidence.Bundle) string {
	args := parseOptions(b).testArgs()
	for i, a := range args {
		if a == "-f" && i+1 < len(args) {
			return path.Clean("/" + args[i+1])
		}
	}
	if b.Get(evidence.File(configPaths[0])).Status == evidence.Absent && b.Get(evidence.File(configPaths[1])).OK() {
		return configPaths[1]
	}
	return configPaths[0]
}

func wantConfig(b *evidence.Bundle, _ Ask) []evidence.Item {
	items := []evidence.Item{
		evidence.File(configPaths[0]), evidence.File(configPaths[1]), evidence.Glob("/etc/ssh/sshd_config.d/*.conf"),
	}
	if p := configPath(b); !slices.Contains(configPaths, p) {
		items = append(items, evidence.File(p))
	}
	r := newConfigReader(b)
	r.file(configPath(b), nil, 0)
	return append(items, r.wanted...)
}

func parseConfig(b *evidence.Bundle) Config {
	p := configPath(b)
	r := newConfigReader(b)
	r.cfg.Path = p
	r.cfg.Origin = originOf(evidence.File(p), b.Get(evidence.File(p)))
	r.file(p, nil, 0)
	return r.cfg
}

// configReader walks the files; what it meets and the bundle lacks, it wants.
type configReader struct {
	b      *evidence.Bundle
	cfg    Config
	wanted []evidence.Item
	files  int
}

func newConfigReader(b *evidence.Bundle) *configReader {
	return &configReader{b: b, cfg: Config{ModTimes: map[string]int64{}}}
}

// file reads one file within the Match block the Include stands in. A Match in
// an included file ends with that file.
func (r *configReader) file(name string, match []string, depth int) {
	it := evidence.File(name)
	if r.files++; r.files > maxFiles || depth > maxInclude {
		r.cfg.Unread = append(r.cfg.Unread, Origin{Status: evidence.Failed, Reason: "too many or too deeply nested files", Source: name})
		return
	}
	res := r.b.Get(it)
	if !res.OK() {
		if !r.b.Has(it) {
			r.wanted = append(r.wanted, it)
		}
		if depth > 0 || res.Status != evidence.Skipped {
			r.cfg.Unread = append(r.cfg.Unread, originOf(it, res))
		}
		return
	}
	if res.Truncated {
		r.cfg.Unread = append(r.cfg.Unread, Origin{Status: evidence.Failed, Reason: "too large to be read whole", Source: name})
	}
	if res.Meta != nil {
		r.cfg.ModTimes[name] = res.Meta.MTime
	}
	text := string(res.Data)
	for n := 1; text != ""; n++ {
		var line string
		line, text, _ = strings.Cut(text, "\n")
		parsed, ok := sshconf.ParseLine(line)
		if !ok || len(r.cfg.Directives) >= maxDirectives {
			continue
		}
		d := Directive{
			Keyword: parsed.Keyword, Args: parsed.Args, BadQuotes: parsed.BadQuotes, Match: strings.Join(match, " "),
			Quote: Quote{Source: name, Line: n, Text: clip(strings.TrimRight(line, "\r"))},
		}
		r.cfg.Directives = append(r.cfg.Directives, d)
		switch strings.ToLower(parsed.Keyword) {
		case "match":
			match = parsed.Args
		case "include":
			for _, pattern := range parsed.Args {
				r.include(pattern, match, depth)
			}
		}
	}
}

// include reads the files that a pattern names: relative ones are below
// /etc/ssh, matches are sorted, and glob(3) leaves names with a leading dot out.
func (r *configReader) include(pattern string, match []string, depth int) {
	if !strings.HasPrefix(pattern, "/") {
		pattern = "/etc/ssh/" + pattern
	}
	it := evidence.Glob(pattern)
	res := r.b.Get(it)
	if !r.b.Has(it) {
		r.wanted = append(r.wanted, it)
		return
	}
	if !res.OK() {
		if res.Status != evidence.Absent {
			r.cfg.Unread = append(r.cfg.Unread, originOf(it, res))
		}
		return
	}
	for _, m := range res.Matches {
		base := path.Base(m.Path)
		if strings.HasPrefix(base, ".") && !strings.HasPrefix(path.Base(pattern), ".") || m.Meta.Type == "dir" {
			continue
		}
		r.file(m.Path, match, depth+1)
	}
}

// All returns the directives with this keyword, in order, in Match blocks or not.
func (c Config) All(keyword string) []Directive {
	var out []Directive
	for _, d := range c.Directives {
		if strings.EqualFold(d.Keyword, keyword) {
			out = append(out, d)
		}
	}
	return out
}

// At returns the directive in a line of a file.
func (c Config) At(file string, line int) (Directive, bool) {
	i := slices.IndexFunc(c.Directives, func(d Directive) bool { return line > 0 && d.Quote.Source == file && d.Quote.Line == line })
	if i < 0 {
		return Directive{}, false
	}
	return c.Directives[i], true
}

// Global returns the directives with this keyword outside Match blocks.
func (c Config) Global(keyword string) []Directive {
	return slices.DeleteFunc(c.All(keyword), func(d Directive) bool { return d.Match != "" })
}

// First returns the first global directive with this keyword, which is the one
// that counts for everything but Port, ListenAddress, HostKey and the like.
func (c Config) First(keyword string) (Directive, bool) {
	all := c.Global(keyword)
	if len(all) == 0 {
		return Directive{}, false
	}
	return all[0], true
}

// Complete reports whether every file could be read.
func (c Config) Complete() bool { return c.Origin.Known() && len(c.Unread) == 0 }

// Endpoints returns where the text of the configuration says to listen; it
// stands in for Effective where sshd could not be asked. Names that are no
// addresses are left out.
func (c Config) Endpoints() []Endpoint {
	var ports []string
	for _, d := range c.Global("Port") {
		ports = append(ports, d.Args...)
	}
	if len(ports) == 0 {
		ports = []string{"22"}
	}
	family := "any"
	if d, ok := c.First("AddressFamily"); ok && len(d.Args) > 0 {
		family = strings.ToLower(d.Args[0])
	}
	hosts := []string{}
	for _, d := range c.Global("ListenAddress") {
		if len(d.Args) > 0 {
			hosts = append(hosts, d.Args[0])
		}
	}
	if len(hosts) == 0 {
		hosts = []string{"0.0.0.0", "::"}
	}
	var out []Endpoint
	for _, h := range hosts {
		out = append(out, listenEndpoints(h, ports, family)...)
	}
	return out
}

// listenEndpoints: ListenAddress host|addr, host:port, [addr]:port; without a
// port it takes every Port.
func listenEndpoints(host string, ports []string, family string) []Endpoint {
	var out []Endpoint
	add := func(s string) {
		if e, ok := parseEndpoint(s); ok && !(family == "inet" && !e.Addr.Is4()) && !(family == "inet6" && e.Addr.Is4()) {
			out = append(out, e)
		}
	}
	if strings.HasPrefix(host, "[") && strings.Contains(host, "]:") || strings.Count(host, ":") == 1 {
		add(host)
		return out
	}
	for _, p := range ports {
		if p == "ssh" {
			p = "22"
		}
		add("[" + strings.Trim(host, "[]") + "]:" + p)
	}
	return out
}
