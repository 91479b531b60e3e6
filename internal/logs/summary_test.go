package logs

import (
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"sshwhy/internal/report"
	"sshwhy/internal/sshlog"
)

// smallLog is what visitors leave in the log: an unknown user with two
// passwords, root with one, a refused key, a scanner, one that logs in.
const smallLog = `Dec 31 22:10:01 web1 CRON[700]: pam_unix(cron:session): session opened for user root(uid=0) by (uid=0)
Dec 31 23:58:59 web1 sshd[900]: Invalid user admin from 203.0.113.5 port 40000
Dec 31 23:59:00 web1 sshd[900]: Failed password for invalid user admin from 203.0.113.5 port 40000 ssh2
Dec 31 23:59:02 web1 sshd[900]: Failed password for invalid user admin from 203.0.113.5 port 40000 ssh2
Dec 31 23:59:02 web1 sshd[900]: Connection closed by invalid user admin 203.0.113.5 port 40000 [preauth]
Jan  1 00:00:10 web1 sshd[901]: Failed password for root from 203.0.113.50 port 40001 ssh2
Jan  1 00:00:11 web1 sshd[901]: Connection closed by authenticating user root 203.0.113.50 port 40001 [preauth]
Jan  1 01:00:00 web1 sshd-session[902]: Connection closed by authenticating user alice 203.0.113.5 port 40002 [preauth]
Jan  1 01:00:01 web1 sshd[903]: banner exchange: Connection from 198.51.100.9 port 40003: invalid format
Jan  1 01:30:00 web1 sshd[904]: User bob from 203.0.113.7 not allowed because not listed in AllowUsers
Jan  1 01:30:00 web1 sshd[904]: Connection closed by invalid user bob 203.0.113.7 port 40004 [preauth]
Jan  1 02:00:00 web1 sshd[905]: Accepted publickey for alice from 203.0.113.5 port 40005 ssh2: ED25519 SHA256:x
Jan  1 02:00:09 web1 sshd[905]: Disconnected from user alice 203.0.113.5 port 40005
Jan  1 02:01:00 web1 sshd[906]: Authentication refused: bad ownership or modes for directory /home/carol
Jan  1 02:01:01 web1 sshd[907]: message repeated 3 times: [ Failed password for root from 203.0.113.50 port 40006 ssh2]
Jan  1 02:02:00 web1 sshd[908]: fatal: Access denied for user dave by PAM account configuration [preauth]
`

func summarize(t *testing.T, text string, opt Options) *Summary {
	t.Helper()
	s, err := Summarize(strings.NewReader(text), opt)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSummarize(t *testing.T) {
	s := summarize(t, smallLog, Options{})
	got := map[string]int64{}
	for _, c := range s.Causes {
		got[c.Cause] = c.Count
	}
	want := map[string]int64{"user-unknown": 1, "password-rejected": 4, "publickey-rejected": 1, "not-ssh": 1, "user-not-allowed": 1,
		"authorized-keys-permissions": 1, "pam-denied": 1}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("causes (-want +got):\n%s", d)
	}
	if s.Accepted != 1 || s.Lines != 16 || s.Server != 15 || s.Unread != 0 {
		t.Errorf("accepted %d, lines %d, of the server %d, unread %d", s.Accepted, s.Lines, s.Server, s.Unread)
	}
	if s.First != "Dec 31 23:58:59" || s.Last != "Jan  1 02:02:00" {
		t.Errorf("from %q to %q", s.First, s.Last)
	}
	wantAddrs := []Count{{"203.0.113.50", 4}, {"203.0.113.5", 2}, {"198.51.100.9", 1}, {"203.0.113.7", 1}}
	if d := cmp.Diff(wantAddrs, s.Addrs.Top); d != "" {
		t.Errorf("addresses (-want +got):\n%s", d)
	}
	// The hours run over the end of the year: 23 h, 0 h, 1 h, 2 h.
	if d := cmp.Diff([]int64{1, 1, 3, 5}, s.Hours); d != "" {
		t.Errorf("hours (-want +got):\n%s", d)
	}
}

