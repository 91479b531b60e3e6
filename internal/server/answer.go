package server

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"sshwhy/internal/evidence"
	"sshwhy/internal/facts"
	"sshwhy/internal/report"
)

// checkAnswer hears what the listeners in question said when this machine itself
// asked them, and finds the server that listens and does not serve.
func checkAnswer(v *view, p *part) {
	if len(v.at(v.local)) == 0 {
		return // whose the port is, or that nobody listens, others say
	}
	replies := v.repliesAt(v.local)
	if len(replies) == 0 || replies[0].Origin.Status == evidence.Skipped {
		p.also("answer of the server", "not asked: "+v.unasked(replies))
		return
	}
	var bad []facts.Reply
	for _, y := range replies {
		switch y.Outcome {
		case facts.Answered:
		case facts.Unasked, facts.Refused:
			p.also("answer of the server", fmt.Sprintf("asked at %s: %s", y.At, unheard(y)))
		default:
			if why := v.notForUs(y); why != "" {
				p.also("answer of the server", fmt.Sprintf("asked at %s: %s; %s", y.At, y.Outcome, why))
				continue
			}
			bad = append(bad, y)
		}
	}
	if len(bad) > 0 {
		v.answersBadly(p, bad)
	}
}

// unasked is why nobody was asked.
func (v *view) unasked(replies []facts.Reply) string {
	switch {
	case len(replies) > 0:
		return replies[0].Origin.Reason
	case v.Answer.Origin.Reason != "":
		return v.Answer.Origin.Reason
	}
	return "no address of it can be reached from here"
}

// unheard is why a reply says nothing either way.
func unheard(y facts.Reply) string {
	if y.Origin.Reason != "" {
		return y.Origin.Reason
	}
	return "nothing recorded"
}

// repliesAt are the replies of our listeners at a port.
func (v *view) repliesAt(port int) []facts.Reply {
	return slices.DeleteFunc(slices.Clone(v.Answer.All), func(y facts.Reply) bool {
		return int(y.At.Port()) != port || !slices.ContainsFunc(v.at(port), func(l facts.Listener) bool { return l.Endpoint == y.Listener })
	})
}

// notForUs says why a reply to this machine itself tells nothing of what others
// get: rules by the source, and limits that are reached for a moment.
func (v *view) notForUs(y facts.Reply) string {
	if y.TurnedAway() {
		return "it said: " + y.Words
	}
	link, known := v.Program.Wrapped()
	if (link != nil || !known) && y.Ident == "" && v.Wrappers.Decide(facts.Caller{Addr: y.At.Addr().Unmap().WithZone("")}).Denied != facts.NoOne {
		return "hosts.deny may keep this machine itself out"
	}
	return ""
}

// answersBadly reports the listeners that take connections and do not serve SSH.
// Where one of them serves at another address, it is the address that matters.
func (v *view) answersBadly(p *part, bad []facts.Reply) {
	worst := bad[0]
	impact := report.Blocking
	for _, y := range v.repliesAt(v.local) {
		if y.Outcome == facts.Answered && v.hears(y.At.Addr()) {
			impact = report.Degrading
		}
	}
	cause, words := "closed-before-banner", "takes connections and closes them before its greeting"
	switch worst.Outcome {
	case facts.CutOff:
		cause, words = "closed-during-kex", "greets and then closes every connection"
	case facts.Stalled:
		cause, words = "closed-during-kex", "greets and then says nothing more"
	case facts.Silent:
		cause, words = "banner-timeout", "takes connections and says nothing"
	case facts.OtherWords:
		cause, words = "not-ssh", "answers in another language than SSH"
	}
	f := p.found(cause, impact, "What listens on port %d %s: this machine itself asked it at %s.", worst.At.Port(), words, worst.At)
	if worst.Outcome == facts.Silent || worst.Outcome == facts.Stalled {
		f.Certainty = report.Likely // one that is slow beyond measure looks the same
	}
	for _, y := range bad {
		quote(f, y.Quote)
	}
	for _, l := range v.at(v.local) {
		quote(f, l.Quote)
	}
	v.quoteComplaints(f)
	advise(f, "See what its log says of that connection (the last lines), then restart it.", v.restart())
}

// hears reports whether an answer at that address of ours is one that the visitor
// would get, too: of his family where he is known.
func (v *view) hears(a netip.Addr) bool {
	c := v.q.Client.Unmap()
	return !c.IsValid() || c.Is4() == a.Unmap().Is4()
}

// lastWords is how many lines of the server's log are shown of a connection that went wrong.
const lastWords = 3

// quoteComplaints adds what the server complained of last. The log was read
// before the question was asked, so these are its words for earlier visitors.
func (v *view) quoteComplaints(f *report.Finding) {
	var said []facts.Entry
	for _, e := range v.Journal.Entries {
		if e.SSH() && v.taken-e.Time <= recent && (strings.HasPrefix(e.Message, "fatal: ") || strings.HasPrefix(e.Message, "error: ")) {
			said = append(said, e)
		}
	}
	quoteEntries(f, said[max(0, len(said)-lastWords):])
}

// answered reports whether one of our listeners at the port in question answered
// when it was asked, and the address at which it did; else why that is not known.
func (v *view) answered() (at netip.AddrPort, why string) {
	why = v.Answer.Origin.Reason
	for _, y := range v.repliesAt(v.local) {
		if y.Outcome == facts.Answered && v.hears(y.At.Addr()) {
			return y.At, ""
		}
		why = fmt.Sprintf("asked at %s: %s", y.At, y.Outcome)
	}
	return netip.AddrPort{}, why
}
