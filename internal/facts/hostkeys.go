package facts

import (
	"strings"

	"sshwhy/internal/evidence"
)

// HostKeys are the private host keys that sshd is to load. Their content is
// never read: owner, mode and size say what a diagnosis needs.
type HostKeys struct {
	Dir  Origin // of the listing of /etc/ssh
	Keys []HostKey
}

// HostKey is one private host key file.
type HostKey struct {
	Origin Origin
	Path   string
	Meta   evidence.Meta
	Type   string // ssh-ed25519; "" where it is not known
	Named  *Quote // the HostKey line that names it; nil for the default keys
}

var itemHostKeys = evidence.Glob("/etc/ssh/ssh_host_*_key")

func wantHostKeys(b *evidence.Bundle, _ Ask) []evidence.Item {
	items := []evidence.Item{itemHostKeys}
	for _, d := range parseConfig(b).Global("HostKey") {
		if p, ok := hostKeyPath(d); ok {
			items = append(items, evidence.Stat(p))
		}
	}
	return items
}

// hostKeyPath is the file a HostKey line names; "none" and relative names are none.
func hostKeyPath(d Directive) (string, bool) {
	if len(d.Args) == 0 || !strings.HasPrefix(d.Args[0], "/") {
		return "", false
	}
	return d.Args[0], true
}

// parseTypedHostKeys is parseHostKeys with the types of the keys.
func parseTypedHostKeys(b *evidence.Bundle) HostKeys {
	h := parseHostKeys(b)
	h.readTypes(b)
	return h
}

func parseHostKeys(b *evidence.Bundle) HostKeys {
	r := b.Get(itemHostKeys)
	h := HostKeys{Dir: originOf(itemHostKeys, r)}
	named := parseConfig(b).Global("HostKey")
	for _, d := range named {
		p, ok := hostKeyPath(d)
		if !ok {
			continue
		}
		it := evidence.Stat(p)
		kr := b.Get(it)
		k := HostKey{Origin: originOf(it, kr), Path: p, Named: &d.Quote}
		if kr.Meta != nil {
			k.Meta = *kr.Meta
		}
		h.Keys = append(h.Keys, k)
	}
	if len(named) > 0 {
		return h
	}
	for _, m := range r.Matches {
		h.Keys = append(h.Keys, HostKey{Origin: Origin{Status: evidence.Known, Source: m.Path}, Path: m.Path, Meta: m.Meta})
	}
	return h
}

// TooOpen reports whether sshd refuses the key for its mode. It asks only where
// the file belongs to the user sshd runs as (authfile.c, sshkey_perm_ok):
// any bit for group or others is too much.
func (k HostKey) TooOpen() bool {
	return k.Origin.Known() && k.Meta.Type == "file" && k.Meta.UID == 0 && k.Meta.Mode&0o077 != 0
}

// Quote describes the file's metadata as `stat -c '%A %U:%G'` would be read.
func (k HostKey) Quote() Quote { return MetaQuote(k.Path, k.Meta) }
