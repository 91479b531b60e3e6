package client

import (
	"strings"
	"testing"
)

// FuzzText holds that whatever ssh and a person say becomes a report, and that none of
// the readers of it panics.
func FuzzText(f *testing.F) {
	f.Add("hostname web1\nport 22\nidentityfile ~/.ssh/id_rsa\n", "web1")
	f.Add("/home/a/.ssh/config: line 3: Bad configuration option: prot\n/home/a/.ssh/config: terminating, 1 bad configuration options\n", "a@b:22")
	f.Add("220 mail ESMTP\r\n", "[::1]:22")
	f.Add("OpenSSL version mismatch. Built against 30000020, you have 30100010", "ssh://a@b:22/")
	f.Fuzz(func(t *testing.T, text, name string) {
		if CheckHost(name) == "" && strings.ContainsAny(name, "\x00\x1b\n") {
			t.Fatalf("%q passed", name)
		}
		_ = hintForHost(name, name)
		_ = whatSpeaks([]byte(text))
		o := &Observations{Typed: name, Config: Config{Failed: true, Stderr: strings.Split(text, "\n")}}
		if r := Diagnose(o, "test"); r.Headline == "" || len(r.Stages) != 9 {
			t.Fatalf("headline %q, %d stages", r.Headline, len(r.Stages))
		}
	})
}
