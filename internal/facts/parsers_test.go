package facts

import (
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sshwhy/internal/evidence"
)

// problems reads a recorded start of a real sshd: its standard error and exit status.
func problems(t *testing.T, name string) Test {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata/sshd-t", name+".txt"))
	if err != nil {
		t.Fatal(err)
	}
	text, _, _ := strings.Cut(strings.TrimPrefix(string(data), "--stderr--\n"), "--syslog--")
	stderr, exit, _ := strings.Cut(text, "exit=")
	out := Test{Origin: Origin{Status: evidence.Known}}
	if strings.HasPrefix(exit, "255") {
		out.Exit = 255
	} else if strings.HasPrefix(exit, "1") {
		out.Exit = 1
	}
	for _, line := range lines([]byte(stderr)) {
		if p, ok := parseProblem(line, out.Exit); ok {
			out.Problems = append(out.Problems, p)
		}
	}
	return out
}

func TestProblemsOfRealSSHD(t *testing.T) {
	for _, c := range []struct {
		name    string
		kind    ProblemKind
		line    int
		keyword string
		broken  bool
	}{
		{"cfg_badopt-9.2deb", ProblemKeyword, 4, "FooBar", true},
		{"cfg_badopt-10.5", ProblemKeyword, 4, "FooBar", true},
		{"cfg_badval-9.2deb", ProblemValue, 4, "", true},
		{"cfg_match_bad-9.2deb", ProblemValue, 4, "", true},
		{"cfg_match_notallowed-10.5", ProblemValue, 5, "", true},
		{"cfg_akc_nouser-9.2deb", ProblemUnplaced, 0, "", true},
		{"cfg_deprecated-9.2deb", ProblemDeprecated, 4, "", false},
		{"hk_passphrase-9.2deb", ProblemHostKey, 0, "/srv/test/id_pp", false},
		{"hk_one_missing-9.2deb", ProblemHostKey, 0, "/nonexistent/k", false},
		{"privsep_user_missing-9.2deb", ProblemPrivsepUser, 0, "sshd", false},
	} {
		got := problems(t, c.name)
		p, ok := got.First(c.kind)
		if !ok || p.Line != c.line || p.Keyword != c.keyword {
			t.Errorf("%s: %+v", c.name, got.Problems)
		}
		if _, broken := got.ConfigBroken(); broken != c.broken {
			t.Errorf("%s: configuration broken: %v", c.name, broken)
		}
	}
}

// Trap: `sshd -t` complains of /run/sshd whenever Debian's service is stopped.
// That is no fault of the configuration; a fault of it is printed first, though.
func TestMissingRunSSHDIsNoConfigFault(t *testing.T) {
	for _, c := range []struct {
		text   string
		broken bool
	}{
		{"Missing privilege separation directory: /run/sshd", false},
		{"/run/sshd must be owned by root and not group or world-writable.", false},
		{"/etc/ssh/sshd_config: line 3: Bad configuration option: Prot", true},
		{"bad addr or host: nosuch.example (Name or service not known)", true},
	} {
		b := bundle(map[string]string{})
		b.Put(evidence.Stat("/usr/sbin/sshd"), evidence.Result{Status: evidence.Known, Meta: &evidence.Meta{Type: "file", Mode: 0o755}})
		b.Put(evidence.Command("/usr/sbin/sshd", "-t"), evidence.Result{Status: evidence.Known, Exit: 255, Stderr: []byte(c.text + "\r\n")})
		if _, broken := parseTest(b).ConfigBroken(); broken != c.broken {
			t.Errorf("%s: broken %v", c.text, broken)
		}
	}
}

// Trap: on a socket-activated machine the owner of port 22 is systemd.
func TestSocketsAndTheirOwners(t *testing.T) {
	b := evidence.NewBundle()
	b.Put(itemSS, evidence.Result{Status: evidence.Known, Data: []byte(
		`LISTEN 0      4096          *:22        *:*    users:(("sshd",pid=812,fd=3),("systemd",pid=1,fd=66))
LISTEN 0 128 [::1]%lo:2222 [::]:* users:(("a\"b",pid=7,fd=3))
LISTEN 0      128       0.0.0.0:22   0.0.0.0:*
LISTEN 0 128 garbage
ESTAB  0 0 0.0.0.0:1 0.0.0.0:*
`)})
	l := parseListeners(b)
	if len(l.All) != 3 {
		t.Fatalf("%+v", l.All)
	}
	for _, s := range l.All {
		if s.Dual && (!s.OwnedBy("systemd") || !s.OwnedBy("sshd") || s.Owners[1].PID != 1) {
			t.Errorf("owners %v", s.Owners)
		}
	}
	v4 := netip.MustParseAddr("192.0.2.1")
	if len(l.On(v4, 22)) != 2 || len(l.On(netip.MustParseAddr("::1"), 2222)) != 1 || len(l.On(v4, 2222)) != 0 {
		t.Error("a connection arrives where it should not, or does not where it should")
	}
}

