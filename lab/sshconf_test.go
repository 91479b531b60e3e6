//go:build linux

package lab

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"sshwhy/internal/sshconf"
)

// chrooted runs a script in an image with a /run and a /tmp of its own; nothing
// of it outlives the script, and no machine is booted.
func chrooted(ctx context.Context, dir, script string) (string, error) {
	const prepare = `mount -t tmpfs tmpfs "$0/run" && mount -t tmpfs tmpfs "$0/tmp" && mkdir -m 755 "$0/run/sshd" && exec chroot "$0" sh -c "$1"`
	out, err := exec.CommandContext(ctx, "unshare", "--mount", "--propagation", "private", "sh", "-c", prepare, dir, script).CombinedOutput()
	return string(out), err
}

// release is the release of OpenSSH in an image: 9.2 is 902.
func release(t *testing.T, ctx context.Context, dir string) int {
	out, _ := chrooted(ctx, dir, "ssh -V")
	_, rest, _ := strings.Cut(out, "OpenSSH_")
	return number(t, rest)
}

func number(t *testing.T, s string) int {
	if s == "" {
		return 0
	}
	var major, minor int
	if _, err := fmt.Sscanf(s, "%d.%d", &major, &minor); err != nil {
		t.Fatalf("%q is no release: %v", s, err)
	}
	return major*100 + minor
}

// TestKeywords holds the table of keywords against the real programs: what they
// print is in the table, and what the table says of a keyword they do.
func TestKeywords(t *testing.T) {
	t.Parallel()
	needRoot(t)
	for _, suite := range Suites {
		t.Run(suite, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), caseLimit)
			defer cancel()
			image, err := Image(ctx, suite, os.Stderr)
			if err != nil {
				t.Fatal(err)
			}
			now := release(t, ctx, image)
			printed(t, ctx, image)
			taken(t, ctx, image, now)
			takenByClient(t, ctx, image, now)
		})
	}
}

// printed: every keyword that sshd -T and ssh -G print is known, and sshd's
// configuration does not differ from itself.
func printed(t *testing.T, ctx context.Context, image string) {
	for side, command := range map[sshconf.Side]string{sshconf.Server: "$(command -v sshd) -T 2>/dev/null", sshconf.Client: "ssh -G host 2>/dev/null"} {
		out, err := chrooted(ctx, image, command)
		e := sshconf.ParseDump([]byte(out))
		if err != nil || len(e.Values) < 50 {
			t.Fatalf("%s: %v\n%s", command, err, out)
		}
		for key := range e.Values {
			if k, ok := sshconf.Lookup(side, key); !ok || k.Retired || k.Alias != "" {
				t.Errorf("%s prints %s, which the table lacks", command, key)
			}
		}
		if side == sshconf.Server {
			for _, d := range sshconf.Compare(e, e) {
				t.Errorf("%+v", d)
			}
		}
	}
}

// taken: sshd knows every keyword of the table that is not newer than it (a
// distribution may bring one earlier), and refuses in a Match block those which
// the table says it does.
func taken(t *testing.T, ctx context.Context, image string, now int) {
	var script strings.Builder
	script.WriteString("cd /tmp; sshd=$(command -v sshd)\n")
	for _, k := range sshconf.All(sshconf.Server) {
		fmt.Fprintf(&script, "printf 'Match User nobody-at-all\\n%[1]s %[2]s\\n' >f; echo '%[1]s' $($sshd -t -f f 2>&1 | tr '\\n' ' ')\n", k.Name, sample(k))
	}
	out, err := chrooted(ctx, image, script.String())
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(out) {
		name, said, _ := strings.Cut(strings.TrimSpace(line), " ")
		k, _ := sshconf.Lookup(sshconf.Server, name)
		unknown := strings.Contains(said, "Bad configuration option")
		if unknown && number(t, k.Since) <= now && !optional(k.Name) {
			t.Errorf("sshd does not know %s: %s", name, said)
		}
		if !unknown && !strings.Contains(said, "nsupported option") && !k.Retired {
			if refused := strings.Contains(said, "is not allowed within a Match block"); refused == k.InMatch && !(refused && name == "Subsystem" && now < 905) {
				t.Errorf("%s in a Match block: %s", name, said)
			}
		}
	}
}

// optional keywords are of some builds only: Debian's patches, GSSAPI, AFS, and
// what one release had that the next ones lack.
func optional(name string) bool {
	switch name {
	case "DebianBanner", "GSSAPIKeyExchange", "GSSAPIKexAlgorithms", "GSSAPIStoreCredentialsOnRekey", "GSSAPIDelegateCredentials",
		"KerberosGetAFSToken", "PAMAuthenticationViaKbdInt", "UseKeychain":
		return true
	}
	return false
}

// sample is a value that a keyword takes.
func sample(k sshconf.Keyword) string {
	if len(k.Words) > 0 {
		return k.Words[0]
	}
	switch k.Kind {
	case sshconf.Number, sshconf.Time:
		return "10"
	}
	switch k.Name {
	case "Match":
		return "User bob"
	case "SetEnv":
		return "A=b"
	case "PerSourcePenalties":
		return "crash:1"
	case "PerSourceNetBlockSize":
		return "32:128"
	case "MaxStartups":
		return "10:30:100"
	case "Subsystem":
		return "x /bin/x"
	case "ChrootDirectory", "Include":
		return "/none"
	}
	return "word"
}

// takenByClient: ssh knows every keyword of the table that is not newer than it.
func takenByClient(t *testing.T, ctx context.Context, image string, now int) {
	var file strings.Builder
	for _, k := range sshconf.All(sshconf.Client) {
		if k.ClientSince == "" && k.Since != "" && k.Kind != sshconf.Block || optional(k.Name) {
			continue // the server's alone, or of some builds
		}
		if number(t, k.ClientSince) <= now {
			file.WriteString(k.Name + "\n")
		}
	}
	out, _ := chrooted(ctx, image, "cat >/tmp/f <<'EOF'\n"+file.String()+"EOF\nssh -G -F /tmp/f host 2>&1")
	if !strings.Contains(out, "line") {
		t.Errorf("ssh says nothing of keywords without a value:\n%s", out)
	}
	for line := range strings.Lines(out) {
		if strings.Contains(line, "Bad configuration option") {
			t.Error("ssh: " + line)
		}
	}
}
