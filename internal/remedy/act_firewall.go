package remedy

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"

	"sshwhy/internal/report"
	"sshwhy/internal/shquote"
)

// expandFirewall makes an opening through the manager that owns the firewall.
func expandFirewall(ctx context.Context, s *System, st *Step) ([]*Step, error) {
	o := st.act.Firewall
	if o == nil || o.Port < 1 || o.Port > 65535 {
		return nil, errors.New("no port is named to open")
	}
	if o.Source != "" {
		if _, err := prefixOf(o.Source); err != nil {
			return nil, err
		}
	}
	var err error
	var d doer
	var file *Step
	switch o.Manager {
	case "ufw":
		d, err = newUfwDoer(ctx, s, *o)
	case "firewalld":
		d, err = newFirewalldDoer(*o)
	case "nft":
		d, err = newNftDoer(*o)
		if err == nil {
			file, err = nftFileStep(s, st, *o)
		}
	case "iptables", "ip6tables", "iptables-legacy", "ip6tables-legacy", "iptables-nft", "ip6tables-nft":
		d, err = newIptablesDoer(*o)
		if err == nil {
			file, err = iptablesFileStep(s, st, *o)
		}
	default:
		err = fmt.Errorf("sshwhy does not open a firewall of %q", o.Manager)
	}
	if err != nil {
		return nil, err
	}
	var out []*Step
	if !o.PermanentOnly || file == nil {
		c := *st
		c.doer = d
		if w, ok := d.(interface{ words() (string, string) }); ok {
			c.Do, c.Undo = w.words()
		}
		out = append(out, &c)
	}
	if file != nil {
		out = append(out, file)
	}
	return out, nil
}

// prefixOf reads an address or a prefix.
func prefixOf(source string) (netip.Prefix, error) {
	if strings.Contains(source, "/") {
		p, err := netip.ParsePrefix(source)
		if err != nil {
			return p, fmt.Errorf("%q is no address: %w", source, err)
		}
		return p.Masked(), nil
	}
	a, err := netip.ParseAddr(source)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("%q is no address: %w", source, err)
	}
	a = a.Unmap().WithZone("")
	return netip.PrefixFrom(a, a.BitLen()), nil
}

// sourceText is a source as firewalls write it: an address, or a prefix where
// it is more than one.
func sourceText(source string) string {
	p, err := prefixOf(source)
	if err != nil {
		return source
	}
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}

// mark is a comment by which undo knows a rule again.
func mark() string {
	b := make([]byte, 4)
	rand.Read(b) //nolint:errcheck // never fails (crypto/rand)
	return "sshwhy-" + hex.EncodeToString(b)
}

func needRoot() error {
	if os.Geteuid() != 0 {
		return errors.New("needs root")
	}
	return nil
}

// rulesDoer is an opening made by commands, whose inverse are commands.
type rulesDoer struct {
	kind    string
	program string
	do_     [][]string
	undo_   [][]string
	trees   []string
	probe_  func(ctx context.Context, s *System) map[string]string
	check_  func(ctx context.Context, s *System) error
}

func (d *rulesDoer) touches() ([]string, []string) {
	var trees []string
	for _, t := range d.trees {
		if real, err := resolve(t); err == nil && isDir(real) {
			trees = append(trees, real)
		}
	}
	return nil, trees
}

func (d *rulesDoer) probe(ctx context.Context, s *System) map[string]string { return d.probe_(ctx, s) }
func (d *rulesDoer) record() act {
	return act{Kind: d.kind, Forward: d.do_, Inverses: d.undo_, Loose: true}
}

func (d *rulesDoer) words() (string, string) {
	return joinCommands(d.do_), joinCommands(d.undo_)
}

func joinCommands(all [][]string) string {
	var out []string
	for _, argv := range all {
		out = append(out, shquote.Join(argv))
	}
	return strings.Join(out, "\n")
}

func (d *rulesDoer) check(ctx context.Context, s *System) error {
	if err := needRoot(); err != nil {
		return err
	}
	if !s.has(d.program) {
		return fmt.Errorf("%s is not installed", d.program)
	}
	_, trees := d.touches()
	for _, t := range trees {
		if err := s.writable(t); err != nil {
			return err
		}
	}
	if d.check_ != nil {
		return d.check_(ctx, s)
	}
	return nil
}

func (d *rulesDoer) do(ctx context.Context, s *System) error {
	for _, argv := range d.do_ {
		if _, err := s.run(ctx, argv...); err != nil {
			return err
		}
	}
	return nil
}

