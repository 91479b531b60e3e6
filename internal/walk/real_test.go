package walk

import (
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sshwhy/internal/client"
	"sshwhy/internal/report"
)

// realServer runs this machine's own sshd on a free port of the loopback, as
// the user of the test, with keys of its own.
type realServer struct {
	dir, port, user, log string
}

func startSSHD(t *testing.T, extra ...string) realServer {
	t.Helper()
	sshd := "/usr/sbin/sshd"
	if _, err := os.Stat(sshd); err != nil {
		t.Skip("no sshd on this machine")
	}
	if os.Getuid() == 0 {
		// The privilege separation directory, which the service would make.
		_ = os.MkdirAll("/run/sshd", 0o755)
	}
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	s := realServer{dir: t.TempDir(), port: freePort(t), user: me.Username}
	s.log = filepath.Join(s.dir, "log")
	for _, key := range []string{"host", "id", "other", "ca"} {
		s.keygen(t, "-t", "ed25519", "-N", "", "-f", key)
	}
	s.keygen(t, "-t", "rsa", "-b", "2048", "-N", "", "-f", "rsa")
	s.keygen(t, "-t", "ed25519", "-N", "secret", "-f", "locked")
	s.write(t, "authorized_keys", s.read(t, "id.pub")+s.read(t, "rsa.pub")+s.read(t, "locked.pub")+"cert-authority "+s.read(t, "ca.pub"))
	s.write(t, "known_hosts", "[127.0.0.1]:"+s.port+" "+s.read(t, "host.pub"))
	conf := append(extra, "Port "+s.port, "ListenAddress 127.0.0.1", "HostKey "+s.dir+"/host", "AuthorizedKeysFile "+s.dir+"/authorized_keys",
		"PasswordAuthentication no", "KbdInteractiveAuthentication no", "UsePAM no", "StrictModes no", "PidFile none", "LogLevel VERBOSE")
	// These tests fail to log in on purpose, from one address.
	s.write(t, "sshd_config", strings.Join(append(conf, "PerSourcePenalties no"), "\n")+"\n")
	if exec.Command(sshd, "-t", "-f", s.dir+"/sshd_config").Run() != nil { // before 9.8
		s.write(t, "sshd_config", strings.Join(conf, "\n")+"\n")
	}
	if out, err := exec.Command(sshd, "-t", "-f", s.dir+"/sshd_config").CombinedOutput(); err != nil {
		t.Skipf("sshd does not accept the configuration of the test: %s", out)
	}
	cmd := exec.Command(sshd, "-D", "-f", s.dir+"/sshd_config", "-E", s.log)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	for range 100 {
		if strings.Contains(s.tryRead("log"), "Server listening") {
			return s
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("sshd does not listen: %s", s.tryRead("log"))
	return s
}

func (s realServer) keygen(t *testing.T, args ...string) {
	t.Helper()
	cmd := exec.Command("ssh-keygen", append([]string{"-q"}, args...)...)
	cmd.Dir = s.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("ssh-keygen %v: %v: %s", args, err, out)
	}
}

func (s realServer) write(t *testing.T, name, text string) string {
	t.Helper()
	return writeFile(t, s.dir, name, text)
}

func (s realServer) tryRead(name string) string {
	data, _ := os.ReadFile(filepath.Join(s.dir, name))
	return string(data)
}

func (s realServer) read(t *testing.T, name string) string {
	t.Helper()
	text := s.tryRead(name)
	if text == "" {
		t.Fatalf("%s is missing", name)
	}
	return text
}

// walk goes to the server with an empty configuration, the server's key on
// record, and the options given.
func (s realServer) walk(t *testing.T, opt Options, args ...string) (*client.Observations, *report.Report) {
	t.Helper()
	opt.Args = append(args, "-F", "none", "-p", s.port, "-o", "UserKnownHostsFile="+s.dir+"/known_hosts", "-o", "GlobalKnownHostsFile=none",
		"-o", "IdentityAgent=none")
	opt.Host, opt.Version = s.user+"@127.0.0.1", "test"
	if opt.alone == nil {
		somebody := false
		opt.alone = &somebody
	}
	o := Walk(t.Context(), opt, nil)
	if o.Config.Program == "" {
		t.Skip("no ssh program on this machine")
	}
	return o, client.Diagnose(o, "test")
}

// TestRealLogin walks to a real sshd, with good and bad keys and records.
func TestRealLogin(t *testing.T) {
	s := startSSHD(t)
	hostKey := strings.Join(strings.Fields(s.read(t, "host.pub"))[:2], " ")
	other := strings.Join(strings.Fields(s.read(t, "other.pub"))[:2], " ")
	at := "[127.0.0.1]:" + s.port + " "
	s.write(t, "changed", "# a comment\n"+at+other+"\n")
	s.write(t, "revoked", at+hostKey+"\n@revoked * "+hostKey+"\n")
	s.write(t, "empty", "") // the real ssh will write to it
	s.write(t, "nothing", "")
	s.write(t, "without-port", "127.0.0.1 "+hostKey+"\n")
	s.write(t, "putty", "PuTTY-User-Key-File-3: ssh-ed25519\n")
	s.write(t, "crlf", strings.ReplaceAll(s.read(t, "id"), "\n", "\r\n"))
	s.write(t, "no-newline", strings.TrimSpace(s.read(t, "id")))
	s.write(t, "cut-off", s.read(t, "id")[:200])
	if err := os.Chmod(s.write(t, "open", s.read(t, "id")), 0o644); err != nil {
		t.Fatal(err)
	}
	s.write(t, "signed", s.read(t, "other"))
	s.write(t, "signed.pub", s.read(t, "other.pub"))
	s.keygen(t, "-s", "ca", "-I", "test", "-n", s.user, "-V", "-2d:-1d", "signed.pub")
	key := func(name string) []string { return []string{"-i", filepath.Join(s.dir, name)} }
	with := func(opt string, args []string) []string { return append([]string{"-o", opt}, args...) }
	for _, tt := range []struct {
		name    string
		args    []string
		causes  string
		verdict report.Verdict
	}{
		{"good key", key("id"), "", report.VerdictOK},
		{"rsa key", key("rsa"), "", report.VerdictOK},
		{"wrong key", key("other"), "publickey-rejected", report.VerdictBroken},
		{"no key", []string{"-o", "IdentityFile=none"}, "no-auth-method", report.VerdictBroken},
		{"missing key", key("nowhere"), "private-key-missing", report.VerdictBroken},
		{"public key", key("id.pub"), "identity-is-public-key", report.VerdictBroken},
		{"open key", key("open"), "private-key-permissions", report.VerdictBroken},
		{"putty", key("putty"), "private-key-invalid", report.VerdictBroken},
		{"crlf", key("crlf"), "private-key-invalid", report.VerdictBroken},
		{"no newline", key("no-newline"), "private-key-invalid", report.VerdictBroken},
		{"cut off", key("cut-off"), "private-key-invalid", report.VerdictBroken},
		{"passphrase", with("BatchMode=yes", key("locked")), "private-key-passphrase", report.VerdictBroken},
		{"passphrase, somebody there", key("locked"), "", report.VerdictUnknown},
		{"expired certificate", key("signed"), "certificate-expired", report.VerdictBroken},
		{"publickey off", with("PubkeyAuthentication=no", key("id")), "no-auth-method", report.VerdictBroken},
		{"changed host key", with("UserKnownHostsFile="+s.dir+"/changed", key("id")), "host-key-changed", report.VerdictBroken},
		{"revoked host key", with("UserKnownHostsFile="+s.dir+"/revoked", key("id")), "host-key-revoked", report.VerdictBroken},
		{"new host key, taken unasked", with("StrictHostKeyChecking=accept-new", with("UserKnownHostsFile="+s.dir+"/empty", key("id"))), "", report.VerdictOK},
		{"key without the port", with("UserKnownHostsFile="+s.dir+"/without-port", append([]string{"-o", "StrictHostKeyChecking=yes"}, key("id")...)), "", report.VerdictOK},
		{"new host key, strict", with("StrictHostKeyChecking=yes", with("UserKnownHostsFile="+s.dir+"/nothing", key("id"))), "host-key-unknown", report.VerdictBroken},
		{"no cipher", with("Ciphers=3des-cbc", key("id")), "no-common-cipher", report.VerdictBroken},
		{"no key exchange", with("KexAlgorithms=diffie-hellman-group1-sha1", key("id")), "no-common-kex", report.VerdictBroken},
		{"no MAC", with("MACs=hmac-md5", with("Ciphers=aes256-ctr", key("id"))), "no-common-mac", report.VerdictBroken},
		{"no host key type", with("HostKeyAlgorithms=ecdsa-sha2-nistp256", key("id")), "no-common-host-key", report.VerdictBroken},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o, r := s.walk(t, Options{}, tt.args...)
			if got := blocking(r); got != tt.causes || r.Verdict != tt.verdict {
				t.Fatalf("causes %q verdict %s, want %q %s: %s", got, r.Verdict, tt.causes, tt.verdict, r.Headline)
			}
			for _, f := range r.Findings {
				if len(f.Evidence) == 0 || f.Remedy == nil {
					t.Errorf("%s has no evidence or no remedy", f.Cause)
				}
			}
			agrees(t, s, o, tt.verdict)
		})
	}
}

