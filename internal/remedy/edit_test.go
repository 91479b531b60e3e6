//go:build linux

package remedy

import (
	"strings"
	"testing"

	"sshwhy/internal/report"
)

func TestApplyEdits(t *testing.T) {
	const text = "one\ntwo\nthree"
	for _, c := range []struct {
		name, text string
		edits      []report.LineEdit
		want, err  string
	}{
		{name: "replace", text: text, edits: []report.LineEdit{{Line: 2, Old: "two", Op: report.LineReplace, New: "2"}}, want: "one\n2\nthree"},
		{name: "comment the last line, which has no end", text: text, edits: []report.LineEdit{{Line: 3, Old: "three", Op: report.LineComment}}, want: "one\ntwo\n# three"},
		{name: "delete", text: text, edits: []report.LineEdit{{Line: 1, Old: "one", Op: report.LineDelete}}, want: "two\nthree"},
		{name: "before and after one line", text: text, edits: []report.LineEdit{
			{Line: 2, Old: "two", Op: report.LineBefore, New: "b"}, {Line: 2, Old: "two", Op: report.LineAfter, New: "a"}}, want: "one\nb\ntwo\na\nthree"},
		{name: "after the last line", text: text, edits: []report.LineEdit{{Line: 3, Old: "three", Op: report.LineAfter, New: "four"}}, want: "one\ntwo\nthree\nfour\n"},
		{name: "append gives the last line its end", text: text, edits: []report.LineEdit{{Op: report.LineAppend, New: "four"}}, want: "one\ntwo\nthree\nfour\n"},
		{name: "append to nothing", text: "", edits: []report.LineEdit{{Op: report.LineAppend, New: "a\nb"}}, want: "a\nb\n"},
		{name: "prepend", text: text, edits: []report.LineEdit{{Op: report.LinePrepend, New: "zero"}}, want: "zero\none\ntwo\nthree"},
		{name: "line numbers are those of the original", text: text, edits: []report.LineEdit{
			{Line: 1, Old: "one", Op: report.LineDelete}, {Line: 3, Old: "three", Op: report.LineReplace, New: "3"}}, want: "two\n3"},
		{name: "DOS line ends stay", text: "a\r\nb\r\n", edits: []report.LineEdit{{Line: 1, Old: "a", Op: report.LineComment}, {Op: report.LineAppend, New: "c"}}, want: "# a\r\nb\r\nc\r\n"},
		{name: "another text there now", text: text, edits: []report.LineEdit{{Line: 2, Old: "zwei", Op: report.LineDelete}}, err: "not \"zwei\""},
		{name: "not there any more", text: text, edits: []report.LineEdit{{Line: 9, Old: "nine", Op: report.LineDelete}}, err: "not there any more"},
		{name: "two that contradict", text: text, edits: []report.LineEdit{
			{Line: 2, Old: "two", Op: report.LineDelete}, {Line: 2, Old: "two", Op: report.LineReplace, New: "2"}}, err: "contradict"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := applyEdits(c.text, c.edits)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Fatalf("error %v, want %q", err, c.err)
				}
				return
			}
			if err != nil || got != c.want {
				t.Fatalf("%q, %v; want %q", got, err, c.want)
			}
		})
	}
}

// FuzzApplyEdits: whatever the file, an edit changes its own line and no other byte.
func FuzzApplyEdits(f *testing.F) {
	f.Add("a\nb\nc", 2)
	f.Add("\r\n\r\nx", 1)
	f.Add("", 1)
	f.Fuzz(func(t *testing.T, text string, line int) {
		lines := strings.SplitAfter(text, "\n")
		if line < 1 || line > len(lines) || lines[line-1] == "" {
			return
		}
		old, end := cutEOL(lines[line-1])
		got, err := applyEdits(text, []report.LineEdit{{Line: line, Old: old, Op: report.LineComment}})
		if err != nil {
			t.Fatal(err)
		}
		want := strings.Join(lines[:line-1], "") + "# " + old + end + strings.Join(lines[line:], "")
		if got != want {
			t.Fatalf("%q, want %q", got, want)
		}
	})
}

