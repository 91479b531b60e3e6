package walk

import (
	"context"
	"strings"

	"sshwhy/internal/client"
)

// policyMark stands in the path of every file that a system-wide crypto policy
// gives to ssh (update-crypto-policies(8)): /etc/crypto-policies/back-ends/openssh.config.
const policyMark = "/crypto-policies/"

// policyLines are the lines of the crypto policy that are in force: ssh read the
// file, and the value is the one that it uses. A list that the policy only adds
// to or takes from cannot be told apart and is left out.
func policyLines(c *client.Config) []client.Applied {
	var out []client.Applied
	seen := map[string]bool{}
	for _, a := range c.Applied {
		if a.Line != 0 || seen[a.File] || !strings.Contains(a.File, policyMark) {
			continue
		}
		seen[a.File] = true
		data, err := readSome(a.File, maxConfigFile)
		if err != nil {
			continue
		}
		n := 0
		for line := range strings.Lines(string(data)) {
			n++
			f := strings.Fields(strings.Replace(line, "=", " ", 1))
			if len(f) == 2 && f[1] == c.Get(strings.ToLower(f[0])) {
				out = append(out, client.Applied{File: a.File, Line: n, Text: strings.TrimSpace(line)})
			}
		}
	}
	return out
}

// unconfigured asks, where the lists do not meet and a crypto policy sets ours,
// what ssh would offer without any configuration.
func (w *walker) unconfigured(ctx context.Context) {
	c, k := &w.obs.Config, w.obs.Kex
	for _, n := range k.Negotiate() {
		if n.Choice != "" || len(n.Client) == 0 || c.PolicyLine(n.Keyword) == nil || c.Program == "" {
			continue
		}
		if k.Able == nil {
			r := run(ctx, configLimit, c.Program, "-F", "none", "-G", "--", c.Host())
			if !r.OK() {
				return
			}
			k.Able = map[string][]string{}
			values := readDump(string(r.Out))
			for _, keyword := range algorithmKeywords {
				if list := values[keyword]; len(list) > 0 {
					k.Able[keyword] = strings.Split(list[0], ",")
				}
			}
		}
	}
}
