package facts

import (
	"encoding/binary"
	"os"
	"testing"

	"sshwhy/internal/evidence"
)

func TestReadELF(t *testing.T) {
	file, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(file)
	if err != nil || len(data) < headSize {
		t.Fatal(err, len(data))
	}
	e, ok := readELF(data[:headSize], int64(len(data)))
	if !ok {
		t.Skip("this system's programs are no ELF files")
	}
	if e.Cut || e.Machine == 0 {
		t.Errorf("this very program: %+v", e)
	}
	for _, n := range []int{20, 200, len(data) / 2} {
		if e, ok := readELF(data[:min(n, headSize)], int64(n)); !ok || !e.Cut {
			t.Errorf("its first %d bytes: %+v, %v", n, e, ok)
		}
	}
	if _, ok := readELF([]byte("#!/bin/sh\n"), 10); ok {
		t.Error("a script is taken for a program")
	}
}

func FuzzReadELF(f *testing.F) {
	head := append([]byte(elfMagic), 2, 1, 1, 0)
	f.Add(binary.LittleEndian.AppendUint64(head, 1<<63), int64(300))
	f.Fuzz(func(_ *testing.T, head []byte, size int64) { readELF(head, size) })
}

func TestInterpreter(t *testing.T) {
	for head, want := range map[string]string{
		"#!/bin/sh\necho": "/bin/sh", "#! /usr/bin/env  bash5\n": "/usr/bin/env|bash5", "#!/bin/sh\r\n": "/bin/sh\r", "echo": "", "#!/bin/sh": "/bin/sh",
	} {
		program, argument, _ := interpreter([]byte(head))
		if got := program + map[bool]string{true: "|" + argument}[argument != ""]; got != want {
			t.Errorf("%q: %q, want %q", head, got, want)
		}
	}
}

func TestFollow(t *testing.T) {
	u := &evidence.User{Name: "alice", UID: 1000}
	b := evidence.NewBundle()
	put := func(p string, m evidence.Meta) {
		b.Put(evidence.Stat(p).AsUser(u), evidence.Result{Status: evidence.Known, Meta: &m})
	}
	dir, file := evidence.Meta{Type: "dir", Mode: 0o755}, evidence.Meta{Type: "file", Mode: 0o755}
	link := func(m evidence.Meta, to string) evidence.Meta { m.Link = to; return m }
	for _, p := range []string{"/", "/usr", "/usr/bin", "/jail", "/jail/usr", "/jail/usr/bin"} {
		put(p, dir)
	}
	put("/bin", link(dir, "usr/bin"))
	put("/usr/bin/bash", file)
	put("/usr/bin/rbash", link(file, "bash"))
	put("/jail/bin", link(dir, "/usr/bin"))
	put("/jail/usr/bin/sh", file)
	put("/loop", link(file, "loop"))
	put("/shut", evidence.Meta{Type: "dir", Mode: 0o700})
	b.Put(evidence.Stat("/shut/sh").AsUser(u), evidence.Result{Status: evidence.Denied, Reason: "permission denied"})
	b.Put(evidence.Stat("/usr/bin/zsh").AsUser(u), evidence.Result{Status: evidence.Absent})
	for _, c := range []struct {
		root, path string
		status     evidence.Status
		final, at  string
	}{
		{"", "/bin/bash", evidence.Known, "/usr/bin/bash", "/usr/bin"},
		{"", "/bin/rbash", evidence.Known, "/usr/bin/bash", "/usr/bin"},
		{"", "/bin/zsh", evidence.Absent, "/usr/bin/zsh", "/usr/bin/zsh"},
		{"", "/shut/sh", evidence.Denied, "/shut/sh", "/shut"},
		{"/jail", "/bin/sh", evidence.Known, "/jail/usr/bin/sh", "/jail/usr/bin"}, // an absolute link stays inside
		{"", "/loop", evidence.Failed, "", ""},
		{"", "relative", evidence.Skipped, "", ""},
	} {
		r, want := follow(b, u, c.root, c.path)
		if r.Origin.Status != c.status || len(want) > 0 || c.final != r.Final || c.at != "" && r.At.Path != c.at {
			t.Errorf("%s in %q: %s, ends at %q, at %q (%v)", c.path, c.root, r.Origin.Status, r.Final, r.At.Path, want)
		}
	}
	if _, want := follow(b, u, "", "/opt/a/b"); len(want) != 3 { // "/" was looked at
		t.Errorf("what is left of a path is not wanted at once: %v", want)
	}
}