func TestOpens(t *testing.T) {
	for _, c := range []struct {
		name string
		act  report.Action
		want bool
	}{
		{"unmask", report.Action{Kind: report.ActUnit, Unit: "ssh.service", Verb: report.VerbUnmask}, true},
		{"start", report.Action{Kind: report.ActUnit, Unit: "ssh.service", Verb: report.VerbStart}, false},
		{"an opening for all", report.Action{Kind: report.ActFirewall, Firewall: &report.Opening{Manager: "ufw", Port: 22}}, true},
		{"the permanent half of one that runs", report.Action{Kind: report.ActFirewall, Firewall: &report.Opening{Manager: "ufw", Port: 22, PermanentOnly: true}}, false},
	} {
		if got := opens(c.act); (got != "") != c.want {
			t.Errorf("%s: lets in %q", c.name, got)
		}
	}
	for _, line := range []string{"Match User bob", "Mtach User bob"} {
		edit := report.LineEdit{Line: 1, Old: line, Op: report.LineComment}
		if forbidden(report.Action{Kind: report.ActEdit, Path: "/etc/ssh/sshd_config", Check: report.CheckSSHD, Edits: []report.LineEdit{edit}}) == "" {
			t.Errorf("%s may be commented out, and its block holds for everyone", line)
		}
	}
}

// TestLost: what a line that sshd refuses was to keep out is not lost without
// consent. What changes with a line that sshd takes is worked out (lab/consent_test.go).
func TestLost(t *testing.T) {
	for _, c := range []struct {
		name, old, with string // "" comments the line out
		want            bool
	}{
		{"a banner lost keeps nobody out", "Banner /etc/motd", "", false},
		{"AllowUsers lost", "AllowUsers alice", "", true},
		{"a misspelt AllowUsers lost", "AlowUsers alice", "", true},
		{"PermitRootLogin= lost", "  permitrootlogin=no", "", true},
		{"a misspelt keyword spelt right", "PermitRotLogin no", "PermitRootLogin no", false},
		{"the right keyword with another value", "PermitRootLogin no", "PermitRootLogin yes", true},
		{"a bad value made strict", "PermitRootLogin maybe", "PermitRootLogin no", false},
		{"StrictModes no is not strict", "StrictModes maybe", "StrictModes no", true},
		{"a comment is no rule", "# AllowUsers alice", "", false},
		{"a keyword of nobody's", "PasswordLogin no", "", true},
		{"another one of nobody's", "RootLogin no", "", true},
		{"the client's own keyword", "StrictHostKeyChecking ask", "", false},
		{"the client's Host", "Host web1", "", false},
		{"a bad value of an option", "PubkeyAuthOptions verify-requird", "", true},
		{"spelt right", "PubkeyAuthOptions verify-requird", "PubkeyAuthOptions verify-required", false},
		{"noo lost", "AllowStreamLocalForwarding noo", "", true},
		{"noo spelt right", "AllowStreamLocalForwarding noo", "AllowStreamLocalForwarding no", false},
		{"nonne lost", "PermitListen nonne", "", true},
		{"principals lost", "AuthorizedPrincipalsCommand /usr/local/bin/p %u", "", true},
		{"keys by a command lost, behind which another may stand", "AuthorizedKeysCommand /usr/local/bin/k %u", "", true},
		{"an include lost", `Include "/etc/ssh/hard.conf`, "", true},
		{"an address lost", "ListenAddress 10.8.0.1", "", true},
		{"the opposite word", "DenyRootLogin yes", "PermitRootLogin yes", true},
		{"the opposite word, too", "DisablePasswordAuthentication yes", "PasswordAuthentication yes", true},
		{"the opposite of a list", "DisallowUsers bob", "AllowUsers bob", true},
		{"a word more", "OnlyUsers alice", "AllowUsers alice", true},
		{"an unknown name taken out", "Ciphers aes256-ctr,rot13", "Ciphers aes256-ctr", false},
		{"a name put in", "Ciphers aes256-ctr,rot13", "Ciphers aes256-ctr,aes128-cbc", true},
		{"a word more in a list", "AllowUsrs alice", "AllowUsers alice bob", true},
	} {
		e := report.LineEdit{Line: 1, Old: c.old, Op: report.LineComment}
		if c.with != "" {
			e.Op, e.New = report.LineReplace, c.with
		}
		got := lostBy([]report.LineEdit{e}, c.old+"\n", c.old+"\n", func(int) bool { return true })
		if (got != "") != c.want {
			t.Errorf("%s: %q", c.name, got)
		}
		if got := lostBy([]report.LineEdit{e}, c.old+"\n", c.old+"\n", func(int) bool { return false }); got != "" {
			t.Errorf("%s, of a line that sshd takes: %q", c.name, got)
		}
	}
	port := []report.LineEdit{{Line: 2, Old: "Port 2222", Op: report.LineComment}}
	always := func(int) bool { return true }
	if lostBy(port, "Match User bob\nPort 2222\nMatch all\nX11Forwarding no\n", "Match User bob\nPort 2222\nMatch all\nX11Forwarding no\n", always) != "" || lostBy(port, "UsePAM yes\nPort 2222\n", "UsePAM yes\nPort 2222\n", always) == "" {
		t.Error("a Port may go where it ends a Match block, and nowhere else")
	}
	if lostBy(port, "Match User bob\nPort 2222\nAllowUsers alice\n", "Match User bob\nPort 2222\nAllowUsers alice\n", always) == "" {
		t.Error("what follows a Port in a Match block was perhaps to hold for everyone")
	}
}

