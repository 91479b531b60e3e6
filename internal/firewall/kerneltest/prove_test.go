//go:build linux

package kerneltest

import (
	"regexp"
	"strings"
	"testing"

	"sshwhy/internal/firewall"
	"sshwhy/internal/firewall/prove"
)

// proofsInCI is for how many packets a replica is built; each takes most of a second.
const proofsInCI = 10

// TestProof loads generated machines, copies each into a replica, and demands of
// the replica's kernel the evaluator's verdict, and of its trace the evaluator's rule.
func TestProof(t *testing.T) {
	if testing.Short() {
		t.Skip("left out: -short")
	}
	w := newWorld(t)
	proofs, named := 0, 0
	want := envInt("SSHWHY_PROOFS", proofsInCI)
	for seed := uint64(100_000); proofs < want; seed++ {
		g := newGen(seed)
		g.uncertain = 0
		src, err := w.load(t.Context(), g.all())
		if err != nil {
			continue
		}
		// The sentinel of this test has the name of the replica's own.
		src.NftText = []byte(withoutSentinel(string(src.NftText)))
		model, problems := firewall.Read(src)
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		for _, p := range g.probes(&w.nextPort)[:2] {
			v := model.Evaluate(p.packet())
			res, err := prove.Run(t.Context(), src, p.packet())
			if err != nil && strings.Contains(err.Error(), "Can't parse symbolic invalid expressions") {
				continue // nft 1.0.6 cannot read `ct original proto-dst` as it prints it itself
			}
			if err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			proofs++
			if !res.Agrees(&v) {
				t.Errorf("seed %d, %v to %v: the replica: %v %s port %d; the evaluator: %v %s port %d\n%s", seed, p.src, p.dst,
					res.Kind, res.Reject, res.Port, v.Kind, v.Reject, v.Port, strings.Join(res.Trace, "\n"))
			}
			if v.Rule == nil || v.Rule.Handle == 0 || v.Rule.Save != "" || len(v.Possible) > 0 {
				continue // a policy, or a rule whose handle is another one in the replica
			}
			last := lastRule(res.Trace)
			want := plain(v.Chain.Title() + " rule " + v.Rule.Text)
			named++
			if !strings.HasPrefix(plain(last), want) {
				t.Errorf("seed %d: the kernel's last rule is %q; the evaluator's %q", seed, last, want)
			}
		}
	}
	t.Logf("%d proofs, the rule compared in %d", proofs, named)
}

var counters = regexp.MustCompile(`packets \d+ bytes \d+`)

// plain is a rule without what its counter has counted.
func plain(rule string) string { return counters.ReplaceAllString(rule, "") }

// lastRule is the last rule in a trace.
func lastRule(trace []string) string {
	for i := len(trace) - 1; i >= 0; i-- {
		if strings.Contains(trace[i], " rule ") {
			return trace[i]
		}
	}
	return ""
}

func withoutSentinel(listing string) string {
	var b strings.Builder
	leaving := false
	for line := range strings.Lines(listing) {
		if strings.HasPrefix(line, "table ") {
			leaving = strings.Contains(line, "zz_sshwhy")
		}
		if !leaving {
			b.WriteString(line)
		}
	}
	return b.String()
}
