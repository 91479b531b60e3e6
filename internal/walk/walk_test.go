package walk

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"sshwhy/internal/client"
	"sshwhy/internal/proc"
	"sshwhy/internal/report"
)

// serve runs one listener on the loopback; handle gets every connection.
func serve(t *testing.T, handle func(net.Conn)) (port string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				handle(c)
			}()
		}
	}()
	_, port, _ = net.SplitHostPort(l.Addr().String())
	return port
}

// walkTo walks without an ssh program, so that this machine's configuration
// does not matter, and checks that a recorded walk replays to the same report.
func walkTo(t *testing.T, opt Options) (*client.Observations, *report.Report) {
	t.Helper()
	opt.SSH, opt.Version = "-", "0.1.0-test"
	opt.Args = append([]string{"-F", "none"}, opt.Args...)
	o := Walk(t.Context(), opt, nil)
	r := client.Diagnose(o, "test")
	first, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	recorded, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	var again client.Observations
	if err := json.Unmarshal(recorded, &again); err != nil {
		t.Fatal(err)
	}
	second, _ := json.Marshal(client.Diagnose(&again, "test"))
	if !bytes.Equal(first, second) {
		t.Errorf("the recorded walk gives another report:\n%s\n%s", first, second)
	}
	return o, r
}

func firstCause(r *report.Report) string {
	if len(r.Findings) == 0 {
		return ""
	}
	return r.Findings[0].Cause
}

// flood writes the same bytes until the peer is gone or has had enough.
func flood(c net.Conn, text string, most int) {
	block := []byte(strings.Repeat(text, 1+4096/len(text)))
	for sent := 0; sent < most; sent += len(block) {
		if _, err := c.Write(block); err != nil {
			return
		}
	}
}

func say(text string) func(net.Conn) {
	return func(c net.Conn) {
		_, _ = io.WriteString(c, text)
		_, _ = io.Copy(io.Discard, c)
	}
}

// TestOddPeers walks to peers that are not, or not quite, SSH servers.
func TestOddPeers(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		handle func(net.Conn)
		cause  string
		words  string // in the summary
		within time.Duration
	}{
		{"http", func(c net.Conn) {
			_, _ = c.Read(make([]byte, 100))
			_, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n")
		}, "not-ssh", "web server", time.Second},
		{"smtp", say("220 mail.example.org ESMTP Postfix\r\n"), "not-ssh", "SMTP", 2 * time.Second},
		{"ftp", say("220 (vsFTPd 3.0.3)\r\n"), "not-ssh", "FTP", 2 * time.Second},
		{"mysql", say("\x4a\x00\x00\x00\x0a8.0.36\x00\x01\x02\n"), "not-ssh", "MySQL", time.Second},
		{"tls", func(c net.Conn) {
			b := make([]byte, 1)
			if _, err := io.ReadFull(c, b); err == nil && b[0] == 0x16 {
				_, _ = c.Write([]byte{0x15, 3, 3, 0, 2, 2, 70})
			}
		}, "not-ssh", "TLS", time.Second},
		{"echo", func(c net.Conn) { _, _ = io.Copy(c, c) }, "not-ssh", "echo", 2 * time.Second},
		{"closes", func(net.Conn) {}, "closed-before-banner", "turns this machine away", time.Second},
		{"throttled", func(c net.Conn) { _, _ = io.WriteString(c, "Exceeded MaxStartups\r\n") }, "closed-before-banner", "MaxStartups", time.Second},
		{"penalty", func(c net.Conn) { _, _ = io.WriteString(c, "Not allowed at this time\r\n") }, "closed-before-banner", "PerSourcePenalties", time.Second},
		{"silent", say(""), "banner-timeout", "says nothing", 2 * time.Second},
		{"ssh1", say("SSH-1.5-OldRouter\r\n"), "ssh1-only", "1.5", time.Second},
		{"endless line", func(c net.Conn) { flood(c, "A", 64<<20) }, "not-ssh", "", time.Second},
		{"endless lines", func(c net.Conn) { flood(c, "x\r\n", 64<<20) }, "not-ssh", "", 2 * time.Second},
		{"nul", func(c net.Conn) { flood(c, "\x00\n", 64<<20) }, "not-ssh", "", time.Second},
		{"escapes", say("\x1b]0;owned\x07\x1b[2J\r\nSSH-2.0-x\x1b[31m\r\n"), "closed-during-kex", "", 2 * time.Second},
		{"drip", func(c net.Conn) {
			for _, b := range []byte("SSH-2.0-dripping_server_that_takes_its_time_over_every_byte") {
				if _, err := c.Write([]byte{b}); err != nil {
					return
				}
				time.Sleep(500 * time.Millisecond)
			}
		}, "banner-timeout", "", 2 * time.Second},
		{"giant kexinit", func(c net.Conn) {
			_, _ = io.WriteString(c, "SSH-2.0-x\r\n\x00\x03\xff\xff\x04\x14")
			flood(c, "\xff", 64<<20)
		}, "not-ssh", "", 2 * time.Second},
		{"http after banner", func(c net.Conn) { _, _ = io.WriteString(c, "SSH-2.0-x\r\nHTTP/1.1 200 OK\r\n") }, "not-ssh", "", time.Second},
		{"banner and gone", func(c net.Conn) {
			_, _ = io.WriteString(c, "SSH-2.0-x\r\n")
			_, _ = c.Read(make([]byte, 100))
		}, "closed-during-kex", "", time.Second},
		{"disconnect", func(c net.Conn) {
			_, _ = io.WriteString(c, "SSH-2.0-x\r\n\x00\x00\x00\x1c\x0a\x01\x00\x00\x00\x02\x00\x00\x00\x04gone\x00\x00\x00\x00"+strings.Repeat("\x00", 10))
			_, _ = c.Read(make([]byte, 100))
		}, "closed-during-kex", "gone", time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			port := serve(t, tt.handle)
			begin := time.Now()
			_, r := walkTo(t, Options{Args: []string{"-p", port}, Host: "127.0.0.1", Timeout: time.Second})
			if took := time.Since(begin); took > tt.within+2*time.Second {
				t.Errorf("took %v", took)
			}
			if got := firstCause(r); got != tt.cause {
				t.Fatalf("cause %q, want %q (%s)", got, tt.cause, r.Headline)
			}
			if !strings.Contains(r.Headline, tt.words) {
				t.Errorf("headline %q does not say %q", r.Headline, tt.words)
			}
			if r.Verdict != report.VerdictBroken || len(r.Findings[0].Evidence) == 0 {
				t.Errorf("verdict %s, evidence %v", r.Verdict, r.Findings[0].Evidence)
			}
		})
	}
}