// TestUncovered: a line that adds to the default hides a later one of the same
// keyword, in whichever file and by its old name.
func TestUncovered(t *testing.T) {
	const adds = "PubkeyAcceptedAlgorithms +ssh-bogus"
	edit := []report.LineEdit{{Line: 1, Old: adds, Op: report.LineComment}}
	always := func(int) bool { return true }
	if got := lostBy(edit, adds+"\n", adds+"\n", always); got != "" {
		t.Error(got)
	}
	if lostBy(edit, adds+"\n", adds+"\nPubkeyAcceptedKeyTypes ssh-rsa\n", always) == "" {
		t.Error("then ssh-rsa would count")
	}
	command := []report.LineEdit{{Line: 1, Old: "AuthorizedKeysCommand off", Op: report.LineComment}}
	if lostBy(command, "AuthorizedKeysCommand off\n", "AuthorizedKeysCommand off\n", always) == "" {
		t.Error("another command may stand in another file")
	}
}

// TestSwallowed: a line that has lost its end may hold a Match line, on which
// what follows hangs, or one that keeps somebody out.
func TestSwallowed(t *testing.T) {
	always := func(int) bool { return true }
	for _, old := range []string{"PrintMotd no Match Address 10.0.0.0/8", "Banner /etc/issue.net Match Address 10.0.0.0/8",
		"StrictHostKeyChecking noMatch Address 10.0.0.0/8", "Banner none PermitRootLogin no", "PrintMotd noAllowUsers alice"} {
		e := report.LineEdit{Line: 1, Old: old, Op: report.LineComment}
		if lostBy([]report.LineEdit{e}, old+"\n", old+"\n", always) == "" {
			t.Errorf("%q may go", old)
		}
		act := report.Action{Kind: report.ActEdit, Check: report.CheckSSHD, Edits: []report.LineEdit{e}}
		if why := forbidden(act); (why != "") != strings.Contains(old, "Match") {
			t.Errorf("%q: %q", old, why)
		}
	}
	macs := report.LineEdit{Line: 1, Old: "MACs hmac-sha2-512, hmac-sha2-256", Op: report.LineComment}
	if why := forbidden(report.Action{Kind: report.ActEdit, Check: report.CheckSSHD, Edits: []report.LineEdit{macs}}); why != "" {
		t.Errorf("MACs is no Match: %s", why)
	}
}

