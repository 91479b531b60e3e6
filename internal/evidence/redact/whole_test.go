package redact

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"sshwhy/internal/evidence"
)

// privateKeys are real ones, in the forms that people have.
func privateKeys(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	long, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, short, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string]any{"ed25519": short, "rsa": long} {
		block, err := ssh.MarshalPrivateKey(key, "bob@web1")
		if err != nil {
			t.Fatal(err)
		}
		out["openssh "+name] = string(pem.EncodeToMemory(block))
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		out["pkcs8 "+name] = string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	}
	out["pkcs1"] = string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(long)}))
	return out
}

// leaks is a piece of the secret that stands in a text.
func leaks(text, secret string) string {
	const piece = 8
	for i := 0; i+piece <= len(secret); i++ {
		if strings.Contains(text, secret[i:i+piece]) {
			return secret[i : i+piece]
		}
	}
	return ""
}

// Whichever line of a file is quoted, and however short the quote is cut, nothing
// of a private key shows; lines beside it are whole, and stay what they were.
func TestNoQuoteOutOfAPrivateKey(t *testing.T) {
	for name, key := range privateKeys(t) {
		body := strings.Split(strings.TrimSpace(key), "\n")
		body = body[1 : len(body)-1]
		for _, before := range []int{0, 1, 7} {
			text := strings.Repeat("# a line above\n", before) + key + "# a line below\n"
			lines := strings.Split(text, "\n")
			w := NewWhole(lines)
			for i, line := range lines {
				for _, most := range []int{4, 60, 400} {
					quote := line[:min(len(line), most)]
					for _, number := range []int{0, i + 1} {
						shown := w.Quote(number, quote)
						for _, secret := range body {
							if piece := leaks(shown, secret); piece != "" {
								t.Fatalf("%s: line %d, cut to %d: %q shows %q", name, i+1, most, shown, piece)
							}
						}
						if strings.HasPrefix(line, "#") && shown != quote {
							t.Errorf("%s: line %d is no secret, and became %q", name, i+1, shown)
						}
					}
				}
			}
		}
	}
}

// A redacted file has as many lines as before, and the ones outside are where they were.
func TestLinesKeepTheirNumbers(t *testing.T) {
	for name, key := range privateKeys(t) {
		text := "first\n" + key + "last\n"
		lines := strings.Split(text, "\n")
		got := strings.Split(string(Text([]byte(text))), "\n")
		if len(got) != len(lines) || got[0] != "first" || got[len(got)-2] != "last" {
			t.Errorf("%s: %d lines became %q", name, len(lines), got)
		}
	}
}

// planted are lines with a secret: what stands before it tells that it is one.
var planted = []struct{ before, secret, after string }{
	{"connecting to postgres://app:", "Zq7RkWm2XyLp9Tv4", "@db.example.com/x"},
	{`{"msg": "login", "password": "`, "Zq7RkWm2XyLp9Tv4", `", "user": "bob"}`},
	{"DB_PASSWORD=", "Zq7RkWm2XyLp9Tv4", " was read"},
	{"Authorization: Bearer ", "Zq7RkWm2XyLp9Tv4Zq7RkWm2", " end"},
	{"token ", "ghp_Zq7RkWm2XyLp9Tv4Zq7RkWm2XyLp9Tv4", " end"},
	{"key AKIA", "ZQ7RKWM2XYLP9TV4", " end"},
	{"alice:", "$6$saltsalt$Zq7RkWm2XyLp9Tv4Zq7RkWm2", ":19000:0:99999:7:::"},
	{"tool --password ", "Zq7RkWm2XyLp9Tv4", " --verbose"},
}

// Wherever a quote is cut, no part of a secret is left that is not known for one.
func TestNoSecretIsCutInHalf(t *testing.T) {
	const most = 200
	for _, p := range planted {
		for at := range most + 40 {
			pad := strings.Repeat("word ", at/5) + strings.Repeat("x", at%5)
			line := fmt.Sprintf("%s %s%s%s %s", pad, p.before, p.secret, p.after, strings.Repeat("more ", 60))
			shown := string(Text([]byte(evidence.Excerpt(line, most))))
			if piece := leaks(shown, p.secret); piece != "" {
				t.Fatalf("%q at %d: %q shows %q", p.before, at, shown[max(0, len(shown)-80):], piece)
			}
		}
	}
}