// agrees asks the real ssh with the same options: what it says must be what the
// report says.
func agrees(t *testing.T, s realServer, o *client.Observations, verdict report.Verdict) {
	t.Helper()
	args := append([]string{"-o", "ConnectTimeout=5"}, o.Args...)
	if verdict == report.VerdictOK {
		args = append([]string{"-o", "StrictHostKeyChecking=accept-new", "-o", "UpdateHostKeys=no"}, args...)
	}
	cmd := exec.Command("ssh", append(args, o.Typed, "true")...)
	cmd.Env = append(os.Environ(), "SSH_ASKPASS_REQUIRE=never")
	cmd.Stdin = nil
	out, err := cmd.CombinedOutput()
	switch {
	case verdict == report.VerdictOK && err != nil:
		t.Errorf("ssh itself fails: %v: %s", err, out)
	case verdict == report.VerdictBroken && err == nil:
		t.Errorf("ssh itself logs in")
	}
}

// TestGoodGuest counts what a real sshd logged for one walk that ends with a
// failed login, and for one that succeeds.
func TestGoodGuest(t *testing.T) {
	s := startSSHD(t)
	for _, key := range []string{"other", "id"} {
		before := strings.Count(s.tryRead("log"), "Connection from")
		s.walk(t, Options{}, "-i", filepath.Join(s.dir, key))
		time.Sleep(100 * time.Millisecond)
		log := s.tryRead("log")
		if n := strings.Count(log, "Connection from") - before; n != 1 {
			t.Errorf("with key %s the server saw %d connections, want 1:\n%s", key, n, log)
		}
		if strings.Count(log, "Failed publickey") > 1 {
			t.Errorf("more than one failed authentication:\n%s", log)
		}
	}
}

