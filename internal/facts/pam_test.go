package facts

import (
	"net/netip"
	"strings"
	"testing"

	"sshwhy/internal/evidence"
)

func TestParsePAM(t *testing.T) {
	for line, want := range map[string]string{
		"@include common-auth":                                                           "> common-auth",
		"account    required     pam_nologin.so":                                         "account pam_nologin.so",
		"auth [success=1 default=ignore] pam_unix.so nullok # comment":                   "auth pam_unix.so nullok",
		"-session optional pam_systemd.so":                                               "session pam_systemd.so",
		"auth       substack     password-auth":                                          "auth > password-auth",
		"account required /lib64/security/pam_access.so accessfile=/etc/ssh-access.conf": "account pam_access.so accessfile=/etc/ssh-access.conf",
		"# auth required pam_deny.so":                                                    "",
		"auth [success=1 pam_unix.so":                                                    "",
		"auth required":                                                                  "",
		"auth [success=1 default=ignore]":                                                "",
	} {
		r, include, ok := parsePAM(line)
		got := strings.TrimSpace(strings.Join(append([]string{r.Phase, r.Module}, r.Args...), " "))
		if include != "" {
			got = strings.TrimSpace(r.Phase + " > " + include)
		}
		if !ok {
			got = ""
		}
		if got != want {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
}

func TestAccessDecision(t *testing.T) {
	b := evidence.NewBundle()
	b.Put(evidence.File(accessConf), evidence.Result{Status: evidence.Known, Data: []byte(`# comment
-:bob:192.0.2.0/24
+:alice (staff):192.0.2.2 2001:db8:1::2
-:@night:ALL
- : ALL EXCEPT root : ALL EXCEPT LOCAL .example.org
`)})
	p := PAM{Access: pamLines(b, accessConf, ":", 3)}
	for _, c := range []struct {
		user, group, client string
		line                int
		match               Part
	}{
		{"bob", "", "192.0.2.2", 2, Everyone},
		{"alice", "", "192.0.2.2", 3, Everyone},
		{"alice", "", "2001:db8:1::2", 3, Everyone},
		{"carol", "staff", "192.0.2.2", 3, Everyone},
		{"carol", "", "192.0.2.9", 4, Some},
		{"alice", "", "", 3, Some},
	} {
		client, _ := netip.ParseAddr(c.client)
		l, m, ok := p.AccessDecision(c.user, []string{c.group}, Caller{Addr: client}, PAMRule{})
		if !ok || l.Quote.Line != c.line || m != c.match {
			t.Errorf("%+v: line %d, %v, %v", c, l.Quote.Line, m, ok)
		}
	}
}

func FuzzPAM(f *testing.F) {
	f.Add("auth required pam_access.so\n@include x\n", "-:alice:ALL EXCEPT 192.0.2.0/24\n", "2026-11-21 13:57:41 RHOST 192.0.2.2   V\n")
	f.Add("@include sshd\n@include sshd\nauth include sshd", "+", "")
	f.Fuzz(func(t *testing.T, service, access, fails string) {
		ask := Ask{User: "alice", Client: netip.MustParseAddr("192.0.2.2")}
		b := evidence.NewBundle()
		known := func(it evidence.Item, s string) {
			b.Put(it, evidence.Result{Status: evidence.Known, Data: []byte(s), Meta: &evidence.Meta{}})
		}
		known(evidence.Stat("/usr/sbin/sshd"), "")
		known(sshdCommand(b, "-T"), "usepam yes\n")
		known(evidence.File("/etc/pam.d/sshd"), service)
		known(evidence.File("/etc/pam.d/x"), service)
		known(evidence.File(accessConf), access)
		known(faillockItem(ask), fails)
		p := parsePAMFacts(b, ask)
		for _, r := range p.Rules {
			p.AccessDecision("alice", nil, Caller{Addr: ask.Client}, r)
		}
		if len(wantPAM(b, ask)) > maxPAMFiles+3*len(p.Rules) {
			t.Error("too much is wanted")
		}
	})
}
