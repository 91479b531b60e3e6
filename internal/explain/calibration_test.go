package explain

import (
	"slices"
	"strings"
	"testing"

	"sshwhy/internal/catalog"
	"sshwhy/internal/report"
)

// TestCalibration: over all corpora, what is said to be sure is right first in at least
// 99 of 100 texts that can be determined, what is said to be likely in 85, and where
// nothing is more than possible the shortlist holds the right one in 90.
func TestCalibration(t *testing.T) {
	type score struct{ right, all int }
	got := map[report.Certainty]*score{report.Confirmed: {}, report.Likely: {}, report.Possible: {}}
	for _, dir := range []string{"testdata/pastes", "testdata/pastes2", "testdata/pastes3", "testdata/kinds"} {
		for _, p := range readPastes(t, dir) {
			if !p.determinable {
				continue
			}
			r, err := Explain(strings.NewReader(p.text), Options{})
			if err != nil {
				t.Fatal(err)
			}
			cause, cert := first(r, p)
			ok := cause == p.causes[0]
			if cert == report.Possible {
				ok = ok || slices.ContainsFunc(r.Findings, func(f report.Finding) bool { return f.Cause == p.causes[0] })
			}
			if got[cert].all++; ok {
				got[cert].right++
			}
		}
	}
	for cert, want := range map[report.Certainty]int{report.Confirmed: 99, report.Likely: 85, report.Possible: 85} {
		s := got[cert]
		t.Logf("%s: %d of %d right", cert, s.right, s.all)
		if s.right*100 < s.all*want {
			t.Errorf("%s: %d of %d right, %d %% are wanted", cert, s.right, s.all, want)
		}
	}
}

// TestEndingsAreNeverSure: of a symptom's cause nothing more than likely is said, in no text.
func TestEndingsAreNeverSure(t *testing.T) {
	corpora(t, func(name, text string) {
		r, err := Explain(strings.NewReader(text), Options{})
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range r.Findings {
			if f.Certainty == report.Confirmed && slices.Contains(endings, f.Cause) {
				t.Errorf("%s: surely %s", name, f.Cause)
			}
		}
	})
}

// TestShortlistAsks: where several causes are left open and a command would split
// them, it is named, once, with what each would show.
func TestShortlistAsks(t *testing.T) {
	r, err := Explain(strings.NewReader("alice@web1.example.com: Permission denied (publickey).\n"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if r.Next == nil || r.Next.Do != "ssh -v alice@web1.example.com" || r.Next.Where != report.OnClient {
		t.Errorf("asks for %+v", r.Next)
	}
	tells := map[string]bool{}
	for _, f := range r.Findings {
		if f.Tells != "" && tells[f.Tells] {
			t.Errorf("%s: the same output speaks for two causes: %s", f.Cause, f.Tells)
		}
		tells[f.Tells] = true
	}
	for _, q := range questions {
		for cause, shows := range q.shows {
			if _, ok := catalog.Get(cause); !ok || shows == "" {
				t.Errorf("%s: %s: no such cause, or nothing that shows it", q.do, cause)
			}
		}
	}
}
