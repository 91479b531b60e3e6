package facts

import (
	"net/netip"
	"strings"
	"testing"
)

// Keys made by ssh-keygen for this test; the fingerprints are what ssh-keygen -l says of them.
const (
	testEd   = `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIh0Hq2KXxQFJg/Zz0y8yr2DF+NdpiHEJoFpdkOTJBIp alice@example.com`
	testRSA  = `ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQC5vDXwpa51M9itRd7dzyzAd00XPGHKZjTag3ExrcyZ+181f6YTknViiZ+jgTUQ7LT316HTVRKY1QoeEmCZ6bMZcil7tdVcaXKCNd3SgOfXBrRMEQdcK4knwhuYjIxCH65vpM8WRinFovGFL2uZtxwYexG+cTOIrPae/mhehr3+gQ== old key`
	testEC   = `ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBA3NEd0yE+s5pGtbfVH0d9aW4SHs/17ZwHRQneAvOuWURruCM3Tn+ZNXuhgPmBIxXLyLEN/gDRTNVAJZNpWq1JE= `
	edPrint  = "SHA256:0HTTpNG74qXPbFa3LyRl8Pq9RpVC4S1nZkXQeUH1/Qs"
	rsaPrint = "SHA256:RKNqLjh2/aKRR7KfxZH+h9gGYlfh4hVZRmQeX0ULMjI"
)

func TestParseAuthorizedKeys(t *testing.T) {
	file := "# keys\n\n" +
		testEd + "\r\n" +
		`from="10.0.0.0/8,!10.1.1.1",command="echo \"a, b\" ssh-rsa",no-pty ` + testRSA + "\n" +
		"\t" + testEC + "\n" +
		testEd[:40] + "\n" + testEd[40:] + "\n" +
		"ssh-dss " + strings.Fields(testEd)[1] + "\n"
	keys, bad := ParseAuthorizedKeys("/k", []byte(file))
	if len(keys) != 3 || len(bad) != 3 {
		t.Fatalf("%d keys, %d bad lines: %v %v", len(keys), len(bad), keys, bad)
	}
	if k := keys[0]; k.Type != "ssh-ed25519" || k.Fingerprint != edPrint || k.Quote.Line != 3 || k.Bits != 0 || len(k.Options) != 0 {
		t.Errorf("plain key: %+v", k)
	}
	k := keys[1]
	if k.Type != "ssh-rsa" || k.Fingerprint != rsaPrint || k.Bits != 1024 || k.Quote.Line != 4 {
		t.Errorf("key with options: %+v", k)
	}
	if c, _ := k.Option("command"); c != `echo "a, b" ssh-rsa` {
		t.Errorf("command %q", c)
	}
	if from, _ := k.Option("from"); from != "10.0.0.0/8,!10.1.1.1" || len(k.Options) != 3 {
		t.Errorf("options %v", k.Options)
	}
	if len(k.Quote.Text) > 150 || !strings.HasPrefix(k.Quote.Text, `from="10.0.0.0/8`) || !strings.Contains(k.Quote.Text, "ssh-rsa AAAA") {
		t.Errorf("quoted as %q", k.Quote.Text)
	}
	if bad[0].Quote.Line != 6 || bad[2].Quote.Line != 8 {
		t.Errorf("bad lines %v", bad)
	}
}

func TestMatchFrom(t *testing.T) {
	client := netip.MustParseAddr("192.0.2.7")
	for _, c := range []struct {
		list   string
		useDNS bool
		want   Part
	}{
		{"192.0.2.7", false, Everyone}, {"192.0.2.0/24", false, Everyone}, {"10.0.0.0/8, 192.0.2.*", false, Everyone},
		{"10.0.0.0/8", false, NoOne}, {"*,!192.0.2.7", false, NoOne}, {"!192.0.2.8", false, NoOne},
		{"web.example.org", false, NoOne}, {"web.example.org", true, Some}, {"*.example.org,192.0.2.7", false, Everyone},
	} {
		if got := MatchFrom(c.list, Caller{Addr: client, Named: !c.useDNS}); got != c.want {
			t.Errorf("from=%q, UseDNS %v: %v, want %v", c.list, c.useDNS, got, c.want)
		}
	}
	if got := MatchFrom("10.0.0.0/8", Caller{}); got != Some {
		t.Errorf("no client asked about: %v", got)
	}
}

func TestKeyExpired(t *testing.T) {
	const now = 1_790_000_000 // 2026-09-21 14:13:20 UTC
	for value, want := range map[string]bool{
		"20260920": true, "20260921": true, "20260922": false, "202609211400Z": true, "202609211400": false,
		"20260921141319z": true, "20260921141321Z": false, "": false, "yesterday": false, "20261340": false,
	} {
		if got := KeyExpired(value, now); got != want {
			t.Errorf("%q: %v", value, got)
		}
	}
}

func TestAcceptsKey(t *testing.T) {
	for _, c := range []struct {
		list, typ string
		want      bool
	}{
		{"ssh-ed25519,rsa-sha2-512", "ssh-ed25519", true}, {"ssh-ed25519,rsa-sha2-512", "ssh-rsa", true},
		{"rsa-sha2-512,rsa-sha2-256", "ssh-ed25519", false}, {"ssh-ed25519-cert-v01@openssh.com", "ssh-ed25519", false},
		{"ecdsa-sha2-*", "ecdsa-sha2-nistp256", true}, {"ssh-ed25519", "ssh-rsa", false},
	} {
		if got := AcceptsKey(strings.Split(c.list, ","), c.typ); got != c.want {
			t.Errorf("%s in %s: %v", c.typ, c.list, got)
		}
	}
}

func FuzzParseAuthorizedKeys(f *testing.F) {
	f.Add([]byte(testEd))
	f.Add([]byte(`from="a\",b" ` + testRSA + "\n\\"))
	f.Add([]byte("ssh-rsa AAAAB3NzaC1yc2E=\n\xff\x00 \t,=\"\""))
	f.Fuzz(func(t *testing.T, data []byte) {
		keys, bad := ParseAuthorizedKeys("/k", data)
		for _, k := range keys {
			if k.Type == "" || !strings.HasPrefix(k.Fingerprint, "SHA256:") || k.Quote.Line == 0 {
				t.Errorf("%+v", k)
			}
			from, _ := k.Option("from")
			MatchFrom(from, Caller{Addr: netip.MustParseAddr("192.0.2.1")})
			at, _ := k.Option("expiry-time")
			_ = KeyExpired(at, 0)
		}
		if len(keys)+len(bad) > maxKeyLines {
			t.Errorf("%d lines", len(keys)+len(bad))
		}
	})
}
