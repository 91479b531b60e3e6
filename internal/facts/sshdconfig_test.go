package facts

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sshwhy/internal/evidence"
)

func bundle(files map[string]string) *evidence.Bundle {
	b := evidence.NewBundle()
	b.UID = 0
	for path, text := range files {
		b.Put(evidence.File(path), evidence.Result{Status: evidence.Known, Data: []byte(text), Meta: &evidence.Meta{Type: "file", Mode: 0o644}})
	}
	return b
}

func putGlob(b *evidence.Bundle, pattern string, paths ...string) {
	r := evidence.Result{Status: evidence.Known}
	for _, p := range paths {
		r.Matches = append(r.Matches, evidence.Match{Path: p, Meta: evidence.Meta{Type: "file"}})
	}
	b.Put(evidence.Glob(pattern), r)
}

func TestIncludesKeepTheirPlace(t *testing.T) {
	b := bundle(map[string]string{
		"/etc/ssh/sshd_config":             "Include sshd_config.d/*.conf\nPort 22\nMatch User bob\n  Include /etc/ssh/bob\n  PasswordAuthentication no\n",
		"/etc/ssh/sshd_config.d/10-a.conf": "Port 2222\nMatch Address 192.0.2.0/24\nPermitRootLogin yes\n",
		"/etc/ssh/sshd_config.d/.x.conf":   "Port 9\n",
		"/etc/ssh/bob":                     "X11Forwarding no\n",
	})
	putGlob(b, "/etc/ssh/sshd_config.d/*.conf", "/etc/ssh/sshd_config.d/.x.conf", "/etc/ssh/sshd_config.d/10-a.conf")
	putGlob(b, "/etc/ssh/bob", "/etc/ssh/bob")
	c := parseConfig(b)
	var got []string
	for _, d := range c.Directives {
		got = append(got, strings.TrimPrefix(d.Quote.Source, "/etc/ssh/")+" "+d.Keyword+" ["+d.Match+"]")
	}
	want := []string{
		"sshd_config Include []", "sshd_config.d/10-a.conf Port []", "sshd_config.d/10-a.conf Match []",
		"sshd_config.d/10-a.conf PermitRootLogin [Address 192.0.2.0/24]",
		"sshd_config Port []", // a Match in a drop-in does not leak out
		"sshd_config Match []", "sshd_config Include [User bob]", "bob X11Forwarding [User bob]",
		"sshd_config PasswordAuthentication [User bob]",
	}
	if !slices.Equal(got, want) {
		t.Errorf("read\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if !c.Complete() {
		t.Errorf("unread: %v", c.Unread)
	}
	var ports []int
	for _, e := range c.Endpoints() {
		ports = append(ports, e.Port)
	}
	if !slices.Equal(ports, []int{2222, 22, 2222, 22}) { // Port accumulates over all files
		t.Errorf("ports %v", ports)
	}
}

func TestIncludeThatIsNotReadableIsSaid(t *testing.T) {
	b := bundle(map[string]string{"/etc/ssh/sshd_config": "Include /etc/ssh/sshd_config.d/*.conf\n"})
	putGlob(b, "/etc/ssh/sshd_config.d/*.conf", "/etc/ssh/sshd_config.d/50-cloud-init.conf")
	b.Put(evidence.File("/etc/ssh/sshd_config.d/50-cloud-init.conf"), evidence.Result{Status: evidence.Denied, Reason: "permission denied"})
	if c := parseConfig(b); c.Complete() || len(c.Unread) != 1 {
		t.Errorf("unread: %v", c.Unread)
	}
}

func TestIncludeOfItselfEnds(t *testing.T) {
	b := bundle(map[string]string{"/etc/ssh/sshd_config": strings.Repeat("Include sshd_config\n", 50)})
	putGlob(b, "/etc/ssh/sshd_config", "/etc/ssh/sshd_config")
	if c := parseConfig(b); c.Complete() || len(c.Directives) > maxDirectives {
		t.Errorf("%d directives, complete %v", len(c.Directives), c.Complete())
	}
}

// odd are configurations that sshd accepts and that simple readers get wrong.
var odd = map[string]string{
	"default":            "",
	"equals":             "Port=2222\n",
	"quoted":             "Port \"2223\"\n",
	"indented":           "   Port 2224\n",
	"windows line ends":  "Port 2225\r\nListenAddress 127.0.0.1\r\n",
	"two ports":          "Port 22\nPort 2222\n",
	"address with port":  "Port 2222\nListenAddress 127.0.0.1:2300\n",
	"address without":    "Port 2222\nPort 2223\nListenAddress 127.0.0.1\n",
	"six":                "ListenAddress [::1]:2301\nListenAddress ::1\n",
	"only four":          "AddressFamily inet\nPort 2222\n",
	"only six":           "AddressFamily=inet6\n",
	"any four":           "ListenAddress 0.0.0.0\n",
	"first value":        "PermitRootLogin no\nPermitRootLogin yes\n",
	"commented":          "#Port 2222\nPort 22 # Port 2222\n",
	"match does nothing": "PermitRootLogin no\nMatch User root\n PermitRootLogin yes\n",
	"service name":       "Port 22\nPort 2022\n",
	"form feed":          "Port 2222\f\n",
}

// TestReadsAsSSHDDoes compares the reader with the real sshd of this machine.
func TestReadsAsSSHDDoes(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: sshd -T wants /run/sshd, which a private mount gives it")
	}
	for _, tool := range []string{"/usr/sbin/sshd", "/usr/bin/unshare", "/usr/bin/ssh-keygen"} {
		if _, err := os.Stat(tool); err != nil {
			t.Skipf("%s is not installed", tool)
		}
	}
	dir := t.TempDir()
	key := filepath.Join(dir, "key")
	if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for name, text := range odd {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(dir, "config")
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			script := `mount -t tmpfs none /run && mkdir -m 755 /run/sshd && exec /usr/sbin/sshd -T -f "$0" -h "$1"`
			out, err := exec.Command("unshare", "-m", "sh", "-c", script, file, key).CombinedOutput()
			if err != nil && strings.Contains(string(out), "mount") {
				t.Skipf("no private mounts here: %s", out)
			}
			if err != nil {
				t.Fatalf("sshd -T: %v: %s", err, out)
			}
			e := Effective{Values: parseDump(out, "sshd -T")}
			c := parseConfig(bundle(map[string]string{"/etc/ssh/sshd_config": text}))
			if got, want := sorted(c.Endpoints()), sorted(e.Endpoints()); !slices.Equal(got, want) {
				t.Errorf("listens on %v, sshd on %v", got, want)
			}
			if d, ok := c.First("PermitRootLogin"); ok && d.Args[0] != e.Value("permitrootlogin") {
				t.Errorf("PermitRootLogin %v, sshd says %s", d.Args, e.Value("PermitRootLogin"))
			}
		})
	}
}

