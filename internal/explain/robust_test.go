package explain

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"sshwhy/internal/report"
)

// disguises are what happens to a text between the terminal and the reader.
var disguises = map[string]func(string) string{
	"CRLF":        func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") },
	"mail quotes": func(s string) string { return eachLine(s, func(l string) string { return "> > " + l }) },
	"indented":    func(s string) string { return eachLine(s, func(l string) string { return "      " + l }) },
	"fenced":      func(s string) string { return "Hello, what is this?\n\n```console\n" + s + "\n```\n" },
	"coloured": func(s string) string {
		return eachLine(s, func(l string) string { return "\x1b[31;1m" + l + "\x1b[0m\x1b[K" })
	},
	"tmux":        func(s string) string { return "\x1b]0;alice@laptop\x07" + s },
	"time stamps": func(s string) string { return eachLine(s, func(l string) string { return "[12:34:56.789] " + l }) },
	"VS Code":     func(s string) string { return eachLine(s, func(l string) string { return "[12:34:56.789] > " + l }) },
	"ISO stamps": func(s string) string {
		return eachLine(s, func(l string) string { return "2026-11-20T12:34:56.789Z " + l })
	},
	"blank lines": func(s string) string { return strings.ReplaceAll(s, "\n", "\n\n") },
	"UTF-16": func(s string) string {
		b := []byte{0xff, 0xfe}
		for _, r := range s {
			b = append(b, byte(r), byte(r>>8))
		}
		return string(b)
	},
	"HTML": func(s string) string {
		return strings.NewReplacer("'", "&#39;", `"`, "&quot;", "<", "&lt;", ">", "&gt;").Replace(s)
	},
	"docker compose": func(s string) string { return eachLine(s, func(l string) string { return "deploy_1  | " + l }) },
	"curly quotes":   func(s string) string { return strings.ReplaceAll(strings.ReplaceAll(s, "'", "’"), `"`, "”") },
	"ansible": func(s string) string {
		return `fatal: [web1]: UNREACHABLE! => {"changed": false, "msg": "Failed to connect to the host via ssh: ` + strings.ReplaceAll(strings.ReplaceAll(s, `"`, `\"`), "\n", `\r\n`) + `", "unreachable": true}`
	},
}

func eachLine(s string, f func(string) string) string {
	lines := strings.Split(strings.TrimRight(s, "\n"), "\n")
	for i := range lines {
		lines[i] = f(lines[i])
	}
	return strings.Join(lines, "\n") + "\n"
}

// plainPastes are errors as a client prints them, and what they mean.
var plainPastes = map[string]string{
	"ssh: connect to host web1 port 22: Connection refused":                                                                                                            "connection-refused",
	"ssh: connect to host 192.0.2.10 port 2222: Connection timed out":                                                                                                  "connection-timed-out",
	"ssh: Could not resolve hostname wbe1: Name or service not known":                                                                                                  "name-not-found",
	"kex_exchange_identification: Connection closed by remote host\nConnection closed by 192.0.2.10 port 22":                                                           "closed-before-banner",
	"Unable to negotiate with 192.0.2.10 port 22: no matching host key type found. Their offer: ssh-rsa,ssh-dss":                                                       "no-common-host-key",
	"Unable to negotiate with 192.0.2.10 port 22: no matching key exchange method found. Their offer: diffie-hellman-group1-sha1":                                      "no-common-kex",
	"Permissions 0644 for '/home/alice/key.pem' are too open.\nLoad key \"/home/alice/key.pem\": bad permissions\nalice@web1: Permission denied (publickey).":          "private-key-permissions",
	"Received disconnect from 192.0.2.10 port 22:2: Too many authentication failures\nDisconnected from 192.0.2.10 port 22":                                            "too-many-keys",
	"sign_and_send_pubkey: signing failed for ED25519 \"/home/alice/.ssh/id_ed25519\" from agent: agent refused operation\nalice@web1: Permission denied (publickey).": "agent-refused",
	"Host key for web1 has changed and you have requested strict checking.\nHost key verification failed.":                                                             "host-key-changed",
}

// TestDisguises: what a chat, a mail program, a terminal or a tool does to a
// text does not change what it means.
func TestDisguises(t *testing.T) {
	for text, want := range plainPastes {
		for name, disguise := range disguises {
			r, err := Explain(strings.NewReader(disguise(text+"\n")), Options{})
			if err != nil {
				t.Fatal(err)
			}
			if len(r.Findings) == 0 || r.Findings[0].Cause != want {
				t.Errorf("%s: %.60q: %s, want %s", name, text, r.Headline, want)
			}
		}
	}
}

