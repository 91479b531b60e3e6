package server

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sshwhy/internal/evidence"
	"sshwhy/internal/evidence/replay"
	"sshwhy/internal/facts"
	"sshwhy/internal/report"
)

// otherInit opens a bundle recorded on a machine of the lab without systemd.
// Unlike those of bundles_test.go it is whole.
func otherInit(t testing.TB, name string) *evidence.Bundle {
	t.Helper()
	b, err := replay.Open(filepath.Join("testdata", "init-"+name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestRecordedOtherInits(t *testing.T) {
	for _, c := range []struct {
		name, blocking, answer, step string
	}{
		{"openrc-crashed", "service-failed", "OpenRC started sshd, and its process is gone", "rc-service sshd restart"},
		{"runit-not-linked", "service-stopped", "/etc/service/ssh does not exist", "ln -s /etc/sv/ssh /etc/service/ssh"},
		{"none-host-keys-missing", "host-keys-missing", "no host key", "service ssh start"},
		{"sysvinit-port-in-use-inetd", "port-in-use", "inetd (pid", "service ssh start"},
	} {
		rep := Diagnose(otherInit(t, c.name), Query{}, "test")
		var blocking, steps []string
		for _, f := range rep.Findings {
			if f.Impact == report.Blocking {
				blocking = append(blocking, f.Cause)
			}
			for _, s := range f.Remedy.Steps {
				steps = append(steps, s.Do)
			}
		}
		if got := strings.Join(blocking, " "); got != c.blocking {
			t.Errorf("%s: blocking %q, want %q", c.name, got, c.blocking)
		}
		if !strings.Contains(rep.Headline, c.answer) {
			t.Errorf("%s: %q does not hold %q", c.name, rep.Headline, c.answer)
		}
		if !strings.Contains(strings.Join(steps, "\n"), c.step) {
			t.Errorf("%s: %q lacks %q", c.name, steps, c.step)
		}
		checkHonest(t, rep)
	}
}

// No fault of the service may be claimed when what was asked of its manager is missing.
func TestOtherInitWithoutItsWord(t *testing.T) {
	b := otherInit(t, "openrc-crashed")
	for _, key := range b.Keys() {
		if strings.HasPrefix(key, "cmd:rc-service") || strings.HasPrefix(key, "glob:/run/openrc") {
			b.PutKey(key, evidence.Result{Status: evidence.Failed, Reason: "taken away", Exit: -1})
		}
	}
	rep := Diagnose(b, Query{}, "test")
	if len(rep.Findings) == 0 || rep.Findings[0].Cause != "service-stopped" {
		t.Errorf("nothing listens, and the answer is %q", rep.Headline)
	}
	b.PutKey("cmd:ss -Hltnp", evidence.Result{Status: evidence.Failed, Reason: "taken away", Exit: -1})
	for _, f := range Diagnose(b, Query{}, "test").Findings {
		if f.Impact == report.Blocking {
			t.Errorf("%s is claimed without a look at the sockets", f.Cause)
		}
	}
}

// Written after Microsoft's documentation of WSL: process 1 is Microsoft's own,
// and only /etc/wsl.conf can have something started.
func TestWSL(t *testing.T) {
	for _, c := range []struct {
		conf string
		want bool
	}{{"", true}, {"[boot]\ncommand = service ssh start\n", false}, {"[network]\ncommand=ssh\n", true}} {
		b := otherInit(t, "none-host-keys-missing")
		b.Put(evidence.File("/proc/sys/kernel/osrelease"), evidence.Result{Status: evidence.Known, Data: []byte("5.15.167.4-microsoft-standard-WSL2\n")})
		b.Put(evidence.File("/etc/wsl.conf"), evidence.Result{Status: evidence.Known, Data: []byte(c.conf)})
		rep := Diagnose(b, Query{}, "test")
		if got := slices.ContainsFunc(rep.Findings, func(f report.Finding) bool { return f.Cause == "service-disabled" }); got != c.want {
			t.Errorf("%q: service-disabled %v, want %v", c.conf, got, c.want)
		}
		if !slices.ContainsFunc(rep.Incomplete, func(i report.Incomplete) bool { return i.Check == "Windows" }) {
			t.Errorf("nothing is said of Windows' firewall")
		}
	}
}

// The logs are those of svlogd on machines of the lab: of a service that was stopped and
// started by hand, and of one whose run script calls a program that is not there.
func TestRunitSeenBetweenStartAndListening(t *testing.T) {
	const at = "2026-11-30_21:20:21.43069 "
	for _, c := range []struct {
		name  string
		lines []string
		want  bool // it tells of no failure
	}{
		{"nothing yet", nil, true},
		{"just started for the first time", []string{"Starting ssh..."}, true},
		{"stopped and started by hand", []string{"Server listening on :: port 22.", "Received signal 15; terminating.", "ssh Stopped", "Starting ssh..."}, true},
		{"up, and not seen to listen yet", []string{"Starting ssh...", "Server listening on 0.0.0.0 port 22.", "Server listening on :: port 22."}, true},
		{"a program that is not there", []string{"Starting ssh...", "./run: 9: exec: /usr/local/sbin/with-limits: not found", "ssh Stopped", "Starting ssh..."}, false},
		{"a refused address", []string{"Received signal 15; terminating.", "ssh Stopped", "Starting ssh...", "Cannot bind any address."}, false},
	} {
		v := &view{Facts: &facts.Facts{}}
		for _, text := range c.lines {
			v.Script.Log = append(v.Script.Log, facts.Quote{Text: at + text})
		}
		if got := v.endedByOrder(); got != c.want {
			t.Errorf("%s: %v, want %v (last words %q)", c.name, got, c.want, v.lastWords())
		}
	}
}
