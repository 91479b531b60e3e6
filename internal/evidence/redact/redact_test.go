package redact

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"sshwhy/internal/evidence"
)

// canary is a secret that nothing else looks like.
const canary = "Kn4rr-C4n4ry9zQ"

// places are where a canary is planted: %s is the secret.
var places = []string{
	"password=%s", "password: %s", "PASSWORD = \"%s\"", "DB_PASSWORD='%s'", `{"password":"%s","x":1}`, `{"user":"a","passwd": "%s"}`,
	`{"MESSAGE":"login {\"password\":\"%s\"} failed"}`, "  plain_text_passwd: %s", "export AWS_SECRET_ACCESS_KEY=%s", "Environment=\"API_TOKEN=%s\"",
	`Environment="PASSPHRASE=two %s words"`, "passphrase: several %s words", "ldap_default_authtok = %s", "bindpw %s", "\twpa-psk %s", "psk=\"%s\"",
	"ExecStart=/usr/bin/tool --password %s --verbose", "tool --token=%s -v", "tool\x00--password\x00%s\x00--verbose\x00", "tool\x00--token=%s\x00-v", "tool --api-key %s", "sshpass -p %s ssh root@192.0.2.1", "sshpass -v -p '%s' ssh",
	"mysql -uroot -p%s db", "curl -u admin:%s https://x/", "curl --user 'admin:%s' x", "Authorization: Bearer %s", "authorization: Basic %s",
	"Proxy-Authorization: Digest username=a, response=%s", `-H "X-Api-Key: %s"`, "Set-Cookie: sid=%s; Path=/", "Cookie: a=1; session=%s",
	"https://alice:%s@example.com/x", "ProxyCommand nc http://u:%s@proxy:3128", "postgres://u:p%s@db/x", "https://x-%s:x-oauth-basic@example.com/a.git", "https://x-%s-token@github.com/a.git",
	"GET /?token=%s&x=1", "GET /cb?a=b&sig=%s HTTP/1.1", "machine x login y password %s", "machine x\nlogin y password %s", "PrivateKey = %s", "PresharedKey = %s",
	"skey = %s", "client_secret: %s", "secret=\"%s\"", "my.secret.value=%s", "AccountKey=%s==", "SMTP_PASS=%s", "pass: %s", "requirepass %s",
	"chpasswd:\n  list: |\n    root:%s\n    bob:x\n  expire: false", "chpasswd:\n  list:\n  - root:%s",
	"chpasswd:\n  users:\n  - name: bob\n    password: %s", "alice:$6$salt$%sabcdefgh:19000:0:99999:7:::", "bob:!$y$j9T$abc$%sabcdefgh:19000::::::",
	"bob:%s:19000:0:99999:7:::", "old:%sabcdefgh:1000:1000::/:/bin/sh", "userPassword: {SSHA}%sabcdef", "A=1\x00DB_PASSWORD=%s\x00B=2",
	"root        12  sshpass -p %s ssh", "tskey-auth-%s", "ghp_%s00000000", "hvs.%s0000000000", "Jan  1 app[1]: connecting with secret_token: %s",
	"# password = %s", "- password: %s", "password => %s", "set password %q in config: password=%[1]s",
}

// items are one of every kind that a secret can come in with.
func items(secret string) *evidence.Bundle {
	b := evidence.NewBundle()
	known := func(data string) evidence.Result { return evidence.Result{Status: evidence.Known, Data: []byte(data)} }
	b.Put(evidence.File("/etc/ssh/sshd_config"), known("Port 22\n"+secret+"\nUsePAM yes\n"))
	b.Put(evidence.File("/proc/1/environ"), known("A=b\x00"+secret+"\x00C=d\x00"))
	b.Put(evidence.Command("journalctl", "-o", "cat"), evidence.Result{Status: evidence.Known, Data: []byte("x\n"), Stderr: []byte(secret + "\n")})
	b.Put(evidence.Command("ps", "--title\n"+secret), known(""))
	b.Put(evidence.File("/var/log/app\n"+secret), evidence.Result{Status: evidence.Failed, Reason: "cannot open\n" + secret})
	meta := evidence.Meta{Type: "link", Link: "/x\n" + secret}
	b.Put(evidence.Stat("/x"), evidence.Result{Status: evidence.Known, Meta: &meta})
	b.Put(evidence.Glob("/x/*"), evidence.Result{Status: evidence.Known, Matches: []evidence.Match{{Path: "/x/\n" + secret, Meta: meta}}})
	return b
}