// TestWraps: a message broken at any column is the same message. Where the
// break leaves less of it than can be told from other words, silence is
// allowed; another cause is not.
func TestWraps(t *testing.T) {
	found, total := 0, 0
	for text, want := range plainPastes {
		if strings.Contains(text, "\n") {
			continue
		}
		for col := 10; col < len(text)-4; col++ {
			total++
			r, err := Explain(strings.NewReader(text[:col]+"\n"+text[col:]+"\n"), Options{})
			if err != nil {
				t.Fatal(err)
			}
			switch {
			case len(r.Findings) == 0 || r.Findings[0].Certainty != report.Confirmed:
			case r.Findings[0].Cause != want:
				t.Errorf("broken at %d: %q: surely %s, want %s", col, text, r.Findings[0].Cause, want)
			default:
				found++
			}
		}
	}
	if found*10 < total*8 {
		t.Errorf("%d of %d broken messages are recognised", found, total)
	}
}

// TestTraps are the mistakes that a reader of single lines makes.
func TestTraps(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       []string // the first causes, in order
		not        string
	}{
		{"a .pub given to -i is no question of its mode",
			"$ ssh -i ~/.ssh/id_rsa.pub alice@web1\nPermissions 0644 for '/home/alice/.ssh/id_rsa.pub' are too open.\nLoad key \"/home/alice/.ssh/id_rsa.pub\": bad permissions\nalice@web1: Permission denied (publickey).",
			[]string{"identity-is-public-key"}, "private-key-permissions"},
		{"a .pub that cannot be read as a key",
			"Load key \"/home/alice/.ssh/id_rsa.pub\": invalid format\nalice@web1: Permission denied (publickey).",
			[]string{"identity-is-public-key"}, "private-key-invalid"},
		{"No route to host although the host answers ping",
			"64 bytes from 192.168.1.10: icmp_seq=1 ttl=64 time=0.4 ms\nssh: connect to host 192.168.1.10 port 22: No route to host",
			[]string{"refused-by-firewall"}, "host-unreachable"},
		{"someone with only a password, where passwords are off",
			"debug1: identity file /home/alice/.ssh/id_rsa type -1\ndebug1: identity file /home/alice/.ssh/id_ed25519 type -1\ndebug1: Authentications that can continue: publickey\ndebug1: Trying private key: /home/alice/.ssh/id_rsa\ndebug1: No more authentication methods to try.\nalice@web1: Permission denied (publickey).",
			[]string{"password-auth-disabled"}, "publickey-rejected"},
		{"sshpass, where passwords are off",
			"$ sshpass -p secret ssh alice@web1\nalice@web1: Permission denied (publickey).",
			[]string{"password-auth-disabled"}, "publickey-rejected"},
		{"a host key that cannot be written down is not the cause",
			"Failed to add the host to the list of known hosts (/home/alice/.ssh/known_hosts).\nssh: connect to host web1 port 22: Connection refused",
			[]string{"connection-refused"}, ""},
		{"Permanently added is no fault",
			"Warning: Permanently added 'web1' (ED25519) to the list of known hosts.\nReceived disconnect from 192.0.2.10 port 22:2: Too many authentication failures",
			[]string{"too-many-keys"}, "host-key-unknown"},
		{"two faults are both named",
			"/home/alice/.ssh/config: line 3: Bad configuration option: usekeychain\n/home/alice/.ssh/config: terminating, 1 bad configuration options\n$ ssh -F none alice@web1\nssh: connect to host web1 port 22: Connection refused",
			[]string{"client-config-invalid", "connection-refused"}, ""},
		{"IPv6 was tried last, the IPv4 address is the silent one",
			"debug1: Connecting to web1 [192.0.2.10] port 22.\ndebug1: connect to address 192.0.2.10 port 22: Connection timed out\ndebug1: Connecting to web1 [2001:db8::10] port 22.\ndebug1: connect to address 2001:db8::10 port 22: Network is unreachable\nssh: connect to host web1 port 22: Network is unreachable",
			[]string{"connection-timed-out"}, "no-route"},
		{"the configuration is why the service failed",
			"ssh.service: Main process exited, code=exited, status=255/EXCEPTION\nssh.service: Failed with result 'exit-code'.\nsshd[12]: /etc/ssh/sshd_config: line 12: Bad configuration option: PermitRotLogin",
			[]string{"sshd-config-invalid"}, "service-failed"},
		{"another service's failure",
			"nginx.service: Main process exited, code=exited, status=1/FAILURE\nnginx.service: Failed with result 'exit-code'.",
			nil, "service-failed"},
		{"a refused forward is no refused connection",
			"Authenticated to web1 ([192.0.2.10]:22) using \"publickey\".\nchannel 3: open failed: connect failed: Connection refused",
			[]string{"port-forward-broken"}, "connection-refused"},
		{"a hang in the key exchange",
			"OpenSSH_9.6p1, OpenSSL 3.0.13\ndebug1: Connecting to web1 [192.0.2.10] port 22.\ndebug1: Connection established.\ndebug1: Remote protocol version 2.0, remote software version OpenSSH_9.6\ndebug1: SSH2_MSG_KEXINIT sent\ndebug1: SSH2_MSG_KEXINIT received\ndebug1: expecting SSH2_MSG_KEX_ECDH_REPLY",
			[]string{"mtu-blackhole"}, ""},
		{"closed after a password that was refused",
			"debug1: Next authentication method: password\nalice@web1's password:\nPermission denied, please try again.\nalice@web1's password:\nConnection closed by 192.0.2.10 port 22",
			[]string{"password-rejected"}, "pam-denied"},
		{"closed after a key that was accepted",
			"debug1: Offering public key: /home/alice/.ssh/id_rsa RSA SHA256:x\ndebug1: Server accepts key: /home/alice/.ssh/id_rsa RSA SHA256:x\nConnection closed by 192.0.2.10 port 22",
			[]string{"pam-denied"}, "closed-before-banner"},
		{"closed once the host's key was taken, without a word of the login",
			"Warning: Permanently added '192.0.2.10' (ED25519) to the list of known hosts.\nConnection closed by 192.0.2.10 port 22",
			[]string{"pam-denied"}, "closed-before-banner"},
		{"PuTTY's key is refused where the server would take a key",
			"Server refused our key\nNo supported authentication methods available (server sent: publickey,gssapi-with-mic)",
			[]string{"publickey-rejected"}, "no-auth-method"},
		{"a password that was taken at the second try",
			"sshd[7]: Failed password for alice from 192.0.2.7 port 3123 ssh2\nsshd[7]: Accepted password for alice from 192.0.2.7 port 3123 ssh2\nsshd[7]: CreateProcessAsUserW failed error:1314\nsshd[7]: fork of unprivileged child failed",
			[]string{"session-refused"}, "password-rejected"},
		{"a shell that ends at once with an error",
			"debug1: Authentication succeeded (password).\nAuthenticated to 192.0.2.7 ([192.0.2.7]:22).\ndebug1: Entering interactive session.\nConnection to 192.0.2.7 closed.\nTransferred: sent 2600, received 1464 bytes, in 1.0 seconds\ndebug1: Exit status 1",
			[]string{"session-refused"}, "connection-dropped"},
		{"a Mac's own greeting is no login at the host",
			"Last login: Mon May 23 22:43:21 on ttys001\nkex_exchange_identification: read: Connection reset by peer\nConnection reset by 127.0.0.1 port 2222",
			[]string{"closed-before-banner"}, "session-refused"},
		{"a refusal in German", "ssh: connect to host web1 port 22: Verbindungsaufbau abgelehnt", []string{"connection-refused"}, ""},
		{"a refusal in Russian", "ssh: connect to host web1 port 22: В соединении отказано", []string{"connection-refused"}, ""},
		{"a time-out in Chinese", "ssh: connect to host web1 port 22: 连接超时", []string{"connection-timed-out"}, ""},
		{"no route in French", "ssh: connect to host 10.0.0.5 port 22: Aucun chemin d'accès pour atteindre l'hôte cible", []string{"host-unreachable"}, ""},
	} {
		r, err := Explain(strings.NewReader(c.text+"\n"), Options{})
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range c.want {
			if i >= len(r.Findings) || r.Findings[i].Cause != want {
				t.Errorf("%s: finding %d is not %s: %s", c.name, i+1, want, r.Headline)
			}
		}
		if c.want == nil && len(r.Findings) > 0 {
			t.Errorf("%s: %s", c.name, r.Headline)
		}
		for _, f := range r.Findings {
			if f.Cause == c.not {
				t.Errorf("%s: %s is named", c.name, c.not)
			}
		}
	}
}