// TestAgent uses a real ssh-agent, alive, empty and dead.
func TestAgent(t *testing.T) {
	s := startSSHD(t)
	socket := filepath.Join(s.dir, "agent")
	agent := exec.Command("ssh-agent", "-D", "-a", socket)
	if err := agent.Start(); err != nil {
		t.Skip("no ssh-agent")
	}
	t.Cleanup(func() { _ = agent.Process.Kill(); _ = agent.Wait() })
	for range 100 {
		if _, err := os.Stat(socket); err == nil {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	use := []string{"-o", "IdentityAgent=" + socket, "-o", "IdentityFile=none"}
	if _, r := s.walk(t, Options{}, use...); blocking(r) != "agent-unreachable" {
		t.Errorf("empty agent: %s", r.Headline)
	}
	add := exec.Command("ssh-add", "-q", filepath.Join(s.dir, "id"))
	add.Env = append(os.Environ(), "SSH_AUTH_SOCK="+socket)
	if out, err := add.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if o, r := s.walk(t, Options{}, use...); r.Verdict != report.VerdictOK || !o.Login.Keys[0].Agent {
		t.Errorf("agent with the key: %s", r.Headline)
	}
	dead := []string{"-o", "IdentityAgent=" + filepath.Join(s.dir, "gone"), "-o", "IdentityFile=none"}
	if _, r := s.walk(t, Options{}, dead...); blocking(r) != "agent-unreachable" {
		t.Errorf("dead agent: %s: %s", blocking(r), r.Headline)
	}
}

// TestNoAuth ends after the host key.
func TestNoAuth(t *testing.T) {
	s := startSSHD(t)
	o, r := s.walk(t, Options{NoAuth: true}, "-i", filepath.Join(s.dir, "id"))
	if o.Login != nil || r.Verdict != report.VerdictOK || stageOf(r, report.StageAuth).Status != report.StatusSkipped {
		t.Errorf("%s %+v", r.Headline, r.Stages)
	}
}

// A server that takes only what our library lacks: ssh itself makes the login,
// once, and the server sees no failure that ssh alone would not have made.
func TestSSHItself(t *testing.T) {
	s := startSSHD(t, "KexAlgorithms sntrup761x25519-sha512@openssh.com", "MaxAuthTries 2")
	if o, r := s.walk(t, Options{}, "-i", s.dir+"/id", "-o", "IdentitiesOnly=yes"); r.Verdict != report.VerdictOK {
		t.Errorf("verdict %s: %s (%+v)", r.Verdict, r.Headline, o.OwnSSH)
	}
	o, r := s.walk(t, Options{}, "-i", s.dir+"/other", "-o", "IdentitiesOnly=yes")
	if r.Verdict != report.VerdictUnknown || o.OwnSSH == nil || o.OwnSSH.Exit != 255 || !strings.Contains(o.OwnSSH.Said, "Permission denied (publickey)") {
		t.Errorf("verdict %s: %s (%+v)", r.Verdict, r.Headline, o.OwnSSH)
	}
	if o, _ := s.walk(t, Options{NoAuth: true}, "-i", s.dir+"/other", "-o", "IdentitiesOnly=yes"); o.OwnSSH != nil {
		t.Errorf("no login was asked for, and ssh was run: %+v", o.OwnSSH)
	}
	log := s.tryRead("log")
	if n := strings.Count(log, "Connection from"); n != 5 {
		t.Errorf("%d connections, want two for each login and one without:\n%s", n, log)
	}
	if n := strings.Count(log, "Accepted publickey"); n != 1 {
		t.Errorf("%d logins, want 1:\n%s", n, log)
	}
	if n := strings.Count(log, "Failed publickey"); n > 1 {
		t.Errorf("%d failed keys, want at most the one that ssh itself would offer:\n%s", n, log)
	}
}

// Nothing of what the user set may have the run write, forward or wait.
func TestOwnArgs(t *testing.T) {
	c := &client.Config{Values: map[string][]string{"remotecommand": {"tmux attach"}, "sessiontype": {"none"}, "forkafterauthentication": {"yes"}}}
	got := strings.Join(ownArgs(c, []string{"-fN", "-L", "8080:localhost:80", "-p2222", "-A", "-tt", "-J", "hop", "-E", "/tmp/log"}, "web", []string{"StrictHostKeyChecking=yes"}), " ")
	for _, want := range []string{"-v -T -o BatchMode=yes -o StrictHostKeyChecking=yes", "RemoteCommand=none", "SessionType=default", "ForkAfterAuthentication=no", "-p 2222 -J hop -- web " + command} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in %q", want, got)
		}
	}
	for _, bad := range []string{"-f", "-N", "-L", "8080", "-A", "-tt", "-E", "/tmp/log"} {
		if strings.Contains(" "+got+" ", " "+bad+" ") {
			t.Errorf("%q stands in %q", bad, got)
		}
	}
}

