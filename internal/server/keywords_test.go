package server

import (
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"sshwhy/internal/evidence"
	"sshwhy/internal/facts"
	"sshwhy/internal/sshconf"
)

// TestKeywords: each keyword that a release of sshd knows is in one of the tables, and
// in one only; and what is said to evaluate it is a check of some stage.
func TestKeywords(t *testing.T) {
	var checks []string
	for _, st := range stages() {
		for _, c := range slices.Concat(st.checks, st.after) {
			name := runtime.FuncForPC(reflect.ValueOf(c.run).Pointer()).Name()
			checks = append(checks, name[strings.LastIndexByte(name, '.')+1:])
		}
	}
	in := func(name string) (n int) {
		if by, ok := evaluated[name]; ok {
			n++
			if !slices.Contains(checks, by) {
				t.Errorf("%s is said to be evaluated by %s, which is no check", name, by)
			}
		}
		if slices.Contains(harmless, name) {
			n++
		}
		if _, ok := unsimulated[name]; ok {
			n++
		}
		return n
	}
	known := map[string]bool{}
	for _, k := range sshconf.All(sshconf.Server) {
		known[k.Name] = true
		if k.Retired || k.Kind == sshconf.Block {
			continue
		}
		if n := in(k.Canonical()); n != 1 {
			t.Errorf("%s stands in %d of the tables: say whether a check evaluates it, whether it keeps nobody out, or what is not worked out", k.Name, n)
		}
	}
	for name := range evaluated {
		if !known[name] {
			t.Errorf("%s is no keyword", name)
		}
	}
}

// told are the reasons that checkKeywords gives for a configuration as sshd -T prints it.
func told(t *testing.T, dump string) (reasons []string, unknown string) {
	t.Helper()
	b := recorded(t, "access-home-missing")
	for _, key := range b.Keys() {
		if strings.Contains(key, "sshd -T -C") {
			r := b.Lookup(key)
			r.Data = append(slices.Clone(r.Data), dump...)
			b.PutKey(key, r)
		}
	}
	q := user("alice")
	v := newView(facts.Parse(b, q.ask()), b, q)
	if !v.known() || !v.Effective.Visitor.Known() {
		t.Fatal("the recording has no visitor")
	}
	p := &part{}
	checkKeywords(v, p)
	for _, i := range p.incomplete {
		reasons = append(reasons, i.Check)
	}
	return reasons, p.unknown
}

func TestCheckKeywords(t *testing.T) {
	if reasons, unknown := told(t, ""); len(reasons) > 0 || unknown != "" {
		t.Errorf("the defaults of a release: %v, %q", reasons, unknown)
	}
	reasons, unknown := told(t, "DenyMoonPhase full\n")
	if !slices.Contains(reasons, "setting denymoonphase") || !strings.Contains(unknown, "not known here") {
		t.Errorf("a keyword of a release to come: %v, %q", reasons, unknown)
	}
	for dump, want := range map[string]string{
		"rdomain red\n": "setting RDomain", "setenv LD_PRELOAD=/x.so\n": "setting SetEnv", "setenv EDITOR=vi\n": "",
	} {
		if reasons, _ := told(t, dump); strings.Join(reasons, " ") != want {
			t.Errorf("%q: %v, want %q", dump, reasons, want)
		}
	}
}

// stackOf is a view whose account rules are the text.
func stackOf(t *testing.T, text string, more map[string]string) *view {
	t.Helper()
	b := recorded(t, "access-home-missing")
	put := func(it evidence.Item, text string) {
		b.Put(it, evidence.Result{Status: evidence.Known, Data: []byte(text), Meta: &evidence.Meta{Type: "file", Mode: 0o755}})
	}
	put(evidence.File("/etc/pam.d/sshd"), text)
	for path, text := range more {
		put(evidence.File(path), text)
	}
	mods := evidence.Result{Status: evidence.Known}
	for _, m := range strings.Fields("permit deny nologin access unix exec succeed_if shells sss odd") {
		mods.Matches = append(mods.Matches, evidence.Match{Path: "/usr/lib/x/security/pam_" + m + ".so"})
	}
	b.Put(evidence.Glob("/usr/lib/*/security/pam_*.so"), mods)
	q := user("alice")
	return newView(facts.Parse(b, q.ask()), b, q)
}

// What libpam makes of a stack (pam.conf(5); pam_dispatch.c).
func TestPAMVerdict(t *testing.T) {
	shut := map[string]string{"/etc/security/access.conf": "-:alice:ALL\n"}
	for _, c := range []struct {
		name, text string
		want       tri
	}{
		{"Debian's", "account [success=1 new_authtok_reqd=done default=ignore] pam_unix.so\naccount requisite pam_deny.so\naccount required pam_permit.so", yes},
		{"refused", "account required pam_access.so\naccount required pam_permit.so", no},
		{"refused, and not minded", "account optional pam_access.so\naccount required pam_permit.so", yes},
		{"let in before", "account sufficient pam_permit.so\naccount required pam_access.so", yes},
		{"sufficient does not mend", "account required pam_access.so\naccount sufficient pam_permit.so", no},
		{"jumped over", "account [success=1 default=ignore] pam_unix.so\naccount required pam_access.so\naccount required pam_permit.so", yes},
		{"a jump by a refusal", "account [perm_denied=1 default=ignore] pam_access.so\naccount required pam_deny.so\naccount required pam_permit.so", yes},
		{"reset", "account required pam_access.so\naccount [success=reset] pam_permit.so\naccount required pam_permit.so", yes},
		{"nobody decides", "account [default=ignore] pam_permit.so", no},
		{"a module that is not there", "account required pam_gone.so\naccount required pam_permit.so", no},
		{"and is not needed", "-account [default=bad module_unknown=ignore] pam_gone.so\naccount required pam_permit.so", yes},
		{"a module nobody knows", "account required pam_odd.so", maybe},
		{"whose word does not count", "account optional pam_odd.so\naccount required pam_permit.so", yes},
		{"or comes too late", "account required pam_deny.so\naccount required pam_odd.so", no},
		{"or is decided before", "account sufficient pam_permit.so\naccount required pam_odd.so", yes},
		{"a substack's end", "account substack x\naccount required pam_access.so", no},
		{"conditions", "account required pam_succeed_if.so uid >= 1000 quiet user = alice", yes},
		{"conditions that fail", "account required pam_succeed_if.so uid >= 1000 user ingroup nobodys", no},
		{"a condition nobody knows", "account required pam_succeed_if.so rhost = x", maybe},
	} {
		shut["/etc/pam.d/x"] = "account sufficient pam_permit.so\n"
		v := stackOf(t, c.text+"\n", shut)
		if got, by := v.pamVerdict("account"); got != c.want {
			t.Errorf("%s: %v, want %v (%v)", c.name, got, c.want, by)
		}
	}
}

// TestPAMStackIsBounded: many unknown modules make no more work than a few.
func TestPAMStackIsBounded(t *testing.T) {
	v := stackOf(t, strings.Repeat("account [success=2 default=bad] pam_odd.so\n", 2000), nil)
	if got, _ := v.pamVerdict("account"); got == yes {
		t.Error("what nobody knows is said to let in")
	}
}
