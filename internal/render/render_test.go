package render

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"

	"sshwhy/internal/report"
)

func sample() *report.Report {
	r := &report.Report{
		Side: report.SideServer, Verdict: report.VerdictBroken,
		Headline: "sshd refuses its configuration: /etc/ssh/sshd_config line 3 has the unknown keyword PermitRootLogn.",
		Stages: []report.Stage{
			{Stage: "package", Status: report.StatusOK, Detail: "openssh-server 1:10.0p1-7"},
			{Stage: "service", Status: report.StatusFailed, Detail: "ssh.service failed"},
			{Stage: "firewall", Status: report.StatusUnknown, Detail: "needs root"},
			{Stage: "access", Status: report.StatusSkipped},
		},
		Findings: []report.Finding{{
			Cause: "sshd-config-invalid", Impact: report.Blocking, Certainty: report.Confirmed,
			Summary:  "sshd refuses its configuration: /etc/ssh/sshd_config line 3 has the unknown keyword PermitRootLogn.",
			Evidence: []report.Evidence{{Source: "/etc/ssh/sshd_config", Line: 3, Excerpt: "PermitRootLogn no\x1b[2J"}},
			Remedy: &report.Remedy{Kind: report.Repair, Summary: "Correct the keyword.",
				Steps: []report.Step{{Do: "sudo sed -i '3s/PermitRootLogn/PermitRootLogin/' /etc/ssh/sshd_config && sudo sshd -t && sudo systemctl restart ssh"}}},
		}, {
			Cause: "service-disabled", Impact: report.Latent, Certainty: report.Confirmed,
			Summary: "ssh.service does not start at boot.",
		}},
		Incomplete: []report.Incomplete{{Check: "firewall", Reason: "needs root: run `sudo sshwhy server`"}},
	}
	r.Normalize()
	return r
}

