package server

import (
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sshwhy/internal/facts"
	"sshwhy/internal/report"
)

// unitOf makes a unit of what systemctl show prints.
func unitOf(t *testing.T, text string) *facts.Unit {
	t.Helper()
	u := facts.Unit{Props: map[string]string{}}
	for line := range strings.Lines(text) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		if ok {
			u.Props[name] = value
		}
	}
	u.Name = u.Props["Id"]
	return &u
}

// TestTheTableKnowsSystemd walks all that systemd prints of a healthy service, its
// socket and slices: each property is known, and none is said to do harm.
func TestTheTableKnowsSystemd(t *testing.T) {
	files, _ := filepath.Glob("testdata/units/systemd-*.txt")
	if len(files) < 2 {
		t.Fatal(files)
	}
	v := newView(facts.Parse(recorded(t, "healthy-plain"), facts.Ask{}), recorded(t, "healthy-plain"), Query{})
	seen := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for block := range strings.SplitSeq(string(text), "\n\n") {
			u := unitOf(t, block)
			for name, value := range u.Props {
				seen++
				if h, known := v.judgeProperty(u, name, value); !known || h.words != "" {
					t.Errorf("%s: %s: %s=%s: known %v, %q", filepath.Base(file), u.Name, name, value, known, h.words)
				}
			}
		}
	}
	if seen < 1000 {
		t.Errorf("only %d properties", seen)
	}
}

// TestTheTableIsOneTable: a property stands in one place.
func TestTheTableIsOneTable(t *testing.T) {
	places := map[string]int{}
	for _, s := range sandboxTable {
		for name := range strings.FieldsSeq(s.names) {
			places[name]++
		}
	}
	for _, name := range slices.Concat(strings.Fields(unitState), addressFilters) {
		places[name]++
	}
	for name, n := range places {
		if n > 1 {
			t.Errorf("%s stands in %d places", name, n)
		}
	}
}

func TestUnknownPropertyIsTold(t *testing.T) {
	b := recorded(t, "healthy-plain")
	f := facts.Parse(b, facts.Ask{})
	v := newView(f, b, Query{})
	f.Sandbox.Units[0].Props["ProtectAgainstEverything"] = "strict"
	f.Sandbox.Units[0].Props["ProtectAgainstNothing"] = "no"
	var p part
	checkSandbox(v, &p)
	if len(p.findings) > 0 || len(p.incomplete) != 1 || !strings.Contains(p.incomplete[0].Reason, "ProtectAgainstEverything=strict is not known") {
		t.Errorf("%v %v", p.findings, p.incomplete)
	}
}

