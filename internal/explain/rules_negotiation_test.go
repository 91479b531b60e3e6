package explain

import (
	"slices"
	"strings"
	"testing"

	"sshwhy/internal/report"
)

// TestDisjointLists: only the two sides' proposals of one attempt are compared.
func TestDisjointLists(t *testing.T) {
	for _, c := range []struct {
		name, text, want string
	}{
		{"both proposals", "DEBUG: (local) Host key format: ssh-ed25519,rsa-sha2-512\nDEBUG: (remote) Host key format: ssh-rsa\n", "no-common-host-key"},
		{"a common name", "DEBUG: (local) Host key format: ssh-ed25519,ssh-rsa\nDEBUG: (remote) Host key format: ssh-rsa\n", ""},
		{"key types of users", "debug1: Server host key: ssh-ed25519 SHA256:x\ndebug1: kex_ext_info_client_parse: server-sig-algs=<rsa-sha2-256>\n", ""},
		{"a choice and a list", "server host key: ssh-ed25519\nlocal client algorithms: rsa-sha2-256,ssh-rsa\n", ""},
		{"a list of one attempt and one of the next", "$ ssh a\nlocal kex algorithms: ecdh-sha2-nistp256\n$ ssh b\nremote kex algorithms: curve25519-sha256\n", ""},
		{"a label of both sides", "client to server ciphers: aes128-ctr\nserver to client ciphers: aes256-ctr\n", ""},
	} {
		r, err := Explain(strings.NewReader("$ ssh web1\n"+c.text), Options{})
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if i := slices.IndexFunc(r.Findings, func(f report.Finding) bool { return slices.Contains(noCommon, f.Cause) }); i >= 0 {
			got = r.Findings[i].Cause
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