func everything(b *evidence.Bundle) string {
	var out strings.Builder
	for _, key := range b.Keys() {
		r := b.Lookup(key)
		fmt.Fprintf(&out, "%s\n%s\n%s\n%s\n", key, r.Data, r.Stderr, r.Reason)
		if r.Meta != nil {
			fmt.Fprintln(&out, r.Meta.Link)
		}
		for _, m := range r.Matches {
			fmt.Fprintln(&out, m.Path, m.Meta.Link)
		}
	}
	return out.String()
}

func TestNoCanaryGetsOut(t *testing.T) {
	for _, place := range places {
		secret := fmt.Sprintf(place, canary)
		secret, _, _ = strings.Cut(secret, "%!(EXTRA")
		for _, opt := range []Options{{}, {Strict: true}} {
			out := everything(Bundle(items(secret), opt))
			if strings.Contains(out, canary) {
				i := strings.Index(out, canary)
				t.Errorf("%q (strict %v) shows in …%q…", place, opt.Strict, out[max(0, i-60):min(len(out), i+40)])
			}
			if !strings.Contains(out, "<redacted: ") || !strings.Contains(out, "UsePAM yes") {
				t.Errorf("%q: the rest did not stay readable:\n%s", place, out)
			}
		}
	}
}

// keyForms gives a real private key in the forms it may lie around in, each with
// what must not be left of it.
func keyForms(t testing.TB) map[string]string {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "comment")
	if err != nil {
		t.Fatal(err)
	}
	armour := string(pem.EncodeToMemory(block))
	pkcs8, _ := x509.MarshalPKCS8PrivateKey(private)
	asJSON, _ := json.Marshal(armour)
	numbers := strings.Trim(strings.ReplaceAll(fmt.Sprint([]byte(armour)), " ", ","), "[]")
	b64 := base64.StdEncoding.EncodeToString
	return map[string]string{
		"PEM": armour, "PEM without end": armour[:len(armour)-60], "PEM with CRLF": strings.ReplaceAll(armour, "\n", "\r\n"),
		"PEM indented":      "    " + strings.ReplaceAll(armour, "\n", "\n    "),
		"PEM in JSON":       string(asJSON),
		"PEM after a time":  "Jan  1 00:00:00 h x: " + strings.ReplaceAll(armour, "\n", "\nJan  1 00:00:00 h x: "),
		"end of a PEM":      armour[strings.Index(armour, "\n")+10:],
		"base64 of the PEM": b64([]byte(armour)), "base64 of the PEM, shifted": b64([]byte(" " + armour)), "base64 of the PEM, shifted by two": b64([]byte("  " + armour)),
		"blob": b64(block.Bytes), "wrapped blob": strings.Join(slices.Collect(chunks(b64(block.Bytes), 70)), "\n"),
		"PKCS#8":                b64(pkcs8),
		"hex of the PEM":        hex.EncodeToString([]byte(armour)),
		"hex of the blob":       hex.EncodeToString(block.Bytes),
		"numbers":               `{"MESSAGE":[` + numbers + `],"X":"1"}`,
		"unarmoured":            string(block.Bytes),
		"PuTTY":                 "PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\nPublic-Lines: 0\nPrivate-Lines: 1\n" + b64(private[:32]) + "\nPrivate-MAC: 00\n",
		"yaml block":            "ssh_keys:\n  ed25519_private: |\n    " + strings.ReplaceAll(armour, "\n", "\n    ") + "\n  x: y\n",
		"base64 of PEM in yaml": "content: " + strings.Join(slices.Collect(chunks(b64([]byte(armour)), 64)), "\n  "),
	}
}

func chunks(s string, n int) func(func(string) bool) {
	return func(yield func(string) bool) {
		for len(s) > 0 {
			k := min(n, len(s))
			if !yield(s[:k]) {
				return
			}
			s = s[k:]
		}
	}
}

func TestNoPrivateKeyGetsOut(t *testing.T) {
	for name, form := range keyForms(t) {
		before := "Port 22 # on all.\n"
		out := string(Text([]byte(before + form + "\nUsePAM yes\n")))
		if !strings.HasPrefix(out, before) {
			t.Errorf("%s: what stands before is gone: %q", name, out)
		}
		// No piece of 16 characters of the form's secret part may be left.
		body := form
		if i := strings.Index(form, "BEGIN"); i >= 0 {
			body = form[i+40:]
		}
		for i := 0; i+16 <= len(body); i++ {
			piece := body[i : i+16]
			if strings.Contains(out, piece) && strings.Trim(piece, "ABCDEFGHIJKLMNOPQRSTUVWXYZ- \r\n") != "" && !plainPiece(piece) {
				t.Errorf("%s: %q is left in %q", name, piece, out)
				break
			}
		}
	}
}