func TestNothingIsWiderThanTheTerminal(t *testing.T) {
	for _, width := range []int{40, 60, 80, 200} {
		for verbose := range 2 {
			var b bytes.Buffer
			if err := Terminal(&b, sample(), Options{Width: width, Verbose: verbose}); err != nil {
				t.Fatal(err)
			}
			for _, l := range strings.Split(b.String(), "\n") {
				// A single quoted word cannot be broken and still be pasted.
				if columns(l) > width && len(shellWords(strings.TrimSuffix(strings.TrimSpace(l), ` \`))) > 1 {
					t.Errorf("width %d: %d columns: %q", width, columns(l), l)
				}
			}
			first, _, _ := strings.Cut(b.String(), "\n")
			if !strings.HasPrefix(first, "✗ sshd refuses its") {
				t.Errorf("the first line is not the answer: %q", first)
			}
		}
	}
}

func TestHostileBytesNeverReachTheTerminal(t *testing.T) {
	hostile := "a\x1b[31m\x9b2J\u202e\u009b\x00\x7f\xff\ue0041\r\x07" + "\U000e0041\ufeff"
	r := sample()
	r.Headline = hostile
	r.Target.Host = hostile
	r.Stages[0].Detail = hostile
	r.Findings[0].Evidence[0].Excerpt = hostile
	r.Findings[0].Evidence[0].Source = hostile
	r.Findings[0].Remedy.Summary = hostile
	r.Findings[0].Remedy.Steps[0].Do = hostile
	r.Incomplete[0].Reason = hostile
	r.Proof = &report.Proof{How: hostile, At: hostile}
	r.Next = &report.Step{Do: hostile, Where: hostile}
	r.Timeline = []report.Event{{At: hostile, Source: hostile, Excerpt: hostile, Meaning: hostile}}
	for verbose := range 2 {
		var term, js bytes.Buffer
		if err := Terminal(&term, r, Options{Width: 50, Verbose: verbose}); err != nil {
			t.Fatal(err)
		}
		if err := JSON(&js, r); err != nil {
			t.Fatal(err)
		}
		for name, out := range map[string]string{"terminal": term.String(), "json": js.String()} {
			for _, c := range out {
				if c != '\n' && (c < 0x20 || c == 0x7f || hidden(c)) {
					t.Errorf("%s: %q reaches the terminal", name, c)
				}
			}
		}
		var back report.Report
		if err := json.Unmarshal(js.Bytes(), &back); err != nil {
			t.Fatalf("JSON does not parse: %v", err)
		}
		if want := strings.ToValidUTF8(hostile, "\ufffd"); back.Target.Host != want {
			t.Errorf("JSON changed the text: %q, want %q", back.Target.Host, want)
		}
	}
}

// What a command did not print is shown as such, not as a blank line.
func TestEmptyExcerptIsSaidToBeEmpty(t *testing.T) {
	r := sample()
	r.Findings[0].Evidence = []report.Evidence{{Source: "ss -Hltnp", Excerpt: ""}}
	var b bytes.Buffer
	if err := Terminal(&b, r, Options{Width: 80}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), "ss -Hltnp\n      │ (no output)\n") {
		t.Errorf("no word that nothing was printed:\n%s", b.String())
	}
}

func TestWrapCommandCanBePasted(t *testing.T) {
	cmd := `sudo sed -i 's/a b/c d/' "/etc/ssh/sshd config" && sudo sshd -t && sudo systemctl restart ssh`
	got := strings.Join(WrapCommand(cmd, 30), "\n")
	if flat := strings.Join(strings.Fields(strings.ReplaceAll(got, "\\\n", " ")), " "); flat != cmd {
		t.Errorf("continued lines say %q, want %q", flat, cmd)
	}
	if !strings.Contains(got, "'s/a b/c d/'") {
		t.Errorf("a quoted word was broken:\n%s", got)
	}
}

func TestASCII(t *testing.T) {
	var b bytes.Buffer
	if err := Terminal(&b, sample(), Options{Width: 80, ASCII: true}); err != nil {
		t.Fatal(err)
	}
	for _, c := range b.String() {
		if c > 0x7e {
			t.Errorf("%q in ASCII output", c)
		}
	}
}

func FuzzTerminal(f *testing.F) {
	f.Add("hello world", 40)
	f.Add("\x1b[31m\u202e\xff 日本語の長い文字列", 8)
	f.Fuzz(func(t *testing.T, s string, width int) {
		r := sample()
		r.Headline, r.Findings[0].Evidence[0].Excerpt, r.Findings[0].Remedy.Steps[0].Do = s, s, s
		var b bytes.Buffer
		if err := Terminal(&b, r, Options{Width: width % 300}); err != nil {
			t.Fatal(err)
		}
		for _, c := range b.String() {
			if c != '\n' && (c < 0x20 || c == 0x7f || hidden(c)) {
				t.Fatalf("%q reaches the terminal", c)
			}
		}
	})
}

// Every JSON that is printed goes through here: nothing in it moves a terminal,
// and a reader gets the very strings back, but for what was taken out.
func TestAnyJSONIsHarmless(t *testing.T) {
	hostile := "a\x1b[2J\u009b31m\u202e\u200b\u3164\U000e0041<&>\"\\"
	for name, write := range map[string]func(io.Writer, any, func(string) string) error{"object": Object, "line": Line} {
		var out bytes.Buffer
		if err := write(&out, map[string]string{hostile: hostile, "secret": "pw=x" + hostile}, func(s string) string { return strings.ReplaceAll(s, "pw=x", "pw=-") }); err != nil {
			t.Fatal(err)
		}
		for _, r := range out.String() {
			if r != '\n' && (r < ' ' || r == 0x7f || hidden(r)) {
				t.Errorf("%s: %U in %q", name, r, out.String())
			}
		}
		if lines := strings.Count(out.String(), "\n"); name == "line" && lines != 1 {
			t.Errorf("%d lines", lines)
		}
		got := map[string]string{}
		if err := json.Unmarshal(out.Bytes(), &got); err != nil || got[hostile] != hostile || got["secret"] != "pw=-"+hostile {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

// TestStory: the last tries are told in short and with -v in full, and what is not
// shown names the command that would show it.
func TestStory(t *testing.T) {
	r := sample()
	r.Findings, r.Verdict, r.More = nil, report.VerdictUnknown, 2
	r.Next = &report.Step{Do: "sshwhy alice@192.0.2.10", Where: report.OnClient}
	for _, at := range []string{"2026-11-30T12:00:01Z", "2026-11-30T12:00:02Z", "2026-11-30T12:00:03Z", "2026-11-30T12:00:04Z"} {
		r.Timeline = append(r.Timeline, report.Event{At: at, Source: "journalctl -b", Excerpt: "Accepted publickey for alice", Meaning: "let in"})
	}
	for verbose := range 2 {
		var b bytes.Buffer
		if err := Terminal(&b, r, Options{Width: 100, Verbose: verbose}); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"(and 2 more)", "What stands against calling it fine", "$ sshwhy alice@192.0.2.10", "12:00:04Z let in: Accepted publickey for alice"} {
			if !strings.Contains(b.String(), want) {
				t.Errorf("-v %d: %q is not told:\n%s", verbose, want, b.String())
			}
		}
		if all := strings.Contains(b.String(), "12:00:01Z"); all != (verbose > 0) {
			t.Errorf("-v %d: the oldest line is told: %v", verbose, all)
		}
	}
}
