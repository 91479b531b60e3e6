package sshlog

import (
	"os"
	"strings"
	"testing"

	"sshwhy/internal/catalog"
	"sshwhy/internal/report"
)

func mustLoad(t testing.TB) *Messages {
	t.Helper()
	c, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestMessages: every row parses, names stages and causes that exist, and
// matches a line made from itself.
func TestMessages(t *testing.T) {
	c := mustLoad(t)
	stages := " config resolve route connect banner kex hostkey auth session package service socket network firewall access resources "
	for i := range c.rows {
		r := &c.rows[i]
		if !strings.Contains(stages, " "+r.Stage+" ") {
			t.Errorf("%s: %q: unknown stage %q", r.Table, r.Pattern.Text, r.Stage)
		}
		for _, s := range r.Causes {
			if _, ok := catalog.Get(s.Cause); !ok && s.Cause != AtConfig {
				t.Errorf("%s: %q: unknown cause %q", r.Table, r.Pattern.Text, s.Cause)
			}
		}
		if r.Proves == "" || (r.Kind == Root || r.Kind == End) && len(r.Causes) == 0 && r.Stage != report.StageSession {
			t.Errorf("%s: %q names no cause or proves nothing", r.Table, r.Pattern.Text)
		}
		line := example(r.Pattern)
		if _, _, _, ok := r.Pattern.match(line, Lower(line)); !ok {
			t.Errorf("%s: %q does not match its own example %q", r.Table, r.Pattern.Text, line)
		}
	}
}

// example makes a line that a pattern is to match.
func example(p Pattern) string {
	var b strings.Builder
	for i, l := range p.literals {
		b.WriteString(l)
		if i < len(p.captures) {
			switch name := p.captures[i]; {
			case digitCaptures[name]:
				b.WriteString("22")
			case addressCaptures[name]:
				b.WriteString("192.0.2.10")
			default:
				b.WriteString("word")
			}
		}
	}
	return b.String()
}

// TestCoverage: the lists of OpenSSH's messages, each rendered with values as
// they occur, are recognised; what is not stands in uncovered.tsv with the
// reason.
func TestCoverage(t *testing.T) {
	uncovered := map[string]string{}
	for _, f := range tsv(t, "testdata/messages/uncovered.tsv") {
		if len(f) != 2 || f[1] == "" {
			t.Errorf("uncovered.tsv: %q has no reason", f)
			continue
		}
		uncovered[f[0]] = f[1]
	}
	used := map[string]bool{}
	for _, list := range []struct {
		file string
		want int // per cent
	}{{"openssh_client_messages.tsv", 95}, {"openssh_server_messages.tsv", 90}} {
		total, known := 0, 0
		for _, f := range tsv(t, "testdata/messages/"+list.file)[1:] {
			for _, msg := range strings.Split(f[1], " / ") {
				total++
				if hits := findRendered(t, msg); len(hits) > 0 {
					known++
					if uncovered[msg] != "" {
						t.Errorf("%s: %q is covered, and listed in uncovered.tsv", list.file, msg)
					}
					continue
				}
				used[msg] = true
				if uncovered[msg] == "" {
					t.Errorf("%s: %q (%q) is not recognised, and uncovered.tsv gives no reason", list.file, msg, render(msg))
				}
			}
		}
		t.Logf("%s: %d of %d messages recognised", list.file, known, total)
		if known*100 < total*list.want {
			t.Errorf("%s: %d of %d messages are recognised, %d %% are wanted", list.file, known, total, list.want)
		}
	}
	for msg := range uncovered {
		if !used[msg] {
			t.Errorf("uncovered.tsv lists %q, which no list has", msg)
		}
	}
}

func findRendered(t *testing.T, msg string) []Hit {
	return mustLoad(t).Find(Clean(render(msg)).Text)
}

// render puts plausible values into a format string of C.
func render(format string) string {
	r := strings.NewReplacer("%%", "%", "%s%sConnection %s %s", "ssh_dispatch_run_fatal: Connection from 192.0.2.10 port 22",
		"Connection %s %s", "Connection from 192.0.2.10 port 22", "port %d: %s. Their", "port 22: no matching cipher found. Their", "<peer>", "authenticating user alice 192.0.2.10 port 52022",
		"<tag> banner exchange", "banner exchange: Connection from 192.0.2.10 port 52022: invalid format",
		"<tag>", "x: Connection from 192.0.2.10 port 52022: x", "<ssh_err>", "invalid format", "<any config error>", "missing argument.",
		"<key>", "ED25519 SHA256:x", "<ip>", "192.0.2.10", "port <n>", "port 22", "\\r\\n", "", "\\n", "", "<fingerprint>", "AwGt")
	s := r.Replace(format)
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '%' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		j := i + 1
		for j < len(s) && strings.IndexByte("0123456789.*-+lhzt", s[j]) >= 0 {
			j++
		}
		if j == len(s) {
			b.WriteString(s[i:])
			break
		}
		switch s[j] {
		case 'd', 'u', 'x', 'f', 'o', 'i':
			b.WriteString("22")
		case 'c':
			b.WriteString("q")
		default:
			b.WriteString("x.1")
		}
		i = j
	}
	return b.String()
}

func tsv(t *testing.T, file string) [][]string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var out [][]string
	for l := range strings.Lines(string(data)) {
		if l = strings.TrimRight(l, "\n"); l != "" && !strings.HasPrefix(l, "#") {
			out = append(out, strings.Split(l, "\t"))
		}
	}
	return out
}
