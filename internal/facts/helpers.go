package facts

import (
	"path"

	"sshwhy/internal/evidence"
)

// Helper is a program that sshd starts for each connection (sshd_config(5),
// SshdSessionPath since OpenSSH 9.8, SshdAuthPath since 10.0), where this sshd looks
// for it.
type Helper struct {
	Keyword string // of the configuration that names it
	File    HostFile
}

// helperKeywords name sshd's helpers.
var helperKeywords = [...]string{"SshdSessionPath", "SshdAuthPath"}

func helperPath(b *evidence.Bundle, ask Ask, keyword string) (string, bool) {
	p := parseEffective(b, ask).Value(keyword)
	return path.Clean(p), path.IsAbs(p)
}

func wantHelpers(b *evidence.Bundle, ask Ask) []evidence.Item {
	var items []evidence.Item
	for _, k := range helperKeywords {
		if p, ok := helperPath(b, ask, k); ok {
			items = append(items, evidence.Stat(p))
		}
	}
	return items
}

func parseHelpers(b *evidence.Bundle, ask Ask) []Helper {
	var out []Helper
	for _, k := range helperKeywords {
		if p, ok := helperPath(b, ask, k); ok {
			out = append(out, Helper{k, hostFile(b, p)})
		}
	}
	return out
}
