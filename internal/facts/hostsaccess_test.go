package facts

import (
	"net/netip"
	"testing"
)

// What libwrap itself decided was seen with real sshd 9.2, 10.0 and 10.6 for the
// rules marked "seen"; the others follow hosts_access(5).
func TestDecide(t *testing.T) {
	for _, c := range []struct {
		name, allow, deny, client string
		want                      Part
	}{
		{"comments only", "# x\n", "# ALL: ALL\n", "192.0.2.7", NoOne},
		{"all (seen)", "", "ALL: ALL\n", "192.0.2.7", Everyone},
		{"no newline at the end (seen)", "", "sshd: ALL", "192.0.2.7", Everyone},
		{"allow wins (seen)", "sshd: 192.0.2.7\n", "ALL: ALL\n", "192.0.2.7", NoOne},
		{"except (seen)", "", "ALL: ALL EXCEPT 192.0.2.7\n", "192.0.2.7", NoOne},
		{"except another (seen)", "", "ALL: ALL EXCEPT 192.0.2.8\n", "192.0.2.7", Everyone},
		{"deny in hosts.allow (seen)", "sshd: ALL : deny\n", "", "192.0.2.7", Everyone},
		{"twist (seen)", "", "sshd: ALL : twist /bin/echo no\n", "192.0.2.7", Everyone},
		{"sshd-session is not the name (seen)", "", "sshd-session: ALL\n", "192.0.2.7", NoOne},
		{"no separator (seen)", "", "sshd ALL\n", "192.0.2.7", NoOne},
		{"another daemon", "", "vsftpd: ALL\n", "192.0.2.7", NoOne},
		{"network with a mask", "", "sshd: 192.0.2.0/255.255.255.0\n", "192.0.2.7", Everyone},
		{"network with a length", "", "sshd: 192.0.2.0/24\n", "198.51.100.1", NoOne},
		{"prefix with a dot", "", "sshd: 192.0.\n", "192.0.2.7", Everyone},
		{"prefix is no substring", "", "sshd: 2.0.\n", "192.0.2.7", NoOne},
		{"six in brackets", "", "sshd: [2001:db8::]/32\n", "2001:db8::5", Everyone},
		{"six in brackets, another", "sshd: [2001:db9::]/32 : deny\n", "", "2001:db8::5", NoOne},
		{"mapped address", "", "sshd: 192.0.2.7\n", "::ffff:192.0.2.7", Everyone},
		{"a host name", "", "sshd: bad.example\n", "192.0.2.7", Some},
		{"a domain in allow", "sshd: .good.example\n", "ALL: ALL\n", "192.0.2.7", Some},
		{"paranoid", "", "ALL: PARANOID\n", "192.0.2.7", Some},
		{"continued line", "", "sshd: \\\n ALL\n", "192.0.2.7", Everyone},
		{"several of each", "", "ftpd, sshd: 10.0.0.1, 192.0.2.7\n", "192.0.2.7", Everyone},
		{"nested except", "", "ALL: ALL EXCEPT 192.0.2. EXCEPT 192.0.2.7\n", "192.0.2.7", Everyone},
		{"daemon except", "", "ALL EXCEPT sshd: ALL\n", "192.0.2.7", NoOne},
		{"wildcard", "", "sshd: 192.0.?.*\n", "192.0.2.7", Everyone},
		{"anyone, all", "", "ALL: ALL\n", "", Everyone},
		{"anyone, a whitelist", "sshd: 10.0.0.\n", "ALL: ALL\n", "", Some},
		{"anyone, one client", "", "sshd: 203.0.113.9\n", "", Some},
		{"anyone, allowed to all", "sshd: ALL\n", "ALL: ALL\n", "", NoOne},
	} {
		b := bundle(map[string]string{"/etc/hosts.allow": c.allow, "/etc/hosts.deny": c.deny})
		var client netip.Addr
		if c.client != "" {
			client = netip.MustParseAddr(c.client)
		}
		if got := parseWrappers(b).Decide(Caller{Addr: client}); got.Denied != c.want {
			t.Errorf("%s: denied %d, want %d", c.name, got.Denied, c.want)
		}
	}
}
