package facts

import (
	"slices"
	"strings"
	"testing"

	"sshwhy/internal/evidence"
)

const (
	addrLoEth = `[{"ifname":"lo","flags":["LOOPBACK","UP","LOWER_UP"],"addr_info":[{"local":"127.0.0.1","prefixlen":8,"scope":"host"},{"local":"::1","prefixlen":128,"scope":"host"}]},` +
		`{"ifname":"eth0","flags":["UP","LOWER_UP"],"addr_info":[{"local":"198.51.100.10","prefixlen":24,"scope":"global"},{"local":"2001:db8::10","prefixlen":64,"scope":"global"}]}]`
	ofSshd    = ` users:(("sshd",pid=612,fd=3))`
	ofSystemd = ` users:(("systemd",pid=1,fd=45))`
	sshSocket = "Id=ssh.service\nNames=ssh.service\nLoadState=loaded\nActiveState=inactive\nResult=success\n\n" +
		"Id=ssh.socket\nNames=ssh.socket\nLoadState=loaded\nActiveState=active\nAccept=no\nListen=[::]:22 (Stream)\nTriggers=ssh.service\n"
)

// asked is a machine with those listeners and units.
func asked(listeners, units string) *evidence.Bundle {
	b := evidence.NewBundle()
	says := func(it evidence.Item, text string) {
		b.Put(it, evidence.Result{Status: evidence.Known, Data: []byte(text)})
	}
	says(itemLoad, "0.1 0.1 0.1 1/80 11206\n")
	says(itemAddr, addrLoEth)
	says(itemSS, listeners)
	says(itemUnits, units)
	says(itemSystemd, "")
	b.Put(evidence.Stat("/usr/sbin/sshd"), evidence.Result{Status: evidence.Known, Meta: &evidence.Meta{Type: "file", Mode: 0o755}})
	b.Put(evidence.Command("/usr/sbin/sshd", "-t"), evidence.Result{Status: evidence.Known, Exit: 255,
		Stderr: []byte("Missing privilege separation directory: /run/sshd\r\n")})
	return b
}

func TestWhoIsAsked(t *testing.T) {
	for _, c := range []struct{ name, listeners, units, want, why string }{
		{"two wildcards", "LISTEN 0 128 0.0.0.0:22 0.0.0.0:*" + ofSshd + "\nLISTEN 0 128 [::]:22 [::]:*" + ofSshd, "",
			"127.0.0.1:22 198.51.100.10:22 [::1]:22 [2001:db8::10]:22", ""},
		{"a wildcard of both", "LISTEN 0 128 *:2222 *:*" + ofSshd, "", "127.0.0.1:2222 198.51.100.10:2222 [::1]:2222 [2001:db8::10]:2222", ""},
		{"one address", "LISTEN 0 128 198.51.100.10:22 0.0.0.0:*" + ofSshd, "", "198.51.100.10:22", ""},
		{"bound to an interface", "LISTEN 0 128 0.0.0.0%eth0:22 0.0.0.0:*" + ofSshd, "", "", "nothing listens that could be asked"},
		{"bound to the loopback", "LISTEN 0 128 0.0.0.0%lo:22 0.0.0.0:*" + ofSshd, "", "127.0.0.1:22", ""},
		{"link-local", "LISTEN 0 128 [fe80::1]%eth0:22 [::]:*" + ofSshd, "", "[fe80::1%eth0]:22", ""},
		{"another port", "LISTEN 0 128 127.0.0.1:5432 0.0.0.0:* users:((\"postgres\",pid=7,fd=3))", "", "", "nothing listens that could be asked"},
		{"another program on the port", "LISTEN 0 128 127.0.0.1:22 0.0.0.0:* users:((\"nginx\",pid=7,fd=3))", "", "127.0.0.1:22", ""},
		{"owner unseen", "LISTEN 0 128 127.0.0.1:22 0.0.0.0:*", "Id=ssh.service\nActiveState=active\n", "127.0.0.1:22", ""},
		{"idle socket", "LISTEN 0 128 *:22 *:*" + ofSystemd, sshSocket, "127.0.0.1:22 198.51.100.10:22 [::1]:22 [2001:db8::10]:22", ""},
		{"idle socket, owner unseen", "LISTEN 0 128 *:22 *:*", strings.Replace(sshSocket, "Result=success", "Result=exit-code", 1), "", "a question would start ssh.service, which failed before"},
		{"idle socket before a service that failed", "LISTEN 0 128 *:22 *:*" + ofSystemd, strings.Replace(sshSocket, "Result=success", "Result=exit-code", 1), "", "a question would start ssh.service, which failed before"},
		{"socket for each connection", "LISTEN 0 128 *:22 *:*" + ofSystemd, strings.Replace(strings.Replace(sshSocket, "Result=success", "Result=exit-code", 1), "Accept=no", "Accept=yes", 1),
			"127.0.0.1:22 198.51.100.10:22 [::1]:22 [2001:db8::10]:22", ""},
		{"systemd for another service", "LISTEN 0 128 *:22 *:*" + ofSystemd, "", "", "systemd listens for another service than SSH, or could not be asked for which"},
	} {
		b := asked(c.listeners, c.units)
		all, why := questions(b, Ask{})
		var got []string
		for _, q := range all {
			got = append(got, q.at.String())
		}
		if strings.Join(got, " ") != c.want || why != c.why {
			t.Errorf("%s: %q, %q, want %q, %q", c.name, got, why, c.want, c.why)
		}
		if len(all) == 0 {
			if a := parseAnswer(b, Ask{}); a.Origin.Known() || a.Origin.Reason != c.why {
				t.Errorf("%s: %+v", c.name, a.Origin)
			}
		}
	}
	b := asked("LISTEN 0 128 *:22 *:*"+ofSystemd, sshSocket)
	b.Put(evidence.Command("/usr/sbin/sshd", "-t"), evidence.Result{Status: evidence.Known, Exit: 255, Stderr: []byte("line 1: Bad configuration option: x\n")})
	if all, _ := questions(b, Ask{}); all != nil {
		t.Error("a service whose configuration is broken is started")
	}
}