// plainPiece are pieces of the wrapping text around the key.
func plainPiece(piece string) bool {
	for _, wrapping := range []string{"PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\nPublic-Lines: 0\nPrivate-Lines: 1\n", "ssh_keys:\n  ed25519_private: |\n    ", "Jan  1 00:00:00 h x: ", "END OPENSSH PRIVATE KEY-----\n  x: y\n", "\n    \n  x: y\n", "{\"MESSAGE\":[", "],\"X\":\"1\"}"} {
		if strings.Contains(wrapping, piece) || strings.Contains(piece, strings.TrimSpace(wrapping)) {
			return true
		}
	}
	return strings.Contains(piece, "x: y") || strings.Contains(piece, "content: ") || strings.Contains(piece, "h x:") || strings.Contains(piece, "Jan  1")
}

func TestSecretFiles(t *testing.T) {
	for _, c := range []struct {
		path string
		gone bool
	}{
		{"/etc/ssh/ssh_host_ed25519_key", true}, {"/root/.ssh/id_rsa", true}, {"/root/.netrc", true}, {"/etc/ssl/x.key", true},
		{"/home/a/.google_authenticator", true}, {"/root/.ssh/id_rsa.pub", false}, {"/etc/ssh/ssh_host_ed25519_key.pub", false},
		{"/root/.ssh/authorized_keys", false}, {"/etc/ssh/sshd_config", false},
	} {
		out := string(ofItem("file:"+c.path, []byte("whatever it is\n")))
		if got := !strings.Contains(out, "whatever"); got != c.gone {
			t.Errorf("%s: %q", c.path, out)
		}
	}
}

func TestShadowKeepsWhatLocks(t *testing.T) {
	in := "root:*:19000:0:99999:7:::\nann:$y$j9T$x$y:19000:0:99999:7:::\nbob:!$6$abcdefgh$ijkl:1:0:99999:7:::\ncec:!:1::::::\ndan::1::::::\neve:abJnggxhB/yWI:1::::::\nfay:!!:1::::::\n"
	want := "root:*:19000:0:99999:7:::\nann:<redacted: password hash>:19000:0:99999:7:::\nbob:!<redacted: password hash>:1:0:99999:7:::\ncec:!:1::::::\ndan::1::::::\neve:<redacted: password hash>:1::::::\nfay:!!:1::::::\n"
	for _, key := range []string{"file:/etc/shadow", "cmd:getent shadow", "file:/etc/shadow-"} {
		if got := string(ofItem(key, []byte(in))); got != want {
			t.Errorf("%s:\n%s", key, got)
		}
	}
	if got := string(ofItem("cmd:getent gshadow", []byte("sudo:xyz:a:b\nadm:*::\n"))); got != "sudo:<redacted: password hash>:a:b\nadm:*::\n" {
		t.Error(got)
	}
}