// TestAmbiguous: where a text leaves several causes, it gives several, says
// that it does, and claims none.
func TestAmbiguous(t *testing.T) {
	for _, text := range []string{
		"alice@web1: Permission denied (publickey).",
		"Connection closed by 192.0.2.10 port 22",
		"git@git.example.com: Permission denied (publickey).",
	} {
		r, err := Explain(strings.NewReader(text+"\n"), Options{})
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Findings) < 2 || r.Findings[0].Certainty != report.Possible || !strings.Contains(r.Headline, "does not decide") {
			t.Errorf("%q: %d findings, the first %s; %q", text, len(r.Findings), r.Findings[0].Certainty, r.Headline)
		}
		for _, f := range r.Findings {
			if f.Remedy == nil || len(f.Remedy.Steps) == 0 {
				t.Errorf("%q: nothing tells %s from the others", text, f.Cause)
			}
		}
	}
}

// TestHostileSizes: what is made to be slow is not.
func TestHostileSizes(t *testing.T) {
	const n = 4_000 // what is quadratic shows here as well
	for name, text := range map[string]string{
		"one line":         strings.Repeat("connect to host ", n),
		"one word":         strings.Repeat("a", 1<<20),
		"one line, often":  strings.Repeat("ssh: connect to host web1 port 22: Connection refused\n", n),
		"attempts":         strings.Repeat("$ ssh web1\nssh: connect to host web1 port 22: No route to host\n", n),
		"prompts":          strings.Repeat("alice@web1:~$ ", n),
		"escapes":          strings.Repeat("\x1b[", n),
		"quotes":           strings.Repeat("> ", n),
		"braces":           strings.Repeat("{", n),
		"broken JSON":      strings.Repeat(`{"MESSAGE":"`, n),
		"denied":           strings.Repeat("Permission denied (", n),
		"NUL bytes":        strings.Repeat("\x00", n),
		"ports of ufw":     "Status: active\nTo Action From\n" + strings.Repeat("22/tcp ALLOW 192.0.2.1\n", n),
		"iptables":         "-P INPUT DROP\n" + strings.Repeat("-A INPUT -s 192.0.2.1 -p tcp --dport 22 -j ACCEPT\n", 1000),
		"many listings":    strings.Repeat("Chain INPUT (policy DROP)\ntarget prot opt source destination\nDROP tcp -- anywhere anywhere tcp dpt:ssh\n", n),
		"many ports":       strings.Repeat("Port 22\nListenAddress 192.0.2.1\n", n) + strings.Repeat("LISTEN 0 128 192.0.2.2:22 0.0.0.0:* users:((\"x\",pid=1,fd=3))\n", n),
		"two long lists":   strings.Repeat("local kex algorithms: "+strings.Repeat("ecdh-sha2-a,", 500)+"x\nremote kex algorithms: "+strings.Repeat("ecdh-sha2-b,", 500)+"\n", 50),
		"many sets":        "table ip t {\n" + strings.Repeat("set a {\ntype ipv4_addr\nelements = { 1.2.3.4 }\n}\n", n) + "}\n",
		"open set":         "table ip t {\nset a {\n" + strings.Repeat("elements = { 1.2.3.4,\n", n),
		"many files":       strings.Repeat("drwxr-xr-x 2 a a 1 Nov 20 10:00 /home/a/.ssh\n", n),
		"numbers in front": strings.Repeat("1 | x\n", n),
		"escaped newlines": strings.Repeat(`\r\n`, n),
	} {
		start := time.Now()
		if _, err := Explain(strings.NewReader(text), Options{}); err != nil {
			t.Fatal(err)
		}
		if d := time.Since(start); d > 20*time.Second {
			t.Errorf("%s takes %v", name, d)
		} else if testing.Verbose() {
			t.Logf("%s: %v", name, d)
		}
	}
}

func FuzzExplain(f *testing.F) {
	for text := range plainPastes {
		f.Add(text)
	}
	f.Add("● ssh.service - OpenBSD Secure Shell server\n Loaded: loaded (x; disabled)\n Active: failed\nLISTEN 0 128 127.0.0.1:22 *:*\nStatus: active\nTo Action From\n22 DENY Anywhere\n")
	f.Add("table inet filter {\nchain input {\ntype filter hook input priority 0; policy drop;\n}\n}\n-P INPUT DROP\n-A INPUT -j DROP\n")
	f.Add("OpenSSH_9.6p1, OpenSSL\ndebug1: Connecting to x [::1] port 22.\ndebug1: Offering public key: k\n")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := Explain(strings.NewReader(text), Options{Client: netip.MustParseAddr("192.0.2.1")})
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Count(text, "\n") + 1
		for _, x := range r.Findings {
			if len(x.Evidence) == 0 {
				t.Errorf("%s has no evidence", x.Cause)
			}
			for _, e := range x.Evidence {
				if e.Line < 1 || e.Line > lines {
					t.Errorf("%s: evidence in line %d of %d", x.Cause, e.Line, lines)
				}
			}
		}
	})
}