// TestSummarizeClient: the visitor asked about, and nobody whose address only begins alike.
func TestSummarizeClient(t *testing.T) {
	opt := Options{Client: netip.MustParseAddr("203.0.113.5")}
	s := summarize(t, smallLog, opt)
	if s.Client.Attempts != 3 || s.Client.Accepted != 1 || len(s.Client.Last) != 7 {
		t.Errorf("attempts %d, accepted %d, lines %d", s.Client.Attempts, s.Client.Accepted, len(s.Client.Last))
	}
	if l := s.Client.Last[0]; l.Line != 2 || !strings.Contains(l.Text, "Invalid user admin") {
		t.Errorf("first line is %d: %s", l.Line, l.Text)
	}
	opt.Client = netip.MustParseAddr("203.0.113.50")
	r := summarize(t, smallLog, opt).Report(opt)
	if r.Verdict != report.VerdictBroken || len(r.Findings) != 1 || r.Findings[0].Cause != "password-rejected" {
		t.Errorf("verdict %s, findings %v", r.Verdict, r.Findings)
	}
	opt.Client = netip.MustParseAddr("192.0.2.99")
	if r := summarize(t, smallLog, opt).Report(opt); r.Verdict != report.VerdictUnknown {
		t.Errorf("a visitor who is not in the log: verdict %s, %q", r.Verdict, r.Headline)
	}
}

// TestSummarizeForms: the same log, compressed, from the journal, in odd pieces.
func TestSummarizeForms(t *testing.T) {
	want := summarize(t, smallLog, Options{})
	var gz, zs bytes.Buffer
	zw := gzip.NewWriter(&gz)
	fmt.Fprint(zw, smallLog)
	zw.Close()
	sw, err := zstd.NewWriter(&zs)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(sw, smallLog)
	sw.Close()
	for name, data := range map[string][]byte{"gzip": gz.Bytes(), "zstd": zs.Bytes()} {
		s, err := Summarize(bytes.NewReader(data), Options{})
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, s); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
		if s, err := Summarize(bytes.NewReader(data[:len(data)/2]), Options{}); err == nil {
			t.Errorf("half of a %s file gives no error, and %d lines", name, s.Lines)
		}
	}
	s, err := Summarize(iotest.OneByteReader(strings.NewReader(smallLog)), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, s); d != "" {
		t.Errorf("byte by byte (-want +got):\n%s", d)
	}
}

func TestSummarizeJournal(t *testing.T) {
	json := `{"__REALTIME_TIMESTAMP":"1763649600000000","SYSLOG_IDENTIFIER":"sshd","_PID":"900","MESSAGE":"Failed password for root from 203.0.113.50 port 40001 ssh2"}
{"__REALTIME_TIMESTAMP":"1763653200000000","SYSLOG_IDENTIFIER":"sshd-session","_PID":"901","MESSAGE":"Invalid user admin from 203.0.113.5 port 40000"}
{"__REALTIME_TIMESTAMP":"1763653200000000","SYSLOG_IDENTIFIER":"cron","_PID":"902","MESSAGE":"x"}
`
	export := "__CURSOR=s=1\n__REALTIME_TIMESTAMP=1763649600000000\nSYSLOG_IDENTIFIER=sshd\n_PID=900\nMESSAGE=Failed password for root from 203.0.113.50 port 40001 ssh2\n\n" +
		"__CURSOR=s=2\n__REALTIME_TIMESTAMP=1763653200000000\nBINARY\n\x03\x00\x00\x00\x00\x00\x00\x00a\nb\nSYSLOG_IDENTIFIER=sshd-session\n_PID=901\nMESSAGE=Invalid user admin from 203.0.113.5 port 40000\n\n"
	for name, text := range map[string]string{"json": json, "export": export} {
		s := summarize(t, text, Options{})
		if len(s.Causes) != 2 || s.Server != 2 || s.First != "2025-11-20T14:40:00Z" || len(s.Hours) != 2 {
			t.Errorf("%s: %d causes, %d lines, first %q, hours %v", name, len(s.Causes), s.Server, s.First, s.Hours)
		}
	}
}

// TestSummarizeLarge: many chunks on several workers give the sums of one, and
// more addresses than are kept are said to be more.
func TestSummarizeLarge(t *testing.T) {
	var b strings.Builder
	const n = 60_000
	for i := range n {
		fmt.Fprintf(&b, "Feb %2d %02d:00:00 web1 sshd[%d]: Failed password for user%d from 198.18.%d.%d port 4000 ssh2\n", 1+i/3000, i/125%24, i, i%10, i/256%256, i%256)
	}
	s := summarize(t, b.String(), Options{})
	if s.Causes[0].Count != n || s.Causes[0].Line != n || s.Lines != n {
		t.Errorf("%d counted, last in line %d of %d", s.Causes[0].Count, s.Causes[0].Line, s.Lines)
	}
	var top int64
	for _, c := range s.Addrs.Top {
		top += c.Count
	}
	if s.Addrs.Exact || top+s.Addrs.Others != n {
		t.Errorf("addresses: exact %v, %d on top and %d others", s.Addrs.Exact, top, s.Addrs.Others)
	}
	if !s.Users.Exact || s.Users.Kinds != 10 || s.Users.Top[0].Count != n/10 {
		t.Errorf("users: %+v", s.Users)
	}
	var hours int64
	for _, h := range s.Hours {
		hours += h
	}
	if hours != n {
		t.Errorf("%d in the hours", hours)
	}
}