func sorted(all []Endpoint) []string {
	var out []string
	for _, e := range all {
		out = append(out, e.String())
	}
	slices.Sort(out)
	return out
}

// From 10.4 on sshd prints its keywords in mixed case, and the port lines never
// say where it listens.
func TestDumpInMixedCase(t *testing.T) {
	e := Effective{Values: parseDump([]byte("Port 22\nListenAddress 127.0.0.1:2300\nPermitRootLogin no\n"), "sshd -G")}
	if got := sorted(e.Endpoints()); !slices.Equal(got, []string{"127.0.0.1:2300"}) || e.Value("permitrootlogin") != "no" {
		t.Errorf("%v %q", got, e.Value("permitrootlogin"))
	}
}

func FuzzConfig(f *testing.F) {
	for _, text := range odd {
		f.Add(text)
	}
	f.Add("Match all\nInclude \"x\"y\\ z *\n'")
	f.Fuzz(func(t *testing.T, text string) {
		c := parseConfig(bundle(map[string]string{"/etc/ssh/sshd_config": text}))
		for _, d := range c.Directives {
			if d.Keyword == "" || d.Quote.Line < 1 || d.Quote.Line > 1+strings.Count(text, "\n") {
				t.Errorf("%+v", d)
			}
		}
		c.Endpoints()
	})
}
