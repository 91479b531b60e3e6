package redact

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
	"pgregory.net/rapid"

	"sshwhy/internal/evidence"
)

func strictly(b *evidence.Bundle) *evidence.Bundle {
	return Bundle(b, Options{Strict: true, Salt: []byte("salt")})
}

func mapper(t testing.TB) *pseudonyms {
	t.Helper()
	return newPseudonyms(evidence.NewBundle(), []byte("salt"))
}

func TestAddressesThatStay(t *testing.T) {
	p := mapper(t)
	for _, s := range []string{"127.0.0.1", "0.0.0.0", "::", "::1", "255.255.255.255", "255.255.255.0", "0.0.0.0/0", "::/0", "127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fe80::/10", "ff02::1", "224.0.0.1",
		"OpenSSH_9.2p1 1.2.3.4.5 12:34:56 a::b::c 999.1.1.1 sshd:x:: std::string x1.2.3.4 ::ffff:127.0.0.1"} {
		in := "at " + s + " end"
		if got := string(p.addresses([]byte(in))); got != in {
			t.Errorf("%q became %q", in, got)
		}
	}
}

func TestAddressesInTheirSurroundings(t *testing.T) {
	p := mapper(t)
	v4, v6 := p.mapAddress(netip.MustParseAddr("203.0.113.77")).String(), p.mapAddress(netip.MustParseAddr("2001:db8:1::5")).String()
	if v4 == "203.0.113.77" && v6 == "2001:db8:1::5" {
		t.Fatal("nothing is replaced")
	}
	for _, form := range []string{"from %s port 22", "[%s]:22", "rhost=%s", "\"%s\"", "%s,", "(%s)", "%s\n", "addr %s;", "for %s: bad"} {
		for in, out := range map[string]string{"203.0.113.77": v4, "2001:db8:1::5": v6} {
			text, want := fmt.Sprintf(form, in), fmt.Sprintf(form, out)
			if got := string(p.addresses([]byte(text))); got != want {
				t.Errorf("%q became %q, want %q", text, got, want)
			}
		}
	}
	if got := string(p.addresses([]byte("203.0.113.77:22 fe80::a1b2:c3d4:e5f6:1234%eth0"))); !strings.HasPrefix(got, v4+":22 fe80::") || !strings.HasSuffix(got, "%eth0") {
		t.Errorf("got %q", got)
	}
}

// kind is what a diagnosis distinguishes about an address.
func kind(a netip.Addr) string {
	for _, special := range keep4 {
		if special.Contains(a) {
			return special.String()
		}
	}
	return fmt.Sprint(a.Is4(), a.IsPrivate(), a.IsLoopback(), a.IsLinkLocalUnicast(), a.IsGlobalUnicast(), a.IsMulticast(), a.IsUnspecified(), a.Is4In6())
}

func TestAddressesKeepKindEqualityAndNetworks(t *testing.T) {
	p := mapper(t)
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string) netip.Addr {
			if rapid.Bool().Draw(t, name+" is IPv4") {
				return netip.AddrFrom4([4]byte(rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, name)))
			}
			return netip.AddrFrom16([16]byte(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, name)))
		}
		a, b := draw("a"), draw("b")
		if rapid.Bool().Draw(t, "near") {
			b = a.Next()
			if !b.IsValid() {
				return
			}
		}
		x, y := p.mapAddress(a), p.mapAddress(b)
		if kind(a) != kind(x) && !strings.HasPrefix(x.String(), "203.0.113.") && !strings.HasPrefix(x.String(), "192.0.") && !strings.HasPrefix(x.String(), "198.51.100.") {
			t.Fatalf("%v (%s) became %v (%s)", a, kind(a), x, kind(x))
		}
		if (a == b) != (x == y) {
			t.Fatalf("%v, %v became %v, %v", a, b, x, y)
		}
		if a.BitLen() != b.BitLen() || a.Is4() && a.As4()[0] != b.As4()[0] {
			return
		}
		for n := 8; n <= a.BitLen(); n++ {
			same := netip.PrefixFrom(a, n).Contains(b)
			if same && !netip.PrefixFrom(x, n).Contains(y) {
				t.Fatalf("%v and %v share %d bits, %v and %v do not", a, b, n, x, y)
			}
		}
	})
}

func TestNetworkStaysANetwork(t *testing.T) {
	p := mapper(t)
	for _, s := range []string{"203.0.113.0/24", "10.20.0.0/14", "2001:db8:55::/48", "198.51.0.0/16", "8.8.0.0/13"} {
		got, err := netip.ParsePrefix(p.address(s))
		if err != nil || got != got.Masked() {
			t.Errorf("%s became %v, %v", s, got, err)
		}
		inside := netip.MustParsePrefix(s).Addr().Next()
		if !got.Contains(p.mapAddress(inside)) {
			t.Errorf("%v is in %s, but %v not in %v", inside, s, p.mapAddress(inside), got)
		}
	}
}

