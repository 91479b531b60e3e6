package catalog

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"sshwhy/internal/report"
)

// claimOf reads "cause impact certainty", of which the last two have defaults, and
// after that "text" and "mute".
func claimOf(s string) Claim {
	c := Claim{Impact: report.Blocking, Certainty: report.Confirmed}
	for i, w := range strings.Fields(s) {
		switch w {
		case "blocking", "degrading", "latent", "note":
			c.Impact = report.Impact(w)
		case "confirmed", "likely", "possible":
			c.Certainty = report.Certainty(w)
		case "text":
			c.Text = true
		case "mute":
			c.Mute = true
		default:
			if i > 0 {
				panic("no word of a claim: " + w)
			}
			c.Cause = w
		}
	}
	c.Place = []int{slices.IndexFunc(All(), func(page Cause) bool { return page.ID == c.Cause })}
	return c
}

func TestSettle(t *testing.T) {
	for _, tt := range []struct{ name, found, stand, symptoms string }{
		{"nothing", "", "", ""},
		{"a cause hides its symptom", "service-failed; sshd-config-invalid", "sshd-config-invalid", "service-failed<sshd-config-invalid"},
		{"and the symptom's symptom", "connection-refused; sshd-config-invalid", "sshd-config-invalid", "connection-refused<sshd-config-invalid"},
		{"each symptom names one that stands", "connection-refused; service-failed; sshd-config-invalid", "sshd-config-invalid",
			"connection-refused<sshd-config-invalid service-failed<sshd-config-invalid"},
		{"two faults are two", "firewall-ufw; sshd-config-invalid", "sshd-config-invalid firewall-ufw", ""},
		{"what is milder explains nothing graver", "connection-timed-out; firewall-rate-limited degrading", "connection-timed-out firewall-rate-limited", ""},
		{"what is as mild does", "connection-timed-out degrading; firewall-rate-limited degrading", "firewall-rate-limited", "connection-timed-out<firewall-rate-limited"},
		{"a guess explains nothing that is surer", "service-failed likely; sshd-config-invalid possible", "sshd-config-invalid service-failed", ""},
		{"but another guess", "service-failed possible; sshd-config-invalid possible", "sshd-config-invalid", "service-failed<sshd-config-invalid"},
		{"a symptom that was seen explains nothing", "service-failed mute; connection-refused", "service-failed connection-refused", ""},
		{"the gravest first, then by place", "service-disabled latent; firewall-ufw; host-keys-missing likely; port-in-use", "host-keys-missing port-in-use firewall-ufw service-disabled", ""},
		{"the same cause twice", "port-in-use; port-in-use likely", "port-in-use port-in-use", ""},
		{"words may be of another cause", "closed-before-banner text; client-banned text", "client-banned", "closed-before-banner<client-banned"},
		{"what was observed is what it is", "closed-before-banner; client-banned", "client-banned closed-before-banner", ""},
		{"the surer of two that look like each other", "port-in-use text likely; listen-address-missing text", "listen-address-missing", "port-in-use<listen-address-missing"},
		{"both where neither is surer", "port-in-use text; listen-address-missing text", "listen-address-missing port-in-use", ""},
		{"what does not stand hides nothing", "privsep-dir-missing text; sshd-config-invalid text; crypto-library-mismatch text", "crypto-library-mismatch privsep-dir-missing",
			"sshd-config-invalid<crypto-library-mismatch"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var found []Claim
			for s := range strings.SplitSeq(tt.found, ";") {
				if c := claimOf(s); c.Cause != "" {
					found = append(found, c)
				}
			}
			for range 10 {
				if stand, symptoms := settled(found); stand != tt.stand || symptoms != tt.symptoms {
					t.Errorf("%q with symptoms %q, want %q with %q", stand, symptoms, tt.stand, tt.symptoms)
				}
				found = slices.Clone(found)
				rand.Shuffle(len(found), func(i, j int) { found[i], found[j] = found[j], found[i] })
			}
		})
	}
}

// settled writes an answer as the table above does. Which of several causes a
// symptom names may depend on the order, and in the table no symptom has two.
func settled(found []Claim) (stand, symptoms string) {
	left, gone := Settle(found, func(c Claim) Claim { return c })
	var a, b []string
	for _, c := range left {
		a = append(a, c.Cause)
	}
	for _, s := range gone {
		b = append(b, s.Finding.Cause+"<"+s.Of.Cause)
	}
	slices.Sort(b)
	return strings.Join(a, " "), strings.Join(b, " ")
}

// TestSettleWithoutPlaces: a walk's findings stay in the walk's order.
func TestSettleWithoutPlaces(t *testing.T) {
	found := []report.Finding{{Cause: "private-key-missing", Impact: report.Degrading}, {Cause: "wrong-port", Impact: report.Blocking},
		{Cause: "name-overridden", Impact: report.Blocking}}
	stand, _ := Settle(found, AsFound)
	if len(stand) != 3 || stand[0].Cause != "wrong-port" || stand[1].Cause != "name-overridden" || stand[2].Cause != "private-key-missing" {
		t.Errorf("%+v", stand)
	}
	if found[0].Cause != "private-key-missing" {
		t.Error("what was found has been changed")
	}
}

// TestByStage: on a machine what stands in the other's way comes first, then the surer.
func TestByStage(t *testing.T) {
	found := []report.Finding{{Cause: "firewall-ufw"}, {Cause: "port-in-use", Certainty: report.Likely}, {Cause: "listen-one-family", Certainty: report.Confirmed}, {Cause: "sshd-broken", Certainty: report.Possible}}
	var got []string
	stand, _ := Settle(found, ByStage)
	for _, f := range stand {
		got = append(got, f.Cause)
	}
	if want := []string{"sshd-broken", "listen-one-family", "port-in-use", "firewall-ufw"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// TestSettleAnything: of any claims something stands where something was found, what
// stands hides nothing else that stands, and every symptom's cause stands.
func TestSettleAnything(t *testing.T) {
	all := All()
	certainties := [...]report.Certainty{report.Confirmed, report.Likely, report.Possible}
	impacts := [...]report.Impact{report.Blocking, report.Degrading, report.Latent, report.Note}
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		found := make([]Claim, 1+r.IntN(12))
		for i := range found {
			found[i] = Claim{Cause: all[r.IntN(len(all))].ID, Impact: impacts[r.IntN(4)], Certainty: certainties[r.IntN(3)], Text: r.IntN(2) == 0, Mute: r.IntN(4) == 0}
		}
		stand, symptoms := Settle(found, func(c Claim) Claim { return c })
		if len(stand) == 0 || len(stand)+len(symptoms) != len(found) {
			t.Fatalf("%d found, %d stand, %d symptoms", len(found), len(stand), len(symptoms))
		}
		for _, b := range stand {
			for _, a := range stand {
				if Hides(a, b) {
					t.Fatalf("%v hides %v, and both stand", a, b)
				}
			}
		}
		for _, s := range symptoms {
			if !Hides(s.Of, s.Finding) || !slices.ContainsFunc(stand, func(c Claim) bool { return c.Cause == s.Of.Cause }) {
				t.Fatalf("%v is said to be a symptom of %v", s.Finding, s.Of)
			}
		}
	}
}
