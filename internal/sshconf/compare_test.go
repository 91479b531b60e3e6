package sshconf

import (
	"slices"
	"strings"
	"testing"
)

func TestCompare(t *testing.T) {
	const (
		same, narrower, unknown, wider = Same, Narrower, Unknown, Wider
	)
	for _, c := range []struct {
		keyword, from, to string // values of several lines with "|" between; "" is unset
		want              Direction
		says              string
	}{
		{"permitrootlogin", "no", "yes", wider, "root could log in with a password"},
		{"permitrootlogin", "without-password", "yes", wider, "root could log in with a password"},
		{"permitrootlogin", "no", "without-password", wider, "root could log in with a key"},
		{"permitrootlogin", "yes", "forced-commands-only", narrower, "root could no longer log in with a password"},
		{"permitrootlogin", "prohibit-password", "without-password", same, ""},
		{"permitrootlogin", "no", "tuesdays", unknown, "cannot be worked out"},
		{"passwordauthentication", "no", "yes", wider, "everyone could log in with a password"},
		{"strictmodes", "yes", "no", wider, "files that others may write to"},
		{"allowusers", "", "alice", narrower, "everyone whom AllowUsers keeps out could no longer log in"},
		{"allowusers", "alice", "", wider, "everyone whom AllowUsers keeps out could log in"},
		{"allowusers", "alice", "alice|bob", wider, "bob could log in"},
		{"allowusers", "alice|bob", "alice", narrower, "bob could no longer log in"},
		{"allowusers", "alice", "bob", wider, "bob could log in"},
		{"allowusers", "a*", "alice", narrower, ""},
		{"allowusers", "alice", "a*", wider, "a* could log in"},
		{"allowusers", "alice@10.*", "alice", wider, ""},
		{"allowusers", "alice", "alice@10.*", narrower, ""},
		{"allowgroups", "wheel", "wheel|staff", wider, "group staff could log in"},
		{"denyusers", "bob", "", wider, "bob could log in"},
		{"denyusers", "bob", "bob|carol", narrower, "carol could no longer log in"},
		{"denyusers", "b*", "bob", wider, "b* could log in"},
		{"ciphers", "aes256-ctr,aes128-cbc", "aes256-ctr", narrower, "everyone could no longer encrypt with aes128-cbc"},
		{"ciphers", "aes256-ctr", "aes256-ctr,aes128-cbc", wider, "everyone could encrypt with aes128-cbc"},
		{"ciphers", "a,b", "b,a", same, ""},
		{"authenticationmethods", "publickey,password", "any", wider, ""},
		{"authenticationmethods", "any", "publickey,password", narrower, ""},
		{"authenticationmethods", "publickey", "publickey,keyboard-interactive:pam", narrower, ""},
		{"authenticationmethods", "publickey,password", "publickey", wider, "log in with publickey alone"},
		{"authenticationmethods", "publickey,publickey", "publickey", wider, ""},
		{"authenticationmethods", "keyboard-interactive", "keyboard-interactive:pam", narrower, ""},
		{"permitopen", "any", "none", narrower, ""},
		{"permitopen", "host:22", "any", wider, "forward connections to everything"},
		{"permitlisten", "none", "8080", wider, ""},
		{"pubkeyauthoptions", "verify-required", "none", wider, "without verify-required"},
		{"pubkeyauthoptions", "touch-required", "touch-required verify-required", narrower, ""},
		{"forcecommand", "/bin/true", "none", wider, ""},
		{"forcecommand", "none", "/bin/true", narrower, ""},
		{"forcecommand", "/bin/true", "/bin/sh", unknown, ""},
		{"forcecommand", "none", "internal-sftp", unknown, ""},
		{"trustedusercakeys", "none", "/etc/ca", wider, "log in with certificates"},
		{"revokedkeys", "/etc/krl", "none", wider, "/etc/krl"},
		{"revokedkeys", "none", "/etc/krl", narrower, ""},
		{"authorizedkeysfile", ".ssh/authorized_keys", ".ssh/authorized_keys /etc/keys/%u", wider, "/etc/keys/%u"},
		{"authorizedkeysfile", ".ssh/authorized_keys", "none", narrower, ""},
		{"maxauthtries", "6", "3", narrower, ""},
		{"logingracetime", "120", "0", wider, ""},
		{"requiredrsasize", "2048", "1024", wider, "use smaller RSA keys"},
		{"maxstartups", "10:30:100", "10:60:100", narrower, ""},
		{"maxstartups", "10:30:100", "20:60:100", wider, ""},
		{"rekeylimit", "0 0", "1073741824 3600", narrower, ""},
		{"streamlocalbindmask", "0177", "0111", wider, ""},
		{"permituserenvironment", "no", "LANG,LC_*", wider, "set LANG"},
		{"permituserenvironment", "yes", "LANG", narrower, ""},
		{"listenaddress", "[::]:22|0.0.0.0:22", "127.0.0.1:22", narrower, ""},
		{"listenaddress", "127.0.0.1:22", "0.0.0.0:22", wider, "reach the server at 0.0.0.0:22"},
		{"listenaddress", "0.0.0.0:22", "0.0.0.0:2222", wider, ""},
		{"acceptenv", "LANG", "LANG|LC_*", wider, ""},
		{"banner", "none", "/etc/issue", same, ""},
		{"usepam", "yes", "no", unknown, "UsePAM"},
		{"usepam", "no", "yes", unknown, ""},
		{"fromthefuture", "1", "2", unknown, "fromthefuture"},
		{"loglevel", "INFO", "QUIET", wider, ""},
		{"gatewayports", "clientspecified", "yes", wider, ""},
	} {
		values := func(s string) Effective {
			e := Effective{Values: map[string][]string{}}
			if s != "" {
				e.Values[c.keyword] = strings.Split(s, "|")
			}
			return e
		}
		all := Compare(values(c.from), values(c.to))
		if len(all) != 1 || all[0].Direction != c.want || !strings.Contains(all[0].Words, c.says) {
			t.Errorf("%s: %q to %q: %+v", c.keyword, c.from, c.to, all)
		}
		if again := Compare(values(c.from), values(c.from)); len(again) != 0 {
			t.Errorf("%s differs from itself: %+v", c.keyword, again)
		}
	}
}

