package server

import (
	"strings"

	"sshwhy/internal/evidence"
	"sshwhy/internal/evidence/redact"
	"sshwhy/internal/report"
)

// withoutSecrets takes out of the quotes what is a secret by what stands around it
// in the file or the output that they were cut from.
func withoutSecrets(b *evidence.Bundle, findings []report.Finding) {
	sources := map[string][]byte{} // what a quote names: a path, a command line, the file a command reads
	for _, key := range b.Keys() {
		_, _, rest := evidence.CutKey(key)
		data := b.Lookup(key).Data
		if len(data) == 0 {
			continue
		}
		sources[rest[strings.LastIndexByte(rest, ' ')+1:]] = data
		sources[rest] = data
	}
	wholes := map[string]*redact.Whole{}
	for i := range findings {
		for k := range findings[i].Evidence {
			e := &findings[i].Evidence[k]
			data := sources[e.Source]
			if len(data) == 0 {
				continue
			}
			if wholes[e.Source] == nil {
				wholes[e.Source] = redact.NewWhole(strings.Split(string(data), "\n"))
			}
			e.Excerpt = wholes[e.Source].Quote(e.Line, e.Excerpt)
		}
	}
}
