package walk

import (
	"strings"
	"testing"

	"sshwhy/internal/client"
)

// FuzzText feeds every parser of text that this machine or a program gives:
// none may panic, and each keeps its bounds.
func FuzzText(f *testing.F) {
	f.Add("hostname web1\nport 22\nidentityfile ~/.ssh/id_rsa\n", "web1")
	f.Add("debug1: Reading configuration data /etc/ssh/ssh_config\r\ndebug1: /etc/ssh/ssh_config line 21: Applying options for *\r\n", "-x")
	f.Add("/home/a/.ssh/config: line 3: Bad configuration option: prot\n/home/a/.ssh/config: terminating, 1 bad configuration options\n", "a@b:22")
	f.Add("nameserver 192.0.2.53\nsearch a b\noptions ndots:99999999999999999999\n", "ssh://a@b:22/")
	f.Add("220 mail ESMTP\r\n", "[::1]:22")
	f.Fuzz(func(t *testing.T, text, name string) {
		var c client.Config
		readDebug(&c, text)
		c.Values = readDump(text)
		_ = c.Port()
		if r := parseResolvConf(text); len(r.servers) > maxServers || len(r.names(name)) > maxNames {
			t.Fatalf("too many servers or names: %+v", r)
		}
		hopArgs(name)
		forDump(strings.Fields(text))
		withoutSSH(strings.Fields(text), name)
		k := identity{}
		k.parse([]byte(text))
		o := &client.Observations{Typed: name, Config: c}
		o.Config.Failed = true
		if r := client.Diagnose(o, "test"); r.Headline == "" {
			t.Fatal("no headline")
		}
	})
}

// FuzzReply feeds what a name server, or somebody in its place, may send.
func FuzzReply(f *testing.F) {
	f.Add([]byte("\x00\x07\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00\x01a\x00\x00\x01\x00\x01\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x05\x00\x04\xc0\x00\x02\x01"))
	f.Add([]byte("\x00\x07\x81\x83\x00\x00\x00\x00\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, reply []byte) {
		var a client.Answer
		if err := readAnswer(&a, 7, reply); err == nil && a.Code == "" || len(a.Addrs) > 16 {
			t.Fatalf("%v %+v", err, a)
		}
	})
}

func TestReply(t *testing.T) {
	var a client.Answer
	good := "\x00\x07\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00\x01a\x00\x00\x01\x00\x01\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x05\x00\x04\xc0\x00\x02\x01"
	if err := readAnswer(&a, 7, []byte(good)); err != nil || a.Code != "NOERROR" || len(a.Addrs) != 1 || a.Addrs[0].String() != "192.0.2.1" {
		t.Errorf("%v %+v", err, a)
	}
	if err := readAnswer(new(client.Answer), 8, []byte(good)); err == nil {
		t.Error("an answer to another question was taken")
	}
}
