package cli

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sshwhy/internal/evidence"
	"sshwhy/internal/evidence/local"
	"sshwhy/internal/evidence/redact"
	"sshwhy/internal/evidence/replay"
	"sshwhy/internal/evidence/script"
	"sshwhy/internal/evidence/via"
	"sshwhy/internal/report"
	"sshwhy/internal/server"
)

// Whichever way one looks at this machine, the diagnosis is the same.
func TestAllWaysGiveTheSameDiagnosis(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("a server is diagnosed on Linux")
	}
	q := server.Query{User: "root", Port: 22}
	m := server.Manifest(q)
	diagnose := func(b *evidence.Bundle, err error) *report.Report {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return server.Diagnose(b, q, "test")
	}
	b, err := local.Fill(t.Context(), m, local.Options{})
	want := diagnose(b, err)

	ways := map[string]func() (*evidence.Bundle, error){
		"via": func() (*evidence.Bundle, error) { return via.Fill(t.Context(), via.Words("exec sh"), m, via.Options{}) },
		"from a file": func() (*evidence.Bundle, error) {
			var file bytes.Buffer
			if err := replay.Write(&file, redact.Bundle(b, redact.Options{})); err != nil {
				return nil, err
			}
			return replay.Read(&file)
		},
		"script": func() (*evidence.Bundle, error) {
			var text strings.Builder
			if err := writeScript(&text, serverFlags{user: "root", port: 22}); err != nil {
				return nil, err
			}
			cmd := exec.CommandContext(t.Context(), "sh")
			cmd.Stdin = strings.NewReader(text.String())
			out, err := cmd.Output()
			if err != nil {
				return nil, err
			}
			return script.Parse(bytes.NewReader(out))
		},
	}
	for name, fill := range ways {
		t.Run(name, func(t *testing.T) {
			var diff string
			for range 3 { // a busy machine may let a command run into its time limit once
				if diff = cmp.Diff(gist(want), gist(diagnose(fill()))); diff == "" {
					return
				}
				b, err = local.Fill(t.Context(), m, local.Options{})
				want = diagnose(b, err)
			}
			t.Errorf("(-local +%s)\n%s", name, diff)
		})
	}
}

// gist is what must not depend on the way: numbers that change by themselves,
// such as free bytes, stand in the other fields.
func gist(r *report.Report) (lines []string) {
	lines = append(lines, string(r.Verdict))
	for _, s := range r.Stages {
		lines = append(lines, s.Stage+" "+string(s.Status))
	}
	for _, f := range r.Findings {
		lines = append(lines, f.Cause+" "+string(f.Impact)+" "+string(f.Certainty))
	}
	for _, i := range r.Incomplete {
		lines = append(lines, "not looked at: "+i.Check+": "+i.Reason)
	}
	return lines
}

// What is taken out or replaced changes no diagnosis: shown on every machine
// that was recorded for the tests of the server's diagnosis.
func TestRedactionKeepsTheDiagnosis(t *testing.T) {
	files, err := filepath.Glob("../server/testdata/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no recorded machines: %v", err)
	}
	for _, file := range files {
		b, err := replay.Open(file)
		if err != nil {
			continue // something else that is kept there
		}
		want := gist(server.Diagnose(b, server.Query{}, "test"))
		for _, strict := range []bool{false, true} {
			redacted := redact.Bundle(b, redact.Options{Strict: strict, Salt: []byte("salt")})
			if diff := cmp.Diff(want, gist(server.Diagnose(redacted, server.Query{}, "test"))); diff != "" {
				t.Errorf("%s, strict %v (-before +after)\n%s", file, strict, diff)
			}
		}
	}
}
