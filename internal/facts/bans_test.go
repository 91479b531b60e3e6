package facts

import (
	"net/netip"
	"testing"
	"time"

	"sshwhy/internal/evidence"
)

// What the programs print was recorded on machines of the lab (fail2ban 1.1,
// CrowdSec 1.4.6, sshguard 2.5).
const (
	saidBanned    = "[['sshd']]\n"
	saidTimes     = "192.0.2.9 \t2026-11-21 13:00:00 + 600 = 2026-11-21 13:10:00\n192.0.2.2 \t2026-11-21 13:39:50 + 600 = 2026-11-21 13:49:50\n"
	saidDecisions = `[{"capacity":0,"created_at":"2026-11-21T13:53:06Z","decisions":[{"duration":"1h59m49.1s","id":1,"origin":"cscli","scenario":"lab","scope":"Ip","simulated":false,"type":"ban","value":"192.0.2.2"}],"id":1}]`
	saidBlocking  = `{"MESSAGE":"Attack from \"192.0.2.2\" on service SSH with danger 10.","SYSLOG_IDENTIFIER":"sshguard","__REALTIME_TIMESTAMP":"1795268446575102"}
{"MESSAGE":"Blocking \"192.0.2.2/32\" for 120 secs (3 attacks in 0 secs, after 1 abuses over 0 secs.)","SYSLOG_IDENTIFIER":"sshguard","__REALTIME_TIMESTAMP":"1795268446575524"}
`
	saidConf      = "BACKEND=\"/usr/libexec/sshguard/sshg-fw-nft-sets\"\nBLACKLIST_FILE=30:/var/lib/sshguard/blacklist\n"
	saidBlacklist = "1795268446|100|4|192.0.2.2\n"
)

func bansBundle(ask Ask, banned, times, decisions, log, conf, blacklist string) *evidence.Bundle {
	b := evidence.NewBundle()
	b.Taken = time.Date(2026, 11, 21, 13, 54, 0, 0, time.UTC)
	known := func(it evidence.Item, s string) {
		b.Put(it, evidence.Result{Status: evidence.Known, Data: []byte(s), Meta: &evidence.Meta{}})
	}
	known(itemF2bSocket, "")
	known(f2bBanned(ask), banned)
	for _, jail := range f2bJails(b, ask) {
		known(f2bTimes(jail), times)
	}
	known(cscliDecisions(ask), decisions)
	known(itemGuardConf, conf)
	known(itemGuardLog, log)
	if file := blacklistPath(b); file != "" {
		known(evidence.File(file), blacklist)
	}
	return b
}

func TestBans(t *testing.T) {
	ask := Ask{Client: netip.MustParseAddr("192.0.2.2")}
	got := parseBans(bansBundle(ask, saidBanned, saidTimes, saidDecisions, saidBlocking, "", ""), ask)
	want := []Ban{
		{Tool: "fail2ban", Jail: "sshd", Since: "2026-11-21 13:39:50", Until: "2026-11-21 13:49:50"},
		{Tool: "crowdsec", Jail: "lab", Since: "2026-11-21T13:53:06Z", Until: "2026-11-21 15:53:49 UTC"},
		{Tool: "sshguard", Since: "2026-11-21 13:40:46 UTC", Until: "2026-11-21 13:42:46 UTC"},
	}
	if len(got.Bans) != len(want) || !got.Fail2ban.Known() {
		t.Fatalf("%+v", got)
	}
	for i, b := range got.Bans {
		if len(b.Quote) == 0 {
			t.Errorf("%s: nothing is quoted", b.Tool)
		}
		b.Quote = nil
		if b.Tool != want[i].Tool || b.Jail != want[i].Jail || b.Since != want[i].Since || b.Until != want[i].Until || b.Ever {
			t.Errorf("%+v, want %+v", b, want[i])
		}
	}
	forGood := parseBans(bansBundle(ask, "[[]]", "", "null", saidBlocking, saidConf, saidBlacklist), ask)
	if len(forGood.Bans) != 1 || !forGood.Bans[0].Ever || forGood.Blacklist != "/var/lib/sshguard/blacklist" {
		t.Errorf("%+v", forGood)
	}
	other := Ask{Client: netip.MustParseAddr("192.0.2.22")}
	if b := parseBans(bansBundle(other, "[[]]", saidTimes, "null", saidBlocking, saidConf, saidBlacklist), other); len(b.Bans) > 0 {
		t.Errorf("another address: %+v", b.Bans)
	}
}

func TestByDenyHosts(t *testing.T) {
	b := evidence.NewBundle()
	b.Put(itemDeny, evidence.Result{Status: evidence.Known, Data: []byte(
		"# DenyHosts: Sat Nov 21 13:00:00 2026 | sshd: 192.0.2.2\nsshd: 192.0.2.2\nsshd: 192.0.2.3\n")})
	w := parseWrappers(b)
	if ban, ok := w.ByDenyHosts(w.Deny.Rules[0]); !ok || ban.Since != "Sat Nov 21 13:00:00 2026" {
		t.Errorf("%+v %v", ban, ok)
	}
	if _, ok := w.ByDenyHosts(w.Deny.Rules[1]); ok {
		t.Error("a line written by hand is taken for one of DenyHosts")
	}
}

func FuzzBans(f *testing.F) {
	f.Add(saidBanned, saidTimes, saidDecisions, saidBlocking, saidConf, saidBlacklist)
	f.Fuzz(func(t *testing.T, banned, times, decisions, log, conf, blacklist string) {
		ask := Ask{Client: netip.MustParseAddr("192.0.2.2")}
		b := bansBundle(ask, banned, times, decisions, log, conf, blacklist)
		if got := parseBans(b, ask); len(got.Bans) > 3*maxJails {
			t.Errorf("%d bans", len(got.Bans))
		}
		for _, it := range wantBans(b, ask) {
			if it.Kind == evidence.KindCommand && len(it.Args) > 2 && it.Args[2] == "-" {
				t.Error("a jail named like an option")
			}
		}
	})
}
