package shell

import (
	"strings"
	"testing"
	"unicode/utf8"

	"sshwhy/internal/evidence"
)

func TestCall(t *testing.T) {
	for _, c := range []struct {
		item evidence.Item
		want string
	}{
		{evidence.File("/etc/ssh/sshd_config"), "f 7 /etc/ssh/sshd_config\n"},
		{evidence.File("/a b/it's").AtMost(10), `f 7 '/a b/it'\''s' 11` + "\n"},
		{evidence.Stat("/$(id)"), "s 7 '/$(id)'\n"},
		{evidence.Stat("/a\n\x1b%\\'ü"), `v1=$(printf '/a\012\033%%\134\047\303\274.')` + "\n" + `s 7 "${v1%.}"` + "\n"},
		{evidence.Glob("/etc/*.d/x*.conf"), "g 7 r /etc r /etc/*.d p /etc/*.d/x*.conf\n"},
		{evidence.Glob("/home/*/.ssh/id"), "g 7 r /home x /home/* x /home/*/.ssh p /home/*/.ssh/id\n"},
		{evidence.Glob("/a b/[^x-z;]?"), `g 7 r /'a b' p /'a b'/[!x-z\;]?` + "\n"},
		{evidence.Glob(`/\*/\[*`), `g 7 r / r /'*' p /'*'/'['*` + "\n"},
		{evidence.Command("sshd", "-T", "-C", "user=a b"), "c 7 5 1048577 sshd -T -C 'user=a b'\n"},
		{evidence.Command("x", "").AtMost(9).Within(1500e6), "c 7 2 10 x ''\n"},
	} {
		if got, failed := Call("7", c.item); got != c.want || failed != nil {
			t.Errorf("%s: %q, %v, want %q", c.item.Key(), got, failed, c.want)
		}
	}
	for _, it := range []evidence.Item{evidence.File("etc"), evidence.Glob("/["), evidence.Glob("/[ü]"), evidence.Stat("/\x00"), evidence.Command(), evidence.Command("a", "\x00"), {Kind: "new"}} {
		if got, failed := Call("7", it); got != "" || failed == nil || failed.Status != evidence.Failed || failed.Reason == "" {
			t.Errorf("%s: %q, %v", it.Key(), got, failed)
		}
	}
}

func TestPreludeIsFitForAConsole(t *testing.T) {
	text := Prelude("abcdef", []string{"/usr/bin", "/bin"}, true)
	if strings.Contains(text, "abcdef") {
		t.Error("its echo would be taken for a frame")
	}
	if strings.Contains(text, "@PATH@") || strings.Contains(text, "@DIRS@") || strings.Contains(text, "@CAP@") || strings.Contains(text, "@READ@") {
		t.Error("a place was not filled")
	}
	for _, line := range strings.Split(text, "\n") {
		if len(line) > 200 || strings.Contains(line, "\t") || !utf8.ValidString(line) {
			t.Errorf("a console may spoil %q", line)
		}
	}
	t.Logf("%d bytes", len(text))
}

func TestLsMode(t *testing.T) {
	for s, want := range map[string]uint32{
		"-rwxr-xr-x": 0o755, "-rwsr-Sr-T+": 0o7744, "drwxrwxrwt.": 0o1777, "crw-rw-rw-": 0o666, "----------": 0,
	} {
		if _, mode, ok := lsMode(s); !ok || mode != want {
			t.Errorf("%s: %o, want %o", s, mode, want)
		}
	}
	for _, s := range []string{"", "-rwx", "-wrx------", "-rwxr-xr-?", "?rwxr-xr-x"} {
		if kind, mode, ok := lsMode(s); ok {
			t.Errorf("%q: %s %o", s, kind, mode)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add("file", "m 81a0 0 0 5 1\x00\x00o\x00YQBi/wo=\x00.\x00", false)
	f.Add("file", "m 81a0 0 0 5 1\x00\x00o\x00 61 62\x00z\x00head: x: Input/output error\x00.\x00", false)
	f.Add("glob", "P\x00/a\x00M\x0081a0 0 0 5 1\x00k\x00/a\x00l\x00x\n\x00q\x00/b\x00.\x00", true)
	f.Add("cmd", "o\x00b3V0Cg==\x00r\x00x 4\ne\nZXJyCg==\x00.\x00", false)
	f.Add("stat", "n -rwxr-xr-x 0 0 1,\x00\x00s a\x00\x00.\x00", false)
	f.Fuzz(func(t *testing.T, kind, text string, raw bool) {
		var sections []Section
		parts := strings.Split(text, "\x00")
		for i := 0; i+1 < len(parts); i += 2 {
			sections = append(sections, Section{Head: parts[i], Body: []byte(parts[i+1])})
		}
		r := Decode(evidence.Kind(kind), 100, sections, raw)
		switch r.Status {
		case evidence.Known:
		case evidence.Absent, evidence.Denied, evidence.Failed:
			if r.Reason == "" {
				t.Error("no reason")
			}
		default:
			t.Errorf("status %q", r.Status)
		}
		if len(r.Data) > 100 || len(r.Stderr) > 100 {
			t.Error("more than the cap")
		}
	})
}

// FuzzCall: whatever an item holds, the text stays on lines of its own and
// begins no frame.
func FuzzCall(f *testing.F) {
	f.Add("/etc/x", "a b", "it's\n")
	f.Add(`/[a-\]]*/\`, "$(x)", "\x00\xff")
	f.Fuzz(func(t *testing.T, path, a, b string) {
		for _, it := range []evidence.Item{evidence.File(path), evidence.Glob(path), evidence.Command(a, b)} {
			text, failed := Call("1", it)
			if (text == "") == (failed == nil) {
				t.Fatalf("neither text nor a reason: %q", text)
			}
			if text == "" {
				continue
			}
			lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
			for i, line := range lines {
				if last := i == len(lines)-1; !last && !strings.HasPrefix(line, "v") || strings.IndexFunc(line, func(r rune) bool { return r < ' ' || r > '~' }) >= 0 {
					t.Errorf("line %q of %q", line, text)
				}
			}
		}
	})
}