// FuzzLost: no line makes the judgement of an edit fail.
func FuzzLost(f *testing.F) {
	f.Add("PermitRootLogin no", "PermitRootLogin yes")
	f.Add(strings.Repeat("A", 300), "= = \"")
	f.Fuzz(func(t *testing.T, old, text string) {
		lostBy([]report.LineEdit{{Line: 1, Old: old, Op: report.LineReplace, New: text}}, old, old, func(int) bool { return true })
	})
}

func TestNftPlace(t *testing.T) {
	const file = `#!/usr/sbin/nft -f
flush ruleset
table inet filter {
	chain forward {
		type filter hook forward priority filter;
	}
	chain input {
		type filter hook input priority filter;
		policy drop;
		ct state established,related accept
	}
}
table ip nat { chain post { type nat hook postrouting priority 100; } }
`
	open := report.Opening{Family: "inet", Table: "filter", Chain: "input"}
	e, err := nftPlace(file, open, "tcp dport 22 accept")
	if err != nil {
		t.Fatal(err)
	}
	got, err := applyEdits(file, []report.LineEdit{e})
	if err != nil {
		t.Fatal(err)
	}
	if want := "policy drop;\n\t\ttcp dport 22 accept\n\t\tct state"; !strings.Contains(got, want) {
		t.Errorf("not behind the policy:\n%s", got)
	}
	e, err = nftPlace("table inet filter {\n  chain old {\n    tcp dport 22 drop\n  }\n}\n", report.Opening{Family: "inet", Table: "filter", Chain: "old"}, "accept")
	if err != nil || e.Line != 2 {
		t.Errorf("a chain that is jumped to: %+v, %v", e, err)
	}
	for _, o := range []report.Opening{
		{Family: "ip", Table: "filter", Chain: "input"},
		{Family: "inet", Table: "filter", Chain: "output"},
		{Family: "ip", Table: "nat", Chain: "post"},
	} {
		if e, err := nftPlace(file, o, "x"); err == nil {
			t.Errorf("%v: placed at %v", o, e)
		}
	}
}

func FuzzNftPlace(f *testing.F) {
	f.Add("table inet filter {\n chain input {\n type filter hook input priority 0;\n}\n}\n")
	f.Add("}}}{{{ table table { ; } chain")
	f.Fuzz(func(t *testing.T, text string) {
		o := report.Opening{Family: "inet", Table: "filter", Chain: "input"}
		e, err := nftPlace(text, o, "accept")
		if err != nil {
			return
		}
		if _, err := applyEdits(text, []report.LineEdit{e}); err != nil {
			t.Fatalf("what was placed cannot be edited in: %v", err)
		}
	})
}

// FuzzJournal: a journal of any bytes is read without harm, and what was
// appended whole to it is found again.
func FuzzJournal(f *testing.F) {
	f.Add("")
	f.Add("0000 {}\n00000000 {\"event\":\"begin\"}\n")
	f.Fuzz(func(t *testing.T, text string) {
		dir := t.TempDir()
		s := &System{}
		if err := writeFile(dir, text); err != nil {
			t.Fatal(err)
		}
		if supported() != nil {
			t.Skip("repairs are not supported here")
		}
		if err := s.note(dir, event{Event: evApplied, Step: 77}); err != nil {
			t.Fatal(err)
		}
		events, err := readJournal(dir)
		if err != nil || len(events) == 0 || events[len(events)-1].Step != 77 {
			t.Fatalf("%v, %v", events, err)
		}
	})
}
