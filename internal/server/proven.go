package server

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"sshwhy/internal/report"
	"sshwhy/internal/shquote"
)

// Finding no fault proves nothing: there are more ways to keep somebody out than
// this program knows. So "fine" is said only of what was shown, by the visitor's own
// login, or by the server's answer where every mechanism of this machine was evaluated.

// prove sets by what it was shown that the visitor gets in, or else adds what
// stands against saying so, and the command that would show it.
func prove(v *view, rep *report.Report) {
	if len(rep.Findings) > 0 && rep.Findings[0].Impact == report.Blocking {
		return
	}
	if rep.Proof = v.loginSeen(rep.Stages); rep.Proof != nil {
		return
	}
	against := v.against(rep.Findings)
	if len(against) == 0 && !anyUnknown(rep.Stages) {
		rep.Proof = &report.Proof{How: "the server answered when asked, and every mechanism here was evaluated",
			At: time.Unix(v.taken, 0).UTC().Format(time.RFC3339)}
		return
	}
	for _, a := range against {
		if !slices.ContainsFunc(rep.Incomplete, func(in report.Incomplete) bool { return in.Check == a.Check }) {
			rep.Incomplete = append(rep.Incomplete, a)
		}
	}
	rep.Next = v.wouldShow()
}

func anyUnknown(stages []report.Stage) bool {
	for _, s := range stages {
		if s.Status == report.StatusUnknown {
			return true
		}
	}
	return false
}

// loginSeen is the visitor's last word in the log, where that is a login after the
// last change; nil where it is not. A packet filter, or what else stands in the way of
// packets, leaves no time of its changes behind: what could not be looked at there may
// have come since.
func (v *view) loginSeen(stages []report.Stage) *report.Proof {
	t, ok := v.lastWord()
	since, known := v.lastChange()
	if !ok || !known || t.end != letIn || !t.word.Vouched || t.word.Time <= since.At || !v.sessionRan(t) {
		return nil
	}
	if _, later := v.leftEarly(); later {
		return nil
	}
	for _, s := range stages {
		if s.Status == report.StatusUnknown && slices.Contains(timeless[:], s.Stage) {
			return nil
		}
	}
	user, from := whoIn(plainWords(t.word.Message))
	return &report.Proof{How: fmt.Sprintf("login of %s from %s", user, from), At: time.Unix(t.word.Time, 0).UTC().Format(time.RFC3339)}
}

// timeless are the stages whose state can change without leaving a time behind.
var timeless = [...]string{report.StageService, report.StageSocket, report.StageNetwork, report.StageFirewall}

// against is what stands against calling the machine fine, although nothing was
// found that keeps the visitor out and no stage is unknown for it.
func (v *view) against(findings []report.Finding) []report.Incomplete {
	var out []report.Incomplete
	add := func(check, format string, args ...any) {
		out = append(out, report.Incomplete{Check: check, Reason: fmt.Sprintf(format, args...)})
	}
	if len(v.reach(v.local)) == 0 && v.Listeners.Origin.Known() {
		add("listening sockets", "nothing of SSH was seen to listen on port %d for %s", v.local, v.whom())
	} else if at, why := v.answered(); !at.IsValid() {
		add("answer of the server", "the server was not seen to answer: %s", why)
	}
	if words := v.lastTryAgainst(); words != "" {
		add("last try of "+v.visitor(), "%s", words)
	}
	for _, f := range findings {
		if f.Cause == "config-not-applied" && v.q.User != "" {
			add("settings in force", "the running server was not seen to have read the configuration that was judged here")
		}
	}
	return out
}

// lastTryAgainst is what the visitor's last try says against calling the machine fine; "" is nothing.
func (v *view) lastTryAgainst() string {
	t, ok := v.lastWord()
	if early, is := v.leftEarly(); is {
		return fmt.Sprintf("it came %s and left before a login, or was cut off (%s): its own program may say why, as where it refuses this server's host key",
			v.when(early.word.Time), strings.TrimSuffix(plainWords(early.word.Message), "."))
	}
	switch {
	case !ok || v.q.User == "":
		return ""
	case t.end == letIn && t.word.Vouched && !v.sessionRan(t):
		return fmt.Sprintf("let in %s, and the log does not tell whether a session ran then", v.when(t.word.Time))
	case t.end == letIn:
		return ""
	}
	words := fmt.Sprintf("%s %s: %s", meant[t.end], v.when(t.word.Time), strings.TrimSuffix(plainWords(t.word.Message), "."))
	if since, known := v.lastChange(); known && t.word.Time <= since.At && since.Quote.Text != "" {
		words += "; since then there was a change (" + since.Quote.Source + ")"
	}
	return words
}

// wouldShow is the command that shows whether the visitor gets in: a walk from
// where he is. nil where no address is known under which this machine is reached.
func (v *view) wouldShow() *report.Step {
	var to string
	for _, a := range v.Links.Outer() {
		if v.hears(a) {
			to = a.String()
			break
		}
	}
	if to == "" || v.loopbackClient() {
		return nil
	}
	words := []string{"sshwhy"}
	if v.port != 22 {
		words = append(words, "-p", strconv.Itoa(v.port))
	}
	if v.q.User != "" {
		to = v.q.User + "@" + to
	}
	return &report.Step{Do: shquote.Join(append(words, to)), Where: report.OnClient}
}

// headline is the answer in one sentence: no more than was seen.
func headline(v *view, rep *report.Report) string {
	if len(rep.Findings) > 0 && rep.Findings[0].Impact.Rank() <= report.Degrading.Rank() {
		return rep.Findings[0].Summary
	}
	switch p := rep.Proof; {
	case p == nil:
		return v.notShown(rep)
	case strings.HasPrefix(p.How, "login "):
		t, _ := v.lastWord()
		user, from := whoIn(plainWords(t.word.Message))
		return fmt.Sprintf("%s logged in from %s %s.", user, from, v.when(t.word.Time))
	}
	why := "the SSH server answers, and every rule that was found was evaluated"
	if v.q.Port == 0 && v.port != 22 {
		return fmt.Sprintf("Nothing on this machine keeps %s out of port %d: %s. They must ask for that port (ssh -p %d), since SSH is not on port 22 here.", v.whom(), v.port, why, v.port)
	}
	return fmt.Sprintf("Nothing on this machine keeps %s out of port %d: %s.", v.whom(), v.port, why)
}

// notShown is the answer where nothing was found and nothing was shown.
func (v *view) notShown(rep *report.Report) string {
	for _, s := range rep.Stages {
		if s.Status == report.StatusUnknown {
			return fmt.Sprintf("No fault was found, but not everything could be looked at (%s: %s).", s.Stage, s.Detail)
		}
	}
	why := ""
	if against := v.against(rep.Findings); len(against) > 0 {
		why = against[0].Check + ": " + against[0].Reason
	}
	if _, ok := v.lastWord(); !ok && v.q.User != "" && v.Journal.Origin.Known() {
		why += "; no login of " + v.visitor() + " is in the log"
		if since, known := v.lastChange(); known {
			why += " since " + time.Unix(since.At, 0).UTC().Format("2006-01-02 15:04 UTC")
		}
	}
	return fmt.Sprintf("Nothing was found that keeps %s out of port %d, and it was not shown that they get in (%s).", v.whom(), v.port, strings.TrimPrefix(why, "; "))
}

// whom names who was asked about.
func (v *view) whom() string {
	if v.q.User == "" && !v.q.Client.IsValid() {
		return "SSH clients"
	}
	return v.visitor()
}