func TestMay(t *testing.T) {
	a := Account{UID: 1000, Rights: &evidence.User{Groups: []uint32{1000, 50}}}
	for _, c := range []struct {
		m    evidence.Meta
		want bool
	}{
		{evidence.Meta{Mode: 0o755}, true}, {evidence.Meta{Mode: 0o750}, false}, {evidence.Meta{Mode: 0o750, GID: 50}, true},
		{evidence.Meta{Mode: 0o705, GID: 50}, false}, {evidence.Meta{Mode: 0o655, UID: 1000}, false},
	} {
		if got := a.May(c.m, 1); got != c.want {
			t.Errorf("%+v: %v", c.m, got)
		}
	}
	root := Account{}
	if !root.May(evidence.Meta{Type: "dir", Mode: 0}, 1) || root.May(evidence.Meta{Type: "file", Mode: 0o644}, 1) {
		t.Error("root")
	}
}

func TestMountOf(t *testing.T) {
	b := bundle(map[string]string{"/proc/mounts": "/dev/a / ext4 rw 0 0\ntmp /opt tmpfs rw,noexec,nosuid 0 0\nx /opt/bin ext4 rw 0 0\n"})
	for file, want := range map[string]bool{"/bin/sh": false, "/opt/sh": true, "/opt/bin/sh": false, "/optional/sh": false} {
		if _, got := mountOf(b, file); got != want {
			t.Errorf("%s: noexec %v", file, got)
		}
	}
}

// TestLoaderIsRunForRootsProgramsAlone: ldd runs what a program names as its loader.
func TestLoaderIsRunForRootsProgramsAlone(t *testing.T) {
	u := &evidence.User{Name: "alice", UID: 1000}
	file := evidence.Meta{Type: "file", Mode: 0o755, Size: 200}
	for name, c := range map[string]struct {
		file, dir evidence.Meta
		want      bool
	}{
		"root's":                   {file, evidence.Meta{Type: "dir", Mode: 0o755}, true},
		"a user's":                 {evidence.Meta{Type: "file", Mode: 0o755, UID: 1000, Size: 200}, evidence.Meta{Type: "dir", Mode: 0o755}, false},
		"in a user's directory":    {file, evidence.Meta{Type: "dir", Mode: 0o755, UID: 1000}, false},
		"where others may write":   {file, evidence.Meta{Type: "dir", Mode: 0o1777}, false},
		"behind a link":            {file, evidence.Meta{Type: "dir", Mode: 0o755, Link: "/home/alice"}, false},
		"that others may write to": {evidence.Meta{Type: "file", Mode: 0o775, Size: 200}, evidence.Meta{Type: "dir", Mode: 0o755}, false},
	} {
		b := evidence.NewBundle()
		for p, m := range map[string]evidence.Meta{"/": {Type: "dir", Mode: 0o755}, "/sh": c.dir, "/sh/x": c.file} {
			b.Put(evidence.Stat(p), evidence.Result{Status: evidence.Known, Meta: &m})
			plain := m
			plain.Link, plain.UID, plain.Mode = "", 0, 0o755 // what alice's child says
			b.Put(evidence.Stat(p).AsUser(u), evidence.Result{Status: evidence.Known, Meta: &plain})
		}
		head := make([]byte, 200)
		copy(head, elfMagic+"\x02\x01")
		head[32], head[54], head[56] = 64, 56, 1 // one program header, behind this one
		head[64], head[64+8], head[64+32] = elfInterp, 130, 8
		copy(head[130:], "/ld.so\x00\x00")
		b.Put(evidence.File("/sh/x").AtMost(headSize).AsUser(u), evidence.Result{Status: evidence.Known, Data: head, Meta: &evidence.Meta{Type: "file", Size: 200}})
		r := &programReader{b: b, u: u}
		if p := r.program("/sh/x", true); p.ELF == nil || p.ELF.Loader != "/ld.so" {
			t.Fatalf("%s: the program is not read: %+v", name, p.ELF)
		}
		ran := false
		for _, it := range r.want {
			ran = ran || it.Kind == evidence.KindCommand
		}
		if ran != c.want {
			t.Errorf("%s: ldd is wanted: %v", name, ran)
		}
	}
}
