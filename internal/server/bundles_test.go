package server

import (
	"encoding/json"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sshwhy/internal/catalog"
	"sshwhy/internal/evidence"
	"sshwhy/internal/evidence/replay"
	"sshwhy/internal/report"
)

// Every file in testdata was recorded on a real Debian machine of the lab, under
// systemd as process 1, broken as its name says. To keep them small, each holds
// only what differs from healthy-plain.json.
func recorded(t testing.TB, name string) *evidence.Bundle {
	t.Helper()
	base, err := replay.Open(filepath.Join("testdata", "healthy-plain.json"))
	if err != nil {
		t.Fatal(err)
	}
	b, err := replay.Open(filepath.Join("testdata", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range base.Keys() {
		if r := b.Lookup(key); r.Status == evidence.Skipped {
			b.PutKey(key, base.Lookup(key))
		}
	}
	return b
}

func user(name string) Query { return Query{User: name} }

func client(s string) Query { return Query{Client: netip.MustParseAddr(s)} }

// recordings says what each machine must be told: the blocking causes in their
// order, what else is found, and words of the answer.
var recordings = []struct {
	name     string
	query    Query
	blocking string
	also     string
	answer   string
}{
	{name: "healthy-plain"},
	{name: "healthy-visited", query: Query{User: "alice", Client: netip.MustParseAddr("192.0.2.2")}},
	{name: "healthy-plain", query: Query{Port: 2222}, blocking: "port-nondefault", answer: "does not listen on port 2222"},
	{name: "healthy-socket-activated"},
	{name: "healthy-port-2222-not-asked", also: "port-nondefault"},
	{name: "healthy-port-2222-not-asked", query: Query{Port: 2222}},
	{name: "healthy-port-2222-not-asked", query: Query{Port: 22}, blocking: "port-nondefault", answer: "2222"},
	{name: "healthy-hosts-deny-others", query: client("192.0.2.2")},
	{name: "healthy-reloaded-after-change"},
	{name: "config-unknown-keyword", blocking: "sshd-config-invalid", answer: "did you mean"},
	{name: "config-broken-under-socket", blocking: "sshd-config-invalid", answer: `"Prot"; did you mean "Port"?`},
	{name: "config-invalid-still-running", also: "sshd-config-invalid"},
	{name: "config-not-applied-port", query: Query{Port: 2222}, blocking: "config-not-applied"},
	{name: "host-key-permissions", blocking: "host-key-permissions", answer: "others than root may read"},
	{name: "host-keys-missing", blocking: "host-keys-missing", answer: "no host key"},
	{name: "hosts-deny-all", blocking: "tcp-wrappers-deny", answer: "/etc/hosts.deny line"},
	{name: "hosts-deny-network", query: client("192.0.2.2"), blocking: "tcp-wrappers-deny", answer: "192.0.2.2"},
	{name: "hosts-deny-network", query: client("203.0.113.77")},
	{name: "interface-down", blocking: "interface-down", answer: "eth0"},
	{name: "listen-address-missing", blocking: "listen-address-missing"},
	{name: "listen-loopback-only", blocking: "listen-loopback-only", answer: "127.0.0.1:22"},
	{name: "listen-loopback-only", query: client("127.0.0.1")},
	{name: "listen-one-family", query: client("2001:db8:1::2"), blocking: "listen-one-family", answer: "IPv4 only"},
	{name: "listen-one-family", query: client("192.0.2.2"), also: "listen-one-family"},
	{name: "package-purged", blocking: "sshd-not-installed", answer: "No SSH server is installed"},
	{name: "port-in-use-http", blocking: "port-in-use", answer: "Port 22 is taken by"},
	{name: "port-nondefault", query: Query{Port: 22}, blocking: "port-nondefault"},
	{name: "privsep-dir-not-made", blocking: "privsep-dir-missing", answer: "/run/sshd"},
	{name: "privsep-dir-writable", blocking: "privsep-dir-missing", answer: "0777"},
	{name: "service-condition-unmet", blocking: "service-condition-unmet", answer: "sshd_not_to_be_run"},
	{name: "service-disabled-running", also: "service-disabled"},
	{name: "service-failed-exec-start-pre", blocking: "service-failed", answer: "licence server does not answer"},
	{name: "service-masked", blocking: "service-masked", answer: "ssh.service is masked"},
	{name: "service-start-limit", blocking: "service-start-limit"},
	{name: "service-stopped", blocking: "service-stopped", answer: "ssh.service is not running"},
	{name: "socket-failed-config-mended-since", blocking: "socket-failed", answer: "service-start-limit-hit"},
	{name: "socket-port-override", query: Query{Port: 2222}, blocking: "socket-port-override", answer: "2222"},
	{name: "socket-port-override", query: Query{Port: 22}, also: "socket-port-override"},
	{name: "socket-stopped", blocking: "socket-stopped", answer: "ssh.socket"},
	{name: "sshd-hung", blocking: "sshd-hung", answer: "is stopped"},
	{name: "sshd-library-gone", blocking: "sshd-broken", answer: "shared library"},
	{name: "access-account-expired", query: user("alice"), blocking: "account-locked", answer: "2020-01-01"},
	{name: "access-account-expired", query: user("bob")},
	{name: "access-chroot", query: user("alice"), blocking: "chroot-permissions", answer: "/srv/jail"},
	{name: "access-disk-full", also: "disk-full", answer: "/var/log is full"},
	{name: "access-home-missing", query: user("alice"), blocking: "home-missing"},
	{name: "access-keys-elsewhere", query: user("alice"), blocking: "authorized-keys-location", answer: "/etc/ssh/keys/alice"},
	{name: "access-keys-missing", query: user("alice"), also: "authorized-keys-missing"},
	{name: "access-keys-owner", query: user("alice"), blocking: "authorized-keys-permissions", answer: "uid 1001"},
	{name: "access-keys-writable", query: user("alice"), blocking: "authorized-keys-permissions", answer: "0777"},
	{name: "access-maxstartups", also: "max-startups"},
	{name: "access-no-privilege", blocking: "bind-no-privilege", answer: "port 22"},
	{name: "access-nologin-file", blocking: "nologin-file", answer: "/etc/nologin"},
	{name: "access-nologin-file", query: user("alice"), blocking: "nologin-file"},
	{name: "access-password-expired", query: user("alice"), blocking: "password-expired"},
	{name: "access-password-off", query: user("alice"), blocking: "password-auth-disabled", also: "sshd-config-shadowed"},
	{name: "access-penalty", query: client("192.0.2.2"), blocking: "source-penalized"},
	{name: "access-penalty", query: client("192.0.2.3")},
	{name: "access-pubkey-off", query: user("alice"), blocking: "pubkey-auth-disabled"},
	{name: "access-replaced", also: "upgrade-unfinished"},
	{name: "access-root-login", query: user("root"), blocking: "root-login-disabled", answer: "PermitRootLogin is no"},
	{name: "access-route-missing", query: client("192.0.2.2"), blocking: "route-missing"},
	{name: "access-shell-missing", query: user("alice"), blocking: "shell-invalid", answer: "/bin/zsh"},
	{name: "access-shell-nologin", query: user("alice"), blocking: "shell-invalid", answer: "nologin"},
	{name: "access-user-not-allowed", query: Query{User: "bob", Client: netip.MustParseAddr("198.51.100.9")}, blocking: "user-not-allowed", answer: "AllowUsers"},
	{name: "stacked-config-hostkeys-hosts-deny", blocking: "sshd-config-invalid host-keys-missing tcp-wrappers-deny", answer: "PermitRootLogin"},
}

func TestRecordedMachines(t *testing.T) {
	for _, c := range recordings {
		t.Run(c.name, func(t *testing.T) {
			b := recorded(t, c.name)
			rep := Diagnose(b, c.query, "test")
			var blocking, also []string
			for _, f := range rep.Findings {
				if f.Impact == report.Blocking {
					blocking = append(blocking, f.Cause)
				} else {
					also = append(also, f.Cause)
				}
			}
			if got := strings.Join(blocking, " "); got != c.blocking {
				t.Errorf("blocking %q, want %q (%s)", got, c.blocking, rep.Headline)
			}
			for _, want := range strings.Fields(c.also) {
				if !slices.Contains(also, want) {
					t.Errorf("also %q, want %s", also, want)
				}
			}
			if !strings.Contains(rep.Headline, c.answer) {
				t.Errorf("the answer %q does not hold %q", rep.Headline, c.answer)
			}
			if strings.HasPrefix(c.name, "healthy-") && c.blocking == "" && rep.Verdict != report.VerdictOK {
				t.Errorf("verdict %s: %s; %v", rep.Verdict, rep.Headline, rep.Incomplete)
			}
			checkHonest(t, rep)
			again, _ := json.Marshal(Diagnose(recorded(t, c.name), c.query, "test"))
			if first, _ := json.Marshal(rep); string(first) != string(again) {
				t.Error("the same bundle gave two different reports")
			}
		})
	}
}

// checkHonest holds a report to what every report promises.
func checkHonest(t *testing.T, rep *report.Report) {
	t.Helper()
	for _, f := range rep.Findings {
		page, ok := catalog.Get(f.Cause)
		if !ok {
			t.Errorf("%s has no page", f.Cause)
		}
		if len(f.Evidence) == 0 {
			t.Errorf("%s has no evidence", f.Cause)
		}
		if f.Remedy == nil || f.Remedy.Summary == "" {
			t.Errorf("%s has no remedy", f.Cause)
		} else if kinds := []report.RemedyKind{report.Repair, report.Open, report.Advice}; slices.Index(kinds, f.Remedy.Kind) < slices.Index(kinds, page.Remedy) {
			// Consent goes by effect: what a page calls a repair may open, never the other way round.
			t.Errorf("%s: remedy is %s, its page says %s", f.Cause, f.Remedy.Kind, page.Remedy)
		}
	}
	for _, s := range rep.Stages {
		said := slices.ContainsFunc(rep.Findings, func(f report.Finding) bool { return f.Summary == s.Detail })
		if s.Status == report.StatusFailed && !said && len(rep.Findings) == 0 {
			t.Errorf("stage %s failed without a finding", s.Stage)
		}
	}
	if rep.Verdict == report.VerdictOK && len(rep.Incomplete) > 0 {
		for _, s := range rep.Stages {
			if s.Status == report.StatusUnknown {
				t.Errorf("verdict ok while stage %s is unknown", s.Stage)
			}
		}
	}
}

// What could not be looked at is never fine: take any one item away from a
// healthy machine's bundle, and no new fault may be claimed.
func TestMissingEvidenceIsNoFault(t *testing.T) {
	for _, name := range []string{"healthy-plain", "healthy-socket-activated"} {
		full := recorded(t, name)
		for _, gone := range full.Keys() {
			for _, status := range []evidence.Status{evidence.Failed, evidence.Denied, evidence.Skipped} {
				b := evidence.NewBundle()
				b.Tool, b.Way, b.Taken, b.UID = full.Tool, full.Way, full.Taken, full.UID
				for _, key := range full.Keys() {
					b.PutKey(key, full.Lookup(key))
				}
				b.PutKey(gone, evidence.Result{Status: status, Reason: "taken away", Exit: -1})
				rep := Diagnose(b, Query{}, "test")
				for _, f := range rep.Findings {
					if f.Impact == report.Blocking {
						t.Errorf("%s without %s (%s): %s: %s", name, gone, status, f.Cause, f.Summary)
					}
				}
			}
		}
	}
}

func TestEmptyBundleIsUnknown(t *testing.T) {
	for _, b := range []*evidence.Bundle{{}, evidence.NewBundle()} {
		rep := Diagnose(b, Query{}, "test")
		if rep.Verdict != report.VerdictUnknown || len(rep.Findings) > 0 {
			t.Errorf("verdict %s, findings %v", rep.Verdict, rep.Findings)
		}
		if len(rep.Incomplete) < 4 {
			t.Errorf("only %v is said to be missing", rep.Incomplete)
		}
	}
}

func TestManifestEnds(t *testing.T) {
	b := recorded(t, "healthy-plain")
	if missing := Manifest(Query{}).Missing(b); len(missing) > 0 {
		t.Errorf("a recorded machine lacks %v", missing)
	}
}
