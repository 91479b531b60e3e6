package sshconf

import (
	"slices"
	"strings"
	"testing"
)

func TestParseLine(t *testing.T) {
	for _, c := range []struct {
		line    string
		keyword string
		args    []string
	}{
		{"Port 22", "Port", []string{"22"}},
		{"Port=2222", "Port", []string{"2222"}},
		{"Port = 2222", "Port", []string{"2222"}},
		{"\tPort\t2222\t", "Port", []string{"2222"}},
		{`Port "2223"`, "Port", []string{"2223"}},
		{"Port 22\r", "Port", []string{"22"}},
		{"Port 22 # the usual", "Port", []string{"22"}},
		{"Banner /etc/issue#net", "Banner", []string{"/etc/issue#net"}},
		{`AllowUsers "a b" c'd e'f g\ h`, "AllowUsers", []string{"a b", "cd ef", "g h"}},
		{"# Port 22", "", nil},
		{"   ", "", nil},
		{"Port", "Port", nil},
		{`"Port" 22`, "Port", []string{"22"}},
		{`Po"rt"22`, "Port", []string{"22"}},
	} {
		l, _ := ParseLine(c.line)
		if l.Keyword != c.keyword || !slices.Equal(l.Args, c.args) || l.BadQuotes {
			t.Errorf("%q: %q %q %v", c.line, l.Keyword, l.Args, l.BadQuotes)
		}
	}
	if l, ok := ParseLine(`Banner "/etc/x`); !ok || !l.BadQuotes {
		t.Error("a quote that does not close is not told")
	}
	for _, s := range []string{`"Banner /etc/x`, `Ban"ner /etc/x`} {
		if _, ok := ParseLine(s); ok {
			t.Errorf("%q: sshd passes over it", s)
		}
	}
}

func TestChangedLines(t *testing.T) {
	parse := func(s string) Line { l, _ := ParseLine(s); return l }
	for _, c := range []struct{ got, want string }{
		{parse("  PermitRotLogin = no # never").WithKeyword("PermitRootLogin"), "  PermitRootLogin = no # never"},
		{parse(`"PermitRotLogin" no`).WithKeyword("PermitRootLogin"), `"PermitRootLogin" no`},
		{parse("AllowUsers alice  bob # ops").Add("carol"), "AllowUsers alice  bob carol # ops"},
		{parse("AllowUsers").Add("carol"), "AllowUsers carol"},
		{parse("AllowUsers alice\r").Add("a b"), "AllowUsers alice \"a b\"\r"},
		{parse("DenyUsers alice bob # x").WithoutArg(1), "DenyUsers alice # x"},
		{parse("DenyUsers alice bob").WithoutArg(0), "DenyUsers bob"},
		{parse("Ciphers=aes256-ctr,foo").WithArg(0, "aes256-ctr"), "Ciphers=aes256-ctr"},
		{parse("PermitRootLogin maybe # x").Only("no"), "PermitRootLogin no # x"},
		{parse("PermitRootLogin").Only("no"), "PermitRootLogin no"},
		{parse("PermitRootLogin # x").Only("no"), "PermitRootLogin no # x"},
		{parse("PermitRootLogin =").Only("no"), "PermitRootLogin no"},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
}

// FuzzLine: a line with another keyword has the same arguments, and what is put
// into it is read from it.
func FuzzLine(f *testing.F) {
	for _, s := range []string{"Port 22 # x", `Allow"Users" "a b" c\ d`, "  =x", `"`, "Match User bob,!carol\r"} {
		f.Add(s, "word")
	}
	f.Fuzz(func(t *testing.T, raw, word string) {
		if strings.ContainsAny(raw+word, "\n\r\f\x00") {
			return
		}
		l, ok := ParseLine(raw)
		if !ok || l.BadQuotes {
			return
		}
		if other, ok := ParseLine(l.WithKeyword("Port")); !ok || other.Keyword != "Port" || !slices.Equal(other.Args, l.Args) {
			t.Fatalf("%q became %q", raw, l.WithKeyword("Port"))
		}
		again, _ := ParseLine(l.Add(word))
		if len(l.Args) > 0 && !slices.Equal(again.Args, append(slices.Clone(l.Args), word)) {
			t.Fatalf("%q: %q with %q is %q", raw, l.Args, word, again.Args)
		}
	})
}