// What a diagnosis reads is still there, to the byte.
func TestWhatIsNoSecretStays(t *testing.T) {
	for _, text := range []string{
		"PasswordAuthentication no\nPermitEmptyPasswords no\nKbdInteractiveAuthentication yes\nHostKey /etc/ssh/ssh_host_rsa_key\nAuthorizedKeysFile .ssh/authorized_keys\nPermitRootLogin prohibit-password\n",
		"passwordauthentication no\npermitrootlogin without-password\npubkeyauthentication yes\nhostkey /etc/ssh/ssh_host_rsa_key\nciphers chacha20-poly1305@openssh.com,aes128-ctr\n",
		"PasswordAuthentication=no\nNumberOfPasswordPrompts=3\n",
		"passwd:         files systemd\ngroup:          files systemd\nshadow:         files systemd\npasswd: sss files [NOTFOUND=return] ldap\n",
		"password\t[success=1 default=ignore]\tpam_unix.so obscure use_authtok try_first_pass yescrypt\npassword requisite pam_deny.so\n@include common-password\n",
		"Nov 21 10:00:00 web1 sshd[12]: Failed password for invalid user bob from 203.0.113.9 port 4 ssh2\n",
		"Nov 21 10:00:00 web1 sshd[12]: pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=192.0.2.1  user=root\n",
		"Nov 21 10:00:00 web1 sshd[12]: error: PAM: Authentication token is no longer valid; new password required for bob\n",
		"Nov 21 10:00:00 web1 sshd[12]: User bob password has expired (password aged)\n",
		"Last password change\t\t\t\t\t: Nov 01, 2024\nPassword expires\t\t\t\t\t: never\nPassword inactive\t\t\t\t\t: never\n",
		`{"MESSAGE":"Accepted password for bob from 192.0.2.1 port 4 ssh2","_SYSTEMD_UNIT":"ssh.service","_BOOT_ID":"0123456789abcdef0123456789abcdef","__CURSOR":"s=abc;i=1;b=0123456789abcdef0123456789abcdef;m=1;t=2;x=3"}` + "\n",
		"root:x:0:0:root:/root:/bin/bash\nbob:x:1000:1000:Bob,,,:/home/bob:/bin/bash\n",
		"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIG1ucmVhbGx5bm90YXJlYWxrZXlidXRsb25nZW5vdWdo bob@web1\n",
		"256 SHA256:abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ root@web1 (ED25519)\n",
		"tcp LISTEN 0 128 0.0.0.0:22 0.0.0.0:* users:((\"sshd\",pid=1,fd=3))\n",
		"Id=ssh.service\nLoadState=loaded\nActiveState=active\nSetLoginEnvironment=no\nPrivateUsers=no\nExecStart={ path=/usr/sbin/sshd ; argv[]=/usr/sbin/sshd -D $SSHD_OPTS ; ignore_errors=no ; start_time=[n/a] ; stop_time=[n/a] ; pid=0 ; code=(null) ; status=0/0 }\n",
		"table inet filter {\n\tchain input {\n\t\ttype filter hook input priority filter; policy drop;\n\t\tct state established accept\n\t\ttcp dport 22 ip saddr 10.0.0.0/8 accept\n\t}\n}\n",
		"systemd-ask-password-wall.service loaded active\nsystemd-ask-password-console.path\n",
		"root   1  /usr/sbin/sshd -D -o PasswordAuthentication=no -oPubkeyAuthentication=yes\n",
		"COMMAND=/usr/bin/passwd bob PWD=/root ; USER=root\n",
		"/dev/sda1 / ext4 rw,relatime,errors=remount-ro 0 0\n/usr/lib/x86_64-linux-gnu/security/pam_unix.so /usr/share/doc/openssh-server/examples/sshd_config\n",
		"debug2: host key algorithms: sk-ssh-ed25519-cert-v01@openssh.com,sk-ecdsa-sha2-nistp256@openssh.com\ndebug3: mm_answer_authpassword: sending result 0\n",
		"Load key \"/home/a/.ssh/private-key.pem\": bad permissions\nuseradd: /etc/passwd.29268: lock file already used\n",
		"%sudo ALL=(ALL) NOPASSWD: /usr/sbin/service ssh restart\naccount [success=1 new_authtok_reqd=done default=ignore] pam_unix.so\n",
		"# /etc/pam.d/common-password - password-related modules\nExecStart=systemd-tty-ask-password-agent --watch --console\npasswd=$(getent passwd $user)\n",
		"Speculation_Store_Bypass:\tvulnerable\n",
		"LoadCredential=x:/etc/x\nImportCredential=tty.virtual.tty1\n",
	} {
		if got := string(Text([]byte(text))); got != text {
			t.Errorf("changed:\n%s\ninto:\n%s", text, got)
		}
	}
}

// The time is linear: even the worst lines are no matter of minutes.
func TestHostileSizes(t *testing.T) {
	size := 1 << 18
	if underRace {
		size = 1 << 12 // the race detector makes regular expressions a hundred times slower
	}
	for _, unit := range []string{"password=", "-----BEGIN PRIVATE KEY-----", "a", "A9", "LS0tLS1CRUdJT", "$6$", "://:@", "1,", "66,69,71,73,78,", "\"password\\\":\\\"", "chpasswd:\n- a:b\n", "a:b:1:1:1:1:1:1:1\n", "MIIEpAIBAAK ", "-----END PRIVATE KEY-----\n", "pass pass ", "--pass -u ", "eyJ"} {
		begin := time.Now()
		Text(bytes.Repeat([]byte(unit), size/len(unit)))
		took := time.Since(begin)
		t.Logf("%8.1f ms for %q", float64(took.Microseconds())/1000, unit)
		if took > 10*time.Second {
			t.Errorf("%d bytes of %q took %v", size, unit, took)
		}
	}
}

func FuzzText(f *testing.F) {
	for _, p := range places {
		f.Add([]byte(p), []byte("\n"))
	}
	for _, form := range keyForms(f) {
		f.Add([]byte(form), []byte(form))
	}
	f.Fuzz(func(t *testing.T, before, after []byte) {
		in := append(append(append(bytes.Clone(before), "\npassword="+canary+"\n"...), after...), "\nroot:$6$aaaaaaaa$"+canary+":1:0:9:7:::\n"...)
		if out := Text(in); bytes.Contains(out, []byte(canary)) {
			t.Errorf("the canary is in %q", out)
		}
		b := evidence.NewBundle()
		b.Put(evidence.File("/x"), evidence.Result{Status: evidence.Known, Data: in})
		if out := Bundle(b, Options{Strict: true, Salt: []byte("s")}).Lookup("file:/x").Data; bytes.Contains(out, []byte(canary)) {
			t.Errorf("strictly, the canary is in %q", out)
		}
	})
}
