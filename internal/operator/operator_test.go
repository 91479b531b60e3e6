package operator

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// chain builds processes from "pid name user [tty]" lines, each the child of the
// next; a process began pid milliseconds after the boot.
func chain(lines ...string) Chain {
	var c Chain
	for i, l := range lines {
		f := strings.Fields(l)
		name := strings.ReplaceAll(f[1], "_", " ")
		p := Process{PID: number(f[0]), Name: name, User: f[2]}
		p.Began = time.Duration(p.PID) * time.Millisecond
		for _, w := range f[3:] {
			if dev, ok := strings.CutPrefix(w, "tty="); ok {
				p.TTY = uint64(number(dev))
			} else {
				p.Env = append(p.Env, strings.ReplaceAll(w, "_", " "))
			}
		}
		p.Env = fixNames(p.Env)
		if i+1 < len(lines) {
			p.Parent = number(strings.Fields(lines[i+1])[0])
		}
		c = append(c, p)
	}
	return c
}

// fixNames turns the blanks in variables' names back into underscores.
func fixNames(env []string) []string {
	for i, e := range env {
		name, value, _ := strings.Cut(e, "=")
		env[i] = strings.ReplaceAll(name, " ", "_") + "=" + value
	}
	return env
}

func number(s string) int {
	n := 0
	for _, c := range s {
		n = n*10 + int(c-'0')
	}
	return n
}

// Device numbers: /dev/tty1, /dev/ttyS0, /dev/pts/3.
const (
	tty1 = "tty=1025"
	ttyS = "tty=1088"
	pts3 = "tty=34819"
)

const overSSH = "SSH_CONNECTION=192.0.2.2_50000_198.51.100.10_22"

func alice(began int) Session {
	return Session{Way: Remote, Server: "sshd-session", User: "alice", From: netip.MustParseAddrPort("192.0.2.2:50000"),
		To: netip.MustParseAddrPort("198.51.100.10:22"), Began: time.Duration(began) * time.Millisecond}
}

var ssh = []string{"700 bash alice " + pts3 + " " + overSSH, "600 sshd-session alice", "590 sshd-session root", "80 sshd root", "1 systemd root"}

func above(lower ...string) Chain { return chain(append(lower, ssh...)...) }

