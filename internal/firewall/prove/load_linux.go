package prove

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"sync"

	"sshwhy/internal/firewall"
)

// Load loads the rules into a namespace: sets first, then the tables that belong
// to iptables through iptables, then the rest through nft.
func Load(ctx context.Context, n *Namespace, src firewall.Sources) error {
	skip := map[string]bool{}
	for _, x := range []struct {
		family string
		save   []byte
	}{{"ip", src.NftSave4}, {"ip6", src.NftSave6}} {
		for line := range strings.Lines(string(x.save)) {
			if name, ok := strings.CutPrefix(strings.TrimSpace(line), "*"); ok {
				skip[x.family+" "+name] = true
			}
		}
	}
	for _, step := range []struct {
		input string
		args  []string
	}{
		{string(src.Ipset), []string{"ipset", "restore"}},
		{string(src.NftSave4), []string{"iptables-nft-restore"}},
		{string(src.NftSave6), []string{"ip6tables-nft-restore"}},
		{string(src.Legacy4), []string{"iptables-legacy-restore", "-w", "5"}},
		{string(src.Legacy6), []string{"ip6tables-legacy-restore", "-w", "5"}},
		{withoutTables(string(src.NftText), skip), []string{"nft", "-f", "-"}},
	} {
		if strings.TrimSpace(step.input) == "" {
			continue
		}
		if _, err := n.Run(ctx, step.input, step.args...); err != nil {
			return err
		}
	}
	return nil
}

// withoutTables leaves the named tables out of `nft list ruleset`, and the mark
// by which a program owns a table, which would end with the program that loads it.
func withoutTables(listing string, skip map[string]bool) string {
	var b strings.Builder
	leaving := false
	for line := range strings.Lines(listing) {
		if rest, ok := strings.CutPrefix(line, "table "); ok {
			f := strings.Fields(rest)
			leaving = len(f) >= 2 && skip[f[0]+" "+f[1]]
		}
		owned := strings.HasPrefix(line, "\tflags ") && strings.Contains(line, "owner")
		if !leaving && !owned {
			b.WriteString(line)
		}
	}
	return b.String()
}

var (
	oneInterface   = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\b(?:iif|oif|device) "([^"\s]{1,15})"`) })
	someInterfaces = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\b(?:iif|oif|devices =) (?:!= )?\{ ([^}]*) \}`) })
	interfaceName  = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9_.@-]{1,15}$`) })
)

// interfacesNamed returns the interfaces that must exist for a listing to load:
// rules with iif and oif, and chains and flowtables on devices, name them by index.
func interfacesNamed(listing []byte) []string {
	var out []string
	add := func(name string) {
		name = strings.Trim(name, `", `)
		if interfaceName().MatchString(name) && !slices.Contains(out, name) && name != "." && name != ".." {
			out = append(out, name)
		}
	}
	for _, m := range oneInterface().FindAllSubmatch(listing, -1) {
		add(string(m[1]))
	}
	for _, m := range someInterfaces().FindAllSubmatch(listing, -1) {
		for _, name := range strings.Split(string(m[1]), ",") {
			add(name)
		}
	}
	return out
}
