package facts

import (
	"net/netip"
	"strings"
	"testing"

	"sshwhy/internal/evidence"
)

func TestMatchUser(t *testing.T) {
	for _, c := range []struct {
		patterns, user, client string
		want                   Part
	}{
		{"alice bob", "bob", "", Everyone},
		{"alice", "bob", "", NoOne},
		{"al*", "alice", "", Everyone},
		{"alice@192.0.2.0/24", "alice", "192.0.2.9", Everyone},
		{"alice@192.0.2.0/24", "alice", "198.51.100.9", NoOne},
		{"alice@192.0.2.*", "alice", "192.0.2.9", Everyone},
		{"alice@office.example", "alice", "192.0.2.9", Some},
		{"alice@192.0.2.0/24", "alice", "", Some},
		{"alice@*", "alice", "", Everyone},
		// Tried on OpenSSH 9.2 and 10.0: a "!" negates hosts, not names.
		{"!alice *", "alice", "", Everyone},
		{"!alice", "alice", "", NoOne},
		{"!bob", "alice", "", NoOne},
		{"alice@!192.0.2.2,*", "alice", "192.0.2.2", NoOne},
		{"alice@!192.0.2.2,*", "alice", "192.0.2.3", Everyone},
		{"alice@!192.0.2.2,*", "alice", "", Some},
		{"alice@192.0.2.0/24,198.51.100.7", "alice", "198.51.100.7", Everyone},
	} {
		var client netip.Addr
		if c.client != "" {
			client = netip.MustParseAddr(c.client)
		}
		if got := MatchUser(strings.Fields(c.patterns), c.user, Caller{Addr: client}); got != c.want {
			t.Errorf("%q of %q from %q: %d, want %d", c.patterns, c.user, c.client, got, c.want)
		}
	}
	named := Caller{Addr: netip.MustParseAddr("192.0.2.9"), Named: true, Name: "desk.lab.test"}
	unnamed := Caller{Addr: named.Addr, Named: true}
	if MatchUser([]string{"alice@*.lab.test"}, "alice", named) != Everyone || MatchUser([]string{"alice@*.LAB.test"}, "alice", unnamed) != NoOne {
		t.Error("a name that is known")
	}
	if MatchGroups([]string{"ssh-*"}, []string{"users", "ssh-users"}) != Everyone || MatchGroups([]string{"!users"}, []string{"users"}) != NoOne {
		t.Error("groups")
	}
}

func TestAccount(t *testing.T) {
	b := evidence.NewBundle()
	ask := Ask{User: "alice"}
	put := func(out string, exit int, args ...string) {
		b.Put(evidence.Command(args...), evidence.Result{Status: evidence.Known, Exit: exit, Data: []byte(out)})
	}
	put("alice:$6$secret:1000:1000:Alice,,,:/home/alice:\n", 0, "getent", "passwd", "alice")
	put("alice sudo\n", 0, "id", "-Gn", "alice")
	put("alice L 11/20/2026 0 99999 7 -1\n", 0, "passwd", "-S", "alice")
	put("Last password change\t: Nov 20, 2026\nPassword expires\t: password must be changed\nAccount expires\t\t: Jan 02, 2026\n", 0, "chage", "-l", "alice")
	put("alice:x:1000:\n", 0, "getent", "group", "1000")
	a := parseAccount(b, ask)
	if a.Shell != "/bin/sh" || a.Home != "/home/alice" || a.Password != PasswordLocked || !a.MustChange || !a.Private || len(a.Groups) != 2 {
		t.Errorf("%+v", a)
	}
	if a.Expires.Format("2006-01-02") != "2026-01-02" {
		t.Errorf("expires %v", a.Expires)
	}
	if strings.Contains(a.Line.Text, "secret") {
		t.Error("the hash of an old passwd file is quoted")
	}
	put("", 2, "getent", "passwd", "nosuch")
	if a := parseAccount(b, Ask{User: "nosuch"}); a.Origin.Status != evidence.Absent {
		t.Errorf("%+v", a.Origin)
	}
	for _, odd := range []string{"-rf", "a:b", "a b", "../x", ""} {
		for _, it := range wantAccount(b, Ask{User: odd}) {
			t.Errorf("%q: runs %v", odd, it.Args)
		}
	}
}

func TestDirsAbove(t *testing.T) {
	for _, c := range []struct{ file, home, want string }{
		{"/home/alice/.ssh/authorized_keys", "/home/alice", "/home/alice/.ssh /home/alice"},
		{"/etc/ssh/keys/alice", "/home/alice", "/etc/ssh/keys /etc/ssh /etc /"},
	} {
		if got := strings.Join(dirsAbove(c.file, c.home), " "); got != c.want {
			t.Errorf("%s: %s", c.file, got)
		}
	}
}

func TestStorage(t *testing.T) {
	b := evidence.NewBundle()
	b.Put(itemDF, evidence.Result{Status: evidence.Known, Exit: 1, Data: []byte(
		"Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/a 1000 1000 0 100% /\ntmpfs 50 0 50 0% /run\n/dev/a 1000 1000 0 100% /\n")})
	b.Put(itemMounts, evidence.Result{Status: evidence.Known, Data: []byte("/dev/a / ext4 ro,errors=remount-ro 0 0\ntmpfs /run tmpfs rw,nosuid 0 0\n")})
	s := parseStorage(b)
	if len(s.Systems) != 2 || s.Systems[0].Free != 0 || !s.Systems[0].ReadOnly || s.Systems[1].ReadOnly || s.Systems[1].Free != 50 {
		t.Errorf("%+v", s.Systems)
	}
}