func TestRefusedWith(t *testing.T) {
	for said, want := range map[string]string{
		"debug1: No more\r\nalice@web1: Permission denied (publickey,password).\r\n": "publickey,password",
		"alice@web1: Permission denied (publickey).\n":                               "publickey",
		"Permission denied, please try again.\n":                                     "",
		"x: Permission denied (":                                                     "",
		"x: Permission denied (a b\nc).":                                             "",
		"":                                                                           "",
	} {
		if got := strings.Join(refusedWith(said), ","); got != want {
			t.Errorf("%q: %q, want %q", said, got, want)
		}
	}
}

// What a broken ssh program says, in its own words: the first is entropy.c's, the
// others are the loader's. No such program can be built here, so a script says it.
func TestBrokenProgram(t *testing.T) {
	for _, said := range []string{
		"OpenSSL version mismatch. Built against 30000020, you have 30100010",
		"ssh: error while loading shared libraries: libcrypto.so.1.1: cannot open shared object file: No such file or directory",
		"ssh: /usr/local/lib/libcrypto.so.3: version `OPENSSL_3.2.0' not found (required by ssh)",
		"ssh: symbol lookup error: ssh: undefined symbol: EVP_KDF_free, version OPENSSL_3.0.0",
		"Error loading shared library libcrypto.so.3: No such file or directory (needed by /usr/bin/ssh)",
	} {
		script := writeFile(t, t.TempDir(), "ssh", "#!/bin/sh\necho \""+strings.ReplaceAll(said, "`", "\\`")+"\" >&2\nexit 255\n")
		if err := os.Chmod(script, 0o755); err != nil {
			t.Fatal(err)
		}
		o := Walk(t.Context(), Options{Host: "web1", SSH: script, Version: "test"}, nil)
		r := client.Diagnose(o, "test")
		if got := blocking(r); got != "crypto-library-mismatch" {
			t.Errorf("%s: %q: %s", said, got, r.Headline)
		}
	}
}

