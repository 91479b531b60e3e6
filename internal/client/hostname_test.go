package client

import (
	"strings"
	"testing"
)

func TestCheckHost(t *testing.T) {
	for _, bad := range []string{"", "-oProxyCommand=x", "a b", "a;b", "a$(b)", "user@-x", "a\x1b[2J", "a\nb", "http://x/", "ssh://", "`id`@x", "a'b", strings.Repeat("a", 2000)} {
		if CheckHost(bad) == "" {
			t.Errorf("%q passed", bad)
		}
	}
	for _, good := range []string{"web1", "alice@web1.example.org", "ssh://alice@web1:2222", "2001:db8::1", "[2001:db8::1]", "fe80::1%eth0", `DOMAIN\bob@web1`, "xn--bcher-kva.example", "bücher.example", "a_b"} {
		if fault := CheckHost(good); fault != "" {
			t.Errorf("%q: %s", good, fault)
		}
	}
}