func TestSettings(t *testing.T) {
	for _, c := range []struct {
		name, value string
		q           Query
		impact      report.Impact // "": told
		fine        bool
		more        string
	}{
		{"ProtectHome", "yes", Query{}, report.Blocking, false, ""},
		{"ProtectHome", "tmpfs", user("alice"), report.Blocking, false, ""},
		{"ProtectHome", "read-only", Query{}, "", true, ""},
		{"InaccessiblePaths", "-/srv/x /boot", Query{}, "", true, ""},
		{"InaccessiblePaths", "/home/alice/.ssh", user("alice"), report.Blocking, false, ""},
		{"InaccessiblePaths", "/home/bob", user("alice"), "", true, ""},
		{"InaccessiblePaths", "/home/bob", Query{}, report.Degrading, false, ""},
		{"InaccessiblePaths", "/opt", Query{}, "", false, ""},
		{"InaccessiblePaths", "/etc", Query{}, report.Blocking, false, ""},
		{"TemporaryFileSystem", "/home:ro", Query{}, report.Blocking, false, ""},
		{"NoExecPaths", "/", user("alice"), report.Blocking, false, ""},
		{"NoExecPaths", "/", user("alice"), "", false, "ExecPaths=/usr /bin"},
		{"NoExecPaths", "/tmp", user("alice"), "", true, ""},
		{"PrivateUsers", "yes", Query{}, report.Blocking, false, ""},
		{"User", "root", Query{}, "", true, ""},
		{"User", "deploy", user("alice"), report.Blocking, false, ""},
		{"User", "deploy", Query{}, "", false, ""},
		{"CapabilityBoundingSet", "cap_setuid cap_setgid", Query{}, report.Blocking, false, ""},
		{"CapabilityBoundingSet", "cap_setuid cap_setgid cap_sys_chroot", Query{}, "", false, ""},
		{"SystemCallFilter", "~chroot", Query{}, "", false, ""}, // the recorded server answered
		{"SystemCallFilter", "~reboot", Query{}, "", false, ""},
		{"RestrictAddressFamilies", "AF_UNIX AF_INET AF_INET6", Query{}, "", true, ""},
		{"RestrictAddressFamilies", "AF_UNIX AF_INET", Query{}, report.Degrading, false, ""},
		{"RestrictAddressFamilies", "~AF_INET", Query{Client: netip.MustParseAddr("192.0.2.2")}, report.Blocking, false, ""},
		{"RestrictAddressFamilies", "~AF_INET", Query{Client: netip.MustParseAddr("2001:db8::2")}, "", true, ""},
		{"DevicePolicy", "closed", Query{}, "", true, ""},
		{"DevicePolicy", "strict", Query{}, "", false, ""},
		{"LimitNOFILE", "9", Query{}, "", false, ""},
		{"LimitNOFILE", "1024", Query{}, "", true, ""},
		{"TasksMax", "4915", Query{}, "", true, "TasksCurrent=1"},
		{"TasksMax", "3", Query{}, "", false, "TasksCurrent=1"},
		{"MemoryMax", "1073741824", Query{}, "", true, "MemoryCurrent=4000000"},
		{"MemoryMax", "1048576", Query{}, "", false, ""},
		{"CPUQuotaPerSecUSec", "800ms", Query{}, "", true, ""},
		{"CPUQuotaPerSecUSec", "1min 30s", Query{}, "", true, ""},
		{"CPUQuotaPerSecUSec", "10ms", Query{}, report.Degrading, false, ""},
		{"RootDirectory", "/srv/root", Query{}, "", false, ""},
		{"IPTTL", "-1", Query{}, "", true, ""},
		{"IPTTL", "1", Query{}, "", false, ""},
	} {
		b := recorded(t, "healthy-plain")
		f := facts.Parse(b, c.q.ask())
		if c.q.User != "" {
			f.Account = facts.Account{Name: c.q.User, Home: "/home/" + c.q.User, Shell: "/bin/bash", Origin: facts.Origin{Status: "known"}}
		}
		u := &f.Sandbox.Units[0]
		u.Props[c.name] = c.value
		if name, value, ok := strings.Cut(c.more, "="); ok {
			u.Props[name] = value
		}
		v := newView(f, b, c.q)
		var p part
		checkSandbox(v, &p)
		var impact report.Impact
		for _, x := range p.findings {
			impact = x.Impact
		}
		if impact != c.impact || (len(p.findings)+len(p.incomplete) == 0) != c.fine {
			t.Errorf("%s=%s (%s): %v %v, want %q, fine %v", c.name, c.value, c.more, p.findings, p.incomplete, c.impact, c.fine)
		}
	}
}

func TestAddressLists(t *testing.T) {
	var l addressLists
	for _, text := range []string{"Id=ssh.service\nIPAddressDeny=0.0.0.0/0 ::/0\n", "Id=system.slice\nIPAddressAllow=127.0.0.0/8 ::1/128 192.0.2.7\n"} {
		u := unitOf(t, text)
		for _, name := range addressFilters {
			if u.Props[name] != "" {
				l.add(u, name)
			}
		}
	}
	for addr, denied := range map[string]bool{"127.0.0.1": false, "192.0.2.7": false, "192.0.2.8": true, "::1": false, "2001:db8::1": true, "::ffff:192.0.2.7": false} {
		if got := l.denies(netip.MustParseAddr(addr)); got != denied {
			t.Errorf("%s: denied %v", addr, got)
		}
	}
	if l.add(unitOf(t, "Id=x.slice\nIPAddressDeny=nonsense\n"), "IPAddressDeny"); l.unread == "" {
		t.Error("what could not be read is forgotten")
	}
}