func TestPublicKeysAndFingerprints(t *testing.T) {
	const line = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQC3kUbZ5nsRIy1ABJZ9oOWlLTY6Nx9lGoXoTFJQzzZ0c1z8VQXbEJBlCdwA9LbQG7AQX6l0WBGAbbDwWq7Qdhk5wWlXyUp5WQ0q3yS5zq7y0nWAlG0rHH2wGwAqDPVUkqyQqHc6dYTq1IhCk5bEw0UoTVb3eoM0k9sZq5fHmHfLkW1kX4RZQQZ2qDwBmyxm0Qe9fPjJ8TjC5E1sM9jY1Q9bGkVxwTtSCuP6LwF8VQm5t9yAaXb2bEJk1Qz8v3fV4r2lN0o6Rj0bTqYQmF2c7dD1l0pX5Fh3Zr8Yk8o6S1wQ4n3Jm2Vd9xB7Kc0Lz5Tg1Hy6Pe8Ru3Aw4Is2Uo"
	keyText := strings.Fields(line)[1]
	for len(keyText)%4 != 0 {
		keyText = keyText[:len(keyText)-1]
	}
	ed := "AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
	b := evidence.NewBundle()
	known := func(s string) evidence.Result { return evidence.Result{Status: evidence.Known, Data: []byte(s)} }
	b.Put(evidence.File("/root/.ssh/authorized_keys"), known("ssh-ed25519 "+ed+" bob@web1\nssh-rsa "+keyText+" x\n"))
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte("ssh-ed25519 " + ed))
	if err != nil {
		t.Fatal(err)
	}
	b.Put(evidence.Command("journalctl"), known("Accepted publickey ED25519 "+ssh.FingerprintSHA256(key)+"\nMD5:"+ssh.FingerprintLegacyMD5(key)+"\nother SHA256:abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ\n"))
	out := strictly(b)
	text := everything(out)
	for _, gone := range []string{ed, keyText[:80], ssh.FingerprintSHA256(key), ssh.FingerprintLegacyMD5(key), "abcdefghijklmnopqrstuvwxyzABCDEF"} {
		if strings.Contains(text, gone) {
			t.Errorf("%q is left", gone)
		}
	}
	other, _, _, _, err := ssh.ParseAuthorizedKey(out.Get(evidence.File("/root/.ssh/authorized_keys")).Data)
	if err != nil || other.Type() != ssh.KeyAlgoED25519 {
		t.Fatalf("not a key any more: %v\n%s", err, text)
	}
	if !strings.Contains(text, ssh.FingerprintSHA256(other)) || !strings.Contains(text, "MD5:"+ssh.FingerprintLegacyMD5(other)) {
		t.Errorf("the fingerprint does not fit the key any more:\n%s", text)
	}
}

func TestNamesAreReplacedEverywhere(t *testing.T) {
	b := evidence.NewBundle()
	known := func(s string) evidence.Result { return evidence.Result{Status: evidence.Known, Data: []byte(s)} }
	b.Put(evidence.File("/etc/hostname"), known("kestrel\n"))
	b.Put(evidence.File("/etc/hosts"), known("127.0.0.1 localhost\n198.51.100.7 kestrel.birds.example kestrel\n"))
	b.Put(evidence.File("/etc/passwd"), known("root:x:0:0:root:/root:/bin/bash\nmarlene:x:1000:1000:Marlene Dietrich,,,:/home/marlene:/bin/bash\nubuntu:x:1001:1001::/home/ubuntu:/bin/sh\n"))
	b.Put(evidence.File("/home/marlene/.ssh/authorized_keys"), known("# for oskar@finch.example\n"))
	b.Put(evidence.Command("journalctl", "-u", "ssh"), known("Nov 21 10:00:00 kestrel sshd[12]: Failed password for invalid user hunter from 203.0.113.9 port 4 ssh2\nNov 21 10:00:01 KESTREL sshd[12]: marlene was here\n"))
	b.Put(evidence.File("/etc/ssh/sshd_config"), known("AllowUsers marlene root ubuntu\nPort 22\nPasswordAuthentication no\n"))
	b.Put(evidence.File("/etc/machine-id"), known("0123456789abcdef0123456789abcdef\n"))
	out := strictly(b)
	text := everything(out)
	for _, gone := range []string{"kestrel", "KESTREL", "birds", "marlene", "Marlene", "Dietrich", "oskar", "finch", "hunter", "203.0.113.9 ", "198.51.100.7 ", "0123456789abcdef"} {
		if strings.Contains(text, gone) && gone[0] > '9' {
			t.Errorf("%q is left in\n%s", gone, text)
		}
	}
	user := strings.Split(string(out.Get(evidence.File("/etc/passwd")).Data), "\n")[1]
	user, _, _ = strings.Cut(user, ":")
	if !strings.HasPrefix(user, "user-") || !out.Has(evidence.File("/home/"+user+"/.ssh/authorized_keys")) {
		t.Errorf("the account %q and its home do not fit together:\n%s", user, text)
	}
	if got := string(out.Get(evidence.File("/etc/ssh/sshd_config")).Data); got != "AllowUsers "+user+" root ubuntu\nPort 22\nPasswordAuthentication no\n" {
		t.Errorf("sshd_config became %q", got)
	}
	if strings.Contains(everything(Bundle(b, Options{Strict: true})), user) {
		t.Error("two bundles give the same user the same name")
	}
}