func TestProcNetTCP(t *testing.T) {
	text := `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 12345 1 0000000000000000 100 0 0 10 0
   1: 0100007F:A1B2 0100007F:0016 01 00000000:00000000 00:00000000 00000000     0        0 12346 1 0000000000000000 100 0 0 10 0
`
	six := `   0: 00000000000000000000000001000000:08AE 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 99 1 0 100 0 0 10 0`
	got := append(parseProcTCP("/proc/net/tcp", []byte(text)), parseProcTCP("/proc/net/tcp6", []byte(six))...)
	if len(got) != 2 || got[0].String() != "127.0.0.1:22" || got[1].String() != "[::1]:2222" {
		t.Errorf("%+v", got)
	}
}

// Trap: sshd.socket and sshd-unix-local.socket may be active with nothing on
// TCP; Listen names the kind of each.
func TestOnlyStreamAddressesCount(t *testing.T) {
	u := parseUnit(evidence.NewBundle(), "Id=sshd-unix-local.socket\nListen=/run/ssh-unix-local/socket (Stream)\nListen=[::]:22 (Stream)\nListen=1.2.3.4:9 (Datagram)\n", Origin{})
	if got := u.Listens(); len(got) != 1 || got[0].String() != "*:22" {
		t.Errorf("%v", got)
	}
	u = parseUnit(evidence.NewBundle(), "Id=ssh.socket\nBindIPv6Only=ipv6-only\nListen=[::]:22 (Stream)\n", Origin{})
	if got := u.Listens(); len(got) != 1 || got[0].V4() {
		t.Errorf("ipv6-only takes IPv4 in: %v", got)
	}
}

// Trap: an alias is the same unit; a unit that is not there is none.
func TestUnitsAreGivenOnce(t *testing.T) {
	b := evidence.NewBundle()
	b.Put(itemUnits, evidence.Result{Status: evidence.Known, Data: []byte(
		"Id=ssh.service\nLoadState=loaded\nActiveState=active\nUnitFileState=enabled\n\nId=ssh.service\nLoadState=loaded\n\nId=ssh.socket\nLoadState=loaded\nUnitFileState=disabled\n\nId=sshd.socket\nLoadState=not-found\n")})
	services, sockets, o := parseUnits(b)
	if len(services) != 1 || len(sockets) != 1 || !o.Known() || !services[0].Active() || sockets[0].Enabled() {
		t.Errorf("%v %v %v", services, sockets, o)
	}
}

// Trap: short-lived processes lose their unit in the journal; the identifier finds them.
func TestAttemptFindsLinesWithoutUnit(t *testing.T) {
	j := Journal{Entries: []Entry{
		{Identifier: "systemd", Unit: "ssh.service", Message: "Starting ssh.service - OpenBSD Secure Shell server..."},
		{Identifier: "sshd", Message: "error: Bind to port 22 on 0.0.0.0 failed: Address already in use."},
		{Identifier: "nginx", Unit: "nginx.service", Message: "hello"},
		{Identifier: "systemd", Unit: "ssh.service", Message: "ssh.service: Main process exited, code=exited, status=255/EXCEPTION"},
		{Identifier: "systemd", Unit: "ssh.service", Message: "ssh.service: Failed with result 'exit-code'."},
	}}
	got := j.Attempt("ssh.service")
	if len(got) != 2 || !strings.HasPrefix(got[0].Message, "error: Bind") || len(Said(got)) != 1 {
		t.Errorf("%+v", got)
	}
}

func TestJournalMessageAsBytes(t *testing.T) {
	b := evidence.NewBundle()
	b.Put(itemJournal, evidence.Result{Status: evidence.Known, Data: []byte(
		`{"MESSAGE":[104,105,255],"SYSLOG_IDENTIFIER":"sshd","PRIORITY":"3"}
{"MESSAGE":null}
not json
`)})
	j := parseJournal(b, Ask{})
	if len(j.Entries) != 2 || j.Entries[0].Message != "hi\xff" || len(j.Errors(5)) != 1 {
		t.Errorf("%+v", j.Entries)
	}
}

func TestLibwrapInSession(t *testing.T) {
	b := evidence.NewBundle()
	meta := &evidence.Meta{Type: "file", Mode: 0o755}
	for _, p := range []string{"/usr/sbin/sshd", "/usr/lib/openssh/sshd-session"} {
		b.Put(evidence.Stat(p), evidence.Result{Status: evidence.Known, Meta: meta})
	}
	if _, known := parseProgram(b).Wrapped(); known {
		t.Error("sshd-session was not looked at, and libwrap is said to be absent")
	}
	b.Put(evidence.Command("ldd", "/usr/sbin/sshd", "/usr/lib/openssh/sshd-session"), evidence.Result{Status: evidence.Known, Data: []byte(
		"/usr/sbin/sshd:\n\tlibc.so.6 => /lib/libc.so.6 (0x1)\n/usr/lib/openssh/sshd-session:\n\tlibwrap.so.0 => /lib/libwrap.so.0 (0x1)\n")})
	p := parseProgram(b)
	if q, known := p.Wrapped(); q == nil || !known {
		t.Error("libwrap in sshd-session was not seen")
	}
	if p.Sshd.Wrap != nil || len(p.Sshd.Libraries) != 1 {
		t.Error("the libraries of the two programs are mixed up")
	}
}

