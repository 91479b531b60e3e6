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
		"\t web7\t" + strings.ReplaceAll(edKey, " ", " \t ") + "\tcomment\r",
		// ssh skips these, tried with 9.2: another type in front, and blanks that are none to it
		"web7 ssh-rsa " + strings.Fields(edKey)[1],
		"web7\u00a0" + edKey,
		"web7 " + strings.Replace(edKey, " ", "\v", 1),
		"@revoked web7 ssh-rsa " + strings.Fields(edKey)[1],
		"\ufeffweb7 " + edKey,
	}, "\n")
	for _, tt := range []struct {
		names string
		want  string // lines
	}{
		{"web1", "2 5"}, {"[web1]:2222 web1", "2 4 5"}, {"a.example.org", "3 5 6"}, {"bad.example.org", "5 6"},
		{"web9", "5 10"}, {"web7", "5 11"}, {"192.0.2.1", "2 5"}, {"web11", "5"},
	} {
		var got []string
		known, _ := parseKnownHosts("f", []byte(text), strings.Fields(tt.names))
		for _, k := range known {
			got = append(got, itoa(k.Line))
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%s: lines %v, want %s", tt.names, got, tt.want)
		}
	}
	for name, want := range map[string]int{"web1": 8, "web7": 12, "web11": 0} {
		_, passedOver := parseKnownHosts("f", []byte(text), []string{name})
		if got := passedOver; got == nil && want != 0 || got != nil && got.Line != want {
			t.Errorf("%s: passed over %+v, want line %d", name, got, want)
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
		known, _ := parseKnownHosts("f", data, []string{name})
		for _, k := range known {
			if k.key == nil || k.Line < 1 {
				t.Fatalf("bad line %+v", k)
			}
		}
	})
}