func TestCompareForSomebody(t *testing.T) {
	a := Effective{Values: map[string][]string{"x11forwarding": {"no"}}}
	b := Effective{Where: "where Match User bob holds", Values: map[string][]string{"x11forwarding": {"yes"}}}
	if got := Compare(a, b)[0].Words; got != "where Match User bob holds, everyone could forward X11" {
		t.Error(got)
	}
}

// TestTable holds the table to its own rules.
func TestTable(t *testing.T) {
	for _, side := range []Side{Server, Client} {
		seen := map[string]bool{}
		for _, k := range All(side) {
			if key := strings.ToLower(k.Name); seen[key] {
				t.Errorf("%s is listed twice", k.Name)
			} else {
				seen[key] = true
			}
			if k.Alias != "" {
				if _, ok := Lookup(side, k.Alias); !ok {
					t.Errorf("%s is another name of %s, which is not there", k.Name, k.Alias)
				}
			}
			if k.Closed != "" && !slices.Contains(k.Words, k.Closed) {
				t.Errorf("%s: %q is none of its words", k.Name, k.Closed)
			}
			if k.Closed != "" && side == Server {
				for _, word := range k.Words {
					if gained, _, known := k.rights([]string{word}, []string{k.Closed}); !known || len(gained) > 0 {
						t.Errorf("%s %s grants what %s does not: %v", k.Name, k.Closed, word, gained)
					}
				}
			}
		}
	}
}

// FuzzCompare: no output of a program makes the comparison fail, and nothing
// differs from itself.
func FuzzCompare(f *testing.F) {
	f.Add("permitrootlogin no\nallowusers a b\n", "permitrootlogin yes\nmaxstartups 1:2\n")
	f.Fuzz(func(t *testing.T, x, y string) {
		a, b := ParseDump([]byte(x)), ParseDump([]byte(y))
		Compare(a, b)
		if d := Compare(a, a); len(d) > 0 {
			t.Fatal(d)
		}
	})
}