// newUfwDoer puts a rule before all others: with ufw the first match wins, so
// that an allow behind a deny does nothing.
func newUfwDoer(ctx context.Context, s *System, o report.Opening) (*rulesDoer, error) {
	rule := []string{"allow", fmt.Sprintf("%d/tcp", o.Port)}
	if o.Source != "" {
		rule = []string{"allow", "proto", "tcp", "from", sourceText(o.Source), "to", "any", "port", strconv.Itoa(o.Port)}
	}
	d := &rulesDoer{kind: "ufw", program: "ufw", trees: []string{"/etc/ufw", "/lib/ufw"}, probe_: iptablesProbe,
		do_:   [][]string{append([]string{"ufw", "prepend"}, rule...)},
		undo_: [][]string{append([]string{"ufw", "delete"}, rule...)},
	}
	// The same rule may stand behind the one that stops it; ufw would then
	// skip the new one.
	r := s.ask(ctx, append([]string{"ufw", "--dry-run", "prepend"}, rule...)...)
	if strings.Contains(r.Output, "Skipping") {
		d.do_ = append([][]string{append([]string{"ufw", "delete"}, rule...)}, d.do_...)
	}
	d.check_ = func(ctx context.Context, s *System) error {
		if err := s.ask(ctx, append([]string{"ufw", "--dry-run", "prepend"}, rule...)...).err(); err != nil {
			return err
		}
		if r := s.ask(ctx, "ufw", "status"); !strings.Contains(r.Output, "Status: active") {
			return errors.New("ufw is not active")
		}
		return nil
	}
	return d, nil
}

// newFirewalldDoer opens a port of a zone, in the running and in the permanent
// configuration, without a reload, which would lose what only runs.
func newFirewalldDoer(o report.Opening) (*rulesDoer, error) {
	what := fmt.Sprintf("port=%d/tcp", o.Port)
	if o.Port == 22 {
		what = "service=ssh"
	}
	if o.Source != "" {
		p, err := prefixOf(o.Source)
		if err != nil {
			return nil, err
		}
		family := "ipv4"
		if p.Addr().Is6() {
			family = "ipv6"
		}
		// A negative priority goes before the zone's own denials.
		what = fmt.Sprintf(`rich-rule=rule priority="-100" family="%s" source address="%s" port port="%d" protocol="tcp" accept`,
			family, sourceText(o.Source), o.Port)
	}
	d := &rulesDoer{kind: "firewalld", program: "firewall-cmd", trees: []string{"/etc/firewalld"}, probe_: nftProbe}
	add := func(scope ...string) {
		base := append([]string{"firewall-cmd"}, scope...)
		if o.Zone != "" {
			base = append(base, "--zone="+o.Zone)
		}
		d.do_ = append(d.do_, append(slices.Clone(base), "--add-"+what))
		d.undo_ = append(d.undo_, append(slices.Clone(base), "--remove-"+what))
	}
	if !o.PermanentOnly {
		add()
	}
	if !o.RunningOnly {
		add("--permanent")
	}
	d.check_ = func(ctx context.Context, s *System) error { return s.ask(ctx, "firewall-cmd", "--state").err() }
	return d, nil
}

func newIptablesDoer(o report.Opening) (*rulesDoer, error) {
	rule, err := iptablesRule(o)
	if err != nil {
		return nil, err
	}
	rule = append(rule, "-m", "comment", "--comment", mark(), "-j", "ACCEPT")
	table, chain := orElse(o.Table, "filter"), orElse(o.Chain, "INPUT")
	base := []string{o.Manager, "-w", "10", "-t", table}
	return &rulesDoer{kind: "iptables", program: o.Manager, probe_: iptablesProbe,
		do_:   [][]string{slices.Concat(base, []string{"-I", chain, "1"}, rule)},
		undo_: [][]string{slices.Concat(base, []string{"-D", chain}, rule)},
	}, nil
}

// iptablesRule is the match of an opening, without the target.
func iptablesRule(o report.Opening) ([]string, error) {
	var out []string
	if o.Source != "" {
		p, err := prefixOf(o.Source)
		if err != nil {
			return nil, err
		}
		if p.Addr().Is6() != strings.HasPrefix(o.Manager, "ip6") {
			return nil, fmt.Errorf("%s does not know the address %s", o.Manager, o.Source)
		}
		out = append(out, "-s", sourceText(o.Source))
	}
	return append(out, "-p", "tcp", "-m", "tcp", "--dport", strconv.Itoa(o.Port)), nil
}

// iptablesProbe is the running ruleset of both families without its counters.
func iptablesProbe(ctx context.Context, s *System) map[string]string {
	out := map[string]string{}
	for _, prog := range [...]string{"iptables-save", "ip6tables-save"} {
		if s.has(prog) {
			out["rules:"+prog] = withoutCounters(s.ask(ctx, prog).Output)
		}
	}
	return out
}

// withoutCounters drops what changes by itself: "# Generated …" and "[12:345]".
func withoutCounters(save string) string {
	var b strings.Builder
	for line := range strings.Lines(save) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		if i := strings.LastIndex(line, " ["); i >= 0 && strings.HasPrefix(line, ":") {
			line = line[:i] + "\n"
		}
		b.WriteString(line)
	}
	return b.String()
}

// nftProbe is the running ruleset of nftables without its counters.
func nftProbe(ctx context.Context, s *System) map[string]string {
	if !s.has("nft") {
		return nil
	}
	return map[string]string{"rules:nft": s.ask(ctx, "nft", "-s", "list", "ruleset").Output}
}