// ssh and sshwhy agree on which files are keys.
func TestKeyFilesAsSSHReadsThem(t *testing.T) {
	s := startSSHD(t)
	key := s.read(t, "id")
	for name, text := range map[string]string{
		"good": key, "blank": "\n" + key, "bom": "\xef\xbb\xbf" + key, "text": "my key:\n" + key, "crlf": strings.ReplaceAll(key, "\n", "\r\n"),
		"joined": strings.ReplaceAll(key, "\n", ""), "cut": key[:100], "no-newline": strings.TrimSuffix(key, "\n"), "empty": "",
		"after": key + "my key\n", "indented": "  " + key,
	} {
		file := s.write(t, "as-"+name, text)
		if err := os.Chmod(file, 0o600); err != nil {
			t.Fatal(err)
		}
		ssh := exec.Command("ssh", "-F", "none", "-p", s.port, "-o", "UserKnownHostsFile="+s.dir+"/known_hosts", "-o", "GlobalKnownHostsFile=none", "-o", "IdentityAgent=none",
			"-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-i", file, s.user+"@127.0.0.1", "true")
		works := ssh.Run() == nil
		_, r := s.walk(t, Options{}, "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-i", file)
		if ok := r.Verdict == report.VerdictOK; ok != works {
			t.Errorf("%s: ssh logs in: %v; sshwhy says %s: %s", name, works, r.Verdict, r.Headline)
		}
	}
}
