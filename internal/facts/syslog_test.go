package facts

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"sshwhy/internal/evidence"
)

func TestParseSyslog(t *testing.T) {
	now := time.Date(2026, 1, 3, 12, 0, 0, 0, time.FixedZone("", 3600))
	for _, c := range []struct {
		line, tag string
		pid       int
		message   string
		at        string // RFC 3339, in UTC
	}{
		// written by rsyslog 8.2504, busybox 1.37 and svlogd on machines of the lab
		{"2026-01-02T13:23:15.990660+00:00 server sshd-session[266]: Received disconnect from 192.0.2.2 port 54546:11: disconnected by user", "sshd-session", 266, "Received disconnect from 192.0.2.2 port 54546:11: disconnected by user", "2026-01-02T13:23:15Z"},
		{"Jan  2 13:29:25 server auth.info sshd-session[226]: Unable to negotiate with 192.0.2.2 port 46684", "sshd-session", 226, "Unable to negotiate with 192.0.2.2 port 46684", "2026-01-02T12:29:25Z"},
		{"Dec 31 23:59:59 web1 sshd[7]: Invalid user a: b from ::1 port 5", "sshd", 7, "Invalid user a: b from ::1 port 5", "2025-12-31T22:59:59Z"},
		{"2026-01-02T09:15:01.12345 auth.info: Jan  2 10:15:01 sshd[9]: Server listening on :: port 22.", "sshd", 9, "Server listening on :: port 22.", "2026-01-02T08:15:01Z"},
		{"Jan  2 10:15:01 router authpriv.info dropbear[31]: Child connection from 192.0.2.2:5", "dropbear", 31, "Child connection from 192.0.2.2:5", "2026-01-02T09:15:01Z"},
		{"nothing of the kind", "", 0, "", ""},
		{"", "", 0, "", ""},
	} {
		e, ok := parseSyslog(c.line, now)
		if ok != (c.tag != "") || ok && (e.Identifier != c.tag || e.PID != c.pid || e.Message != c.message || time.Unix(e.Time, 0).UTC().Format(time.RFC3339) != c.at) {
			t.Errorf("%q: %+v %v %v", c.line, e, ok, time.Unix(e.Time, 0).UTC())
		}
	}
}

func TestNames(t *testing.T) {
	ask := Ask{Client: netip.MustParseAddr("192.0.2.2"), User: "al"}
	for message, want := range map[string][2]bool{
		"Invalid user mallory from 192.0.2.2 port 40382":         {true, false},
		"Invalid user mallory from 192.0.2.20 port 40382":        {},
		"Invalid user mallory from 1192.0.2.2 port 40382":        {},
		"drop connection #1 from [192.0.2.2]:44 on [10.0.0.1]:2": {true, false},
		"refused connect from 192.0.2.2":                         {true, false},
		"closed: 192.0.2.2.":                                     {true, false},
		"Failed password for al from 192.0.2.23 port 5":          {false, true},
		"Failed password for alice from ::1 port 5":              {},
		"bad ownership or modes for directory /home/al":          {},
		"Access denied for user al":                              {false, true},
	} {
		e := Entry{Message: message}
		if got := [2]bool{e.NamesClient(ask), e.NamesUser(ask)}; got != want {
			t.Errorf("%q: %v", message, got)
		}
	}
}

// The lines about the visitor are found wherever they are, each once.
func TestVisitorInRotatedFiles(t *testing.T) {
	ask := Ask{Client: netip.MustParseAddr("192.0.2.77")}
	b := evidence.NewBundle()
	b.Taken, b.UID = time.Date(2026, 11, 21, 13, 0, 0, 0, time.UTC), 0
	b.Put(itemUptime, evidence.Result{Status: evidence.Known, Data: []byte("3600.0 1.0\n")})
	b.Put(itemSystemd, evidence.Result{Status: evidence.Absent})
	file := func(path string, at int64) evidence.Match {
		return evidence.Match{Path: path, Meta: evidence.Meta{Type: "file", MTime: at}}
	}
	b.Put(logGlob("/var/log/auth.log"), evidence.Result{Status: evidence.Known, Matches: []evidence.Match{
		file("/var/log/auth.log", 9), file("/var/log/auth.log.1", 8), file("/var/log/auth.log.2.gz", 7)}})
	b.Put(logTail("/var/log/auth.log"), evidence.Result{Status: evidence.Known, Data: []byte(
		"2026-11-21T12:30:00+00:00 server sshd[7]: Server listening on :: port 22.\n")})
	asked := map[string]bool{}
	for _, it := range wantJournal(b, ask) {
		asked[it.Key()] = true
	}
	for _, key := range []string{"cmd:grep -a -F -e 192.0.2.77 /var/log/auth.log.1", "cmd:zgrep -a -F -e 192.0.2.77 /var/log/auth.log.2.gz"} {
		if !asked[key] {
			t.Errorf("%s is not asked for", key)
		}
	}
	line := "2026-11-12T10:00:00+00:00 server sshd-session[5]: Failed password for alice from 192.0.2.77 port 4 ssh2\n"
	for _, f := range []string{"/var/log/auth.log.1", "/var/log/auth.log.2.gz"} {
		it, _ := logSearch(f, "192.0.2.77")
		b.Put(it, evidence.Result{Status: evidence.Known, Data: []byte(line)})
	}
	j := parseJournal(b, ask)
	if len(j.Entries) != 1 || len(j.Earlier) != 1 || j.Earlier[0].Quote.Source != "/var/log/auth.log.1" {
		t.Errorf("%+v", j)
	}
}

func TestNoLogIsSaid(t *testing.T) {
	b := evidence.NewBundle()
	b.Put(itemSystemd, evidence.Result{Status: evidence.Absent})
	for _, f := range logFiles {
		b.Put(logGlob(f), evidence.Result{Status: evidence.Absent})
	}
	if j := parseJournal(b, Ask{}); j.Origin.Status != evidence.Absent {
		t.Errorf("%+v", j.Origin)
	}
	b.Put(logGlob("/var/log/secure"), evidence.Result{Status: evidence.Known, Matches: []evidence.Match{{Path: "/var/log/secure"}}})
	b.Put(logTail("/var/log/secure"), evidence.Result{Status: evidence.Known, Exit: 1, Stderr: []byte("tail: cannot open '/var/log/secure' for reading: Permission denied\n")})
	if j := parseJournal(b, Ask{}); j.Origin.Status != evidence.Denied {
		t.Errorf("%+v", j.Origin)
	}
}

func FuzzParseSyslog(f *testing.F) {
	f.Add("Nov 21 13:05:47 web1 auth.info sshd[123]: text", "text")
	f.Add("2026-11-21T13:05:47.1+00:00 h systemd[1]: Starting ssh.service", "ssh.service")
	f.Fuzz(func(t *testing.T, line, word string) {
		now := time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
		if e, ok := parseSyslog(line, now); ok && !strings.HasSuffix(line, e.Message) {
			t.Errorf("%q gave %q", line, e.Message)
		}
		if holdsWord(line, word, "abc.") && !strings.Contains(line, word) {
			t.Errorf("%q in %q", word, line)
		}
	})
}
