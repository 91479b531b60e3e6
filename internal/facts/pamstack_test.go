package facts

import (
	"fmt"
	"strings"
	"testing"

	"sshwhy/internal/evidence"
)

func show(stack []PAMEntry) string {
	var out []string
	for _, e := range stack {
		switch {
		case e.Fails != "":
			out = append(out, fmt.Sprintf("%d!", e.Quote.Line))
		case e.Control == "substack":
			out = append(out, "("+show(e.Stack)+")")
		default:
			out = append(out, fmt.Sprintf("%d %s %s/%s", e.Quote.Line, e.Module, e.Action("success"), e.Action("perm_denied")))
		}
	}
	return strings.Join(out, ", ")
}

func TestPAMStacks(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"words", "account required a.so\naccount requisite b.so\naccount sufficient c.so\naccount optional d.so x", "1 a.so ok/bad, 2 b.so ok/die, 3 c.so done/ignore, 4 d.so ok/ignore"},
		{"brackets", "account [success=1 new_authtok_reqd=done default=ignore] a.so x\nAccount [default=bad success=ok] b.so", "1 a.so 1/ignore, 2 b.so ok/bad"},
		{"without a default", "account [success=ok] a.so", "1 a.so ok/bad"},
		{"other phases", "auth required a.so\nsession required b.so\n-account required c.so", "3 c.so ok/bad"},
		{"included", "@include x\naccount include x\naccount substack x", "1 x.so ok/bad, 1 x.so ok/bad, (1 x.so ok/bad)"},
		{"an include that is not there", "account include gone\naccount required a.so", "1!, 2 a.so ok/bad"},
		{"no such control", "account requird a.so", "1!"},
		{"no module", "account required", "1!"},
		{"no end", "account [success=ok a.so", "1!"},
		{"a line that goes on", "account \\\n required a.so", "1 a.so ok/bad"},
		{"the service other", "auth required a.so", "1 other.so ok/bad"},
		{"itself", "account required a.so\n@include sshd", strings.TrimSuffix(strings.Repeat("1 a.so ok/bad, ", maxPAMFiles+1), ", ")},
	} {
		b := bundle(map[string]string{"/etc/pam.d/sshd": c.text, "/etc/pam.d/x": "account required x.so", "/etc/pam.d/other": "account required other.so"})
		for _, f := range []string{"/etc/pam.d/gone", "/usr/lib/pam.d/gone"} {
			b.Put(evidence.File(f), evidence.Result{Status: evidence.Absent})
		}
		p := &pamReader{b: b}
		if got := show(p.stacks("sshd")["account"]); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestPAMFiles(t *testing.T) {
	b := bundle(map[string]string{"/etc/pam.d/sshd": "@include gone\naccount required a.so", "/usr/lib/pam.d/vendor": "account required v.so"})
	absent := evidence.Result{Status: evidence.Absent}
	for _, f := range []string{"/etc/pam.d/gone", "/usr/lib/pam.d/gone", "/etc/pam.d/vendor"} {
		b.Put(evidence.File(f), absent)
	}
	p := &pamReader{b: b}
	p.stacks("sshd")
	if p.abort.Line != 1 {
		t.Errorf("an @include of nothing keeps libpam from starting: %+v", p.abort)
	}
	if got := show((&pamReader{b: b}).stacks("vendor")["account"]); got != "1 v.so ok/bad" {
		t.Errorf("the vendor's file: %q", got)
	}
	b.Put(evidence.File("/etc/pam.d/gone"), evidence.Result{Status: evidence.Denied, Reason: "no"})
	p = &pamReader{b: b}
	if p.stacks("sshd"); p.abort.Text != "" || len(p.lost) == 0 {
		t.Errorf("what could not be read is said to be missing: %+v, %v", p.abort, p.lost)
	}
}

func FuzzPAMStacks(f *testing.F) {
	f.Add("account [success=1 default=ignore] a.so\n@include x\naccount substack x\n", "account include sshd\\\n\nx")
	f.Fuzz(func(t *testing.T, service, other string) {
		b := bundle(map[string]string{"/etc/pam.d/sshd": service, "/etc/pam.d/x": other, "/etc/pam.d/other": other})
		p := &pamReader{b: b}
		p.stacks("sshd")
		if p.reads > 3*maxPAMReads+6 || len(p.files) > 4*maxPAMFiles {
			t.Errorf("%d reads, %d files", p.reads, len(p.files))
		}
	})
}
