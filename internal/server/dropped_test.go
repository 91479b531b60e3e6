package server

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"sshwhy/internal/report"
)

// The lines are those of real sshd 9.2, 9.8 and 10.5.
func TestDropped(t *testing.T) {
	for line, want := range map[string]string{
		"drop connection #2 from [127.0.0.1]:37804 on [127.0.0.1]:22751 past MaxStartups":                              "past MaxStartups",
		"drop connection #2 from [127.0.0.1]:59528 on [127.0.0.1]:22751 Maxstartups":                                   "Maxstartups",
		"drop connection #0 from [127.0.0.1]:56874 on [::1]:22 penalty: connections without attempting authentication": "penalty: connections without attempting authentication",
	} {
		from, reason, ok := dropped(line)
		if !ok || reason != want || from.String() != "127.0.0.1" {
			t.Errorf("%s: %v %q %v", line, from, reason, ok)
		}
	}
	for _, line := range []string{"", "drop connection #", "drop connection #1 from [x]:1 on [y]:2 z", "Server listening on 0.0.0.0 port 22."} {
		if _, _, ok := dropped(line); ok {
			t.Errorf("%q is taken for a dropped connection", line)
		}
	}
}

// TestAQuietServer: sshd -T calls LogLevel QUIET by its other name (log.c has both,
// SILENT first; seen with 10.0). Nobody must believe then that a log without refusals says something.
func TestAQuietServer(t *testing.T) {
	for level, want := range map[string]bool{"SILENT": true, "QUIET": true, "FATAL": true, "ERROR": true, "INFO": false, "VERBOSE": false} {
		b := recorded(t, "healthy-plain")
		for _, key := range b.Keys() {
			if r := b.Lookup(key); bytes.Contains(r.Data, []byte("\nloglevel INFO\n")) {
				r.Data = bytes.ReplaceAll(r.Data, []byte("\nloglevel INFO\n"), []byte("\nloglevel "+level+"\n"))
				b.PutKey(key, r)
			}
		}
		said := slices.ContainsFunc(Diagnose(b, user("alice"), "test").Incomplete, func(in report.Incomplete) bool {
			return strings.Contains(in.Reason, "LogLevel "+level)
		})
		if said != want {
			t.Errorf("LogLevel %s: said %v, want %v", level, said, want)
		}
	}
}