func TestPackageStates(t *testing.T) {
	for line, want := range map[string]string{
		"openssh-server\t1:10.0p1\tii ": "complete", "openssh-server\t1:10.0p1\trc ": "gone",
		"openssh-server\t1:10.0p1\tiU ": "half", "openssh-server\t1:10.0p1\tiHR": "half", "openssh-server\t\tun ": "none",
	} {
		in, ok := parseDpkg(line)
		got := "gone"
		switch {
		case !ok:
			got = "none"
		case in.Complete():
			got = "complete"
		case in.Unpacked():
			got = "half"
		}
		if got != want {
			t.Errorf("%q: %s, want %s", line, got, want)
		}
	}
	if in, ok := parseApk("openssh-server-10.3_p1-r1"); !ok || in.Name != "openssh-server" || in.Version != "10.3_p1-r1" {
		t.Errorf("%+v", in)
	}
}

// FuzzParse gives hostile bytes to every parser at once.
func FuzzParse(f *testing.F) {
	f.Add([]byte("LISTEN 0 1 *:22 *:* users:((\"x\",pid=1,fd=2))"), []byte("Id=ssh.service\nLoadState=loaded\nMainPID=7\nListen=1:2 (Stream)\n\n"), "sshd: ALL EXCEPT [::1]/64 : deny\n")
	f.Add([]byte(`[{"ifname":"eth0","addr_info":[{"local":"x"}]}]`), []byte("{}"), "ALL:\\\n ALL : twist x")
	f.Fuzz(func(t *testing.T, a, c []byte, hosts string) {
		b := bundle(map[string]string{"/etc/hosts.allow": hosts, "/etc/hosts.deny": hosts, "/etc/default/ssh": hosts, "/etc/os-release": hosts})
		b.Put(evidence.Stat("/usr/sbin/sshd"), evidence.Result{Status: evidence.Known})
		for i, it := range Wants(b, Ask{}) {
			if it.Kind == evidence.KindCommand {
				b.Put(it, evidence.Result{Status: evidence.Known, Data: [][]byte{a, c}[i%2], Stderr: c})
			}
		}
		b.Put(itemSS, evidence.Result{Status: evidence.Known, Data: a})
		b.Put(itemUnits, evidence.Result{Status: evidence.Known, Data: c})
		b.Put(itemAddr, evidence.Result{Status: evidence.Known, Data: a})
		b.Put(itemJournal, evidence.Result{Status: evidence.Known, Data: c})
		parsed := Parse(b, Ask{Client: netip.MustParseAddr("192.0.2.1"), User: "alice"})
		parsed.Wrappers.Decide(Caller{Addr: netip.MustParseAddr("2001:db8::1")})
		if n := len(Wants(b, Ask{})); n > evidence.MaxItems {
			t.Errorf("wants %d items", n)
		}
		if !slices.IsSortedFunc(parsed.Listeners.All, func(x, y Listener) int { return x.Port - y.Port }) {
			t.Error("listeners are not in order")
		}
	})
}

// TestOwners: a name that a user gives his process is no part of the list.
func TestOwners(t *testing.T) {
	for in, want := range map[string][]Owner{
		`("sshd",pid=612,fd=3),("systemd",pid=1,fd=45))`: {{"sshd", 612}, {"systemd", 1}},
		`("sshd",pid=1,fd=",pid=9171,fd=3))`:             {{`sshd",pid=1,fd=`, 9171}},
		`("sshd",pid=12",pid=9171,fd=3))`:                {{`sshd",pid=12`, 9171}},
		`("a) b"(c",pid=7,fd=3))`:                        {{`a) b"(c`, 7}},
		`("sshd",pid=612`:                                nil,
		`("x",pid=99999999999999999999,fd=3))`:           nil,
	} {
		if got := parseOwners(in); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", in, got, want)
		}
	}
}

// TestUnitOf: what a user calls a unit of his own is no unit of the machine's.
func TestUnitOf(t *testing.T) {
	for line, want := range map[string]string{
		"0::/system.slice/ssh.service":                                           "ssh.service",
		"0::/system.slice/system-sshd.slice/sshd@3-x.service":                    "sshd@3-x.service",
		"0::/user.slice/user-1001.slice/user@1001.service/app.slice/ssh.service": "user@1001.service",
		"0::/user.slice/user-1001.slice/session-4.scope":                         "session-4.scope",
		"0::/user.slice/user-1001.slice/user@1001.service/session-1.scope":       "user@1001.service",
		"0::/system.slice/docker-3f2a.scope/system.slice/ssh.service":            "docker-3f2a.scope",
		"5:pids:/docker/3f2a/system.slice/ssh.service":                           "ssh.service",
		"0::/": "", "": "", "0::/init.scope": "init.scope",
	} {
		if got := unitOf(line); got != want {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
	}
}
