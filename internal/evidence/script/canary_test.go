package script

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sshwhy/internal/evidence"
)

// canary is a secret that nothing else looks like.
const canary = "Kn4rr-C4n4ry9zQ"

// secretLines are what the script takes out on the far side, before anything is
// shown on a console. What is rarer is taken out here (internal/evidence/redact).
const secretLines = `password=` + canary + `
DB_PASSWORD='` + canary + `'
{"password":"` + canary + `","x":1}
{"MESSAGE":"login {\"password\":\"` + canary + `\"} failed"}
passphrase: ` + canary + `
passwd=` + canary + `
Environment="API_TOKEN=` + canary + `"
AWS_SECRET_ACCESS_KEY=` + canary + `
client_secret: ` + canary + `
psk="` + canary + `"
tool --password ` + canary + ` --verbose
tool --token=` + canary + ` -v
Authorization: Bearer ` + canary + `
https://alice:` + canary + `@example.com/x
alice:$6$salt$` + canary + `abcdefgh:19000:0:99999:7:::
bob:!$y$j9T$abc$` + canary + `abcdefgh:19000::::::
ghp_` + canary + `00000000
{"MESSAGE":"-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl` + canary + `\n-----END OPENSSH PRIVATE KEY-----\n"}
after the first key
-----BEGIN OPENSSH PRIVATE KEY-----
` + canary + `b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW
` + canary + `
-----END OPENSSH PRIVATE KEY-----
after the second key
-----BEGIN RSA PRIVATE KEY-----
` + canary + `
`

// plainLines are no secrets, though they speak of them.
const plainLines = "PasswordAuthentication=no\nPermitEmptyPasswords no\nPasswordAuthentication yes\n" +
	"passwd:         files systemd\npassword\t[success=1 default=ignore]\tpam_unix.so use_authtok\nnew_authtok_reqd=done\n" +
	"Last password change\t\t\t\t\t: Nov 01, 2024\nFailed password for invalid user bob from 203.0.113.9 port 4 ssh2\n" +
	"root:x:0:0:root:/root:/bin/bash\n%sudo ALL=(ALL) NOPASSWD: /usr/sbin/service ssh restart\n" +
	"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIG1ucmVhbGx5bm90YXJlYWxrZXlidXRsb25nZW5vdWdo bob@web1\n" +
	"\x00\x01binary\xff\n{\"key\": \"value\"}\n  no newline at the end"

// What stands on the console holds no secret, whichever shell and sed are there.
func TestNoCanaryOnTheConsole(t *testing.T) {
	dir := t.TempDir()
	secrets, plain := filepath.Join(dir, "secrets"), filepath.Join(dir, "plain")
	for path, text := range map[string]string{secrets: secretLines, plain: plainLines} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	items := []evidence.Item{evidence.File(secrets), evidence.Command("cat", secrets), evidence.File(plain), evidence.Command("cat", plain)}
	text := body(written(t, Plan{Items: items}, Options{}))
	for _, shell := range [][]string{{"dash"}, {"bash"}, {"busybox", "ash"}, {"mksh"}, {"ksh93"}, {"sh"}} {
		t.Run(strings.Join(shell, " "), func(t *testing.T) {
			t.Parallel()
			need(t, shell[0])
			script := text
			if shell[0] == "busybox" {
				script = "sed() { busybox sed \"$@\"; }\n" + script
			}
			out, err := typedInto(shell...)(t.Context(), script)
			if err != nil {
				t.Fatal(err)
			}
			b, err := Parse(bytes.NewReader(out))
			if err != nil {
				t.Fatal(err)
			}
			for _, it := range items[:2] {
				r := b.Get(it)
				if !r.OK() || !bytes.Contains(r.Data, []byte("<redacted: ")) || !bytes.Contains(r.Data, []byte("after the first key")) || !bytes.Contains(r.Data, []byte("after the second key")) {
					t.Errorf("%s: %s %s\n%s", it.Key(), r.Status, r.Reason, r.Data)
				}
				for line := range bytes.Lines(r.Data) {
					if bytes.Contains(line, []byte(canary)) {
						t.Errorf("%s: %s", it.Key(), line)
					}
				}
			}
			for _, it := range items[2:] {
				if got := string(b.Get(it).Data); got != plainLines {
					t.Errorf("%s: %q", it.Key(), got)
				}
			}
		})
	}
}
