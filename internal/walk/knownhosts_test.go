package walk

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sshwhy/internal/client"
)

const (
	edKey  = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
	edKey2 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ2vq3kVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
)

func TestParseKnownHosts(t *testing.T) {
	text := strings.Join([]string{
		"# comment",
		"web1,192.0.2.1 " + edKey,
		"*.example.org,!bad.example.org " + edKey,
		"[web1]:2222 " + edKey,
		"@revoked * " + edKey,
		"@cert-authority *.example.org " + edKey,
		"broken line",
		"web1 ssh-ed25519 notbase64",
		"",
		"WEB9 " + edKey + " a comment",
	}, "\n")
	for _, tt := range []struct {
		names string
		want  string // lines
	}{
		{"web1", "2 5"}, {"[web1]:2222 web1", "2 4 5"}, {"a.example.org", "3 5 6"}, {"bad.example.org", "5 6"},
		{"web9", "5 10"}, {"192.0.2.1", "2 5"}, {"web11", "5"},
	} {
		var got []string
		for _, k := range parseKnownHosts("f", []byte(text), strings.Fields(tt.names)) {
			got = append(got, itoa(k.Line))
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%s: lines %v, want %s", tt.names, got, tt.want)
		}
	}
}

// TestHashedNames asks the real ssh-keygen to hash, and finds the host again.
func TestHashedNames(t *testing.T) {
	keygen, err := exec.LookPath("ssh-keygen")
	if err != nil {
		t.Skip("no ssh-keygen")
	}
	path := writeFile(t, t.TempDir(), "known_hosts", "web1 "+edKey+"\n[web2]:2222 "+edKey+"\n")
	if out, err := exec.Command(keygen, "-H", "-f", path).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, name := range []string{"web1", "[web2]:2222"} {
		known, _ := lookUp([]client.KnownFile{{Path: path}}, []string{name})
		if len(known) != 1 || !strings.HasPrefix(known[0].Text, "|1|") {
			t.Errorf("%s: %+v", name, known)
		}
	}
	if known, _ := lookUp([]client.KnownFile{{Path: path}, {Path: filepath.Join(t.TempDir(), "none")}}, []string{"web2"}); len(known) != 0 {
		t.Errorf("found %+v", known)
	}
}

func FuzzKnownHosts(f *testing.F) {
	f.Add([]byte("web1 "+edKey+"\n"), "web1")
	f.Add([]byte("|1|c2FsdA==|c3Vt "+edKey+"\n@revoked *a*a*a*a*b x y\n"), "aaaaaaaaaaaaaaaa")
	f.Fuzz(func(t *testing.T, data []byte, name string) {
		for _, k := range parseKnownHosts("f", data, []string{name}) {
			if k.key == nil || k.Line < 1 {
				t.Fatalf("bad line %+v", k)
			}
		}
	})
}