func TestJudge(t *testing.T) {
	console := func(user string, began int) Session {
		return Session{Way: Console, User: user, Began: time.Duration(began) * time.Millisecond}
	}
	for _, c := range []struct {
		name string
		s    Snapshot
		want Session
	}{
		{"ssh", Snapshot{Chain: above("900 sshwhy alice")}, alice(590)},
		{"sudo in a pseudo-terminal of its own", Snapshot{Chain: above("900 sshwhy root tty=34820", "890 sudo root tty=34820", "880 sudo root "+pts3)}, alice(590)},
		{"su - forgets the environment", Snapshot{Chain: above("900 sshwhy root", "890 bash root", "880 su root")}, alice(590)},
		{"a forged variable below", Snapshot{Chain: above("900 sshwhy root SSH_CONNECTION=203.0.113.9_1_203.0.113.1_22", "880 sudo root")}, alice(590)},
		{"root's login by OpenSSH before 9.8", Snapshot{Chain: chain("900 sshwhy root", "700 bash root "+overSSH, "600 sshd root", "80 sshd root", "1 systemd root")},
			Session{Way: Remote, Server: "sshd", User: "root", From: alice(0).From, To: alice(0).To, Began: 600 * time.Millisecond}},
		{"a process per connection", Snapshot{Chain: chain("900 sshwhy root", "700 bash root "+overSSH, "600 sshd root", "1 systemd root")},
			Session{Way: Remote, Server: "sshd", User: "root", From: alice(0).From, To: alice(0).To, Began: 600 * time.Millisecond}},
		{"dropbear, as it tells it", Snapshot{Chain: chain("900 sshwhy root", "700 ash root SSH_CLIENT=2001:db8::7_4000_22", "600 dropbear root", "80 dropbear root", "1 init root")},
			Session{Way: Remote, Server: "dropbear", User: "root", From: netip.MustParseAddrPort("[2001:db8::7]:4000"), Began: 600 * time.Millisecond}},
		{"a remote command, no environment readable", Snapshot{Chain: chain("900 sshwhy alice", "600 sshd-session alice", "590 sshd-session root", "80 sshd root", "1 systemd root"),
			Logind: &Logind{User: "alice", Remote: true, RemoteHost: "192.0.2.2"}},
			Session{Way: Remote, Server: "sshd-session", User: "alice", From: netip.MustParseAddrPort("192.0.2.2:0"), Began: 590 * time.Millisecond}},
		{"telnet", Snapshot{Chain: chain("900 sshwhy bob "+pts3, "700 bash bob "+pts3, "650 login root "+pts3, "600 in.telnetd root", "1 systemd root"),
			LoginUser: "bob", Utmp: []Utmp{{Line: "pts/3", User: "bob", Host: "gw", Addr: netip.MustParseAddr("192.0.2.9")}}},
			Session{Way: Remote, Server: "in.telnetd", User: "bob", From: netip.MustParseAddrPort("192.0.2.9:0"), Began: 600 * time.Millisecond}},
		{"nohup, after the login has ended: logind", Snapshot{Chain: chain("900 sshwhy root", "880 sudo root", "1 systemd root"),
			Logind: &Logind{User: "alice", Remote: true, RemoteHost: "192.0.2.2", Began: time.Second}},
			Session{Way: Remote, User: "alice", From: netip.MustParseAddrPort("192.0.2.2:0"), Began: time.Second}},
		{"nohup, no logind: the environment", Snapshot{Chain: chain("900 sshwhy root "+overSSH+" SUDO_USER=alice", "1 init root")},
			Session{Way: Remote, User: "alice", From: alice(0).From, To: alice(0).To}},
		{"nothing but utmp", Snapshot{Chain: chain("900 sshwhy alice "+pts3, "1 init root"), Utmp: []Utmp{{Line: "pts/3", User: "alice", Host: "far", Addr: netip.MustParseAddr("192.0.2.2")}}},
			Session{Way: Remote, User: "alice", From: netip.MustParseAddrPort("192.0.2.2:0")}},
		{"systemd-run, a container's exec: who knows", Snapshot{Chain: chain("900 sshwhy root "+pts3, "1 systemd root")}, Session{Way: Unknown, User: "root"}},
		{"a parent outside of this namespace", Snapshot{Chain: chain("900 sshwhy root " + tty1)}, Session{Way: Unknown, User: "root"}},

		{"a virtual terminal", Snapshot{Chain: chain("900 sshwhy root "+tty1, "700 bash root "+tty1, "600 login root "+tty1, "1 systemd root")}, console("root", 600)},
		{"serial, sudo in a pseudo-terminal", Snapshot{Chain: chain("900 sshwhy root "+pts3, "890 sudo root "+pts3, "880 sudo root "+ttyS, "700 bash alice "+ttyS, "600 login root "+ttyS, "1 systemd root"), LoginUser: "alice"}, console("alice", 600)},
		{"a container's console is a pseudo-terminal", Snapshot{Chain: chain("900 sshwhy root "+pts3, "700 bash root "+pts3, "600 login root "+pts3, "1 systemd root")}, console("root", 600)},
		{"busybox: login has become the shell", Snapshot{Chain: chain("900 sshwhy root "+ttyS, "700 ash root "+ttyS, "1 init root")}, console("root", 700)},
		{"a console's logind session", Snapshot{Chain: chain("900 sshwhy root "+tty1, "700 bash root "+tty1, "600 login root "+tty1, "1 systemd root"), Logind: &Logind{User: "root", Seat: "seat0"}}, console("root", 600)},
		{"login of telnet is no console's", Snapshot{Chain: chain("900 sshwhy bob "+pts3, "650 login root "+pts3, "600 in.telnetd root", "1 systemd root"), LoginUser: "bob"},
			Session{Way: Remote, Server: "in.telnetd", User: "bob", Began: 600 * time.Millisecond}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if d := cmp.Diff(c.want, Judge(c.s), cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestHere: a login from any address of this machine came through no network.
func TestHere(t *testing.T) {
	own := []netip.Addr{netip.MustParseAddr("198.51.100.10"), netip.MustParseAddr("10.99.0.1"), netip.MustParseAddr("fe80::1")}
	for _, c := range []struct {
		name, connection string
		want             bool
	}{
		{"another machine", "192.0.2.2_50000_198.51.100.10_22", false},
		{"the loopback", "127.0.0.1_50000_127.0.0.1_22", true},
		{"the loopback, IPv6", "::1_50000_::1_22", true},
		{"its own address", "198.51.100.10_50000_198.51.100.10_22", true},
		{"its own address, to the loopback (ssh -b)", "198.51.100.10_50000_127.0.0.1_22", true},
		{"another one of its own", "10.99.0.1_50000_198.51.100.10_22", true},
		{"mapped", "::ffff:10.99.0.1_50000_::ffff:198.51.100.10_22", true},
		{"link-local", "fe80::1%eth0_50000_fe80::1%eth0_22", true},
		{"not read among its own, and the same on both sides", "203.0.113.1_50000_203.0.113.1_22", true},
	} {
		s := Snapshot{Own: own, Chain: chain("900 sshwhy alice", "700 bash alice SSH_CONNECTION="+c.connection,
			"600 sshd-session alice", "590 sshd-session root", "80 sshd root", "1 systemd root")}
		if got := Judge(s); got.Here != c.want {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
}

// TestMultiplexers: the server's own environment and parents tell who started
// it, which may have been anyone; the attached clients decide.
func TestMultiplexers(t *testing.T) {
	consoleClient := chain("450 bash root "+tty1, "440 login root "+tty1, "1 systemd root")
	sshClient := above("810 tmux:_client alice")[1:]
	later := chain("950 bash alice "+overSSH, "940 sshd-session alice", "930 sshd-session root", "80 sshd root", "1 systemd root")
	inTmux := chain("900 sshwhy root", "880 sudo root", "860 bash alice "+pts3, "500 tmux:_server alice SSH_CONNECTION=203.0.113.9_1_203.0.113.1_22", "1 systemd root")
	inScreen := chain("900 sshwhy root", "860 bash alice "+pts3, "500 screen alice", "480 screen alice "+tty1, "450 bash alice "+tty1, "440 login root "+tty1, "1 systemd root")
	for _, c := range []struct {
		name    string
		chain   Chain
		clients map[int][]Chain
		want    Session
	}{
		{"one client over ssh", inTmux, map[int][]Chain{500: {sshClient}}, alice(590)},
		{"one at the console", inTmux, map[int][]Chain{500: {consoleClient}}, Session{Way: Console, User: "root", Began: 440 * time.Millisecond}},
		{"one at the console, one over ssh", inTmux, map[int][]Chain{500: {consoleClient, sshClient}}, alice(590)},
		{"two over ssh: the later login", inTmux, map[int][]Chain{500: {sshClient, later}}, alice(930)},
		{"nobody attached", inTmux, nil, Session{Way: Unknown, User: "alice"}},
		{"screen's parent is who started it, not who is there", inScreen, map[int][]Chain{500: {sshClient}}, alice(590)},
		{"a client of unknown origin beside the console", inTmux, map[int][]Chain{500: {consoleClient, chain("700 bash bob", "1 systemd root")}}, Session{Way: Unknown, User: "bob"}},
		{"one in the other", inTmux, map[int][]Chain{500: {inScreen}}, Session{Way: Unknown, User: "alice"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := Judge(Snapshot{Chain: c.chain, Clients: c.clients})
			if d := cmp.Diff(c.want, got, cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestReaders are total on what they read: a name may hold any byte, a record
// may be cut.
func TestReaders(t *testing.T) {
	p, ok := parseStat("812 (a) b (c) S 700 812 700 34819 900 4194304 1 0 0 0 0 0 0 0 20 0 1 0 123456 0 0")
	if want := (Process{PID: 812, Parent: 700, Name: "a) b (c", TTY: 34819, Began: 1234560 * time.Millisecond}); !ok || !cmp.Equal(p, want) {
		t.Errorf("%+v %v", p, ok)
	}
	for _, bad := range []string{"", "1", "1 (x", "1 ) (", "x (a) S 1", "1 (a) S 1 1 1 1"} {
		if _, ok := parseStat(bad); ok {
			t.Errorf("%q is a process", bad)
		}
	}
	rec := make([]byte, utmpSize)
	rec[0] = utmpProcess
	copy(rec[8:], "pts/3")
	copy(rec[44:], "alice")
	copy(rec[76:], "far.example")
	copy(rec[348:], []byte{192, 0, 2, 2})
	got := parseUtmp(append(rec, rec[:100]...))
	if want := []Utmp{{Line: "pts/3", User: "alice", Host: "far.example", Addr: netip.MustParseAddr("192.0.2.2")}}; !cmp.Equal(got, want, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })) {
		t.Errorf("%+v", got)
	}
	l := parseLogind("Name=alice\nRemote=yes\nRemoteHost=192.0.2.2\nSeat=\nTimestampMonotonic=1500000\nOther\n")
	if want := (&Logind{User: "alice", RemoteHost: "192.0.2.2", Remote: true, Began: 1500 * time.Millisecond}); !cmp.Equal(l, want) {
		t.Errorf("%+v", l)
	}
	for cgroup, want := range map[string]string{
		"0::/user.slice/user-1000.slice/session-12.scope\n":        "12",
		"1:name=systemd:/user.slice/user-0.slice/session-c3.scope": "c3",
		"0::/system.slice/session-1.scope.service/x\n":             "",
		"0::/user.slice/user-1000.slice/user@1000.service\n":       "",
	} {
		got := ""
		if m := sessionScope.FindStringSubmatch(cgroup); m != nil {
			got = m[1]
		}
		if got != want {
			t.Errorf("%q: session %q, want %q", cgroup, got, want)
		}
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add("812 (a) b (c) S 700 812 700 34819 900 4194304 1 0 0 0 0 0 0 0 20 0 1 0 123456 0 0")
	f.Fuzz(func(t *testing.T, line string) {
		if p, ok := parseStat(line); ok && (p.PID <= 0 || p.Began < 0) {
			t.Errorf("%+v", p)
		}
	})
}

func FuzzUtmp(f *testing.F) {
	f.Add(make([]byte, utmpSize+10))
	f.Fuzz(func(t *testing.T, data []byte) {
		if n := len(parseUtmp(data)); n > len(data)/utmpSize {
			t.Errorf("%d records of %d bytes", n, len(data))
		}
	})
}