func TestReplies(t *testing.T) {
	kexinit := string([]byte{0, 0, 0, 76, 7, 20}) + strings.Repeat("c", 16) + strings.Repeat("\x00\x00\x00\x01a", 8) + strings.Repeat("\x00", 13) + strings.Repeat("p", 7)
	for _, c := range []struct {
		name string
		r    evidence.Result
		want Outcome
		text string
	}{
		{"whole", evidence.HelloEnded(evidence.HelloWhole, []byte("SSH-2.0-x\r\n"+kexinit)), Answered, "SSH-2.0-x"},
		{"said to be whole", evidence.HelloEnded(evidence.HelloWhole, []byte("SSH-2.0-x\r\n"+kexinit[:40])), CutOff, "SSH-2.0-x"},
		{"cut off", evidence.HelloEnded(evidence.HelloClosed, []byte("SSH-2.0-x\r\n")), CutOff, "SSH-2.0-x\nthe other side ended the connection"},
		{"stalled", evidence.HelloEnded(evidence.HelloSilent, []byte("SSH-2.0-x\r\n")), Stalled, "SSH-2.0-x\nnothing more came within 2s"},
		{"closed", evidence.HelloEnded(evidence.HelloClosed, nil), ClosedDumb, "the other side ended the connection"},
		{"turned away", evidence.HelloEnded(evidence.HelloClosed, []byte("Exceeded MaxStartups\r\n")), ClosedDumb, "Exceeded MaxStartups\nthe other side ended the connection"},
		{"silent", evidence.HelloEnded(evidence.HelloSilent, nil), Silent, "nothing more came within 2s"},
		{"http", evidence.HelloEnded(evidence.HelloClosed, []byte("HTTP/1.1 400 Bad Request\r\n\r\n")), OtherWords, "HTTP/1.1 400 Bad Request\nthe other side ended the connection"},
		{"binary", evidence.HelloEnded(evidence.HelloForeign, []byte("\x00\x01")), OtherWords, "\x00\x01\nthat is not SSH"},
		{"refused", evidence.Result{Status: evidence.Absent, Reason: "connection refused"}, Refused, "connection refused"},
		{"not asked", evidence.Result{Status: evidence.Skipped, Reason: "not recorded"}, Unasked, "not recorded"},
		{"filtered", evidence.Result{Status: evidence.Failed, Reason: "no connection within 2s"}, Unasked, "no connection within 2s"},
	} {
		b := asked("LISTEN 0 128 127.0.0.1:22 0.0.0.0:*"+ofSshd, "")
		all, _ := questions(b, Ask{})
		if len(all) != 1 {
			t.Fatal(all)
		}
		b.Put(evidence.Hello(all[0].at), c.r)
		a := parseAnswer(b, Ask{})
		if len(a.All) != 1 || a.All[0].Outcome != c.want || a.All[0].Quote.Text != c.text || a.All[0].Quote.Source != "connect 127.0.0.1:22" {
			t.Errorf("%s: %+v, want %s %q", c.name, a.All, c.want, c.text)
		}
		if c.want == Answered && !slices.Equal(a.All[0].Offer.Kex, []string{"a"}) {
			t.Errorf("%s: %+v", c.name, a.All[0].Offer)
		}
	}
}