// TestFastAgrees: the fast path names the cause that the catalogue names.
func TestFastAgrees(t *testing.T) {
	cat, err := sshlog.Load()
	if err != nil {
		t.Fatal(err)
	}
	files, _ := filepath.Glob("../explain/testdata/openssh/pair/*/*.server.txt")
	if len(files) == 0 {
		t.Fatal("no samples")
	}
	seen := 0
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for l := range strings.Lines(string(data)) {
			_, _, msg := daemonMessage([]byte(strings.TrimSpace(l)))
			if msg == nil {
				continue
			}
			ev, known := fast(msg)
			if !known || ev.times == 0 || ev.cause == logSuccess {
				continue
			}
			seen++
			ok := false
			for _, h := range cat.Find(sshlog.Clean(string(msg)).Text) {
				for _, s := range h.Row.Causes {
					ok = ok || s.Cause == logCauses[ev.cause]
				}
			}
			if !ok {
				t.Errorf("%s: the fast path says %s of %q, the catalogue does not", f, logCauses[ev.cause], msg)
			}
		}
	}
	if seen < 20 {
		t.Errorf("only %d lines were compared", seen)
	}
}

// TestStamps: the shapes in which syslog and journalctl write the time.
func TestStamps(t *testing.T) {
	for _, stamp := range []string{
		"Nov 20 14:39:11 web1 ", "Nov  2 14:39:11 web1 ", "<38>Nov 20 14:39:11 ", "Nov 20 14:39:11.123456 web1 ", "2026-11-20T14:39:11.123456+01:00 web1 ",
		"2026-11-20T14:39:11+0100 web1 ", "Fri 2026-11-20 14:39:11 UTC web1 ", "2026-11-20 14:39:11 web1 ", "Fri Nov 20 14:39:11 2026 authpriv.warn ",
	} {
		for _, program := range []string{"sshd[77]: ", "sshd-session[77]: ", "sshd: ", "dropbear[77]: "} {
			line := []byte(stamp + program + "Invalid user x from 192.0.2.1 port 4")
			_, pid, msg := daemonMessage(line)
			if string(msg) != "Invalid user x from 192.0.2.1 port 4" || pid != 77 && program != "sshd: " {
				t.Errorf("%q: pid %d, message %q", line, pid, msg)
			}
			h := hourOf(line)
			if h >= noYear {
				h -= noYear
			}
			if h%24 != 14 {
				t.Errorf("%q: hour %d", line, h)
			}
		}
		if _, _, msg := daemonMessage([]byte(stamp + "CRON[7]: sshd[1]: Invalid user x from 192.0.2.1 port 4")); msg != nil {
			t.Errorf("%s: what CRON says is taken for sshd's: %q", stamp, msg)
		}
	}
}

func TestSniff(t *testing.T) {
	long := strings.Repeat(smallLog, 40)
	for _, c := range []struct {
		name, text string
		more       bool
		want       Kind
	}{
		{"a few lines of a log", smallLog, false, Paste},
		{"many lines", long, false, Log},
		{"the beginning of more", smallLog, true, Log},
		{"ssh -v", strings.Repeat("debug1: Connection established.\n", 1000), true, Paste},
		{"gzip", "\x1f\x8b\x08", true, Log},
		{"nothing", "", false, Paste},
	} {
		if got := Sniff([]byte(c.text), c.more); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}

// TestSummarizeSame: a log with more addresses than can be counted one by one
// gives the same figures each time.
func TestSummarizeSame(t *testing.T) {
	var b strings.Builder
	for i := range 60_000 {
		fmt.Fprintf(&b, "Jan  3 00:%02d:00 web1 sshd[%d]: Failed password for root from 198.%d.%d.%d port 4 ssh2\n", i/1000, 1000+i, 18+i%2, i*7919>>8&255, i*7919&255)
	}
	first := summarize(t, b.String(), Options{})
	if first.Addrs.Exact {
		t.Fatal("too few addresses")
	}
	for range 3 {
		if d := cmp.Diff(first, summarize(t, b.String(), Options{})); d != "" {
			t.Fatal(d)
		}
	}
}
