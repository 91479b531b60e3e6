package facts

import (
	"encoding/base64"
	"math/big"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
)

// TestKeyLines: what sshd takes for a key and what it passes over, each line tried with
// OpenSSH 9.2: $T is the type of a key and $B the key. why is a word of the reason; "" where
// sshd lets the key in.
func TestKeyLines(t *testing.T) {
	f := strings.Fields(testEd)
	fill := strings.NewReplacer("$T", f[0], "$B", f[1], "$CUT", f[1][:60], "$HALF", f[1][:20], "$REST", f[1][20:])
	for _, tt := range []struct{ line, why string }{
		{"$T $B", ""}, {"$T\t$B", ""}, {"$T  $B", ""}, {"$T $B\tcomment", ""}, {"\t$T $B", ""}, {"$T $B\r", ""}, {"$T $B c\r", ""}, {"$T $B # c", ""},
		{"no-pty\t$T $B", ""}, {"no-pty\t$T\t$B", ""}, {`command="true x" $T $B`, ""}, {"command=\"true\t\" $T $B", ""}, {`environment="A=\"b\"" $T $B`, ""},
		{"NO-PTY $T $B", ""}, {",no-pty $T $B", ""}, {"no-pty, $T $B", ""}, {"no-pty,,pty $T $B", ""}, {"restrict,pty $T $B c", ""},
		{`from="127.0.0.1" $T $B`, ""}, {`expiry-time="20991231" $T $B`, ""}, {`permitopen="host:22" $T $B`, ""}, {`tunnel="0" $T $B`, ""}, {`command="" $T $B`, ""},
		{"no-x11-forwarding,X11-forwarding,agent-forwarding,port-forwarding,user-rc,pty $T $B", ""},
		{"verify-required,touch-required $T $B", ""}, {"no-touch-required,no-verify-required $T $B", ""},
		// no key
		{"$B", "whole key"}, {"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5", "cut off"}, {"$T $CUT", "cut off"}, {"$T", "whole key"}, {"$T $HALF!$REST", "whole key"}, {"$T $B=", "whole key"},
		{"ssh-rsa $B", "names the type ssh-rsa and holds a key of type ssh-ed25519"}, {"rsa-sha2-512 $B", "names the type"}, {"ed25519 $B", "names the type"},
		{"\ufeff$T $B", "byte order mark"}, {"$T\u00a0$B", "whole key"}, {"$T\v$B", "whole key"},
		{"no-pty, pty $T $B", "whole key"}, {`command="true $T $B`, "quote that is not closed"},
		// options that sshd does not take
		{"frobnicate $T $B", "does not know (frobnicate)"}, {"no-restrict $T $B", "does not know"}, {"no-cert-authority $T $B", "does not know"}, {"no-ptyx $T $B", "does not know"},
		{"no-pty=yes $T $B", "gives a value"}, {"command $T $B", "without its value"}, {"command=true $T $B", "quotes"}, {"from=127.0.0.1 $T $B", "quotes"}, {`command="true"x $T $B`, "quotes"},
		{`command="true",command="false" $T $B`, "twice"}, {`from="127.0.0.1",from="127.0.0.2" $T $B`, "twice"},
		{`expiry-time="yesterday" $T $B`, "no time"}, {`expiry-time="20991332" $T $B`, "no time"}, {`expiry-time="" $T $B`, "no time"},
		{`environment="A" $T $B`, "NAME=VALUE"}, {`principals="bob" $T $B`, "principals"},
	} {
		line := fill.Replace(tt.line)
		keys, bad := ParseAuthorizedKeys("/k", []byte(line+"\n"))
		got := ""
		switch {
		case len(keys) == 1 && len(bad) == 0:
			got = keys[0].Fault
			if keys[0].Fingerprint != edPrint {
				t.Errorf("%q: another key: %+v", tt.line, keys[0])
			}
		case len(keys) == 0 && len(bad) == 1:
			got = bad[0].Why
		default:
			t.Errorf("%q: %d keys, %d bad lines", tt.line, len(keys), len(bad))
		}
		if (got == "") != (tt.why == "") || !strings.Contains(got, tt.why) {
			t.Errorf("%q: %q, want %q", tt.line, got, tt.why)
		}
	}
}

// TestUnusualRSAKey: an exponent that only the library minds is no fault.
func TestUnusualRSAKey(t *testing.T) {
	blob := ssh.Marshal(struct {
		Type   string
		E, Mod *big.Int
	}{"ssh-rsa", big.NewInt(1<<40 + 15), new(big.Int).Lsh(big.NewInt(3), 2046)})
	keys, bad := ParseAuthorizedKeys("/k", []byte("ssh-rsa "+base64.StdEncoding.EncodeToString(blob)))
	if len(keys) != 1 || len(bad) != 0 || keys[0].Fault != "" {
		t.Errorf("%+v %+v", keys, bad)
	}
}

// TestStrangeKey: a key of a type that only sshd knows is held, and nothing said against it.
func TestStrangeKey(t *testing.T) {
	const line = `from="192.0.2.7" ssh-new@example.org AAAAE3NzaC1uZXdAZXhhbXBsZS5vcmcAAAAEYWJjZA== bob's key`
	keys, bad := ParseAuthorizedKeys("/k", []byte(line))
	if len(keys) != 1 || len(bad) != 0 {
		t.Fatalf("%v %v", keys, bad)
	}
	k := keys[0]
	if from, _ := k.Option("from"); from != "192.0.2.7" || k.Type != "ssh-new@example.org" || k.Comment != "bob's key" || k.Fault != "" || !strings.HasPrefix(k.Fingerprint, "SHA256:") {
		t.Errorf("%+v", k)
	}
}
