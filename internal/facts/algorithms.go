package facts

import (
	"strings"

	"sshwhy/internal/evidence"
	"sshwhy/internal/sshconf"
)

// Algorithms are the names that this release takes for a keyword whose list
// sshd refuses; they are asked for only then. sshd itself does not list them:
// ssh -Q of the same release does.
type Algorithms struct {
	Origin Origin
	Names  []string
}

// Has reports whether a name can stand in the list; one with wildcards may.
func (a Algorithms) Has(name string) bool {
	for _, n := range a.Names {
		if n == name || sshconf.Wildcard(name, n) {
			return true
		}
	}
	return false
}

// queries are what ssh -Q is asked for the lists that are not of key types
// (ssh(1)).
var queries = map[string]string{"Ciphers": "cipher", "MACs": "mac", "KexAlgorithms": "kex", "CASignatureAlgorithms": "sig"}

// algorithmsItem asks what names a list may have, where sshd refuses one.
func algorithmsItem(b *evidence.Bundle) (evidence.Item, bool) {
	p, broken := parseTest(b).ConfigBroken()
	if !broken || p.Kind != ProblemValue {
		return evidence.Item{}, false
	}
	d, found := parseConfig(b).At(p.File, p.Line)
	k, known := sshconf.Lookup(sshconf.Server, d.Keyword)
	if !found || !known || k.Kind != sshconf.Algorithms {
		return evidence.Item{}, false
	}
	query, ok := queries[k.Canonical()]
	if !ok {
		query = "HostKeyAlgorithms"
	}
	return evidence.Command("ssh", "-Q", query), true
}

func wantAlgorithms(b *evidence.Bundle, _ Ask) []evidence.Item {
	if it, ok := algorithmsItem(b); ok {
		return []evidence.Item{it}
	}
	return nil
}

func parseAlgorithms(b *evidence.Bundle) Algorithms {
	it, ok := algorithmsItem(b)
	if !ok {
		return Algorithms{Origin: Origin{Status: evidence.Skipped, Reason: "sshd refuses no list of algorithms", Source: "ssh -Q"}}
	}
	r := b.Get(it)
	a := Algorithms{Origin: ran(it, r, exitZero)}
	if a.Origin.Known() {
		a.Names = strings.Fields(string(r.Data))
	}
	return a
}