func TestRefused(t *testing.T) {
	_, r := walkTo(t, Options{Args: []string{"-p", freePort(t)}, Host: "127.0.0.1", NoOtherPorts: true})
	if firstCause(r) != "connection-refused" {
		t.Fatalf("got %s", r.Headline)
	}
	if got := stageOf(r, report.StageConnect).Status; got != report.StatusFailed {
		t.Errorf("connect is %s", got)
	}
	if got := stageOf(r, report.StageBanner).Status; got != report.StatusSkipped {
		t.Errorf("banner is %s", got)
	}
}

// freePort is a port on which nothing listens.
func freePort(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}

func stageOf(r *report.Report, name string) report.Stage {
	for _, s := range r.Stages {
		if s.Stage == name {
			return s
		}
	}
	return report.Stage{}
}

// TestInterrupted shows that Ctrl-C ends the walk at once, keeps what is known,
// and leaves no goroutine behind.
func TestInterrupted(t *testing.T) {
	port := serve(t, say(""))
	before := runtime.NumGoroutine()
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(300*time.Millisecond, cancel)
	begin := time.Now()
	var steps []string
	o := Walk(ctx, Options{Args: []string{"-F", "none", "-p", port}, Host: "127.0.0.1", SSH: "-"}, func(p Progress) { steps = append(steps, p.Step) })
	if took := time.Since(begin); took > 2*time.Second {
		t.Errorf("took %v after the interrupt", took)
	}
	r := client.Diagnose(o, "test")
	if r.Verdict != report.VerdictUnknown || stageOf(r, report.StageConnect).Status != report.StatusOK || stageOf(r, report.StageBanner).Status != report.StatusUnknown {
		t.Errorf("verdict %s, stages %+v", r.Verdict, r.Stages)
	}
	if len(steps) < 3 || steps[len(steps)-1] != "banner" {
		t.Errorf("progress told %v", steps)
	}
	for range 50 {
		if runtime.NumGoroutine() <= before+1 { // +1: the listener's own connection
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("%d goroutines before, %d after", before, runtime.NumGoroutine())
}

// TestRealSSHConfig asks the ssh of this machine, with a configuration of ours.
func TestRealSSHConfig(t *testing.T) {
	dir := t.TempDir()
	conf := writeFile(t, dir, "config", "Host web1\n  HostName 127.0.0.1\n  Port "+freePort(t)+"\n  User alice\nHost *\n  ConnectTimeout 5\n")
	o := Walk(t.Context(), Options{Args: []string{"-F", conf, "-v", "-N"}, Host: "web1", NoOtherPorts: true}, nil)
	if o.Config.Program == "" {
		t.Skip("no ssh program on this machine")
	}
	if o.Config.Host() != "127.0.0.1" || o.Config.Get("user") != "alice" || !strings.HasPrefix(o.Config.Version, "OpenSSH_") {
		t.Fatalf("read %+v", o.Config)
	}
	if len(o.Config.Hosts) != 3 || o.Config.Hosts[0].Line != 2 || o.Config.Hosts[0].File != conf {
		t.Errorf("lines that redirect: %+v", o.Config.Hosts)
	}
	if r := client.Diagnose(o, "test"); firstCause(r) != "connection-refused" || r.Target.User != "alice" {
		t.Errorf("got %s for %+v", r.Headline, r.Target)
	}
}

// TestRealSSHRefusesConfig is a broken configuration, seen by the real ssh.
func TestRealSSHRefusesConfig(t *testing.T) {
	for _, tt := range []struct{ name, text, arg, cause string }{
		{"unknown keyword", "Host *\n  Prot 22\n", "", "client-config-invalid"},
		{"bad value", "Host *\n  Port twentytwo\n", "", "client-config-invalid"},
		{"option", "", "-oNoSuch=1", "client-config-invalid"},
		{"server's option", "Host *\n  PermitRootLogin yes\n", "", "client-config-wrong-side"},
		{"a key", "# no option\n-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA\n", "", "client-config-wrong-side"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			conf := writeFile(t, t.TempDir(), "config", tt.text)
			args := []string{"-F", conf}
			if tt.arg != "" {
				args = append(args, tt.arg)
			}
			o := Walk(t.Context(), Options{Args: args, Host: "web1"}, nil)
			if o.Config.Program == "" {
				t.Skip("no ssh program on this machine")
			}
			r := client.Diagnose(o, "test")
			if firstCause(r) != tt.cause {
				t.Fatalf("got %q: %s", firstCause(r), r.Headline)
			}
			if tt.arg == "" && (r.Findings[0].Evidence[0].Line != 2 || r.Findings[0].Evidence[0].Source != conf) {
				t.Errorf("evidence %+v", r.Findings[0].Evidence)
			}
		})
	}
}

// TestSubset compares what is read without an ssh program with what the real
// ssh reads from the same file.
func TestSubset(t *testing.T) {
	conf := writeFile(t, t.TempDir(), "config", strings.Join([]string{
		"Port=2222", "Host web* !web9", "  HostName %h.example.org", "  User bob", "  ConnectTimeout 3",
		"Host web1", "\tUser carol", "\tIdentityFile ~/.ssh/one", "\tIdentityFile ~/.ssh/two", "Host *", "  AddressFamily inet", "  HostKeyAlias \"all\"", "",
	}, "\n"))
	for _, host := range []string{"web1", "web9", "dan@web2", "ssh://web1:77", "other"} {
		real := client.Config{Program: "ssh"}
		ssh, err := proc.UserFind("ssh")
		if err != nil {
			t.Skip("no ssh program on this machine")
		}
		real.Values = readDump(string(run(t.Context(), configLimit, ssh, "-G", "-F", conf, host).Out))
		ours := client.Config{Values: withoutSSH([]string{"-F", conf}, host, conf)}
		for _, keyword := range []string{"hostname", "port", "user", "addressfamily", "hostkeyalias", "connecttimeout"} {
			want := real.Get(keyword)
			if got := ours.Get(keyword); got != want && (want != "none" || got != "") {
				t.Errorf("%s: %s is %q, ssh says %q", host, keyword, got, want)
			}
		}
		if host == "web1" && strings.Join(ours.Values["identityfile"], " ") != strings.Join(real.Values["identityfile"], " ") {
			t.Errorf("identity files %v, ssh says %v", ours.Values["identityfile"], real.Values["identityfile"])
		}
	}
}

// TestHangingConfig ends a Match exec that does not.
func TestHangingConfig(t *testing.T) {
	conf := writeFile(t, t.TempDir(), "config", "Match exec \"sleep 60\"\n  User bob\n")
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	begin := time.Now()
	o := Walk(ctx, Options{Args: []string{"-F", conf}, Host: "web1"}, nil)
	if o.Config.Program == "" {
		t.Skip("no ssh program on this machine")
	}
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("took %v", took)
	}
	if r := client.Diagnose(o, "test"); r.Verdict != report.VerdictUnknown {
		t.Errorf("%s: %s", r.Verdict, r.Headline)
	}
	o = &client.Observations{Typed: "web1", Config: client.Config{Failed: true, Hung: true, Command: "ssh -G web1", Ms: 15000}}
	if r := client.Diagnose(o, "test"); blocking(r) != "client-config-invalid" || !strings.Contains(r.Headline, "Match exec") {
		t.Errorf("%s", r.Headline)
	}
}
